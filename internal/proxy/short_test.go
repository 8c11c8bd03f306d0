package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
)

// counted is a fixture whose general path counts what it is asked.
func counted(t *testing.T) (*fixture, *atomic.Int64) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("left out: there is no short way on " + runtime.GOOS)
	}
	f := newFixture(t, false)
	f.front.Close()
	p := proxy.New(proxy.Options{Places: f.places, Tree: f.tree.Load})
	t.Cleanup(p.Close)
	general := new(atomic.Int64)
	f.front = serveHandler(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		general.Add(1)
		p.ServeHTTP(w, r)
	}), false)
	return f, general
}

const delivery = "hero_food_server/root/delivery.sock"

// shortCall is a plain call, as it stands on the wire.
func shortCall(body string) string {
	return fmt.Sprintf("POST /hero_food/root/delivery/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// What is plain goes the short way, one request after another, also where many
// come at once, or one comes in two pieces.
func TestShortWay(t *testing.T) {
	t.Parallel()
	f, general := counted(t)
	f.upstream(delivery, echo)
	conn := must(net.Dial("tcp", f.front.Listener.Addr().String()))
	defer conn.Close()
	in := bufio.NewReader(conn)
	answer := func(want string) {
		t.Helper()
		resp := must(http.ReadResponse(in, nil))
		if body := string(must(io.ReadAll(resp.Body))); resp.StatusCode != 200 || !strings.HasSuffix(body, "\n\n"+want) {
			t.Fatalf("%d %s; want %s", resp.StatusCode, body, want)
		}
	}
	io.WriteString(conn, shortCall("one"))
	answer("one")
	io.WriteString(conn, shortCall("two")+shortCall("three")+shortCall("four"))
	for _, want := range []string{"two", "three", "four"} {
		answer(want)
	}
	whole := shortCall("the fifth")
	io.WriteString(conn, whole[:len(whole)-3])
	io.WriteString(conn, whole[len(whole)-3:])
	answer("the fifth")
	if n := general.Load(); n != 0 {
		t.Errorf("%d of the requests went the general way", n)
	}
	io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp := must(http.ReadResponse(in, nil)); resp.StatusCode != 200 || general.Load() != 1 {
		t.Errorf("%d; %d requests went the general way, not 1", resp.StatusCode, general.Load())
	}
}

// An answer that is not plain is passed on by the general path, and the socket
// is asked once.
func TestAnswersThatAreNotPlain(t *testing.T) {
	t.Parallel()
	f, general := counted(t)
	large := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	var asked atomic.Int64
	f.upstream(delivery, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body := string(must(io.ReadAll(r.Body)))
		c := http.NewResponseController(w)
		switch body {
		case "chunked":
			io.WriteString(w, "a")
			c.Flush()
			io.WriteString(w, "b")
		case "large":
			w.Header().Set("Content-Length", fmt.Sprint(len(large)))
			io.WriteString(w, large)
		case "hints":
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "ab")
		case "dies", "dies inside":
			conn, _, err := c.Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			if body == "dies inside" {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
			}
			conn.Close()
		}
	})
	for i, c := range []struct {
		body, want string
		status     int
	}{{"chunked", "ab", 200}, {"large", large, 200}, {"hints", "ab", 200}, {"dies", `"layer":"domain"`, 502}, {"dies inside", "a", 200}} {
		conn := must(net.Dial("tcp", f.front.Listener.Addr().String()))
		io.WriteString(conn, shortCall(c.body))
		in := bufio.NewReader(conn)
		resp := must(http.ReadResponse(in, nil))
		for resp.StatusCode == http.StatusEarlyHints {
			resp = must(http.ReadResponse(in, nil))
		}
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode != c.status || !strings.Contains(string(body), c.want) || (err != nil) != (c.body == "dies inside") {
			t.Errorf("%s: %d, %d bytes, %v", c.body, resp.StatusCode, len(body), err)
		}
		conn.Close()
		if asked.Load() != int64(i+1) || general.Load() != int64(i+1) {
			t.Errorf("%s: the socket was asked %d times and the general path %d times, not %d", c.body, asked.Load(), general.Load(), i+1)
		}
	}
}
