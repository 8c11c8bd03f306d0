package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
)

// strictServer answers every request with its body, behind a strict listener.
func strictServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.Header().Set("Connection", "close")
			w.WriteHeader(400)
			return
		}
		fmt.Fprintf(w, "%s %q", r.Method, body)
	}))
	s.Listener = proxy.Strict(s.Listener)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestStrict(t *testing.T) {
	addr := strictServer(t)
	const post = "POST /a/rpc HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct {
		raw  string
		want []string // the statuses, or the bodies
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", []string{`GET ""`}},
		{post + "Content-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\n\r\n", []string{`POST "ab"`, `GET ""`}},
		{post + "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nX-T: 1\r\n\r\n" + "GET / HTTP/1.1\r\nHost: a\r\n\r\n", []string{`POST "abc"`, `GET ""`}},
		{post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", []string{"400"}},
		{post + " Content-Length: 2\r\n\r\nab", []string{"400"}},
		{post + "Content-Length : 2\r\n\r\nab", []string{"400"}},
		{post + "Content-Length: +2\r\n\r\nab", []string{"400"}},
		{post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", []string{"400"}},
		{post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []string{"400"}},
		{post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []string{"400"}},
		{post + "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n", []string{"400"}},
		{post + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", []string{"400"}},
		{post + "Transfer-Encoding: chunked\r\n\r\n1\r\naX0\r\n\r\n", []string{"400"}},
		{post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 300) + "0\r\n\r\n", []string{"400"}},
		{"GET / HTTP/1.1\nHost: a\n\n", []string{"400"}},
		{"GET / HTTP/1.1\rHost: a\r\r", []string{"400"}},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", []string{"400"}},
		{"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", []string{"400"}},
	} {
		conn := must(net.Dial("tcp", addr))
		fmt.Fprint(conn, c.raw)
		in := bufio.NewReader(conn)
		for _, want := range c.want {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Errorf("%q: %v; want %s", c.raw, err, want)
				break
			}
			body := string(must(io.ReadAll(resp.Body)))
			if want == "400" && (resp.StatusCode != 400 || !resp.Close) || want != "400" && body != want {
				t.Errorf("%q: %d %s; want %s", c.raw, resp.StatusCode, body, want)
			}
		}
		conn.Close()
	}
}

// However the bytes are cut into reads, the same of them are let through.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := proxy.Follow(data, len(data))
		if single := proxy.Follow(data, 1); single != whole {
			t.Fatalf("%q: %d bytes at once, %d byte by byte", data, whole, single)
		}
		// What is let through is a request to net/http too, once it has an end.
		head, _, complete := bytes.Cut(data[:whole], []byte("\r\n\r\n"))
		if complete && bytes.ContainsAny(bytes.ReplaceAll(head, []byte("\r\n"), nil), "\r\n\x00") {
			t.Fatalf("%q: a bare line end was let through", head)
		}
	})
}
