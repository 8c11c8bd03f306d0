package jsonrpc_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
)

// post runs one body through the server, without a network.
func post(s *jsonrpc.Server, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/rpc", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// Whatever the body: the server does not panic, answers with valid JSON, and
// executes exactly the methods that an independent strict reading of the
// members finds, with the ids that stand there.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","method":"m","params":{"a":1},"id":1}`,
		`{"jsonrpc":"2.0","m\u0065thod":"\u006d","id":"\u0041"}`,
		`[{"jsonrpc":"2.0","method":"m","id":1},{"method":1},[],{"jsonrpc":"2.0","method":"n"}]`,
		`{"jsonrpc":"2.0","method":"m","METHOD":"n","id":null}`,
		`{"jsonrpc":"2.0","method":"m","method":"n","id":null}`,
		`[]`, `{}`, "", "\xef\xbb\xbf{}", `{"jsonrpc":"2.0","method":"m","id":1e400} x`,
	} {
		f.Add([]byte(seed))
	}
	var ran []string
	s := &jsonrpc.Server{
		Methods: map[string]jsonrpc.Handler{},
		Check: func(_ context.Context, method string) error {
			ran = append(ran, method)
			return nil
		},
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ran = ran[:0]
		w := post(s, body)
		if w.Body.Len() > 0 && !json.Value(w.Body.Bytes()).IsValid() {
			t.Fatalf("%q was answered %q", body, w.Body)
		}
		want, ids := strictly(body)
		if len(want) != len(ran) {
			t.Fatalf("%q ran %q, want %q", body, ran, want)
		}
		for i := range want {
			if want[i] != ran[i] {
				t.Fatalf("%q ran %q, want %q", body, ran, want)
			}
		}
		for _, id := range ids {
			if !bytes.Contains(w.Body.Bytes(), append([]byte(`"id":`), id...)) {
				t.Fatalf("%q was answered %q without the id %s", body, w.Body, id)
			}
		}
	})
}

// strictly reads body as maps: the methods to run and the ids to answer.
func strictly(body []byte) (methods []string, ids []json.Value) {
	var list []json.Value
	if json.Unmarshal(body, &list) != nil {
		list = []json.Value{body}
	}
	for _, element := range list {
		var m map[string]json.Value
		var version, method string
		if json.Unmarshal(element, &m) != nil || m == nil {
			continue
		}
		if json.Unmarshal(m["jsonrpc"], &version) != nil || version != "2.0" || m["jsonrpc"].Kind() != '"' {
			continue
		}
		if json.Unmarshal(m["method"], &method) != nil || m["method"].Kind() != '"' {
			continue
		}
		if p, ok := m["params"]; ok && p.Kind() != '{' && p.Kind() != '[' {
			continue
		}
		id, ok := m["id"]
		if ok && id.Kind() != '"' && id.Kind() != '0' && id.Kind() != 'n' {
			continue
		}
		methods = append(methods, method)
		if ok {
			ids = append(ids, id)
		}
	}
	return methods, ids
}

// Params by position and the same ones by name are the same call.
func FuzzParams(f *testing.F) {
	f.Add(`1`, `"x"`)
	f.Add(`null`, `{"y":[1]}`)
	f.Add(`1.5`, `]`)
	type params struct {
		A int        `json:"a"`
		B json.Value `json:"b,omitzero"`
	}
	h := jsonrpc.Func(func(_ context.Context, p params) (params, error) { return p, nil })
	f.Fuzz(func(t *testing.T, a, b string) {
		if !json.Value(a).IsValid() || !json.Value(b).IsValid() {
			return
		}
		named, err1 := h(t.Context(), json.Value(`{"a":`+a+`,"b":`+b+`}`))
		placed, err2 := h(t.Context(), json.Value(`[`+a+`,`+b+`]`))
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() {
			t.Fatalf("%v by name, %v by position", err1, err2)
		}
		if err1 != nil {
			return
		}
		n, p := named.(params), placed.(params)
		if n.A != p.A || !bytes.Equal(bytes.TrimSpace(n.B), bytes.TrimSpace(p.B)) {
			t.Fatalf("%+v by name, %+v by position", n, p)
		}
	})
}
