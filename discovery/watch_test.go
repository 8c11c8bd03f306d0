package discovery_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// machine is a sockets folder with servers in it.
type machine struct {
	t    *testing.T
	opts discovery.Options
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	home, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	p := layout.Places{Home: home, Sockets: filepath.Join(home, "var", "sockets")}
	if err := unixsock.MkdirAll(p.Sockets); err != nil {
		t.Fatal(err)
	}
	return &machine{t: t, opts: discovery.Options{Places: p, Timeout: 300 * time.Millisecond}}
}

func (m *machine) path(rel string) string {
	m.t.Helper()
	p, err := m.opts.Places.Socket(rel)
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

func (m *machine) listen(rel string) *unixsock.Listener {
	m.t.Helper()
	l, err := unixsock.Listen(m.path(rel))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { l.Close() })
	return l
}

// serve answers HTTP at rel until the test ends or the function is called.
func (m *machine) serve(rel string, h http.Handler) (stop func()) {
	m.t.Helper()
	l := m.listen(rel)
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	stop = sync.OnceFunc(func() { srv.Close(); l.Close(); wg.Wait() })
	m.t.Cleanup(stop)
	return stop
}

// raw gives every connection at rel to f, which owns it.
func (m *machine) raw(rel string, f func(net.Conn)) {
	m.t.Helper()
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

// stale leaves a socket that nobody listens on.
func (m *machine) stale(rel string) {
	m.t.Helper()
	l := m.listen(rel)
	if err := l.UnixListener.Close(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) discover() *discovery.Tree {
	m.t.Helper()
	tree, err := discovery.Discover(m.t.Context(), m.opts)
	if err != nil {
		m.t.Fatal(err)
	}
	return tree
}

// watch runs a watcher until the test ends.
func (m *machine) watch() *discovery.Watcher {
	w := discovery.NewWatcher(m.opts)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx); err != nil {
			m.t.Errorf("Run: %v", err)
		}
	})
	m.t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

// until waits for a tree whose sketch is want.
func (m *machine) until(w *discovery.Watcher, want ...string) *discovery.Tree {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Second)
	defer cancel()
	var tree *discovery.Tree
	for {
		next, err := w.Wait(ctx, tree)
		if err != nil {
			m.t.Fatalf("%v\ngot\n  %s\nwant\n  %s", err, strings.Join(sketch(tree), "\n  "), strings.Join(want, "\n  "))
		}
		if tree = next; slices.Equal(sketch(tree), want) {
			return tree
		}
	}
}

func document(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.MarshalWrite(w, v)
	}
}

// service answers with a manifest.
func service(name string, ui bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+manifest.Path, document(newManifest(name, ui)))
	return mux
}

func openrpcAt(path string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(path, document(map[string]any{"openrpc": "1.3.2"}))
	return mux
}

// discoverer answers rpc.discover with the document as a string, as some do,
// and everything else with 200 and an error.
var discoverer = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost && bytes.Contains(b, []byte(`"rpc.discover"`)) {
		io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":"{\"openrpc\":\"1.2.6\"}"}`)
		return
	}
	io.WriteString(w, `{"jsonrpc":"2.0","error":{"code":-32700,"message":"not JSON"},"id":null}`)
})

func redis(c net.Conn) {
	b := make([]byte, 1024)
	if _, err := c.Read(b); err == nil {
		io.WriteString(c, "-ERR unknown command\r\n")
	}
}

func mute(c net.Conn) { io.Copy(io.Discard, c) }

func TestDiscover(t *testing.T) {
	m := newMachine(t)
	m.serve("food.sock", service("food", true))
	m.listen("food_ui.sock")
	m.serve("food_server/root/delivery.sock", http.NotFoundHandler())
	m.serve("food_server.sock", openrpcAt("/openrpc.json"))
	m.serve("old_server.sock", openrpcAt("GET /openrpc.json"))
	m.serve("old_ui.sock", http.NotFoundHandler())
	m.serve("calc.sock", discoverer)
	m.serve("books/rpc.sock", openrpcAt("POST /rpc")) // a document where an answer should be: not one
	m.serve("books/web_shop.sock", http.NotFoundHandler())
	m.raw("db/resp.sock", redis)
	m.raw("stuck.sock", mute)
	m.stale("gone.sock")
	if err := os.WriteFile(m.path("x.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(m.path("calc.sock"), m.path("link.sock")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"books folder server=books/rpc.sock(live) web:shop fault: it answers HTTP, and has neither a manifest nor an OpenRPC document",
		"calc single server=calc.sock(live)",
		"db folder more:resp",
		"food layers server=food.sock(live) ui=food_ui.sock root:delivery legacy=food_server.sock",
		"gone single server=gone.sock(stale) fault: nobody listens on its socket: what a dead process left behind",
		"old pair server=old_server.sock(live) ui=old_ui.sock",
		"stuck single server=stuck.sock(hang) fault: it accepts connections and does not answer within 300ms",
		"stray link.sock", "stray x.sock",
	}
	tree := m.discover()
	if got := sketch(tree); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	find := func(name string) *discovery.Service {
		n, err := layout.ParseService(name)
		if err != nil {
			t.Fatal(err)
		}
		return tree.Service(n)
	}
	if s := find("db").More[0].Socket; s.State != discovery.NonRPC || s.PID != os.Getpid() {
		t.Errorf("redis: %v, pid %d", s.State, s.PID)
	}
	if s := find("food"); s.Manifest == nil || s.Server.PID != os.Getpid() || s.Legacy[0].State != discovery.Live {
		t.Errorf("food: %+v", s)
	}
}

func TestLongPath(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: only Linux reaches sockets of a long path")
	}
	m := newMachine(t)
	for len(m.opts.Places.Sockets) < 300 {
		m.opts.Places.Sockets = filepath.Join(m.opts.Places.Sockets, strings.Repeat("d", 50))
	}
	w := m.watch()
	m.serve("food.sock", service("food", false))
	m.serve("food_server/root/a.sock", http.NotFoundHandler())
	m.until(w, "food layers server=food.sock(live) root:a")
	if got := sketch(m.discover()); !slices.Equal(got, sketch(w.Tree())) {
		t.Errorf("got %v", got)
	}
}

// Whatever a file is called, the tree can be written down.
func TestNamesThatAreNoText(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"\xff\xfe.sock", "a\nb", "\x1b[2J.sock", "food_server"} {
		if err := os.Mkdir(m.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.serve("food.sock", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{\"na\xffme\":1}") }))
	tree := m.discover()
	b, err := json.Marshal(tree)
	if err != nil || len(tree.Strays) != 3 {
		t.Errorf("%d strays, %s, %v", len(tree.Strays), b, err)
	}
}

func TestBadManifests(t *testing.T) {
	for name, tc := range map[string]struct {
		h     http.HandlerFunc
		fault string
	}{
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			line := bytes.Repeat([]byte("x"), 1<<20)
			for range 50 {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}, "more than 1048576 bytes"},
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{protocol}") }, "its manifest: "},
		"wrong type": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"name":"food","sockets":[`+strings.Repeat("1,", 400)+`1]}`)
		}, "its manifest: "},
		"another's":    {document(newManifest("drinks", true)), `its manifest names "drinks", not "food"`},
		"page for all": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!doctype html>") }, "neither a manifest nor"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}, "does not answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.serve("food.sock", tc.h)
			m.serve("other.sock", service("other", false))
			tree := m.discover()
			if len(tree.Services) != 2 {
				t.Fatalf("got %v", sketch(tree))
			}
			s := tree.Services[0]
			if !strings.Contains(s.Fault, tc.fault) || s.Manifest != nil || len(s.Fault) > 400 {
				t.Errorf("fault %q, want %q", s.Fault, tc.fault)
			}
			if tree.Services[1].Manifest == nil {
				t.Error("the other service has to suffer for it")
			}
		})
	}
}

// A hundred sockets that hang cost the others no more than their patience.
func TestHangDelaysNobody(t *testing.T) {
	m := newMachine(t)
	m.opts.Timeout = 5 * time.Second
	for i := range 100 {
		m.raw(fmt.Sprintf("stuck%d.sock", i), mute)
	}
	m.serve("zebra.sock", service("zebra", false))
	w := m.watch()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var tree *discovery.Tree
	for {
		var err error
		if tree, err = w.Wait(ctx, tree); err != nil {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		if s := tree.Services[len(tree.Services)-1]; s.Manifest != nil {
			break
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestFolderOfOthers(t *testing.T) {
	m := newMachine(t)
	m.serve("food.sock", service("food", false))
	if err := os.Chmod(m.opts.Places.Sockets, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := discovery.Discover(t.Context(), m.opts)
	if fault.Of(err) != fault.Denied || !strings.HasPrefix(fault.Hint(err), "chmod 0700 ") {
		t.Errorf("got %v, hint %q", err, fault.Hint(err))
	}
	w := m.watch()
	tree := m.until(w, "stray .")
	if !strings.Contains(tree.Strays[0].Reason, "chmod 0700 ") {
		t.Errorf("reason %q", tree.Strays[0].Reason)
	}
	if err := os.Chmod(m.opts.Places.Sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	m.until(w, "food layers server=food.sock(live)")
	if err := os.Chmod(m.opts.Places.Sockets, 0o770); err != nil {
		t.Fatal(err)
	}
	m.until(w, "stray .")
}

func TestMissingFolder(t *testing.T) {
	m := newMachine(t)
	if err := os.RemoveAll(filepath.Join(m.opts.Places.Home, "var")); err != nil {
		t.Fatal(err)
	}
	if tree := m.discover(); len(tree.Services)+len(tree.Strays) != 0 {
		t.Errorf("got %v", sketch(tree))
	}
	w := m.watch()
	m.until(w)
	for range 5 {
		stop := m.serve("food.sock", service("food", false))
		m.until(w, "food layers server=food.sock(live)")
		if err := os.RemoveAll(filepath.Join(m.opts.Places.Home, "var")); err != nil {
			t.Fatal(err)
		}
		m.until(w)
		stop()
	}
	// Moved away, and another one in its place.
	stop := m.serve("food.sock", service("food", false))
	m.until(w, "food layers server=food.sock(live)")
	if err := os.Rename(m.opts.Places.Sockets, m.opts.Places.Sockets+".old"); err != nil {
		t.Fatal(err)
	}
	m.serve("drinks.sock", service("drinks", false))
	m.until(w, "drinks layers server=drinks.sock(live)")
	stop()
	// The same with all that is above it.
	if err := os.Rename(m.opts.Places.Home, m.opts.Places.Home+".old"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(m.opts.Places.Home + ".old") })
	m.until(w)
	m.serve("food.sock", service("food", false))
	m.until(w, "food layers server=food.sock(live)")
	// And with a link to it, which is refused, until a folder takes its place.
	if err := os.Rename(m.opts.Places.Sockets, m.opts.Places.Sockets+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(m.opts.Places.Sockets+".real", m.opts.Places.Sockets); err != nil {
		t.Fatal(err)
	}
	m.until(w, "stray .")
	if err := os.Remove(m.opts.Places.Sockets); err != nil {
		t.Fatal(err)
	}
	m.until(w)
	if err := os.Rename(m.opts.Places.Sockets+".real", m.opts.Places.Sockets); err != nil {
		t.Fatal(err)
	}
	m.until(w, "food layers server=food.sock(live)")
}

func TestWatch(t *testing.T) {
	m := newMachine(t)
	w := m.watch()
	m.until(w)
	stop := m.serve("food.sock", service("food", false))
	m.until(w, "food layers server=food.sock(live)")
	m.serve("food_server/root/a.sock", http.NotFoundHandler())
	m.until(w, "food layers server=food.sock(live) root:a")
	m.serve("food_server/org/b.sock", http.NotFoundHandler())
	m.until(w, "food layers server=food.sock(live) org:b root:a")
	if err := os.RemoveAll(m.path("food_server/org")); err != nil {
		t.Fatal(err)
	}
	m.until(w, "food layers server=food.sock(live) root:a")
	stop()
	m.until(w, "food layers root:a fault: its service socket food.sock is missing")
	m.serve("food.sock", openrpcAt("/openrpc.json"))
	if err := os.RemoveAll(m.path("food_server")); err != nil {
		t.Fatal(err)
	}
	m.until(w, "food single server=food.sock(live)")
	m.serve("food.sock", service("food", false)) // replaces it
	m.until(w, "food layers server=food.sock(live)")
}

// Folders come and go faster than watches can be set.
func TestChurn(t *testing.T) {
	m := newMachine(t)
	w := m.watch()
	for round := range 30 {
		for i := range 20 {
			dir := m.path(fmt.Sprintf("s%d_server/c%d", i, round%3))
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			l := m.listen(fmt.Sprintf("s%d_server/c%d/d%d.sock", i, round%3, round))
			l.UnixListener.Close()
			if (round+i)%4 == 0 {
				os.RemoveAll(m.path(fmt.Sprintf("s%d_server", i)))
			}
		}
	}
	m.until(w, sketch(m.discover())...)
}

// When the queue of events overflowed, everything is read again, and watched.
func TestOverflow(t *testing.T) {
	m := newMachine(t)
	m.stale("a_server/root/x.sock")
	w := discovery.NewWatcher(m.opts)
	run, deaf, overflow, err := discovery.Lossy(w)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	const missing = " fault: its service socket a.sock is missing"
	m.until(w, "a layers root:x"+missing)
	for _, rel := range []string{"a_server", "a_server/root"} {
		if err := deaf(m.path(rel)); err != nil {
			t.Fatal(err)
		}
	}
	m.stale("a_server/root/y.sock")
	m.stale("a_server/org/z.sock")
	m.stale("b_server/root/b.sock") // told: when that is seen, the others were missed
	const b = "b layers root:b fault: its service socket b.sock is missing"
	m.until(w, "a layers root:x"+missing, b)
	overflow()
	m.until(w, "a layers org:z root:x,y"+missing, b)
	m.stale("a_server/org/y.sock")
	m.until(w, "a layers org:y,z root:x,y"+missing, b)
}

// The watches of a folder go on when it is called otherwise.
func TestRenamedFolders(t *testing.T) {
	m := newMachine(t)
	m.stale("a_server/root/x.sock")
	w := m.watch()
	const missing = " fault: its service socket %s.sock is missing"
	m.until(w, "a layers root:x"+fmt.Sprintf(missing, "a"))
	for i := range 20 {
		from, to := []string{"a", "b"}[i%2], []string{"b", "a"}[i%2]
		if err := os.Rename(m.path(from+"_server"), m.path(to+"_server")); err != nil {
			t.Fatal(err)
		}
		m.until(w, to+" layers root:x"+fmt.Sprintf(missing, to))
		m.stale(to + "_server/root/y.sock")
		m.until(w, to+" layers root:x,y"+fmt.Sprintf(missing, to))
		if err := os.Remove(m.path(to + "_server/root/y.sock")); err != nil {
			t.Fatal(err)
		}
		m.until(w, to+" layers root:x"+fmt.Sprintf(missing, to))
	}
}

// A socket that did not answer at first is asked again.
func TestLateAnswer(t *testing.T) {
	m := newMachine(t)
	ready := make(chan struct{})
	m.serve("food.sock", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
			service("food", false).ServeHTTP(rw, r)
		case <-r.Context().Done():
		}
	}))
	w := m.watch()
	m.until(w, "food single server=food.sock(hang) fault: it accepts connections and does not answer within 300ms")
	close(ready)
	m.until(w, "food layers server=food.sock(live)")
}

// The manifest is read again when the contexts that it lists have changed.
func TestManifestFollowsContexts(t *testing.T) {
	m := newMachine(t)
	var mu sync.Mutex
	version := 0
	m.serve("food.sock", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		version++
		doc := newManifest("food", false)
		doc.Version = fmt.Sprint(version)
		json.MarshalWrite(rw, doc)
	}))
	w := m.watch()
	m.until(w, "food layers server=food.sock(live)")
	m.serve("food_server/root/a.sock", http.NotFoundHandler())
	tree := m.until(w, "food layers server=food.sock(live) root:a")
	for first := tree.Services[0].Manifest.Version; tree.Services[0].Manifest.Version == first; {
		next, err := w.Wait(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		tree = next
	}
}

func TestWaitEnds(t *testing.T) {
	m := newMachine(t)
	w := discovery.NewWatcher(m.opts)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Wait(ctx, nil); fault.Of(err) != fault.Canceled {
		t.Errorf("got %v", err)
	}
	if err := w.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	tree, err := w.Wait(t.Context(), nil)
	if err != nil || tree != w.Tree() {
		t.Fatal(err)
	}
	if _, err := w.Wait(t.Context(), tree); fault.Of(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := discovery.Discover(ctx, m.opts); err != nil && fault.Of(err) != fault.Canceled {
		t.Errorf("Discover: %v", err)
	}
}
