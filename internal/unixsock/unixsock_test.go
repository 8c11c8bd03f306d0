package unixsock_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, path string) *unixsock.Listener {
	t.Helper()
	l, err := unixsock.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustKind(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != k {
		t.Fatalf("got %v of kind %v, want %v", err, fault.Of(err), k)
	}
}

// talk proves that l is what stands at its path.
func talk(t *testing.T, l *unixsock.Listener, path string) {
	t.Helper()
	c, err := unixsock.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := io.WriteString(c, "hi"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2)
	if _, err := io.ReadFull(other, b); err != nil || string(b) != "hi" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestListen(t *testing.T) {
	path := filepath.Join(tempDir(t), "a", "b", "x.sock")
	l := listen(t, path)
	if l.Path() != path {
		t.Errorf("path %s", l.Path())
	}
	talk(t, l, path)
	if err := unixsock.CheckSocket(path); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, fi.Mode(), err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("besides the socket there is %v, %v", entries, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	_, err = unixsock.Dial(t.Context(), path)
	mustKind(t, err, fault.NotFound)
}

// The kernel takes 107 bytes.
func TestLongPath(t *testing.T) {
	dir := tempDir(t)
	for len(dir) < 300 {
		dir = filepath.Join(dir, strings.Repeat("d", 40))
	}
	path := filepath.Join(dir, "x.sock")
	if runtime.GOOS != "linux" {
		_, err := unixsock.Listen(path)
		mustKind(t, err, fault.Unsupported)
		return
	}
	l := listen(t, path)
	talk(t, l, path)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	_, err := unixsock.Listen(filepath.Join(dir, strings.Repeat("n", 120)+".sock"))
	if err != nil {
		mustKind(t, err, fault.Invalid)
	} else {
		_, err = unixsock.Dial(t.Context(), filepath.Join(dir, strings.Repeat("n", 120)+".sock"))
		mustKind(t, err, fault.Invalid)
	}
	// What was opened to get there is closed again.
	before := openFiles(t)
	for range 50 {
		l := listen(t, path)
		if c, err := unixsock.Dial(t.Context(), path); err == nil {
			c.Close()
		}
		l.Close()
		_, err := unixsock.Dial(t.Context(), path)
		mustKind(t, err, fault.NotFound)
	}
	if after := openFiles(t); after > before+5 {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

func TestSuccessor(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	old, next := listen(t, path), listen(t, path)
	talk(t, next, path)
	old.Remove()
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	talk(t, next, path)
	// Gone from its place, it serves those who are there already.
	c, err := unixsock.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	next.Remove()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Remove: %v", err)
	}
	if other, err := next.Accept(); err != nil {
		t.Error(err)
	} else {
		other.Close()
	}
}

// Whoever reads the folder never finds a socket that does not accept.
func TestAppearsReady(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			c, err := unixsock.Dial(context.Background(), path)
			if err == nil {
				c.Close()
			} else if fault.Of(err) != fault.NotFound {
				t.Errorf("found: %v", err)
				return
			}
		}
	})
	var last *unixsock.Listener
	for range 200 {
		l := listen(t, path)
		if last != nil {
			last.Close() // its place is taken: it removes nothing
		}
		last = l
	}
	if _, err := unixsock.Stat(path); err != nil {
		t.Error(err)
	}
	last.Remove()
}

func TestListenRefuses(t *testing.T) {
	dir := tempDir(t)
	wide := filepath.Join(dir, "wide folder")
	if err := os.Mkdir(wide, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(wide, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := unixsock.Listen(filepath.Join(wide, "x.sock"))
	mustKind(t, err, fault.Denied)
	if fault.Hint(err) != "chmod 0700 '"+wide+"'" {
		t.Errorf("hint %q", fault.Hint(err))
	}
	plain := filepath.Join(dir, "plain.sock")
	if err := os.WriteFile(plain, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = unixsock.Listen(plain)
	mustKind(t, err, fault.Conflict)
	if b, _ := os.ReadFile(plain); string(b) != "precious" {
		t.Error("the file was lost")
	}
	if fault.Hint(err) == "" {
		t.Error("no hint")
	}
	link := filepath.Join(dir, "link.sock")
	if err := os.Symlink(plain, link); err != nil {
		t.Fatal(err)
	}
	_, err = unixsock.Listen(link)
	mustKind(t, err, fault.Conflict)
	_, err = unixsock.Dial(t.Context(), link)
	mustKind(t, err, fault.Invalid)
	_, err = unixsock.Listen(filepath.Join(plain, "x.sock"))
	if err == nil {
		t.Error("a file is taken for a folder")
	}
	for _, path := range []string{"", "@abstract", "a\x00b.sock", dir + "/", "..", dir + "/."} {
		_, err := unixsock.Listen(path)
		mustKind(t, err, fault.Invalid)
		_, err = unixsock.Dial(t.Context(), path)
		mustKind(t, err, fault.Invalid)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("something was left behind: %v, %v", entries, err)
	}
}

func TestDialRefused(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	l := listen(t, path)
	l.UnixListener.Close()
	_, err := unixsock.Dial(t.Context(), path)
	mustKind(t, err, fault.Unavailable)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l2 := listen(t, path)
	defer l2.Close()
	_, err = unixsock.Dial(ctx, path)
	mustKind(t, err, fault.Canceled)
}

func TestChecks(t *testing.T) {
	dir := tempDir(t)
	mustKind(t, unixsock.CheckDir(filepath.Join(dir, "none")), fault.NotFound)
	if hint := fault.Hint(unixsock.CheckDir(filepath.Join(dir, "it's"))); !strings.HasPrefix(hint, "mkdir -p -m 0700 ") {
		t.Errorf("hint %q", hint)
	}
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	mustKind(t, unixsock.CheckDir(file), fault.Invalid)
	mustKind(t, unixsock.CheckDir(link), fault.Invalid)
	mustKind(t, unixsock.CheckSocket(file), fault.Invalid)
	mustKind(t, unixsock.CheckSocket(link), fault.Invalid)
	mustKind(t, unixsock.CheckSocket(filepath.Join(dir, "none")), fault.NotFound)
	for _, mode := range []fs.FileMode{0o750, 0o705, 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		mustKind(t, unixsock.CheckDir(dir), fault.Denied)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.sock")
	listen(t, path)
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	err := unixsock.CheckSocket(path)
	mustKind(t, err, fault.Denied)
	if fault.Hint(err) != "chmod 0600 "+path {
		t.Errorf("hint %q", fault.Hint(err))
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	err = unixsock.CheckDir(dir)
	mustKind(t, err, fault.Denied)
	if !strings.HasPrefix(fault.Hint(err), "sudo chown 0 ") {
		t.Errorf("hint %q", fault.Hint(err))
	}
}

// The hint's quoting holds whatever the folder is called.
func TestHintsCanBePasted(t *testing.T) {
	dir := tempDir(t)
	for _, name := range []string{"plain", "two words", "it's", "$(touch x)", "a;b", "-x", "ü", `back\slash`, "new\nline"} {
		wide := filepath.Join(dir, name)
		if err := os.Mkdir(wide, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(wide, 0o755); err != nil {
			t.Fatal(err)
		}
		hint := fault.Hint(unixsock.CheckDir(wide))
		if out, err := exec.Command("sh", "-c", hint).CombinedOutput(); err != nil {
			t.Errorf("%q: %v %s", hint, err, out)
		}
		if err := unixsock.CheckDir(wide); err != nil {
			t.Errorf("%q mends nothing: %v", hint, err)
		}
	}
}

func TestID(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	listen(t, path)
	one, err := unixsock.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := unixsock.Stat(path); err != nil || again != one {
		t.Errorf("got %v and %v, %v", one, again, err)
	}
	listen(t, path)
	if two, err := unixsock.Stat(path); err != nil || two == one {
		t.Errorf("a successor has the same identity %v, %v", two, err)
	}
	_, err = unixsock.Stat(filepath.Dir(path))
	mustKind(t, err, fault.Invalid)
	_, err = unixsock.Stat(path + ".none")
	mustKind(t, err, fault.NotFound)
	fi, err := fs.Stat(fstest.MapFS{"x": {}}, "x")
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := unixsock.IDOf(fi); ok || id != (unixsock.ID{}) {
		t.Errorf("a file in memory has the identity %v", id)
	}
}

func TestPeerCred(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	l := listen(t, path)
	c, err := unixsock.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, c := range []*net.UnixConn{c, other} {
		cred, err := unixsock.PeerCred(c)
		if err != nil || cred.PID != os.Getpid() || cred.UID != os.Getuid() || cred.GID != os.Getgid() {
			t.Errorf("got %+v, %v", cred, err)
		}
	}
	c.Close()
	if _, err := unixsock.PeerCred(c); err == nil {
		t.Error("a closed connection has a peer")
	}
}

func TestTransport(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	l := listen(t, path)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Host+r.URL.Path+r.Header.Get("Accept-Encoding"))
	})}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })
	defer wg.Wait()
	defer srv.Close()
	tr := unixsock.Transport(path)
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://any.host/where", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "any.host/where" {
		t.Errorf("got %q, %v", b, err)
	}
	none := unixsock.Transport(path + ".none")
	_, err = none.RoundTrip(r.Clone(t.Context()))
	mustKind(t, err, fault.NotFound)
}

func TestAdopt(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	l := listen(t, path)
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	a := unixsock.Adopt(other.(*net.UnixListener), path)
	talk(t, a, path)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	talk(t, l, path) // its place is not the adopter's to take away
}

func TestNotify(t *testing.T) {
	dir := tempDir(t)
	long := filepath.Join(dir, strings.Repeat("d", 120))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{filepath.Join(dir, "n"): filepath.Join(dir, "n")}
	if runtime.GOOS == "linux" {
		abstract := "@hero-test-" + filepath.Base(dir)
		paths[abstract] = abstract
		paths[filepath.Join(long, "n")] = ""
	}
	for path, bind := range paths {
		if bind == "" {
			d, err := os.Open(long)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			bind = "/proc/self/fd/" + itoa(int(d.Fd())) + "/n"
		}
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: bind, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := unixsock.Notify(path, "READY=1"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(b); err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%s: got %q, %v", path, b[:n], err)
		}
	}
	mustKind(t, unixsock.Notify(filepath.Join(dir, "none"), "READY=1"), fault.Unavailable)
	mustKind(t, unixsock.Notify("", "READY=1"), fault.Invalid)
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestLock(t *testing.T) {
	path := filepath.Join(tempDir(t), "s", ".x.lock")
	l, err := unixsock.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = unixsock.Lock(path)
	mustKind(t, err, fault.Conflict)
	if !strings.Contains(err.Error(), "pid "+itoa(os.Getpid())) {
		t.Errorf("it does not say who holds it: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Error(err)
	}
	again, err := unixsock.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
	link := filepath.Join(filepath.Dir(path), ".y.lock")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := unixsock.Lock(link); err == nil {
		t.Error("a symbolic link is taken for a lock")
	}
}

// A lock ends with the process that held it, however that dies.
func TestLockOfTheDead(t *testing.T) {
	if path := os.Getenv("HERO_TEST_LOCK"); path != "" {
		if _, err := unixsock.Lock(path); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("locked\n")
		io.Copy(io.Discard, os.Stdin) // until it is killed, or the test that started it is
		return
	}
	path := filepath.Join(tempDir(t), ".x.lock")
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockOfTheDead$")
	cmd.Env = append(os.Environ(), "HERO_TEST_LOCK="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	_, err = unixsock.Lock(path)
	mustKind(t, err, fault.Conflict)
	if !strings.Contains(err.Error(), "pid "+itoa(cmd.Process.Pid)) {
		t.Errorf("got %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	l, err := unixsock.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Unlock()
}

// Whoever asks how a server is does not use it, and is answered all the same.
func TestIdleListenerOverlooks(t *testing.T) {
	path := filepath.Join(tempDir(t), "x.sock")
	base, err := unixsock.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l := unixsock.NewIdleListener(base)
	type key struct{}
	srv := &http.Server{
		ConnState:   l.ConnState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				l.Overlook(r.Context().Value(key{}).(net.Conn))
			} else if l.Unused() != 0 {
				t.Error("a request is under way, and nobody uses it")
			}
		}),
	}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	defer func() { srv.Close(); <-done }()
	tr := unixsock.Transport(path)
	defer tr.CloseIdleConnections()
	get := func(path string) {
		t.Helper()
		res, err := (&http.Client{Transport: tr}).Get("http://hero" + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		for l.Unused() == 0 { // until the server has noticed the end
			runtime.Gosched()
		}
	}
	get("/")
	before := l.Unused()
	for range 3 {
		get("/health")
		if now := l.Unused(); now < before {
			t.Fatalf("unused for %v, and after a look for %v", before, now)
		} else {
			before = now
		}
	}
	start := time.Now()
	get("/")
	if now := l.Unused(); now > time.Since(start) {
		t.Errorf("used just now, and unused for %v", now)
	}
}
