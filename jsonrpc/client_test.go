package jsonrpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc/jsonrpctest"
)

func Example() {
	type Params struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	srv := httptest.NewServer(&jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"add": jsonrpc.Func(func(_ context.Context, p Params) (int, error) { return p.A + p.B, nil }),
	}})
	defer srv.Close()
	client := jsonrpc.NewClient(jsonrpc.ClientOptions{URL: srv.URL})
	var sum int
	fmt.Println(client.Call(context.Background(), "add", Params{1, 2}, &sum), sum)
	fmt.Println(client.Call(context.Background(), "add", map[string]string{"a": "x"}, &sum))
	// Output:
	// <nil> 3
	// invalid params: a: want integer, got string (code -32602)
}

func serve(t *testing.T, s http.Handler) *jsonrpc.Client {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return jsonrpc.NewClient(jsonrpc.ClientOptions{URL: srv.URL, Transport: srv.Client().Transport, MaxBody: 4096})
}

type none struct{}

// A context header that got lost on the way once made every tenant read the
// first one's data: each of many concurrent calls on shared connections must
// arrive with its own Meta, through a second hop too, and a call without one
// must arrive without one.
func TestMetaTravels(t *testing.T) {
	meta := func(ctx context.Context, _ none) (jsonrpc.Meta, error) { return jsonrpc.MetaFrom(ctx), nil }
	last := serve(t, &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{"meta": jsonrpc.Func(meta)}})
	hop := func(ctx context.Context, _ none) (m jsonrpc.Meta, err error) {
		err = last.Call(ctx, "meta", nil, &m)
		return m, err
	}
	first := serve(t, &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{"hop": jsonrpc.Func(hop)}})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				want := jsonrpc.Meta{}
				if (i+j)%3 > 0 { // every third call carries nothing
					n := fmt.Sprint(i, "-", j)
					want = jsonrpc.Meta{Context: "c" + n, User: "u" + n, Claims: "k" + n, RequestID: "r" + n, TraceParent: "t" + n}
				}
				var got jsonrpc.Meta
				if err := first.Call(jsonrpc.WithMeta(t.Context(), want), "hop", nil, &got); err != nil || got != want {
					t.Errorf("got %+v, %v, want %+v", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// A handler is told when its caller has gone.
func TestCallerGone(t *testing.T) {
	started, ended := make(chan struct{}), make(chan struct{})
	client := serve(t, &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"wait": func(ctx context.Context, _ json.Value) (any, error) {
			close(started)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if err := client.Call(ctx, "wait", nil, nil); fault.Of(err) != fault.Canceled {
		t.Errorf("err = %v, kind %v", err, fault.Of(err))
	}
	<-ended
}

func TestErrorsAcrossTheWire(t *testing.T) {
	var log bytes.Buffer
	fails := func(err error) jsonrpc.Handler {
		return func(context.Context, json.Value) (any, error) { return nil, err }
	}
	notFound := fault.WithHint(fault.Errorf(fault.NotFound, "no order o-1"), "list them with delivery.list")
	own := &jsonrpc.Error{Code: -32042, Message: "sold out", Data: json.Value(`{"left":0}`)}
	methods := jsonrpctest.Methods()
	methods["missing"] = fails(fmt.Errorf("track: %w", notFound))
	methods["own"] = fails(fmt.Errorf("order: %w", own))
	methods["reclassified"] = fails(fault.Errorf(fault.Unavailable, "restaurant: %w", own))
	methods["unmarshalable"] = func(context.Context, json.Value) (any, error) { return make(chan int), nil }
	client := serve(t, &jsonrpc.Server{
		Methods: methods,
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
		Check: func(ctx context.Context, method string) error {
			if c := jsonrpc.MetaFrom(ctx).Context; c != "root" {
				return fault.Errorf(fault.Invalid, "context %q is not root, for %s", c, method)
			}
			return nil
		},
	})
	root := jsonrpc.WithMeta(t.Context(), jsonrpc.Meta{Context: "root", RequestID: "req-7"})
	for _, tc := range []struct {
		method string
		ctx    context.Context
		code   int
		kind   fault.Kind
		hint   string
	}{
		{"missing", root, -32004, fault.NotFound, "list them with delivery.list"},
		{"own", root, -32042, fault.Internal, ""},
		{"reclassified", root, -32010, fault.Unavailable, ""},
		{"unmarshalable", root, -32603, fault.Internal, ""},
		{"fail", root, -32603, fault.Internal, ""},
		{"crash", root, -32603, fault.Internal, ""},
		{"nope", root, -32601, fault.Unsupported, ""},
		{"add", root, -32602, fault.Invalid, ""},
		{"echo", t.Context(), -32602, fault.Invalid, ""}, // refused by Check
	} {
		err := client.Call(tc.ctx, tc.method, nil, nil)
		e, ok := errors.AsType[*jsonrpc.Error](err)
		if !ok || e.Code != tc.code || fault.Of(err) != tc.kind || fault.Hint(err) != tc.hint {
			t.Errorf("%s: %v, kind %v, hint %q", tc.method, err, fault.Of(err), fault.Hint(err))
		}
	}
	for _, want := range []string{jsonrpctest.Secret, "request_id=req-7", "method=crash", "jsonrpctest.go", "result does not marshal"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}

func TestNotifyAndBatch(t *testing.T) {
	client := serve(t, &jsonrpc.Server{Methods: jsonrpctest.Methods(), MaxBatch: 4})
	if err := client.Notify(t.Context(), "add", []int{1, 2}); err != nil {
		t.Error(err)
	}
	var a, b int
	calls := []*jsonrpc.BatchCall{
		{Method: "subtract", Params: []int{5, 3}, Result: &a},
		{Method: "add", Params: []int{1, 2}, Notify: true},
		{Method: "nope"},
		{Method: "subtract", Params: map[string]int{"minuend": 1, "subtrahend": 3}, Result: &b},
	}
	if err := client.Batch(t.Context(), calls); err != nil {
		t.Fatal(err)
	}
	if a != 2 || b != -2 || calls[0].Err != nil || calls[1].Err != nil || fault.Of(calls[2].Err) != fault.Unsupported {
		t.Errorf("a %d, b %d, errors %v, %v, %v", a, b, calls[0].Err, calls[1].Err, calls[2].Err)
	}
	if err := client.Batch(t.Context(), append(calls, calls[0])); fault.Of(err) != fault.Invalid || calls[0].Err == nil {
		t.Errorf("a batch over the limit: %v", err)
	}
	if err := client.Batch(t.Context(), calls[1:2]); err != nil {
		t.Errorf("a batch of notifications: %v", err)
	}
	if err := client.Call(t.Context(), "add", 5, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("scalar params: %v", err)
	}
}

// What strangers answer: the client believes only what is an answer to its call.
func TestClientJudgesAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   string // kind, or "" for success
	}{
		{"plain", 200, `{"jsonrpc":"2.0","id":1,"result":3}`, ""},
		{"more members", 200, `{"jsonrpc":"2.0","id":1,"result":3,"took":"1ms"}`, ""},
		{"null error beside", 200, `{"jsonrpc":"2.0","id":1,"result":3,"error":null}`, ""},
		{"another id", 200, `{"jsonrpc":"2.0","id":2,"result":3}`, "internal error"},
		{"id as text", 200, `{"jsonrpc":"2.0","id":"1","result":3}`, "internal error"},
		{"no id", 200, `{"jsonrpc":"2.0","result":3}`, "internal error"},
		{"null id with a result", 200, `{"jsonrpc":"2.0","id":null,"result":3}`, "internal error"},
		{"null id with an error", 200, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`, "invalid"},
		{"version", 200, `{"jsonrpc":"1.0","id":1,"result":3}`, "internal error"},
		{"both", 200, `{"jsonrpc":"2.0","id":1,"result":3,"error":{"code":-32004,"message":"x"}}`, "internal error"},
		{"neither", 200, `{"jsonrpc":"2.0","id":1}`, "internal error"},
		{"result twice", 200, `{"jsonrpc":"2.0","id":1,"result":3,"result":4}`, "internal error"},
		{"wrong type", 200, `{"jsonrpc":"2.0","id":1,"result":"3"}`, "internal error"},
		{"not JSON", 200, `<html>`, "internal error"},
		{"nothing", 200, ``, "internal error"},
		{"error with HTTP 500", 500, `{"jsonrpc":"2.0","id":1,"error":{"code":-32004,"message":"x"}}`, "not found"},
		{"result with HTTP 500", 500, `{"jsonrpc":"2.0","id":1,"result":3}`, "internal error"},
		{"502", 502, `bad gateway`, "unavailable"},
		{"403", 403, ``, "denied"},
		{"redirect", 307, ``, "internal error"},
		{"too large", 200, `{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("x", 5000) + `"}`, "too large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			var got int
			err := client.Call(t.Context(), "m", nil, &got)
			switch {
			case tc.want == "" && (err != nil || got != 3):
				t.Errorf("%d, %v", got, err)
			case tc.want != "" && (err == nil || fault.Of(err).String() != tc.want):
				t.Errorf("%v (%v), want %v", err, fault.Of(err), tc.want)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	err := jsonrpc.NewClient(jsonrpc.ClientOptions{URL: srv.URL}).Call(t.Context(), "m", nil, nil)
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("%v: kind %v", err, fault.Of(err))
	}
}
