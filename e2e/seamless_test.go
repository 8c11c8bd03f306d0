package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// traffic asks hero_food through the proxy, without pause and nothing twice,
// until it is told to stop.
type traffic struct {
	m      *machine
	stop   context.CancelFunc
	wg     sync.WaitGroup
	sent   atomic.Int64
	mu     sync.Mutex
	failed map[string]int
}

func (m *machine) traffic() *traffic {
	m.t.Helper()
	m.await("the demo is filled", func() error {
		out, err := m.try("hero_proc", "logs", "hero_food")
		if err == nil && !strings.Contains(out, "msg=ready") {
			err = fmt.Errorf("it says:\n%s", out)
		}
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	tr := &traffic{m: m, stop: cancel, failed: map[string]int{}}
	kinds := []struct{ method, path, body, want string }{
		{"POST", "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":1,"method":"order.counts"}`, `"result"`},
		{"POST", "/hero_food/org_acme/restaurant/rpc", `{"jsonrpc":"2.0","id":1,"method":"restaurant.create","params":{"name":"T","cuisine":"c","address":"a","city":"b"}}`, `"result"`},
		{"POST", "/hero_food/rpc", `{"jsonrpc":"2.0","id":1,"method":"context.list"}`, `"org_acme"`},
		{"GET", "/hero_food/", "", "</html>"},
	}
	for w := range 4 {
		tr.wg.Go(func() {
			conns := &http.Transport{}
			defer conns.CloseIdleConnections()
			tick := time.NewTicker(4 * time.Millisecond)
			defer tick.Stop()
			for n := w; ctx.Err() == nil; n++ {
				<-tick.C
				k := kinds[n%len(kinds)]
				if err := once(conns, m.addr, k.method, k.path, k.body, k.want); err != nil {
					tr.mu.Lock()
					tr.failed[err.Error()]++
					tr.mu.Unlock()
				}
				tr.sent.Add(1)
			}
		})
	}
	return tr
}

// once sends a request that nothing between here and the service can repeat.
func once(tr *http.Transport, addr, method, path, body, want string) error {
	var in io.Reader
	if body != "" {
		in = struct{ io.Reader }{strings.NewReader(body)}
	}
	req, err := http.NewRequest(method, "http://"+addr+path, in)
	if err != nil {
		return err
	}
	if in != nil {
		req.ContentLength = int64(len(body))
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(got, []byte(want)) {
		return fmt.Errorf("%s %s: %s %.300s", method, path, resp.Status, got)
	}
	return nil
}

// end stops it and reports what failed.
func (tr *traffic) end() {
	tr.m.t.Helper()
	tr.stop()
	tr.wg.Wait()
	tr.m.t.Logf("%d requests", tr.sent.Load())
	for why, n := range tr.failed {
		tr.m.t.Errorf("%d requests failed: %s", n, why)
	}
}

// foods returns the processes of hero_food that are the service, and those
// that are its UI.
func (m *machine) foods() (services, uis []string) {
	for pid := range m.pids() {
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if name, _, _ := strings.Cut(string(line), "\x00"); filepath.Base(name) != "hero_food" {
			continue
		}
		env, _ := os.ReadFile("/proc/" + pid + "/environ")
		if strings.Contains(string(env), "HERO_ROLE=ui") {
			uis = append(uis, pid)
		} else {
			services = append(services, pid)
		}
	}
	return services, uis
}

// A restart that nobody notices: hero_food is replaced three times under load,
// and not one request fails.
func TestGracefulRestart(t *testing.T) {
	m := newMachine(t)
	m.start("--demo")
	tr := m.traffic()
	for range 3 {
		before := m.pid("hero_food")
		m.do("hero_proc", "restart", "--graceful", "hero_food")
		if after := m.pid("hero_food"); after == before {
			t.Errorf("it is still process %d", after)
		}
		if services, _ := m.foods(); len(services) != 1 {
			t.Errorf("%d processes of it are left", len(services))
		}
	}
	tr.end()
}

// hero_proc is killed in the middle of a graceful restart, each time a little
// later: nobody notices, and one process is left.
func TestSupervisorDiesDuringGracefulRestart(t *testing.T) {
	m := newMachine(t)
	m.start("--demo")
	tr := m.traffic()
	for _, after := range []time.Duration{30, 120, 250, 500} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			m.try("hero_proc", "restart", "--graceful", "hero_food") // fails with hero_proc
		}()
		time.Sleep(after * time.Millisecond)
		m.kill()
		<-ended
		m.start("--demo")
		m.await("one hero_food is left, and is well", func() error {
			if services, _ := m.foods(); len(services) != 1 {
				return fmt.Errorf("%d processes", len(services))
			}
			_, err := m.try("hero_proc", "health", "hero_food")
			return err
		})
	}
	tr.end()
}

// Only the UI is restarted, while the service and what it does are left alone.
func TestRestartOfTheUIAlone(t *testing.T) {
	m := newMachine(t)
	m.start("--demo")
	if status, _, _ := m.http("GET", "/hero_food/", ""); status != http.StatusOK {
		t.Fatalf("the UI: %d", status)
	}
	services, uis := m.foods()
	if len(services) != 1 || len(uis) != 1 {
		t.Fatalf("%v, %v", services, uis)
	}
	m.do("hero_proc", "restart", "hero_food", "--ui")
	if status, _, _ := m.http("GET", "/hero_food/", ""); status != http.StatusOK {
		t.Errorf("the UI: %d", status)
	}
	now, other := m.foods()
	if len(now) != 1 || now[0] != services[0] || len(other) != 1 || other[0] == uis[0] {
		t.Errorf("was %v, %v; is %v, %v", services, uis, now, other)
	}
	if _, err := m.try("hero_proc", "restart", "hero_inspector", "--ui"); err == nil {
		t.Error("a UI without a process of its own was restarted")
	}
}
