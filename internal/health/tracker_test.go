package health_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// track follows a machine's services and returns a function that waits for a
// change, given as "service layer from>to".
func track(t *testing.T, m *machine, interval time.Duration) (*health.Tracker, func(string) health.Change) {
	t.Helper()
	w := discovery.NewWatcher(discovery.Options{Places: m.opts.Places})
	changes := make(chan health.Change, 1000)
	tr := health.NewTracker(health.TrackerOptions{Options: m.opts, Trees: w, Interval: interval, Changed: func(c health.Change) { changes <- c }})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx) })
	wg.Go(func() { tr.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return tr, func(want string) health.Change {
		t.Helper()
		var seen []string
		for end := time.After(20 * time.Second); ; {
			select {
			case c := <-changes:
				is := fmt.Sprintf("%s %s %s>%s", c.Service, c.Layer, c.From, c.To)
				if seen = append(seen, is); is == want {
					return c
				}
			case <-end:
				t.Fatalf("no %q; seen: %s", want, strings.Join(seen, ", "))
			}
		}
	}
}

// TestThreeMisses holds that one bad answer changes no word, that three do, and
// that one good answer mends it.
func TestThreeMisses(t *testing.T) {
	m := newMachine(t)
	var ill, asked atomic.Int32
	m.serve("food.sock", layers(t, "food", manifest.OnDemand, "asleep"))
	m.listen("food_ui.sock")
	m.serve("food_server/root/a.sock", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if n := ill.Load(); n > 0 && n < 100 && ill.Add(-1) >= 0 || n >= 100 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"status":"ok","service":"food","context":"root","domain":"a"}`)
	}))
	tr, await := track(t, m, 30*time.Millisecond)
	await("food root/a absent>healthy")
	ill.Store(1)
	before := asked.Load()
	for asked.Load() < before+4 {
		<-time.After(time.Millisecond)
	}
	if r, ok := tr.Report("food"); !ok || r.Contexts[0].Domains[0].Word != health.Healthy {
		t.Errorf("after one miss: %+v", r)
	}
	ill.Store(100)
	c := await("food root/a healthy>unhealthy")
	if !strings.Contains(c.Detail, "503") {
		t.Errorf("%+v", c)
	}
	if r, _ := tr.Report("food"); r.Word != health.Unhealthy {
		t.Errorf("%+v", r)
	}
	ill.Store(0)
	await("food root/a unhealthy>healthy")
	if r, ok := tr.Ask(t.Context(), "food"); !ok || r.Word != health.Healthy || r.Main.Latency <= 0 {
		t.Errorf("asked: %+v", r)
	}
	if _, ok := tr.Ask(t.Context(), "nobody"); ok {
		t.Error("there is a nobody")
	}
}

// TestContextIsTrackedInTheSameSecond holds that a change of the tree is looked
// at when it comes, whatever the interval.
func TestContextIsTrackedInTheSameSecond(t *testing.T) {
	m := newMachine(t)
	m.serve("food.sock", layers(t, "food", manifest.OnDemand, "asleep"))
	m.listen("food_ui.sock")
	_, await := track(t, m, time.Hour)
	await("food service absent>healthy")
	begin := time.Now()
	m.serve("food_server/org/a.sock", says(map[string]string{"GET /health": `{"status":"ok","service":"food","context":"org","domain":"a"}`}))
	await("food org/a absent>healthy")
	t.Logf("tracked after %v", time.Since(begin))
}

// TestSlowIsDegradedWithItsLatency also holds that a hang is told from slowness.
func TestSlowIsDegradedWithItsLatency(t *testing.T) {
	m := newMachine(t)
	m.opts.Timeout = 400 * time.Millisecond
	var wait atomic.Int64
	m.serve("food.sock", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(time.Duration(wait.Load())):
		case <-r.Context().Done():
		}
		says(map[string]string{"GET /health": `{"status":"ok"}`}).ServeHTTP(w, r)
	}))
	tr, await := track(t, m, 20*time.Millisecond)
	await("food service absent>healthy")
	wait.Store(int64(270 * time.Millisecond))
	await("food service healthy>degraded")
	if r, _ := tr.Report("food"); r.Main.Latency < 200 || !strings.Contains(r.Main.Detail, "slow") {
		t.Errorf("%+v", r)
	}
	wait.Store(int64(time.Hour))
	await("food service degraded>unhealthy")
}
