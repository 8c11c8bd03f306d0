// Package jsonrpctest is the conformance suite of JSON-RPC 2.0 over HTTP as
// this project speaks it: the examples of section 7 of the specification and
// the rules that the contract adds. It works on the wire, so it judges any
// implementation, in any language, that serves these methods:
//
//	add       {"a": integer, "b": integer}, both required → {"sum": integer}
//	subtract  {"minuend": integer, "subtrahend": integer}, both required → integer
//	echo      {"value": any JSON value, optional} → that value, else null
//	fail      no params → an unexpected failure whose cause holds Secret
//	crash     no params → a panic whose value holds Secret
package jsonrpctest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
)

// Secret is what no response may hold.
const Secret = "conformance-secret-3f1c"

// Target is the server to judge.
type Target struct {
	URL       string            // where its JSON-RPC endpoint is
	Transport http.RoundTripper // how to get there; nil is http.DefaultTransport
	MaxBody   int               // its limit on a body, in bytes; 0 is 4 MiB
}

// Methods returns the methods of the suite, for a jsonrpc.Server to serve.
func Methods() map[string]jsonrpc.Handler {
	type addParams struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	type addResult struct {
		Sum int `json:"sum"`
	}
	type subtractParams struct {
		Minuend    int `json:"minuend"`
		Subtrahend int `json:"subtrahend"`
	}
	type echoParams struct {
		Value json.Value `json:"value,omitzero"`
	}
	type none struct{}
	return map[string]jsonrpc.Handler{
		"add": jsonrpc.Func(func(_ context.Context, p addParams) (addResult, error) {
			return addResult{p.A + p.B}, nil
		}),
		"subtract": jsonrpc.Func(func(_ context.Context, p subtractParams) (int, error) {
			return p.Minuend - p.Subtrahend, nil
		}),
		"echo": jsonrpc.Func(func(_ context.Context, p echoParams) (json.Value, error) {
			return p.Value, nil
		}),
		"fail": jsonrpc.Func(func(context.Context, none) (none, error) {
			return none{}, errors.New("disk on fire: " + Secret)
		}),
		"crash": jsonrpc.Func(func(context.Context, none) (none, error) {
			panic(Secret)
		}),
	}
}

// Run judges the target, each rule in a subtest of its own.
func Run(t *testing.T, target Target) {
	if target.Transport == nil {
		target.Transport = http.DefaultTransport
	}
	if target.MaxBody <= 0 {
		target.MaxBody = jsonrpc.DefaultMaxBody
	}
	for _, c := range append(callCases(), bodyCases()...) {
		t.Run(c.name, func(t *testing.T) {
			res, body := target.post(t, strings.NewReader(c.body), nil)
			c.judge(t, res, body)
		})
	}
	for _, c := range httpCases(target.MaxBody) {
		t.Run(c.name, func(t *testing.T) {
			res, body := target.post(t, c.body(), c.edit)
			if res.StatusCode != c.status {
				t.Errorf("HTTP %d, want %d: %.200s", res.StatusCode, c.status, body)
			}
			if c.status == http.StatusMethodNotAllowed && !strings.Contains(res.Header.Get("Allow"), http.MethodPost) {
				t.Errorf("Allow is %q", res.Header.Get("Allow"))
			}
		})
	}
}

func (target Target) post(t *testing.T, body io.Reader, edit func(*http.Request)) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(req)
	}
	res, err := target.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, text
}

// judge compares the response with the case: want is the exact JSON, where
// "*" as a message or data in want stands for anything.
func (c wireCase) judge(t *testing.T, res *http.Response, body []byte) {
	t.Helper()
	if strings.Contains(string(body), Secret) {
		t.Errorf("the cause of a failure reached the caller: %s", body)
	}
	if c.want == "" {
		if res.StatusCode != http.StatusNoContent || len(body) != 0 {
			t.Errorf("HTTP %d with body %.200q, want 204 without one", res.StatusCode, body)
		}
		return
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("HTTP %d, want 200: %.200s", res.StatusCode, body)
	}
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		t.Errorf("Content-Type is %q", kind)
	}
	got, err := canonical(body)
	if err != nil {
		t.Fatalf("%v: %.300s", err, body)
	}
	want, err := canonical([]byte(c.want))
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("sent %.300s\n got %.300s\nwant %.300s", c.body, got, want)
	}
}

// canonical reduces a response, or a batch of them, to what the suite
// compares: ids and results exactly, of errors the code and, for -32602, data.
func canonical(body []byte) (string, error) {
	var list []json.Value
	trimmed := strings.TrimSpace(string(body))
	batch := strings.HasPrefix(trimmed, "[")
	if batch {
		if err := json.Unmarshal(body, &list); err != nil {
			return "", err
		}
	} else {
		list = []json.Value{json.Value(trimmed)}
	}
	var out strings.Builder
	for _, v := range list {
		var m struct {
			Version string     `json:"jsonrpc"`
			ID      json.Value `json:"id"`
			Result  json.Value `json:"result,omitzero"`
			Error   *struct {
				Code    int        `json:"code"`
				Message string     `json:"message"`
				Data    json.Value `json:"data,omitzero"`
			} `json:"error,omitzero"`
		}
		if err := json.Unmarshal(v, &m, json.RejectUnknown()); err != nil {
			return "", err
		}
		if m.Version != "2.0" || m.ID == nil || (m.Result == nil) == (m.Error == nil) {
			return "", errors.New("not a JSON-RPC 2.0 response: " + string(v))
		}
		line := "id " + string(m.ID)
		if m.Error == nil {
			line += " result " + string(m.Result)
		} else {
			if m.Error.Message == "" {
				return "", errors.New("an error without a message: " + string(v))
			}
			code, err := json.Marshal(m.Error.Code)
			if err != nil {
				return "", err
			}
			line += " error " + string(code)
			if m.Error.Code == jsonrpc.CodeInvalidParams {
				var data struct {
					Field string `json:"field"`
				}
				if err := json.Unmarshal(m.Error.Data, &data); err != nil {
					return "", errors.New("-32602 without data that names the field: " + string(v))
				}
				line += " field " + data.Field
			}
		}
		out.WriteString(line + "\n")
	}
	if batch {
		return "batch\n" + out.String(), nil
	}
	return out.String(), nil
}
