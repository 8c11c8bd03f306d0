package discovery_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// program starts a real program and waits until it has made its socket.
func (m *machine) program(socket, name string, args ...string) {
	m.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		m.t.Skipf("left out: %s is not installed", name)
	}
	out, err := os.Create(filepath.Join(m.opts.Places.Home, name+".log"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { out.Close() })
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		if fi, err := os.Lstat(m.path(socket)); err == nil && fi.Mode()&os.ModeSocket != 0 {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(out.Name())
			m.t.Fatalf("%s made no socket: %s", name, log)
		}
	}
}

// TestPeer is no test but the other process of those that need one: it serves
// the sockets that it is told to, until its input ends.
func TestPeer(t *testing.T) {
	rels := os.Getenv("HERO_TEST_SERVE")
	if rels == "" {
		return
	}
	m := &machine{t: t}
	m.opts.Places.Sockets = os.Getenv("HERO_TEST_SOCKETS")
	for _, rel := range strings.Split(rels, ",") {
		name, _ := layout.Stem(filepath.Base(rel))
		m.serve(rel, service(name, false))
	}
	os.Stdout.WriteString("ready\n")
	io.Copy(io.Discard, os.Stdin)
}

// peer starts a process that serves the sockets and returns its id, and how to
// kill it.
func (m *machine) peer(rels ...string) (pid int, kill func()) {
	m.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPeer$")
	cmd.Env = append(os.Environ(), "HERO_TEST_SERVE="+strings.Join(rels, ","), "HERO_TEST_SOCKETS="+m.opts.Places.Sockets)
	in, err := cmd.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	kill = sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait(); in.Close() })
	m.t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		m.t.Fatalf("the other process says %q, %v", line, err)
	}
	return cmd.Process.Pid, kill
}

// TestSplitBrain is of "two registrations binding the same sockets": both
// processes are told.
func TestSplitBrain(t *testing.T) {
	m := newMachine(t)
	one, _ := m.peer("food.sock", "food_server/org/a.sock")
	w := m.watch()
	m.until(w, "food layers server=food.sock(live) org:a")
	two, kill := m.peer("food_server/root/a.sock")
	pids := []int{one, two}
	slices.Sort(pids)
	m.until(w, fmt.Sprintf("food layers server=food.sock(live) org:a root:a split%v", pids))
	tree := m.discover()
	if !slices.Equal(tree.Services[0].Split, pids) || tree.Services[0].Server.PID != one {
		t.Errorf("got %v, %d", tree.Services[0].Split, tree.Services[0].Server.PID)
	}
	kill()
	if tree := m.discover(); tree.Services[0].Split != nil {
		t.Errorf("a dead process claims the service: %v", tree.Services[0].Split)
	}
	// This process started the other one: it may have opened the socket for it.
	m.serve("food_server/root/a.sock", http.NotFoundHandler())
	if tree := m.discover(); tree.Services[0].Split != nil {
		t.Errorf("parent and child are taken for rivals: %v", tree.Services[0].Split)
	}
}

// A process that is killed leaves its sockets as they are: nothing changes in
// the folder.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: the end of another process is told on Linux alone")
	}
	m := newMachine(t)
	one, killOne := m.peer("food.sock", "food_server/org/a.sock")
	two, killTwo := m.peer("food_server/root/a.sock")
	pids := []int{one, two}
	slices.Sort(pids)
	w := m.watch()
	m.until(w, fmt.Sprintf("food layers server=food.sock(live) org:a root:a split%v", pids))
	killTwo()
	m.until(w, "food layers server=food.sock(live) org:a root:a")
	killOne()
	m.until(w, "food layers server=food.sock(stale) org:a root:a fault: nobody listens on its socket: what a dead process left behind")
	m.peer("food.sock")
	m.until(w, "food layers server=food.sock(live) org:a root:a")
}

// Redis takes HTTP for an attack and hangs up without a word.
func TestRedis(t *testing.T) {
	m := newMachine(t)
	if err := os.Mkdir(m.path("hero_db"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.program("hero_db/resp.sock", "redis-server", "--port", "0", "--unixsocket", m.path("hero_db/resp.sock"), "--save", "", "--dir", m.opts.Places.Home)
	w := m.watch()
	tree := m.until(w, "hero_db folder more:resp")
	for tree.Services[0].More[0].Socket.State != discovery.NonRPC {
		var err error
		if tree, err = w.Wait(t.Context(), tree); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNginx(t *testing.T) {
	m := newMachine(t)
	home := m.opts.Places.Home
	conf := filepath.Join(home, "nginx.conf")
	text := `daemon off; master_process off; pid HOME/pid; error_log HOME/error.log; events {}
http { access_log off; client_body_temp_path HOME/t1; proxy_temp_path HOME/t2; fastcgi_temp_path HOME/t3; uwsgi_temp_path HOME/t4; scgi_temp_path HOME/t5;
  server { listen unix:SOCKET; root HOME/site; } }`
	text = strings.NewReplacer("HOME", home, "SOCKET", m.path("oldsite_ui.sock")).Replace(text)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.program("oldsite_ui.sock", "nginx", "-c", conf, "-p", home, "-e", filepath.Join(home, "error.log"))
	w := m.watch()
	m.until(w, "oldsite pair ui=oldsite_ui.sock")
	m.serve("oldsite_server.sock", openrpcAt("GET /openrpc.json"))
	m.until(w, "oldsite pair server=oldsite_server.sock(live) ui=oldsite_ui.sock")
}
