package client

import (
	"fmt"
	"slices"
	"strings"
)

// pyHead is what every Python client begins with.
const pyHead = `
from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class RPCError(Exception):
    """What the service answered in place of a result."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("hero", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Options:
    def __init__(self, base: str, context: str, unix: str | None, headers: dict[str, str] | None, timeout: float) -> None:
        self.base = base
        self.context = context
        self.unix = unix
        self.headers = headers or {}
        self.timeout = timeout


def _call(o: _Options, domain: str, method: str, params: Any) -> Any:
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params is not None:
        message["params"] = params
    headers = {**o.headers, "Content-Type": "application/json"}
    if domain:
        headers["X-Hero-Context"] = o.context
    connection: http.client.HTTPConnection
    if o.unix is not None:
        connection, path = _Unix(o.unix, o.timeout), "/rpc"
    else:
        url = urllib.parse.urlsplit(o.base)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=o.timeout)
        place = f"/{urllib.parse.quote(o.context, safe='')}/{domain}" if domain else ""
        path = url.path.rstrip("/") + "/" + SERVICE + place + "/rpc"
    try:
        connection.request("POST", path, json.dumps(message), headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    try:
        message = json.loads(text)
    except ValueError as error:
        raise RuntimeError(f"call {method}: HTTP {answer.status}, not a JSON-RPC answer") from error
    if message.get("error") is not None:
        error = message["error"]
        raise RPCError(error["code"], error["message"], error.get("data"))
    if "result" not in message:
        raise RuntimeError(f"call {method}: HTTP {answer.status}, neither a result nor an error")
    return message["result"]
`

// pyInit is the constructor of a client.
const pyInit = `    def __init__(
        self,
        base: str = "http://127.0.0.1:9998",
        context: str = "root",
        unix: str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> None:
        """base is where the proxy answers; unix is one domain's socket, in its place."""
        self._options = _Options(base, context, unix, headers, timeout)
`

func writePython(m *model) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by hero_inspector from %s, version %s. Do not edit.\n%s\n\nSERVICE = %s\n\n\n", m.service, oneLine(m.version), strings.TrimRight(pyHead, "\n"), quote(m.service))
	for _, t := range m.types {
		comment(&b, "", "#", t.doc)
		switch {
		case t.alias != nil:
			fmt.Fprintf(&b, "%s: TypeAlias = %s\n\n", t.name, quote(pyType(*t.alias)))
		case t.enum != nil:
			fmt.Fprintf(&b, "%s: TypeAlias = Literal[%s]\n\n", t.name, strings.Join(t.enum, ", "))
		default:
			fmt.Fprintf(&b, "%s = TypedDict(%s, {\n", t.name, quote(t.name))
			for _, f := range t.fields {
				comment(&b, "    ", "#", f.doc)
				text := pyType(f.typ)
				if !f.required {
					text = "NotRequired[" + text + "]"
				}
				fmt.Fprintf(&b, "    %s: %s,\n", quote(f.name), quote(text))
			}
			b.WriteString("})\n\n")
		}
	}
	for _, d := range m.domains {
		if d.name != "" {
			fmt.Fprintf(&b, "\nclass %s:\n    \"\"\"The domain %s.\"\"\"\n\n    def __init__(self, options: _Options) -> None:\n        self._options = options\n", d.typ, d.name)
			pyMethods(&b, d, map[string]bool{})
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "\nclass Client:\n    \"\"\"Calls %s.\"\"\"\n\n%s", m.service, pyInit)
	taken := map[string]bool{}
	for _, d := range m.domains {
		if d.name != "" {
			fmt.Fprintf(&b, "        self.%s = %s(self._options)\n", unique(pyName(d.name), taken), d.typ)
		}
	}
	for _, d := range m.domains {
		if d.name == "" {
			pyMethods(&b, d, taken)
		}
	}
	return []byte(b.String())
}

func pyMethods(b *strings.Builder, d domain, taken map[string]bool) {
	for _, m := range d.methods {
		b.WriteString("\n")
		comment(b, "    ", "#", m.doc)
		fmt.Fprintf(b, "    def %s(self", unique(pyName(m.wire), taken))
		names := map[string]bool{"self": true, "params": true}
		var idents []string
		if len(m.params) > 0 {
			b.WriteString(", *")
		}
		for _, f := range m.params {
			name := unique(pyName(f.name), names)
			idents = append(idents, name)
			t := pyType(f.typ)
			if !f.required {
				if !strings.HasSuffix(t, "None") && t != "Any" {
					t += " | None"
				}
				t += " = None"
			}
			fmt.Fprintf(b, ", %s: %s", name, t)
		}
		fmt.Fprintf(b, ") -> %s:\n", pyType(m.result))
		pyParams(b, m, idents)
		fmt.Fprintf(b, "        return _call(self._options, %s, %s, params)\n", quote(d.name), quote(m.wire))
	}
}

// pyParams writes the params of a call; an optional one that is None is left
// out.
func pyParams(b *strings.Builder, m method, idents []string) {
	switch {
	case len(m.params) == 0:
		b.WriteString("        params = None\n")
		return
	case m.byPosition:
		fmt.Fprintf(b, "        params: list[Any] = [%s]\n", strings.Join(idents, ", "))
		required := 0
		for i, f := range m.params {
			if f.required {
				required = i + 1
			}
		}
		fmt.Fprintf(b, "        while len(params) > %d and params[-1] is None:\n            params.pop()\n", required)
		return
	}
	b.WriteString("        params: dict[str, Any] = {}\n")
	for i, f := range m.params {
		if f.required {
			fmt.Fprintf(b, "        params[%s] = %s\n", quote(f.name), idents[i])
		} else {
			fmt.Fprintf(b, "        if %s is not None:\n            params[%s] = %s\n", idents[i], quote(f.name), idents[i])
		}
	}
}

// pyName returns text as an identifier that is no word of the language.
func pyName(text string) string {
	name := snake(text)
	if slices.Contains(strings.Fields("and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match type"), name) {
		return name + "_"
	}
	return name
}

func pyType(t typ) string {
	out := "Any"
	switch t.kind {
	case stringKind:
		out = "str"
	case integerKind:
		out = "int"
	case numberKind:
		out = "float"
	case booleanKind:
		out = "bool"
	case nullKind:
		return "None"
	case listKind:
		out = "list[" + pyType(*t.elem) + "]"
	case mapKind:
		out = "dict[str, " + pyType(*t.elem) + "]"
	case refKind:
		out = t.name
	}
	if t.nullable && out != "Any" {
		out += " | None"
	}
	return out
}
