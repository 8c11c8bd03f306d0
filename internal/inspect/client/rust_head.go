package client

// rustHead is what every Rust client begins with: JSON, and JSON-RPC over HTTP
// on a TCP or a unix socket, of nothing but the standard library.
const rustHead = `
#![allow(dead_code, unused_imports, non_snake_case, clippy::all)]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Json {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Why a call has no result.
#[derive(Debug)]
pub enum Error {
    /// What the service answered in place of a result.
    Rpc { code: i64, message: String, data: Json },
    /// The service was not reached, or did not answer in time.
    Io(io::Error),
    /// The answer is not what the service's document promises.
    Protocol(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Rpc { code, message, .. } => write!(f, "{message} (code {code})"),
            Error::Io(e) => write!(f, "{e}"),
            Error::Protocol(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Error::Io(e)
    }
}

/// What can be written and read as JSON.
pub trait Value: Sized {
    fn to_json(&self) -> Json;
    fn from_json(v: &Json) -> Result<Self, Error>;
    /// The value of a member that is missing.
    fn missing() -> Result<Self, Error> {
        Err(Error::Protocol("a member is missing".into()))
    }
}

fn wrong<T>(wanted: &str, got: &Json) -> Result<T, Error> {
    let kind = match got {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Int(_) | Json::Float(_) => "a number",
        Json::Text(_) => "a string",
        Json::List(_) => "a list",
        Json::Object(_) => "an object",
    };
    Err(Error::Protocol(format!("{wanted} was promised and {kind} came")))
}

impl Value for Json {
    fn to_json(&self) -> Json {
        self.clone()
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        Ok(v.clone())
    }
    fn missing() -> Result<Self, Error> {
        Ok(Json::Null)
    }
}

impl Value for () {
    fn to_json(&self) -> Json {
        Json::Null
    }
    fn from_json(_: &Json) -> Result<Self, Error> {
        Ok(())
    }
    fn missing() -> Result<Self, Error> {
        Ok(())
    }
}

impl Value for String {
    fn to_json(&self) -> Json {
        Json::Text(self.clone())
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::Text(s) => Ok(s.clone()),
            other => wrong("a string", other),
        }
    }
}

impl Value for bool {
    fn to_json(&self) -> Json {
        Json::Bool(*self)
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::Bool(b) => Ok(*b),
            other => wrong("a boolean", other),
        }
    }
}

impl Value for i64 {
    fn to_json(&self) -> Json {
        Json::Int(*self)
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::Int(n) => Ok(*n),
            Json::Float(f) if f.fract() == 0.0 && f.abs() < 9.0e18 => Ok(*f as i64),
            other => wrong("a whole number", other),
        }
    }
}

impl Value for f64 {
    fn to_json(&self) -> Json {
        Json::Float(*self)
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::Int(n) => Ok(*n as f64),
            Json::Float(f) => Ok(*f),
            other => wrong("a number", other),
        }
    }
}

impl<T: Value> Value for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, Value::to_json)
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::Null => Ok(None),
            other => T::from_json(other).map(Some),
        }
    }
    fn missing() -> Result<Self, Error> {
        Ok(None)
    }
}

impl<T: Value> Value for Box<T> {
    fn to_json(&self) -> Json {
        (**self).to_json()
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        T::from_json(v).map(Box::new)
    }
    fn missing() -> Result<Self, Error> {
        T::missing().map(Box::new)
    }
}

impl<T: Value> Value for Vec<T> {
    fn to_json(&self) -> Json {
        Json::List(self.iter().map(Value::to_json).collect())
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::List(list) => list.iter().map(T::from_json).collect(),
            Json::Null => Ok(Vec::new()),
            other => wrong("a list", other),
        }
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
    }
    fn from_json(v: &Json) -> Result<Self, Error> {
        match v {
            Json::Object(members) => members.iter().map(|(k, v)| Ok((k.clone(), T::from_json(v)?))).collect(),
            Json::Null => Ok(BTreeMap::new()),
            other => wrong("an object", other),
        }
    }
}

fn member<T: Value>(v: &Json, name: &str) -> Result<T, Error> {
    let Json::Object(members) = v else {
        return wrong("an object", v);
    };
    let found = match members.iter().find(|(k, _)| k == name) {
        Some((_, v)) => T::from_json(v),
        None => T::missing(),
    };
    found.map_err(|e| Error::Protocol(format!("{name}: {e}")))
}

impl Json {
    fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Json::Int(n) => out.push_str(&n.to_string()),
            Json::Float(f) if f.is_finite() => out.push_str(&f.to_string()),
            Json::Float(_) => out.push_str("null"),
            Json::Text(s) => quote(s, out),
            Json::List(list) => {
                out.push('[');
                for (i, v) in list.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    v.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (i, (k, v)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    quote(k, out);
                    out.push(':');
                    v.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn quote(s: &str, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl std::str::FromStr for Json {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut r = Reader { text: text.as_bytes(), at: 0 };
        let v = r.value(0)?;
        r.space();
        if r.at < r.text.len() {
            return r.fail("something comes after the value");
        }
        Ok(v)
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: &str) -> Result<T, Error> {
        Err(Error::Protocol(format!("not JSON at byte {}: {what}", self.at)))
    }

    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str, v: Json) -> Result<Json, Error> {
        if self.text[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(v);
        }
        self.fail("an unknown word")
    }

    fn value(&mut self, depth: usize) -> Result<Json, Error> {
        if depth > 512 {
            return self.fail("nested too deeply");
        }
        self.space();
        match self.text.get(self.at) {
            None => self.fail("it ends too soon"),
            Some(b'n') => self.take("null", Json::Null),
            Some(b't') => self.take("true", Json::Bool(true)),
            Some(b'f') => self.take("false", Json::Bool(false)),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'[') => {
                let mut list = Vec::new();
                self.items(b']', |r| {
                    list.push(r.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Json::List(list))
            }
            Some(b'{') => {
                let mut members = Vec::new();
                self.items(b'}', |r| {
                    let name = r.string()?;
                    r.space();
                    if r.text.get(r.at) != Some(&b':') {
                        return r.fail("a colon is missing");
                    }
                    r.at += 1;
                    members.push((name, r.value(depth + 1)?));
                    Ok(())
                })?;
                Ok(Json::Object(members))
            }
            Some(_) => self.number(),
        }
    }

    fn items(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.at += 1;
        self.space();
        if self.text.get(self.at) == Some(&end) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            item(self)?;
            self.space();
            match self.text.get(self.at) {
                Some(b',') => self.at += 1,
                Some(c) if *c == end => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail("a comma or the end is missing"),
            }
        }
    }

    fn string(&mut self) -> Result<String, Error> {
        if self.text.get(self.at) != Some(&b'"') {
            return self.fail("a string is missing");
        }
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let Some(&c) = self.text.get(self.at) else {
                return self.fail("a string does not end");
            };
            self.at += 1;
            match c {
                b'"' => break,
                b'\\' => self.escape(&mut out)?,
                c => out.push(c),
            }
        }
        String::from_utf8(out).or_else(|_| self.fail("a string is not UTF-8"))
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let c = self.text.get(self.at).copied();
        self.at += 1;
        match c {
            Some(c @ (b'"' | b'\\' | b'/')) => out.push(c),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'u') => {
                let mut n = self.hex()?;
                if (0xd800..0xdc00).contains(&n) && self.text[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let low = self.hex()?;
                    n = 0x10000 + ((n - 0xd800) << 10) + low.wrapping_sub(0xdc00);
                }
                let c = char::from_u32(n).unwrap_or('\u{fffd}');
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return self.fail("an unknown escape"),
        }
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(n) => {
                self.at += 4;
                Ok(n)
            }
            None => self.fail("four digits are missing"),
        }
    }

    fn number(&mut self) -> Result<Json, Error> {
        let begin = self.at;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.text[begin..self.at]).unwrap_or("");
        if let Ok(n) = text.parse::<i64>() {
            return Ok(Json::Int(n));
        }
        match text.parse::<f64>() {
            Ok(f) => Ok(Json::Float(f)),
            Err(_) => self.fail("it is no value"),
        }
    }
}

/// Where the service is, and as whom it is called.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where the proxy answers: http://HOST:PORT. For https put a proxy of your
    /// own before it: the standard library has none.
    pub base: String,
    pub context: String,
    /// The socket of one domain, in place of base.
    pub unix: Option<std::path::PathBuf>,
    /// Headers that every call carries, such as Authorization.
    pub headers: Vec<(String, String)>,
    pub timeout: Duration,
}

impl Default for Client {
    fn default() -> Self {
        Client {
            base: "http://127.0.0.1:9998".into(),
            context: "root".into(),
            unix: None,
            headers: Vec::new(),
            timeout: Duration::from_secs(60),
        }
    }
}

impl Client {
    fn call<R: Value>(&self, domain: &str, method: &str, params: Option<Json>) -> Result<R, Error> {
        let mut members = vec![
            ("jsonrpc".to_string(), Json::Text("2.0".into())),
            ("id".to_string(), Json::Int(1)),
            ("method".to_string(), Json::Text(method.into())),
        ];
        members.extend(params.map(|p| ("params".to_string(), p)));
        let text = self.post(domain, &Json::Object(members).to_string())?;
        let answer: Json = text.parse().map_err(|e| Error::Protocol(format!("call {method}: {e}")))?;
        let Json::Object(members) = &answer else {
            return wrong("an answer", &answer);
        };
        for (name, v) in members {
            if name == "error" && *v != Json::Null {
                return Err(Error::Rpc { code: member(v, "code")?, message: member(v, "message")?, data: member(v, "data")? });
            }
        }
        member(&answer, "result").map_err(|e| Error::Protocol(format!("call {method}: {e}")))
    }

    fn post(&self, domain: &str, body: &str) -> Result<String, Error> {
        let place = if domain.is_empty() { String::new() } else { format!("/{}/{domain}", self.context) };
        #[cfg(unix)]
        if let Some(path) = &self.unix {
            let socket = std::os::unix::net::UnixStream::connect(path)?;
            socket.set_read_timeout(Some(self.timeout))?;
            socket.set_write_timeout(Some(self.timeout))?;
            return self.exchange(socket, "hero", "/rpc", domain, body);
        }
        let rest = self.base.strip_prefix("http://").ok_or_else(|| Error::Protocol(format!("{} does not begin with http://", self.base)))?;
        let (host, prefix) = rest.split_once('/').map_or((rest, ""), |(host, prefix)| (host, prefix));
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{}", prefix.trim_end_matches('/')) };
        let address = if host.contains(':') { host.to_string() } else { format!("{host}:80") };
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(self.timeout))?;
        socket.set_write_timeout(Some(self.timeout))?;
        self.exchange(socket, host, &format!("{prefix}/{SERVICE}{place}/rpc"), domain, body)
    }

    fn exchange(&self, mut socket: impl Read + Write, host: &str, path: &str, domain: &str, body: &str) -> Result<String, Error> {
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
            body.len()
        );
        let context = ("X-Hero-Context".to_string(), self.context.clone());
        for (name, value) in self.headers.iter().chain((!domain.is_empty()).then_some(&context)) {
            if name.contains(['\r', '\n', ':']) || value.contains(['\r', '\n']) {
                return Err(Error::Protocol(format!("the header {name:?} cannot be sent")));
            }
            head += &format!("{name}: {value}\r\n");
        }
        if path.contains([' ', '\r', '\n']) || host.contains([' ', '\r', '\n']) {
            return Err(Error::Protocol(format!("the address {path:?} cannot be sent")));
        }
        socket.write_all((head + "\r\n" + body).as_bytes())?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        body_of(&answer)
    }
}

/// The body of an HTTP/1.1 answer, in one piece or in chunks.
fn body_of(answer: &[u8]) -> Result<String, Error> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(|| Error::Protocol("not an HTTP answer".into()))?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let mut rest = &answer[end + 4..];
    let mut body = Vec::new();
    if head.contains("\r\ntransfer-encoding: chunked") {
        loop {
            let line = rest.windows(2).position(|w| w == b"\r\n").unwrap_or(rest.len());
            let size = String::from_utf8_lossy(&rest[..line]);
            let size = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16);
            let Ok(size) = size else {
                return Err(Error::Protocol("the answer ends too soon".into()));
            };
            if size == 0 {
                break;
            }
            let Some(chunk) = rest.get(line + 2..line + 2 + size) else {
                return Err(Error::Protocol("the answer ends too soon".into()));
            };
            body.extend_from_slice(chunk);
            rest = rest.get(line + 4 + size..).unwrap_or(&[]);
        }
    } else {
        body.extend_from_slice(rest);
    }
    String::from_utf8(body).map_err(|_| Error::Protocol("the answer is not UTF-8".into()))
}
`
