package fast_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/proxy/fast"
)

const post = "POST /a/b/c/rpc HTTP/1.1\r\nHost: localhost:1\r\nContent-Type: application/json\r\n"

var plainCalls = []string{
	post + "Content-Length: 2\r\n\r\n{}",
	post + "content-length: 2\r\nConnection: Keep-Alive\r\nAuthorization: Bearer x\r\nX-Request-Id: a-1\r\nAccept: */*\r\n\r\n{}GET /",
	post + "Content-Length: 2\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nTracestate: a=b\r\nX-Hero-Context: root\r\n\r\n{}",
	"GET /a/health HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /a/rpc HTTP/1.1\r\nHost: [::1]:9\r\nContent-Type: Application/JSON; charset=UTF-8\r\nContent-Length: 2\r\n\r\n{}",
}

var oddCalls = []string{
	"", "GET", post, post + "\r\n", post + "Content-Length: 0\r\n\r\n", post + "Content-Length: 2\r\n\r\n{",
	post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", post + "Content-Length: +2\r\n\r\n{}", post + "Content-Length: 2 2\r\n\r\n{}", post + "Content-Length : 2\r\n\r\n{}",
	post + "Content-Length:\t2\r\n\r\n{}", post + " Content-Length: 2\r\n\r\n{}", post + "Content-Length: 2\r\n\tx\r\n\r\n{}", post + "Content-Length: 2\n\r\n{}",
	post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", post + "Content-Length: 2\r\nTransfer-Encoding:\r\n\r\n{}", post + "Content-Length: 99999999999\r\n\r\n{}",
	post + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}", post + "Content-Length: 2\r\nConnection: close\r\n\r\n{}", post + "Content-Length: 2\r\nConnection: X-A\r\n\r\n{}",
	post + "Content-Length: 2\r\nUpgrade: websocket\r\n\r\n{}", post + "Content-Length: 2\r\nOrigin: http://a\r\n\r\n{}", post + "Content-Length: 2\r\nSec-Fetch-Site: none\r\n\r\n{}",
	post + "Content-Length: 2\r\nContent_Length: 3\r\n\r\n{}", post + "Content-Length: 2\r\nHost: b\r\n\r\n{}", post + "Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}",
	post + "Content-Length: 2\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n{}", post + "Content-Length: 2\r\nX-Hero-Context: a\r\nx-hero-context: b\r\n\r\n{}",
	post + "Content-Length: 2\r\nX-Request-Id: a b\r\n\r\n{}", post + "Content-Length: 2\r\nTraceparent: 00-0-0-01\r\n\r\n{}", post + "Content-Length: 2\r\nX: a\x00\r\n\r\n{}", post + "Content-Length: 2\r\nX: \xff\r\n\r\n{}",
	strings.Replace(plainCalls[0], "HTTP/1.1", "HTTP/1.0", 1), strings.Replace(plainCalls[0], "/rpc", "/rpc?x", 1), strings.Replace(plainCalls[0], "/rpc", "/%72pc", 1),
	strings.Replace(plainCalls[0], " HTTP", "  HTTP", 1), strings.Replace(plainCalls[0], "POST /a", "POST http://h/a", 1), strings.Replace(plainCalls[0], "POST", "post", 1),
	strings.Replace(plainCalls[0], "localhost:1", "a@b", 1), strings.Replace(plainCalls[0], "application/json", "text/json", 1),
	"GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", post + "X: " + strings.Repeat("a", 9000) + "\r\nContent-Length: 2\r\n\r\n{}",
	post + strings.Repeat("X: a\r\n", 70) + "Content-Length: 2\r\n\r\n{}",
}

func TestParseCall(t *testing.T) {
	for _, s := range plainCalls {
		if !sameRequest(t, []byte(s)) {
			t.Errorf("%q is not taken", s)
		}
	}
	for _, s := range oddCalls {
		if sameRequest(t, []byte(s)) {
			t.Errorf("%q is taken", s)
		}
	}
}

// sameRequest holds that what the short way understood is what net/http does.
func sameRequest(t *testing.T, b []byte) bool {
	t.Helper()
	got, ok := fast.ParseCall(b)
	if !ok {
		return false
	}
	in := bufio.NewReader(bytes.NewReader(b))
	r, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%q is taken, and net/http refuses it: %v", b, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != got.Verb || r.RequestURI != got.Path || r.URL.Path != got.Path || r.Host != got.Host || string(body) != got.Body ||
		r.Proto != "HTTP/1.1" || len(r.TransferEncoding) > 0 || r.Close {
		t.Fatalf("%q: %+v; net/http: %v %q, %v", b, got, r, body, err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) != len(b)-got.Size {
		t.Fatalf("%q: %d bytes are of the request, net/http leaves %q", b, got.Size, rest)
	}
	for _, f := range got.Fields {
		if http.CanonicalHeaderKey(f[0]) == "Host" {
			continue
		}
		found := false
		for _, v := range r.Header.Values(f[0]) {
			found = found || v == f[1]
		}
		if !found {
			t.Fatalf("%q: %q; net/http: %q", b, f, r.Header)
		}
	}
	return true
}

func FuzzParseCall(f *testing.F) {
	for _, s := range append(append([]string(nil), plainCalls...), oddCalls...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { sameRequest(t, b) })
}

var answers = map[string]bool{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\n{}":                                   true,
	"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n":                                                  true,
	"HTTP/1.1 404 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n":                             true,
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}":                         false,
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}":                false,
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                              false,
	"HTTP/1.1 200 OK\r\n\r\n{}":                                                                   false,
	"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n":                                       false,
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n":               false,
	"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n":                                               false,
	"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n":                                                false,
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\nY: b\r\n\r\n{}":                                false,
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n":                                      false,
	"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}":                                              false,
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\n\r\n{}": false,
}

// sameAnswer holds that what the short way understood is what net/http does.
func sameAnswer(t *testing.T, b []byte) bool {
	t.Helper()
	body, size, ok := fast.ParseAnswer(b)
	if !ok {
		return false
	}
	in := bufio.NewReader(bytes.NewReader(b))
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("%q is taken, and net/http refuses it: %v", b, err)
	}
	data, err := io.ReadAll(r.Body)
	if err != nil || string(data) != body || len(r.TransferEncoding) > 0 {
		t.Fatalf("%q: body %q; net/http: %q, %v", b, body, data, err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) != len(b)-size {
		t.Fatalf("%q: %d bytes are of the answer, net/http leaves %q", b, size, rest)
	}
	return true
}

func TestParseAnswer(t *testing.T) {
	for s, want := range answers {
		if got := sameAnswer(t, []byte(s)); got != want {
			t.Errorf("%q: taken %v", s, got)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	for s := range answers {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { sameAnswer(t, b) })
}
