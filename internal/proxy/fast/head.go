package fast

import (
	"bytes"
	"strings"
)

// state is how a head was understood.
type state uint8

const (
	short state = iota // its end has not come
	odd                // it is for the general path
	good
)

// kind is what is done with a header field.
type kind uint8

const (
	passed kind = iota
	dropped
	strange // whoever sends it is for the general path
	host
	length
	content
	credentials
	connection
	requestID
	trace
	traceState
	once // passed, if it comes once
	date
)

// The most of what is taken. MaxBody is of a call or an answer, with its head.
const (
	maxHead   = 8 << 10
	maxFields = 64
	MaxBody   = 64 << 10
	maxNames  = 512 // that are remembered
)

// names remembers what is done with the fields of a side, by their names as
// they are spelt.
type names struct {
	known    map[string]kind
	classify func(lower string) kind
}

// kind returns what is done with a field.
func (n *names) kind(name []byte) kind {
	if k, ok := n.known[string(name)]; ok {
		return k
	}
	k := strange
	if token(name) && len(name) <= 64 {
		k = n.classify(strings.ToLower(string(name)))
	}
	if len(n.known) < maxNames {
		n.known[string(name)] = k
	}
	return k
}

// requestNames are the fields of requests, for a proxy that withholds some.
func requestNames(withholds func(string) bool) *names {
	return &names{known: map[string]kind{}, classify: func(lower string) kind {
		switch lower {
		case "host":
			return host
		case "content-length":
			return length
		case "content-type":
			return content
		case "authorization":
			return credentials
		case "connection":
			return connection
		case "x-request-id":
			return requestID
		case "traceparent":
			return trace
		case "tracestate":
			return traceState
		case "x-hero-context":
			return once
		case "transfer-encoding", "upgrade", "expect", "te", "trailer", "content-encoding", "origin", "keep-alive", "proxy-connection",
			"http2-settings", "range", "if-range", "proxy-authorization":
			return strange
		}
		switch {
		case strings.ContainsRune(lower, '_'), strings.HasPrefix(lower, "sec-"), strings.HasPrefix(lower, "access-control-"):
			return strange
		case withholds(lower):
			return dropped
		}
		return passed
	}}
}

// answerNames are the fields of answers.
func answerNames() *names {
	return &names{known: map[string]kind{}, classify: func(lower string) kind {
		switch lower {
		case "content-length":
			return length
		case "connection":
			return connection
		case "date":
			return date
		case "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te":
			return dropped
		case "transfer-encoding", "upgrade", "trailer":
			return strange
		}
		return passed
	}}
}

// field is a header field as it came.
type field struct{ name, value []byte }

// call is the head of a request.
type call struct {
	verb, path, host, auth, id []byte
	hasAuth, json, sized       bool
	traced, stated, oneContext bool
	length                     int // of the body
	size                       int // of the head
	fields                     []field
}

// parse reads the head of a request. What it keeps points into b.
func (c *call) parse(b []byte, n *names) state {
	*c = call{fields: c.fields[:0]}
	end := bytes.Index(b[:min(len(b), maxHead)], []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) >= maxHead {
			return odd
		}
		return short
	}
	c.size = end + 4
	line, rest, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	if !c.line(line) {
		return odd
	}
	for len(rest) > 0 {
		f, more, ok := cutField(rest)
		if !ok || len(c.fields) == maxFields || !c.field(f, n.kind(f.name)) {
			return odd
		}
		rest = more
	}
	// What has no body says nothing of one, and a call has one.
	body := c.json && c.sized && c.length > 0
	none := !c.json && !c.sized
	if c.host == nil || c.stated && !c.traced || string(c.verb) == "POST" && !body || string(c.verb) == "GET" && !none {
		return odd
	}
	return good
}

// line reads the request line.
func (c *call) line(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("POST /")):
		c.verb = b[:4]
	case bytes.HasPrefix(b, []byte("GET /")):
		c.verb = b[:3]
	default:
		return false
	}
	b, ok := bytes.CutSuffix(b, []byte(" HTTP/1.1"))
	if !ok || len(b) <= len(c.verb)+1 {
		return false
	}
	c.path = b[len(c.verb)+1:]
	for _, x := range c.path {
		if !plainPath[x] {
			return false
		}
	}
	return true
}

// field takes one field of a request.
func (c *call) field(f field, k kind) bool {
	switch k {
	case passed:
	case dropped:
		return true
	case host:
		ok := c.host == nil && len(f.value) > 0 && all(f.value, &plainHost)
		c.host = f.value
		if !ok {
			return false
		}
	case length:
		ok := !c.sized
		c.length, c.sized = number(f.value), true
		return ok && c.length >= 0
	case content:
		ok := !c.json && (fold(f.value, "application/json") || fold(f.value, "application/json; charset=utf-8"))
		c.json = true
		if !ok {
			return false
		}
	case credentials:
		ok := !c.hasAuth
		c.auth, c.hasAuth = f.value, true
		return ok
	case connection:
		return fold(f.value, "keep-alive")
	case requestID:
		ok := c.id == nil && len(f.value) > 0 && len(f.value) <= 128 && all(f.value, &plainID)
		c.id = f.value
		if !ok {
			return false
		}
	case trace:
		ok := !c.traced && traceparent(f.value)
		c.traced = true
		if !ok {
			return false
		}
	case traceState:
		if c.stated {
			return false
		}
		c.stated = true
	case once:
		if c.oneContext {
			return false
		}
		c.oneContext = true
	default:
		return false
	}
	c.fields = append(c.fields, f)
	return true
}

// answer is the head of an answer.
type answer struct {
	status []byte // the line
	length int    // of the body
	size   int    // of the head
	last   bool   // the connection ends after it
	dated  bool
	same   bool // the head may be passed on as it came
	fields []field
}

// parse reads the head of an answer. What it keeps points into b.
func (a *answer) parse(b []byte, n *names) state {
	*a = answer{fields: a.fields[:0], length: -1, same: true}
	end := bytes.Index(b[:min(len(b), maxHead)], []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) >= maxHead {
			return odd
		}
		return short
	}
	a.size = end + 4
	line, rest, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 4 || code[0] < '2' || code[0] > '5' || code[1] < '0' || code[1] > '9' || code[2] < '0' || code[2] > '9' || code[3] != ' ' ||
		!all(code, &plainValue) || string(code[:3]) == "304" || string(code[:3]) == "205" {
		return odd
	}
	a.status = line
	for len(rest) > 0 {
		f, more, ok := cutField(rest)
		if !ok || len(a.fields) == maxFields || !a.field(f, n.kind(f.name)) {
			return odd
		}
		rest = more
	}
	a.same = a.same && a.dated
	if string(code[:3]) == "204" {
		if a.length >= 0 {
			return odd
		}
		a.length = 0
		return good
	}
	if a.length < 0 {
		return odd
	}
	return good
}

func (a *answer) field(f field, k kind) bool {
	switch k {
	case passed:
	case dropped:
		a.same = false
		return true
	case length:
		ok := a.length < 0
		a.length = number(f.value)
		if !ok || a.length < 0 {
			return false
		}
	case date:
		if a.dated {
			return false
		}
		a.dated = true
	case connection:
		a.same = false
		a.last = fold(f.value, "close")
		return a.last || fold(f.value, "keep-alive")
	default:
		return false
	}
	a.fields = append(a.fields, f)
	return true
}

// cutField cuts the first line off a head: a name, a colon and a value of
// printable ASCII.
func cutField(b []byte) (f field, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return f, nil, false
	}
	line := b[:i-1]
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return f, nil, false
	}
	value := line[colon+1:]
	for len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	for len(value) > 0 && value[len(value)-1] == ' ' {
		value = value[:len(value)-1]
	}
	return field{line[:colon], value}, b[i+1:], all(value, &plainValue)
}

// number reads a length, or returns -1.
func number(b []byte) int {
	if len(b) == 0 || len(b) > 9 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// fold reports whether b is s, which is in lower case, in any case.
func fold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// traceparent reports whether b is one of version 0 of W3C Trace Context.
func traceparent(b []byte) bool {
	if len(b) != 55 || b[0] != '0' || b[1] != '0' || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return false
	}
	zero := func(b []byte) bool { return len(bytes.Trim(b, "0")) == 0 }
	return all(b[3:35], &lowerHex) && all(b[36:52], &lowerHex) && all(b[53:], &lowerHex) && !zero(b[3:35]) && !zero(b[36:52])
}

// set is a set of bytes.
type set [256]bool

func setOf(s string) set {
	var out set
	for i := range len(s) {
		out[s[i]] = true
	}
	return out
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// The bytes of what is taken.
var (
	plainPath  = setOf("abcdefghijklmnopqrstuvwxyz0123456789_-./")
	plainHost  = setOf(alphanumeric + ".:-[]")
	plainID    = setOf(alphanumeric + "_-.:/+=")
	lowerHex   = setOf("0123456789abcdef")
	tokenBytes = setOf(alphanumeric + "!#$%&'*+-.^_`|~")
	plainValue = func() (out set) {
		for c := ' '; c < 0x7f; c++ {
			out[c] = true
		}
		return out
	}()
)

func all(b []byte, s *set) bool {
	for _, c := range b {
		if !s[c] {
			return false
		}
	}
	return true
}

func token(b []byte) bool { return len(b) > 0 && all(b, &tokenBytes) }
