package jsonrpctest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// wireCase is one body and the response it must get; want "" is none.
type wireCase struct{ name, body, want string }

func result(id, value string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, value)
}

func failure(id string, code int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"*"}}`, id, code)
}

func invalid(id, field string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"*","data":{"field":%q}}}`, id, field)
}

func call(id, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s,"id":%s}`, method, params, id)
}

// callCases are bodies that hold one value.
func callCases() []wireCase {
	const add = `{"a":1,"b":2}`
	sum := func(id string) string { return result(id, `{"sum":3}`) }
	return []wireCase{
		{"positional", call("1", "subtract", "[42,23]"), result("1", "19")},
		{"positional, other order", call("2", "subtract", "[23,42]"), result("2", "-19")},
		{"named", call("3", "subtract", `{"subtrahend":23,"minuend":42}`), result("3", "19")},
		{"named, other order", call("4", "subtract", `{"minuend":42,"subtrahend":23}`), result("4", "19")},
		{"notification", `{"jsonrpc":"2.0","method":"add","params":[1,2]}`, ""},
		{"notification of an unknown method", `{"jsonrpc":"2.0","method":"foobar"}`, ""},
		{"notification with bad params", `{"jsonrpc":"2.0","method":"add","params":["x"]}`, ""},
		{"notification that fails", `{"jsonrpc":"2.0","method":"fail"}`, ""},
		{"unknown method", `{"jsonrpc":"2.0","method":"foobar","id":"1"}`, failure(`"1"`, -32601)},
		{"id 0", call("0", "add", add), sum("0")},
		{"id text", call(`"abc"`, "add", add), sum(`"abc"`)},
		{"id empty text", call(`""`, "add", add), sum(`""`)},
		{"id escaped text", call(`"\u0041\n"`, "add", add), sum(`"\u0041\n"`)},
		{"id null is a call", call("null", "add", add), sum("null")},
		{"id beyond 2^53", call("9007199254740993", "add", add), sum("9007199254740993")},
		{"id beyond 2^64", call("123456789012345678901234567890", "add", add), sum("123456789012345678901234567890")},
		{"id object", call("{}", "add", add), failure("null", -32600)},
		{"id array", call("[1]", "add", add), failure("null", -32600)},
		{"id boolean", call("true", "add", add), failure("null", -32600)},
		{"method not a string", `{"jsonrpc":"2.0","method":1,"params":"bar"}`, failure("null", -32600)},
		{"no method", `{"jsonrpc":"2.0","id":null}`, failure("null", -32600)},
		{"no version", `{"method":"add","params":[1,2],"id":null}`, failure("null", -32600)},
		{"version 1.0", `{"jsonrpc":"1.0","method":"add","params":[1,2],"id":null}`, failure("null", -32600)},
		{"version a number", `{"jsonrpc":2.0,"method":"add","params":[1,2],"id":null}`, failure("null", -32600)},
		{"params text", `{"jsonrpc":"2.0","method":"add","params":"bar","id":null}`, failure("null", -32600)},
		{"params null", `{"jsonrpc":"2.0","method":"add","params":null,"id":null}`, failure("null", -32600)},
		{"names are exact", `{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1,"METHOD":"crash","Params":[5,6],"ID":9}`, sum("1")},
		{"a wrong-case method is none", `{"jsonrpc":"2.0","Method":"add","params":[1,2],"id":null}`, failure("null", -32600)},
		{"method names are exact", call("1", "ADD", add), failure("1", -32601)},
		{"escaped names are names", `{"jsonrpc":"2.0","m\u0065thod":"\u0061dd","params":{"\u0061":1,"b":2},"id":1}`, sum("1")},
		{"any order", `{"id":1,"params":[1,2],"method":"add","jsonrpc":"2.0"}`, sum("1")},
		{"space around", " \t\r\n" + call("1", "add", " [ 1 , 2 ] ") + "\n", sum("1")},
		{"param of a wrong type", call("1", "add", `{"a":"x","b":2}`), invalid("1", "a")},
		{"positional param of a wrong type", call("1", "add", `[1,"x"]`), invalid("1", "b")},
		{"param fraction", call("1", "add", `{"a":1,"b":2.5}`), invalid("1", "b")},
		{"param null", call("1", "add", `{"a":1,"b":null}`), invalid("1", "b")},
		{"param missing", call("1", "add", `{"a":1}`), invalid("1", "b")},
		{"positional param missing", call("1", "add", `[1]`), invalid("1", "b")},
		{"no params", `{"jsonrpc":"2.0","method":"add","id":1}`, invalid("1", "a")},
		{"param unknown", call("1", "add", `{"a":1,"b":2,"c":3}`), invalid("1", "c")},
		{"param of another case", call("1", "add", `{"a":1,"B":2}`), invalid("1", "B")},
		{"params too many", call("1", "add", `[1,2,3]`), invalid("1", "2")},
		{"zero is not missing", call("1", "add", `{"a":0,"b":0}`), result("1", `{"sum":0}`)},
		{"optional param absent", `{"jsonrpc":"2.0","method":"echo","id":1}`, result("1", "null")},
		{"optional params empty", call("1", "echo", "[]"), result("1", "null")},
		{"echo", call("1", "echo", `{"value":{"x":[1,true,null,"é\u20ac"]}}`), result("1", `{"x":[1,true,null,"é€"]}`)},
		{"failure hides its cause", `{"jsonrpc":"2.0","method":"fail","id":1}`, failure("1", -32603)},
		{"panic hides its cause", `{"jsonrpc":"2.0","method":"crash","id":1}`, failure("1", -32603)},
	}
}

// bodyCases are bodies that are no single value, and batches.
func bodyCases() []wireCase {
	const note = `{"jsonrpc":"2.0","method":"add","params":[1,2]}`
	one := call("1", "add", "[1,2]")
	parse, bad := failure("null", -32700), failure("null", -32600)
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	return []wireCase{
		{"not JSON", `{"jsonrpc":"2.0","method":"foobar","params":"bar","baz]`, parse},
		{"empty body", "", parse},
		{"only space", " \n", parse},
		{"cut short", one[:len(one)-1], parse},
		{"after the value", one + "x", parse},
		{"a second value", one + one, parse},
		{"a byte-order mark", "\ufeff" + one, parse},
		{"a comment", "/**/" + one, parse},
		{"trailing comma", `{"jsonrpc":"2.0","method":"add","params":[1,2,],"id":1}`, parse},
		{"not UTF-8", `{"jsonrpc":"2.0","method":"add","params":{"a":1,"b":2,"` + "\xff" + `":0},"id":1}`, parse},
		{"half a surrogate", `{"jsonrpc":"2.0","method":"echo","params":["\ud800"],"id":1}`, parse},
		{"NUL in a string", "{\"jsonrpc\":\"2.0\",\"method\":\"add\x00\",\"id\":1}", parse},
		{"method twice", `{"jsonrpc":"2.0","method":"add","method":"crash","params":[1,2],"id":1}`, parse},
		{"method twice, once escaped", `{"jsonrpc":"2.0","method":"add","m\u0065thod":"crash","params":[1,2],"id":1}`, parse},
		{"param twice", call("1", "add", `{"a":1,"b":2,"b":3}`), parse},
		{"name twice deep in a param", call("1", "echo", `[{"x":[{"y":1,"y":2}]}]`), parse},
		{"name twice in an unknown member", `{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1,"z":{"y":1,"y":2}}`, parse},
		{"deep nesting", call("1", "echo", deep), parse},
		{"a number", "1", bad},
		{"a string", `"add"`, bad},
		{"batch not JSON", `[{"jsonrpc":"2.0","method":"add","params":[1,2],"id":"1"},{"jsonrpc":"2.0","method"]`, parse},
		{"batch after the value", "[" + one + "]]", parse},
		{"batch empty", "[]", bad},
		{"batch of one non-request", "[1]", "[" + bad + "]"},
		{"batch of non-requests", "[1,2,3]", "[" + bad + "," + bad + "," + bad + "]"},
		{"batch in a batch", "[[" + one + "]]", "[" + bad + "]"},
		{"batch of one", "[" + one + "]", "[" + result("1", `{"sum":3}`) + "]"},
		{
			"batch of all sorts",
			"[" + one + "," + note + `,{"foo":"boo"},{"jsonrpc":"2.0","method":"foo.get","id":"5"},` + call(`"9"`, "subtract", "[42,23]") + "]",
			"[" + result("1", `{"sum":3}`) + "," + bad + "," + failure(`"5"`, -32601) + "," + result(`"9"`, "19") + "]",
		},
		{"batch of notifications", "[" + note + "," + note + "]", ""},
		{"batch goes on after a panic", `[{"jsonrpc":"2.0","method":"crash","id":1},` + one + "]", "[" + failure("1", -32603) + "," + result("1", `{"sum":3}`) + "]"},
		{"batch of 1000", "[" + strings.Repeat(note+",", 999) + one + "]", "[" + result("1", `{"sum":3}`) + "]"},
		{"batch of 1001", "[" + strings.Repeat(one+",", 1000) + one + "]", bad},
	}
}

// httpCase is a request that HTTP itself answers.
type httpCase struct {
	name   string
	status int
	body   func() io.Reader
	edit   func(*http.Request)
}

func httpCases(maxBody int) []httpCase {
	one := call("1", "add", "[1,2]")
	small := func() io.Reader { return strings.NewReader(one) }
	sized := func(n int) func() io.Reader {
		return func() io.Reader { return strings.NewReader(one + strings.Repeat(" ", n-len(one))) }
	}
	chunked := func(n int) func() io.Reader {
		return func() io.Reader { return io.MultiReader(sized(n)()) }
	}
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	method := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Method = name }
	}
	return []httpCase{
		{"GET", 405, func() io.Reader { return nil }, method(http.MethodGet)},
		{"PUT", 405, small, method(http.MethodPut)},
		{"text/plain", 415, small, header("Content-Type", "text/plain")},
		{"no Content-Type", 415, small, header("Content-Type")},
		{"a form", 415, small, header("Content-Type", "application/x-www-form-urlencoded")},
		{"charset utf-8", 200, small, header("Content-Type", `application/json; charset="UTF-8"`)},
		{"charset latin1", 415, small, header("Content-Type", "application/json; charset=iso-8859-1")},
		{"gzip", 415, small, header("Content-Encoding", "gzip")},
		{"identity", 200, small, header("Content-Encoding", "identity")},
		{"context twice", 400, small, header("X-Hero-Context", "root", "org_acme")},
		{"body at the limit", 200, sized(maxBody), nil},
		{"body over the limit", 413, sized(maxBody + 1), nil},
		{"body at the limit, chunked", 200, chunked(maxBody), nil},
		{"body over the limit, chunked", 413, chunked(maxBody + 1), nil},
	}
}
