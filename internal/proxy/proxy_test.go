package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// fixture is a sockets folder with a service of three layers, and the door.
type fixture struct {
	t      *testing.T
	places layout.Places
	tree   atomic.Pointer[discovery.Tree]
	front  *httptest.Server
	// general says that the short way is off.
	general bool
}

// both runs a test on both paths.
func both(t *testing.T, test func(t *testing.T, general bool)) {
	t.Helper()
	for name, general := range map[string]bool{"fast": false, "general": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, general)
		})
	}
}

// serve puts a door on a port.
func serve(t *testing.T, p *proxy.Proxy, general bool) *httptest.Server {
	t.Helper()
	return serveHandler(t, p, p, general)
}

func serveHandler(t *testing.T, p *proxy.Proxy, h http.Handler, general bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Listener = p.Listen(s.Listener, general)
	s.Config.ConnContext = proxy.ConnContext
	s.Config.ReadHeaderTimeout, s.Config.MaxHeaderBytes = 10*time.Second, 64<<10
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func newFixture(t *testing.T, general bool) *fixture {
	t.Helper()
	home := must(os.MkdirTemp("", "hero"))
	t.Cleanup(func() { os.RemoveAll(home) })
	f := &fixture{t: t, places: layout.Places{Home: home, Sockets: filepath.Join(home, "s")}, general: general}
	p := proxy.New(proxy.Options{Places: f.places, Tree: f.tree.Load})
	t.Cleanup(p.Close)
	f.front = serve(t, p, general)
	f.set()
	return f
}

// set makes the tree anew, with the sockets as they are.
func (f *fixture) set() {
	socket := func(rel string) *discovery.Socket {
		id, _ := unixsock.Stat(filepath.Join(f.places.Sockets, rel))
		return &discovery.Socket{Rel: rel, ID: id}
	}
	f.tree.Store(&discovery.Tree{Services: []*discovery.Service{
		{Name: must(layout.ParseService("hero_food")), Layout: layout.Layers, Server: socket("hero_food.sock"), UI: socket("hero_food_ui.sock"),
			Contexts: []discovery.Context{{Name: layout.Root, Domains: []discovery.Domain{
				{Name: must(layout.ParseDomain("delivery")), Socket: socket("hero_food_server/root/delivery.sock")}}}}},
	}})
}

// upstream answers on a socket until the test ends, or it is closed.
func (f *fixture) upstream(rel string, h http.HandlerFunc) *httptest.Server {
	f.t.Helper()
	l, err := unixsock.Listen(filepath.Join(f.places.Sockets, rel))
	if err != nil {
		f.t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	f.t.Cleanup(s.Close)
	f.set()
	return s
}

// echo answers with what it saw: the request line and the headers.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s\n", r.Method, r.RequestURI)
	r.Header.Write(w)
	fmt.Fprintf(w, "\n%s", body)
}

func (f *fixture) do(method, path, body string, header ...string) (*http.Response, string) {
	f.t.Helper()
	req := must(http.NewRequest(method, f.front.URL, strings.NewReader(body)))
	req.URL.Opaque = path
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header[header[i]] = append(req.Header[header[i]], header[i+1])
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", f.front.Listener.Addr().String())
	}}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp, string(must(io.ReadAll(resp.Body)))
}

func TestForwardsWhatCame(t *testing.T) { both(t, testForwardsWhatCame) }

func testForwardsWhatCame(t *testing.T, general bool) {
	f := newFixture(t, general)
	f.upstream("hero_food_ui.sock", echo)
	f.upstream("hero_food.sock", echo)
	f.upstream("hero_food_server/root/delivery.sock", echo)
	for _, c := range []struct{ method, path, has string }{
		{"GET", "/hero_food/a%2Bb/c%2fd?q=1;2&%zz", "GET /a%2Bb/c%2fd?q=1;2&%zz\n"},
		{"POST", "/hero_food/form", "POST /form\n"},
		{"GET", "/hero_food//double", "GET //double\n"},
		{"GET", "/hero_food/x|y", "GET /x|y\n"},
		{"POST", "/hero_food/rpc", "POST /rpc\n"},
		{"POST", "/hero_food/root/delivery/rpc?method=x", "POST /rpc\n"},
		{"GET", "/hero_food/root/delivery/openrpc.json?version=1.3.2", "GET /openrpc.json?version=1.3.2\n"},
	} {
		resp, body := f.do(c.method, c.path, "the body", "Content-Type", "application/json")
		if resp.StatusCode != 200 || !strings.HasPrefix(body, c.has) || c.method == "POST" && !strings.HasSuffix(body, "\nthe body") {
			t.Errorf("%s %s: %d %s; want %s", c.method, c.path, resp.StatusCode, body, c.has)
		}
	}
	if resp, _ := f.do("GET", "/hero_food?a=b", ""); resp.StatusCode != 308 || resp.Header.Get("Location") != "/hero_food/?a=b" {
		t.Errorf("without its slash: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	resp, _ := f.do("POST", "/hero_food_server/rpc", "{}", "Content-Type", "application/json")
	if resp.Header.Get("Deprecation") == "" || !strings.Contains(resp.Header.Get("Link"), "</hero_food/rpc>") {
		t.Errorf("an older URL is not told to be one: %v", resp.Header)
	}
}

func TestHeadersThatOnlyTheProxySets(t *testing.T) { both(t, testHeadersThatOnlyTheProxySets) }

func testHeadersThatOnlyTheProxySets(t *testing.T, general bool) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f := newFixture(t, general)
	f.upstream("hero_food_server/root/delivery.sock", echo)
	_, body := f.do("POST", "/hero_food/root/delivery/rpc", "{}", "Content-Type", "application/json",
		"X-Hero-User", "root", "x-hero-claims", "all", "X_Hero_User", "root", "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Prefix", "/evil",
		"Forwarded", "for=6.6.6.6", "X-Real-Ip", "6.6.6.6", "X-Original-Url", "/", "Authorization", "Bearer t",
		"Connection", "X-Forwarded-Proto, X-Request-Id", "X-Request-Id", "r-1", "Te", "trailers", "X-Accel-Redirect", "/evil", "Traceparent", trace)
	for _, gone := range []string{"Hero-User", "Claims", "hero-claims", "X_Hero", "Te:", "6.6.6.6", "/evil", "Original", "Bearer"} {
		if strings.Contains(body, gone) {
			t.Errorf("%q reaches the socket:\n%s", gone, body)
		}
	}
	for _, has := range []string{"X-Forwarded-For: 127.0.0.1\r", "X-Forwarded-Prefix: /hero_food/root/delivery\r", "X-Forwarded-Proto: http\r",
		"X-Forwarded-Host: 127.0.0.1", "X-Request-Id: ", "Traceparent: " + trace + "\r"} {
		if !strings.Contains(body, has) {
			t.Errorf("%q does not reach the socket:\n%s", has, body)
		}
	}
}

// A context header that got lost on the way once made every tenant read the
// first one's data.
func TestContextHeaderArrives(t *testing.T) { both(t, testContextHeaderArrives) }

func testContextHeaderArrives(t *testing.T, general bool) {
	f := newFixture(t, general)
	f.upstream("hero_food_server/root/delivery.sock", echo)
	for given, want := range map[string]string{"root": "root", "org_acme": "org_acme", "0": "0"} {
		header := []string{"Content-Type", "application/json"}
		if given != "" {
			header = append(header, "X-Hero-Context", given)
		}
		if _, body := f.do("POST", "/hero_food/root/delivery/rpc", "{}", header...); !strings.Contains(body, "X-Hero-Context: "+want+"\r") {
			t.Errorf("%q arrives as\n%s\nwant %s", given, body, want)
		}
	}
	_, body := f.do("POST", "/hero_food/root/delivery/rpc", "{}", "Content-Type", "application/json", "X-Hero-Context", "root", "X-Hero-Context", "org_acme")
	if strings.Contains(body, "X-Hero-Context: root") || strings.Contains(body, "X-Hero-Context: org_acme") {
		t.Errorf("one of two contexts was picked:\n%s", body)
	}
}

func TestRefusals(t *testing.T) { both(t, testRefusals) }

func testRefusals(t *testing.T, general bool) {
	f := newFixture(t, general)
	f.upstream("hero_food_ui.sock", echo)
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
		has          string
	}{
		{"GET", "/nobody/", nil, 404, "there is no service"},
		{"GET", "/hero_food/../x", nil, 400, "dots"},
		{"POST", "/hero_food/root/delivery/rpc", []string{"Content-Type", "application/json"}, 502, `"layer":"domain"`},
		{"POST", "/hero_food/root/delivery/rpc", []string{"Content-Type", "text/plain"}, 415, "application/json"},
		{"POST", "/hero_food/root/delivery/rpc", nil, 415, "application/json"},
		{"POST", "/hero_food/root/delivery/rpc", []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415, "not encoded"},
		{"GET", "/hero_food/root/delivery/rpc", nil, 405, "POST"},
		{"POST", "/hero_food/root/delivery/openrpc.json", nil, 405, "GET"},
		{"GET", "/hero_food/health", nil, 502, `"layer":"service"`},
		{"GET", "/hero_food/", []string{"Host", "evil.example"}, 421, "not the server"},
		{"GET", "/hero_food/", []string{"Host", "127.0.0.1.evil.example:80"}, 421, "not the server"},
		{"POST", "/hero_food/form", []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}, 403, "another origin"},
		{"POST", "/hero_food/form", []string{"Origin", "http://evil.example"}, 403, "another origin"},
		{"POST", "/hero_food/form", []string{"Host", "localhost:80", "Origin", "https://localhost:80"}, 403, "another origin"},
		{"GET", "/hero_food/", []string{"Host", "[::ffff:127.0.0.1]:80"}, 421, "not the server"},
		{"GET", "/hero_food/ws", []string{"Origin", "http://evil.example", "Connection", "Upgrade", "Upgrade", "websocket"}, 403, "another origin"},
		{"POST", "/mcp", nil, 502, "hero_inspector"},
		{"POST", "/hero_food/root/delivery/mcp", nil, 502, `"layer":"mcp"`},
		{"DELETE", "/", nil, 405, "GET"},
	} {
		resp, body := f.do(c.method, c.path, "", c.header...)
		if resp.StatusCode != c.status || !strings.Contains(body, c.has) || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %v: %d %s; want %d with %s", c.method, c.path, c.header, resp.StatusCode, body, c.status, c.has)
		}
	}
	for _, host := range []string{"localhost:1", "127.0.0.1", "[::1]:9998", "app.localhost"} {
		if resp, body := f.do("GET", "/hero_food/", "", "Host", host); resp.StatusCode != 200 {
			t.Errorf("Host %s: %d %s", host, resp.StatusCode, body)
		}
	}
}

func TestSocketThatIsReplaced(t *testing.T) { both(t, testSocketThatIsReplaced) }

func testSocketThatIsReplaced(t *testing.T, general bool) {
	f := newFixture(t, general)
	first := f.upstream("hero_food_ui.sock", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "first") })
	if _, body := f.do("GET", "/hero_food/", ""); body != "first" {
		t.Fatal(body)
	}
	f.upstream("hero_food_ui.sock", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "second") })
	if _, body := f.do("GET", "/hero_food/", ""); body != "second" {
		t.Errorf("after it was replaced: %s; a connection to the first was used", body)
	}
	first.Close()
}

// Both ways at once: the socket reads the first half of the body, and the
// caller the first half of the answer, before the second halves are sent.
func TestStreamsBothWays(t *testing.T) { both(t, testStreamsBothWays) }

func testStreamsBothWays(t *testing.T, general bool) {
	f := newFixture(t, general)
	f.upstream("hero_food_ui.sock", func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := c.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(w, "got "+line)
			c.Flush()
		}
	})
	conn := must(net.Dial("tcp", f.front.Listener.Addr().String()))
	defer conn.Close()
	fmt.Fprintf(conn, "POST /hero_food/stream HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
	in := bufio.NewReader(conn)
	send := func(text string) { fmt.Fprintf(conn, "%x\r\n%s\r\n", len(text), text) }
	send("one\n")
	resp := must(http.ReadResponse(in, nil))
	out := bufio.NewReader(resp.Body)
	if line, err := out.ReadString('\n'); err != nil || line != "got one\n" {
		t.Fatalf("before the second half was sent: %q, %v", line, err)
	}
	send("two\n")
	if line, err := out.ReadString('\n'); err != nil || line != "got two\n" {
		t.Fatalf("second half: %q, %v", line, err)
	}
	fmt.Fprint(conn, "0\r\n\r\n")
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	resp.Body.Close()
}

func TestWebSocket(t *testing.T) { both(t, testWebSocket) }

func testWebSocket(t *testing.T, general bool) {
	f := newFixture(t, general)
	f.upstream("hero_food_ui.sock", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, append([]byte("echo "), data...)); err != nil {
				return
			}
		}
	})
	c, _, err := websocket.Dial(t.Context(), f.front.URL+"/hero_food/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, text := range []string{"a", "b"} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, data, err := c.Read(t.Context()); err != nil || string(data) != "echo "+text {
			t.Fatalf("%q, %v", data, err)
		}
	}
}

func TestHome(t *testing.T) { both(t, testHome) }

func testHome(t *testing.T, general bool) {
	f := newFixture(t, general)
	resp, body := f.do("GET", "/", "")
	if resp.StatusCode != 200 || !strings.Contains(body, `<a href="/hero_food/">hero_food</a>`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	style := regexp.MustCompile(`<style>(.*?)</style>`).FindStringSubmatch(body)
	sum := sha256.Sum256([]byte(style[1]))
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), base64.StdEncoding.EncodeToString(sum[:])) {
		t.Errorf("the page's style is not allowed by %s", resp.Header.Get("Content-Security-Policy"))
	}
	if resp, body := f.do("GET", "/health", ""); resp.StatusCode != 200 || !strings.Contains(body, "ok") {
		t.Errorf("health: %d %s", resp.StatusCode, body)
	}
}

// TestHealthOfAServiceThatHangs asks one that takes the request and does not
// answer: the caller hears which layer it is.
func TestHealthOfAServiceThatHangs(t *testing.T) {
	for _, general := range []bool{false, true} {
		t.Run(fmt.Sprint("general ", general), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, general)
			f.upstream("hero_food.sock", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			resp, body := f.do("GET", "/hero_food/health", "")
			if resp.StatusCode != 502 || !strings.Contains(body, "does not answer") || !strings.Contains(body, `"layer":"service"`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
}
