package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Systemd holds the sockets and starts the service at the first connection:
// all three layers are then answered, the UI by a process of its own, and the
// sockets stay when the service has gone because nobody needed it.
func TestSocketActivation(t *testing.T) {
	m := newMachine(t)
	activate := need(t, "systemd-socket-activate")
	sockets := filepath.Join(m.home, "var", "sockets")
	rel := []string{"hero_food.sock", "hero_food_ui.sock", "hero_food_server/root/delivery.sock", "hero_food_server/root/restaurant.sock",
		"hero_food_server/root/identity.sock"}
	args := []string{"-E", "HERO_HOME=" + m.home, "-E", "HERO_IDLE=300ms", "--fdname=" + strings.Join(rel, ":")}
	for _, r := range rel {
		path := filepath.Join(sockets, r)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-l", path)
	}
	cmd := exec.Command(activate, append(args, filepath.Join(os.Getenv(binaries), "hero_food"))...)
	cmd.Env = m.env()
	out := new(output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { cmd.Process.Signal(syscall.SIGTERM); m.killLeft() }()
	m.await("the sockets are there", func() error {
		_, err := os.Stat(filepath.Join(sockets, rel[len(rel)-1]))
		return err
	})
	for _, r := range rel { // as SocketMode=0600 in a socket unit has it; wider is refused
		if err := os.Chmod(filepath.Join(sockets, r), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if services, _ := m.foods(); len(services) != 0 {
		t.Fatal("it runs before anybody connected")
	}
	for socket, path := range map[string]string{rel[2]: "/health", rel[0]: "/health", rel[1]: "/"} {
		if err := over(filepath.Join(sockets, socket), path); err != nil {
			t.Fatalf("%s: %v\n%s", socket, err, out)
		}
	}
	services, uis := m.foods()
	if len(services) != 1 || len(uis) != 1 {
		t.Errorf("services %v, UIs %v", services, uis)
	}
	for _, pid := range uis { // somebody looks at the UI: that keeps the service
		var n int
		fmt.Sscan(pid, &n)
		syscall.Kill(n, syscall.SIGTERM)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v\n%s", err, out)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("nobody needs it, and it goes on\n%s", out)
	}
	for _, r := range rel {
		if _, err := os.Stat(filepath.Join(sockets, r)); err != nil {
			t.Errorf("whoever holds the sockets lost one: %v", err)
		}
	}
}

// A whole service on demand: hero_proc holds its sockets, the first connection
// starts it and is answered, health does not wake it, and it sleeps again.
func TestServiceOnDemand(t *testing.T) {
	m := newMachine(t)
	m.start()
	set := fmt.Sprintf(`{"name":"hero_food","command":[%q],"on_demand":true,"idle":"700ms"}`, filepath.Join(os.Getenv(binaries), "hero_food"))
	m.do("hero_inspector", "call", "hero_proc", "root/supervisor", "supervisor.set", set)
	m.do("hero_proc", "start", "hero_food")
	asleep := func() error {
		out, err := m.try("hero_proc", "status", "hero_food")
		if services, _ := m.foods(); err == nil && (len(services) != 0 || !strings.Contains(out, "hero_food: asleep")) {
			err = fmt.Errorf("%v\n%s", services, out)
		}
		return err
	}
	sockets := filepath.Join(m.home, "var", "sockets")
	own, domain := filepath.Join(sockets, "hero_food.sock"), filepath.Join(sockets, "hero_food_server", "root", "delivery.sock")
	for n := range 3 {
		m.await("it sleeps", asleep)
		for range 5 { // nobody is woken by being asked how it is
			m.do("hero_proc", "list")
			if services, _ := m.foods(); len(services) != 0 {
				t.Fatalf("round %d: it was woken: %s", n, m.do("hero_proc", "history", "hero_food"))
			}
		}
		socket := own
		if n > 0 { // by then its domains' sockets are known
			socket = domain
		}
		if err := over(socket, "/health"); err != nil {
			t.Fatalf("round %d: the first request: %v\n%s", n, err, m.do("hero_proc", "history", "hero_food"))
		}
	}
	if status, _, body := m.http("GET", "/hero_food/root/delivery/health", ""); status != http.StatusOK {
		t.Errorf("through the proxy: %d %s", status, body)
	}
	for _, sleeps := range []bool{true, false} { // hero_proc dies, and the next one holds the sockets
		if sleeps {
			m.await("it sleeps", asleep)
		} else if err := over(own, "/health"); err != nil {
			t.Fatal(err)
		}
		m.kill()
		m.start()
		m.await("it sleeps after hero_proc died", asleep)
		if err := over(domain, "/health"); err != nil {
			t.Fatalf("after hero_proc died: %v\n%s", err, m.do("hero_proc", "history", "hero_food"))
		}
	}
	m.do("hero_proc", "stop", "hero_food")
	if _, err := os.Stat(own); err == nil {
		t.Error("it is stopped, and its socket stands")
	}
}

// over asks on a socket.
func over(socket, path string) error {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Get("http://hero" + path)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return nil
}
