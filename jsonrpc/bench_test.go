package jsonrpc_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
)

// sink is a ResponseWriter that costs nothing.
type sink struct{ h http.Header }

func (s sink) Header() http.Header         { return s.h }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

type nested struct {
	Customer struct {
		Name    string `json:"name"`
		Address struct {
			Street string  `json:"street"`
			Lat    float64 `json:"lat"`
		} `json:"address"`
	} `json:"customer"`
	Items []struct {
		SKU   string  `json:"sku"`
		Count int     `json:"count"`
		Price float64 `json:"price"`
	} `json:"items"`
	Labels map[string]string `json:"labels,omitempty"`
}

func BenchmarkServer(b *testing.B) {
	s := &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"add":    jsonrpc.Func(func(_ context.Context, p sum) (int, error) { return p.A + p.B, nil }),
		"create": jsonrpc.Func(func(_ context.Context, p nested) (nested, error) { return p, nil }),
	}}
	const create = `{"customer":{"name":"Ada","address":{"street":"12 St James's Square","lat":51.5074}},` +
		`"items":[{"sku":"pizza","count":2,"price":9.5},{"sku":"espresso","count":3,"price":2.1}],"labels":{"channel":"web"}}`
	for _, c := range []struct{ name, body string }{
		{"add named", `{"jsonrpc":"2.0","method":"add","params":{"a":1,"b":2},"id":1}`},
		{"add positional", `{"jsonrpc":"2.0","method":"add","params":[1,2],"id":1}`},
		{"create", `{"jsonrpc":"2.0","method":"create","params":` + create + `,"id":1}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			body := bytes.NewReader(nil)
			r, err := http.NewRequest(http.MethodPost, "/rpc", body)
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Body, r.ContentLength = io.NopCloser(body), int64(len(c.body))
			w := sink{http.Header{}}
			for b.Loop() {
				body.Reset([]byte(c.body))
				s.ServeHTTP(w, r)
			}
		})
	}
}
