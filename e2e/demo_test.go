package e2e_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Promise: one command shows a supervised service with three layers, reached
// through the proxy and described by the inspector; Ctrl-C leaves nothing.
func TestDemo(t *testing.T) {
	m := newMachine(t)
	m.start("--demo")

	t.Run("status prints every layer", func(t *testing.T) {
		m.http("GET", "/hero_food/", "") // somebody looks: the UI is awake
		want := regexp.MustCompile(`^hero_food: running \(pid: \d+\)
  service:  healthy
  ui:       healthy
  domains:
    org_acme/delivery:      healthy
    org_acme/identity:      healthy
    org_acme/restaurant:    healthy
    root/delivery:          healthy
    root/identity:          healthy
    root/restaurant:        healthy
$`)
		if got := m.do("hero_proc", "status", "hero_food"); !want.MatchString(got) {
			t.Errorf("status:\n%s\nwant\n%s", got, want)
		}
		for _, name := range []string{"hero_core", "hero_inspector", "hero_proxy"} {
			if got := m.do("hero_proc", "status", name); !strings.HasPrefix(got, name+": running") {
				t.Errorf("status: %s", got)
			}
		}
	})

	t.Run("the URL table", func(t *testing.T) {
		for _, c := range []struct {
			method, path, body string
			status             int
			has                string
		}{
			{"GET", "/hero_food/", "", 200, "Hero Food"},
			{"POST", "/hero_food/rpc", `{"jsonrpc":"2.0","id":1,"method":"context.list"}`, 200, `"org_acme"`},
			{"GET", "/hero_food/openrpc.json", "", 200, `"context.create"`},
			{"GET", "/hero_food/health", "", 200, `"status":"ok"`},
			{"GET", "/hero_food/.well-known/heroservice.json", "", 200, `"hero_sdk"`},
			{"POST", "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":1,"method":"order.counts"}`, 200, `"delivered"`},
			{"GET", "/hero_food/root/delivery/openrpc.json", "", 200, `"order.place"`},
			{"GET", "/hero_food/org_acme/delivery/health", "", 200, `"context":"org_acme"`},
			{"GET", "/hero_food_ui/", "", 200, "Hero Food"},
			{"GET", "/hero_food_server/health", "", 200, `"status":"ok"`},
			{"GET", "/hero_inspector/", "", 200, "hero_food"},
			{"GET", "/nothing/", "", 404, `"status":404`},
			{"POST", "/hero_food/nobody/delivery/rpc", `{"jsonrpc":"2.0","id":1,"method":"x"}`, 404, ""},
			{"POST", "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0"`, 200, "-32700"},
		} {
			status, _, body := m.http(c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.has) {
				t.Errorf("%s %s: %d %.300s; want %d with %s", c.method, c.path, status, body, c.status, c.has)
			}
		}
	})

	t.Run("the inspector's commands", func(t *testing.T) {
		for _, c := range []struct {
			args []string
			has  string
		}{
			{[]string{"list"}, "hero_food"},
			{[]string{"tree", "hero_food"}, "hero_food_server/org_acme/identity.sock"},
			{[]string{"spec", "hero_food", "root/delivery"}, `"order.place"`},
			{[]string{"spec", "hero_food"}, `delivery.order.place`},
			{[]string{"call", "hero_food", "root/delivery", "order.counts"}, `"placed"`},
			{[]string{"call", "hero_food", "org_acme/restaurant", "restaurant.list", `{"limit":1}`}, `"items"`},
		} {
			if got := m.do(append([]string{"hero_inspector"}, c.args...)...); !strings.Contains(got, c.has) {
				t.Errorf("hero_inspector %v: %.500s; want %s", c.args, got, c.has)
			}
		}
	})

	t.Run("killed, it comes back with its orders", func(t *testing.T) {
		var before, after map[string]int
		if err := m.rpc("/hero_food/root/delivery/rpc", "order.counts", nil, &before); err != nil {
			t.Fatal(err)
		}
		old := m.pid("hero_food")
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		m.await("hero_food is back", func() error {
			if now := m.pid("hero_food"); now == old || now == 0 {
				return fmt.Errorf("its process is %d", now)
			}
			return m.rpc("/hero_food/root/delivery/rpc", "order.counts", nil, &after)
		})
		if fmt.Sprint(before) != fmt.Sprint(after) || before["delivered"] == 0 {
			t.Errorf("orders before %v, after %v", before, after)
		}
		if why := m.do("hero_proc", "why", "hero_food"); !strings.Contains(why, "SIGKILL") && !strings.Contains(why, "137") {
			t.Errorf("why: %s; want that it was killed", why)
		}
	})

	t.Run("any command can be added", func(t *testing.T) {
		m.do("hero_proc", "add", "clock", "--", "sh", "-c", "while :; do echo tick; sleep 0.1; done")
		m.await("clock ticks", func() error {
			if out := m.do("hero_proc", "logs", "clock", "-n", "5"); !strings.Contains(out, "tick") {
				return fmt.Errorf("its log is %q", out)
			}
			return nil
		})
		if out := m.do("hero_proc", "stop", "clock"); !strings.HasPrefix(out, "clock: stopped") {
			t.Errorf("stop: %s", out)
		}
		m.do("hero_proc", "start", "clock")
		m.do("hero_proc", "remove", "clock")
		if out, err := m.try("hero_proc", "status", "clock"); err == nil {
			t.Errorf("removed, and status says %s", out)
		}
	})

	t.Run("a new context is reachable at once", func(t *testing.T) {
		if err := m.rpc("/hero_food/rpc", "context.create", map[string]any{"name": "org_new"}, nil); err != nil {
			t.Fatal(err)
		}
		m.await("the proxy knows it", func() error {
			return m.rpc("/hero_food/org_new/delivery/rpc", "order.counts", nil, nil)
		})
	})

	m.end()
	err := filepath.WalkDir(m.home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSocket != 0 {
			t.Errorf("a socket is left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Promise: a second supervisor on the same home is refused.
func TestSecondSupervisorIsRefused(t *testing.T) {
	m := newMachine(t)
	m.start()
	out, err := m.try("hero_proc", "up", "--listen", "127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(m.up.Process.Pid)) {
		t.Errorf("second hero_proc: %s %v; want a refusal that names pid %d", out, err, m.up.Process.Pid)
	}
}

// Promise: the supervisor's death stops no service, and the next one starts
// none twice.
func TestSupervisorDies(t *testing.T) {
	m := newMachine(t)
	m.start("--demo")
	before := m.pid("hero_food")
	m.kill()
	if err := syscall.Kill(before, 0); err != nil {
		t.Fatalf("hero_food died with its supervisor: %v", err)
	}
	m.start("--demo")
	if after := m.pid("hero_food"); after != before {
		t.Errorf("hero_food was process %d and is %d", before, after)
	}
}

// Promise: commands say what is wrong and what to do.
func TestCommandsWithoutSupervisor(t *testing.T) {
	m := newMachine(t)
	_, err := m.try("hero_proc", "list")
	if err == nil || !strings.Contains(err.Error(), "hero_proc is not running") || !strings.Contains(err.Error(), "hero_proc up") {
		t.Errorf("list: %v", err)
	}
	if err := os.Chmod(m.home, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := m.try("hero_food"); err == nil || !strings.Contains(err.Error(), "chmod 0700 "+m.home) {
		t.Errorf("hero_food in a home that others can read: %v", err)
	}
}
