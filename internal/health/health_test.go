package health_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

type machine struct {
	t    *testing.T
	opts health.Options
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	home, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	p := layout.Places{Home: home, Sockets: filepath.Join(home, "s")}
	return &machine{t: t, opts: health.Options{Places: p, Timeout: 2 * time.Second}}
}

func (m *machine) listen(rel string) *unixsock.Listener {
	m.t.Helper()
	path, err := m.opts.Places.Socket(rel)
	if err != nil {
		m.t.Fatal(err)
	}
	l, err := unixsock.Listen(path)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { l.Close() })
	return l
}

func (m *machine) serve(rel string, h http.Handler) {
	m.t.Helper()
	l := m.listen(rel)
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	m.t.Cleanup(func() { srv.Close(); wg.Wait() })
}

func (m *machine) probe(name string) health.Report {
	m.t.Helper()
	tree, err := discovery.Discover(m.t.Context(), discovery.Options{Places: m.opts.Places, Timeout: time.Second})
	if err != nil {
		m.t.Fatal(err)
	}
	n, err := layout.ParseService(name)
	if err != nil {
		m.t.Fatal(err)
	}
	s := tree.Service(n)
	if s == nil {
		m.t.Fatalf("no service %s", name)
	}
	return health.Probe(m.t.Context(), m.opts, s)
}

// says answers each "METHOD PATH" with a status and a body; of a call, the
// path is the method of the call.
func says(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		if r.Method == http.MethodPost {
			var call struct {
				Method string `json:"method"`
			}
			if json.UnmarshalRead(r.Body, &call) == nil {
				key += " " + call.Method
			}
		}
		for _, k := range []string{key, "*"} {
			if a, ok := answers[k]; ok {
				if body, bad := strings.CutPrefix(a, "503 "); bad {
					a = body
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				io.WriteString(w, a)
				return
			}
		}
		http.NotFound(w, r)
	}
}

const (
	noMethod = `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}`
	notJSON  = `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}`
)

func TestServiceSocket(t *testing.T) {
	for name, tc := range map[string]struct {
		answers map[string]string
		word    health.Word
		detail  string
	}{
		"ok":         {map[string]string{"GET /health": `{"status":"ok","service":"old","version":"1"}`}, health.Healthy, ""},
		"plain":      {map[string]string{"GET /health": "OK\n"}, health.Healthy, ""},
		"degraded":   {map[string]string{"GET /health": `{"status":"degraded","checks":{"db":{"status":"error","message":"slow disk"},"x":{"status":"ok"}}}`}, health.Degraded, "db: slow disk"},
		"error":      {map[string]string{"GET /health": `503 {"status":"error"}`}, health.Unhealthy, `"error" (HTTP 503)`},
		"503":        {map[string]string{"GET /health": "503 <html>"}, health.Unhealthy, "HTTP 503"},
		"ok and 503": {map[string]string{"GET /health": `503 {"status":"ok"}`}, health.Unhealthy, "503"},
		"starting":   {map[string]string{"GET /health": `503 {"status":"starting"}`}, health.Starting, "starting"},
		"error in a 200": {
			map[string]string{"GET /health": `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"db is gone"}}`},
			health.Unhealthy, "db is gone (-32000)",
		},
		"result in a 200": {map[string]string{"GET /health": `{"jsonrpc":"2.0","id":null,"result":{"status":"ok"}}`}, health.Healthy, ""},
		"rpc.health": {
			map[string]string{"POST /rpc rpc.health": `{"jsonrpc":"2.0","id":1,"result":{"status":"degraded"}}`}, health.Degraded, "degraded",
		},
		"server.health": {
			map[string]string{"POST /rpc rpc.health": noMethod, "POST /rpc server.health": `{"jsonrpc":"2.0","id":1,"result":"ok"}`}, health.Healthy, "",
		},
		"health that fails": {
			map[string]string{"POST /rpc rpc.health": `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"broken"}}`}, health.Unhealthy, "broken",
		},
		"200 to everything": {
			map[string]string{"*": notJSON, "POST / rpc.discover": `{"jsonrpc":"2.0","id":1,"result":{"openrpc":"1.3.2"}}`, "POST /rpc rpc.discover": `{"jsonrpc":"2.0","id":1,"result":{"openrpc":"1.3.2"}}`},
			health.Healthy, "rpc.discover",
		},
		"a page for everything": {map[string]string{"*": "<!doctype html>"}, health.Degraded, "neither health nor JSON-RPC"},
		"rpc at the root":       {map[string]string{"POST / rpc.health": noMethod, "POST / server.health": noMethod, "POST / rpc.discover": noMethod}, health.Healthy, "no health of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.serve("old_server.sock", says(tc.answers))
			r := m.probe("old")
			if r.Main.Word != tc.word || !strings.Contains(r.Main.Detail, tc.detail) || (tc.detail == "") != (r.Main.Detail == "") {
				t.Errorf("got %q, %q", r.Main.Word, r.Main.Detail)
			}
			if r.UI.Word != health.Absent || r.Word != tc.word || r.Main.Socket != "old_server.sock" || r.Main.Latency <= 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func layers(t *testing.T, name string, mode string, state string) http.Handler {
	t.Helper()
	s, err := layout.ParseService(name)
	if err != nil {
		t.Fatal(err)
	}
	doc := &manifest.Manifest{Protocol: manifest.Protocol, Name: name, Sockets: manifest.SocketsOf(s, true), UI: &manifest.UI{Mode: mode, State: "starting"}}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return says(map[string]string{
		"GET " + manifest.Path:     string(b),
		"GET /health":              `{"status":"ok","service":"` + name + `"}`,
		"POST /rpc service.health": `{"jsonrpc":"2.0","id":1,"result":{"status":"ok","service":"food","ui":{"mode":"` + mode + `","state":"` + state + `"},"contexts":[]}}`,
	})
}

func TestLayers(t *testing.T) {
	m := newMachine(t)
	m.serve("food.sock", layers(t, "food", manifest.OnDemand, "asleep"))
	ui := m.listen("food_ui.sock")
	m.serve("food_server/root/a.sock", says(map[string]string{"GET /health": `{"status":"ok","service":"food","context":"root","domain":"a"}`}))
	m.serve("food_server/root/b.sock", says(map[string]string{"GET /health": `{"status":"ok","service":"food","context":"org","domain":"b"}`}))
	l := m.listen("food_server/org/c.sock")
	l.UnixListener.Close()
	r := m.probe("food")
	if r.Main.Word != health.Healthy || r.UI.Word != health.Asleep || r.Word != health.Unhealthy {
		t.Errorf("got %+v", r)
	}
	if c := r.Contexts[0].Domains[0]; c.Word != health.Unhealthy || !strings.Contains(c.Detail, "nobody listens") || c.Name != "c" {
		t.Errorf("got %+v", c)
	}
	if a, b := r.Contexts[1].Domains[0], r.Contexts[1].Domains[1]; a.Word != health.Healthy || b.Word != health.Unhealthy || !strings.Contains(b.Detail, "b of food in org") {
		t.Errorf("got %+v, %+v", a, b)
	}
	ui.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if c, err := ui.Accept(); err == nil {
		c.Close()
		t.Error("the UI was woken")
	}
}

func TestUI(t *testing.T) {
	for name, tc := range map[string]struct {
		mode, state string
		answers     map[string]string
		word        health.Word
	}{
		"inline":           {manifest.Inline, "healthy", map[string]string{"GET /health": `{"status":"ok"}`}, health.Healthy},
		"inline, broken":   {manifest.Inline, "healthy", map[string]string{"GET /health": `503 {"status":"error"}`}, health.Unhealthy},
		"static":           {manifest.Static, "healthy", map[string]string{"GET /": "<html>"}, health.Healthy},
		"on demand, awake": {manifest.OnDemand, "healthy", nil, health.Healthy},
		"on demand, ill":   {manifest.OnDemand, "unhealthy", nil, health.Unhealthy},
		"another word":     {manifest.OnDemand, "purple", nil, health.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.serve("food.sock", layers(t, "food", tc.mode, tc.state))
			m.serve("food_ui.sock", says(tc.answers))
			if r := m.probe("food"); r.UI.Word != tc.word || r.UI.Socket != "food_ui.sock" {
				t.Errorf("got %+v", r.UI)
			}
		})
	}
	m := newMachine(t)
	m.serve("food.sock", layers(t, "food", manifest.OnDemand, "asleep"))
	if r := m.probe("food"); r.UI.Word != health.Unhealthy {
		t.Errorf("a declared UI without its socket: %+v", r.UI)
	}
	for _, rel := range []string{"dead.sock", "dead_ui.sock", ".dead.lock"} {
		m.listen(rel).UnixListener.Close()
	}
	if r := m.probe("dead"); r.UI.Word != health.Unhealthy || r.Main.Word != health.Unhealthy {
		t.Errorf("the UI of a dead service: %+v", r)
	}
	m.serve("old_ui.sock", says(map[string]string{"GET /": "<html>"}))
	if r := m.probe("old"); r.UI.Word != health.Healthy || r.Main.Word != health.Absent || r.Word != health.Healthy {
		t.Errorf("a UI alone: %+v", r)
	}
}

func (m *machine) raw(rel string, f func(net.Conn)) {
	l := m.listen(rel)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); f(c) })
		}
	})
	m.t.Cleanup(func() { l.Close(); wg.Wait() })
}

func TestNoHTTP(t *testing.T) {
	m := newMachine(t)
	m.opts.Timeout = 200 * time.Millisecond
	m.raw("stuck.sock", func(c net.Conn) { io.Copy(io.Discard, c) })
	m.raw("db/resp.sock", func(c net.Conn) {
		if _, err := c.Read(make([]byte, 512)); err == nil {
			io.WriteString(c, "-ERR unknown command\r\n")
		}
	})
	m.raw("shy.sock", func(net.Conn) {})
	for name, want := range map[string]struct {
		word   health.Word
		detail string
	}{
		"stuck": {health.Unhealthy, "does not answer within 200ms"},
		"db":    {health.Healthy, "does not speak HTTP"},
		"shy":   {health.Unhealthy, "closes connections"},
	} {
		if r := m.probe(name); r.Main.Word != want.word || !strings.Contains(r.Main.Detail, want.detail) {
			t.Errorf("%s: %+v", name, r.Main)
		}
	}
}

func TestSlow(t *testing.T) {
	m := newMachine(t)
	m.opts.Timeout = 600 * time.Millisecond
	m.serve("old.sock", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			select {
			case <-time.After(400 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		io.WriteString(w, `{"status":"ok"}`)
	}))
	if r := m.probe("old"); r.Main.Word != health.Degraded || !strings.Contains(r.Main.Detail, "slow") || r.Main.Latency < 400 {
		t.Errorf("got %+v", r.Main)
	}
}

func TestCanceled(t *testing.T) {
	m := newMachine(t)
	m.serve("food.sock", layers(t, "food", manifest.OnDemand, "asleep"))
	n, err := layout.ParseService("food")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := discovery.Discover(t.Context(), discovery.Options{Places: m.opts.Places})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := health.Probe(ctx, m.opts, tree.Service(n)); r.Main.Word != health.Unknown || r.Word != health.Unknown {
		t.Errorf("got %+v", r)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"status":"ok"}`, notJSON, `"ok"`, `{"status":5,"checks":[]}`, `{"checks":{"a":{}},"status":"error"}`, `{"jsonrpc":"2.0","result":{"jsonrpc":"2.0","result":1}}`} {
		f.Add(200, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		word, detail, ok := health.Read(status, body)
		if ok && word == "" {
			t.Error("no word")
		}
		if ok && status >= 500 && status != 501 && word == health.Healthy {
			t.Errorf("healthy with HTTP %d", status)
		}
		if len(detail) > 4*len(body)+400 {
			t.Errorf("%d bytes of detail", len(detail))
		}
	})
}
