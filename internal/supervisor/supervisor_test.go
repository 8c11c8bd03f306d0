package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// fake is a Runner without processes.
type fake struct {
	mu      sync.Mutex
	log     []string // "start a", "stop a", "kill a"
	running map[string]*fakeProcess
	life    map[string]time.Duration // after which a unit's process ends with 1
	deaf    map[string]bool          // to the stop signal
	pid     int
	double  string // a unit of which two ran at once
	notify  map[string]func(osproc.Notice)
}

type fakeProcess struct {
	f    *fake
	unit string
	id   osproc.ID
	once sync.Once
	done chan struct{}
	exit osproc.Exit
}

func newFake() *fake {
	return &fake{running: map[string]*fakeProcess{}, life: map[string]time.Duration{}, deaf: map[string]bool{}, notify: map[string]func(osproc.Notice){}}
}

func (f *fake) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, s)
}

func (f *fake) told() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, ", ")
}

func (f *fake) Start(s osproc.Spec) (supervisor.Process, error) {
	if s.Args[0] == "missing" {
		return nil, fault.Errorf(fault.NotFound, "no program")
	}
	f.note("start " + s.Unit)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running[s.Unit] != nil {
		f.double = s.Unit
	}
	f.pid++
	p := &fakeProcess{f: f, unit: s.Unit, id: osproc.ID{PID: f.pid}, done: make(chan struct{})}
	f.running[s.Unit] = p
	f.notify[s.Unit] = s.Notify
	if d, ok := f.life[s.Unit]; ok {
		time.AfterFunc(d, func() { p.end(osproc.Exit{Known: true, Code: 1}) })
	}
	return p, nil
}

func (*fake) Survey() ([]osproc.Member, error) { return nil, nil }
func (*fake) Find() ([]osproc.Found, error)    { return nil, nil }
func (*fake) Clear(osproc.Found) error         { return nil }
func (*fake) Close() error                     { return nil }
func (*fake) Adopt(string, string, osproc.ID, func(osproc.Notice)) (supervisor.Process, error) {
	return nil, fault.Errorf(fault.NotFound, "no process")
}

func (p *fakeProcess) end(e osproc.Exit) {
	p.once.Do(func() {
		p.f.mu.Lock()
		delete(p.f.running, p.unit)
		p.f.mu.Unlock()
		p.exit = e
		close(p.done)
	})
}

func (p *fakeProcess) ID() osproc.ID         { return p.id }
func (p *fakeProcess) Done() <-chan struct{} { return p.done }
func (p *fakeProcess) Exit() osproc.Exit     { return p.exit }
func (p *fakeProcess) Signal(s syscall.Signal) error {
	p.f.note("stop " + p.unit)
	if !p.f.deaf[p.unit] {
		p.end(osproc.Exit{Known: true, Signal: s})
	}
	return nil
}
func (p *fakeProcess) SignalAll(s syscall.Signal) error { return p.Signal(s) }
func (p *fakeProcess) Left() (int, error)               { return 0, nil }
func (p *fakeProcess) Kill() error {
	p.end(osproc.Exit{Known: true, Signal: syscall.SIGKILL})
	return nil
}
func (p *fakeProcess) Usage() (osproc.Usage, error) { return osproc.Usage{Processes: 1}, nil }

// places returns a home of the test's own.
func places(t *testing.T) layout.Places {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return layout.Places{Home: dir, Sockets: dir + "/var/sockets"}
}

func open(t *testing.T, opts supervisor.Options) *supervisor.Supervisor {
	t.Helper()
	if opts.Places.Home == "" {
		opts.Places = places(t)
	}
	s, err := supervisor.Open(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t *testing.T, s *supervisor.Supervisor, us ...unit.Unit) {
	t.Helper()
	for _, u := range us {
		if u.Command == nil && u.Script == "" {
			u.Command = []string{"x"}
		}
		if err := s.Set(context.Background(), u); err != nil {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, s *supervisor.Supervisor, name, state string) supervisor.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	st, err := s.Wait(ctx, name, func(st supervisor.Status) bool { return st.State == state })
	if err != nil {
		t.Fatalf("not %s: %v, %+v", state, err, st)
	}
	return st
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := open(t, supervisor.Options{Runner: f})
		set(t, s, unit.Unit{Name: "db"}, unit.Unit{Name: "cache"}, unit.Unit{Name: "app", Requires: []string{"db"}, Wants: []string{"cache"}},
			unit.Unit{Name: "ui", After: []string{"app"}, Requires: []string{"app"}})
		must(t, s.Start(t.Context(), "ui"))
		if st := wait(t, s, "ui", "waiting"); st.Detail != "waits for app, which is waiting" {
			t.Errorf("detail %q", st.Detail)
		}
		begin := time.Now()
		wait(t, s, "ui", "running")
		// Three steps of a second: db and cache together, app, ui.
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("up after %v", d)
		}
		if got := f.told(); got != "start db, start cache, start app, start ui" && got != "start cache, start db, start app, start ui" {
			t.Errorf("order: %s", got)
		}
		f.log = nil
		must(t, s.Stop(t.Context(), "db"))
		if got := f.told(); got != "stop ui, stop app, stop db" {
			t.Errorf("order of stop: %s", got)
		}
		if st, _ := s.Status("cache"); st.State != "running" {
			t.Errorf("cache is %s", st.State)
		}
		must(t, s.Start(t.Context(), "ui"))
		wait(t, s, "ui", "running")
		f.log = nil
		must(t, s.Shutdown(t.Context(), supervisor.StopAll))
		if got := f.told(); strings.Index(got, "ui") > strings.Index(got, "app") || strings.Index(got, "app") > strings.Index(got, "db") {
			t.Errorf("order of the end: %s", got)
		}
	})
}

func TestCycleIsRefusedAndPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supervisor.Options{Runner: newFake()})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "a", After: []string{"b"}}, unit.Unit{Name: "b", Requires: []string{"c"}})
		err := s.Set(t.Context(), unit.Unit{Name: "c", Command: []string{"x"}, Wants: []string{"a"}})
		if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "a → b → c → a") {
			t.Errorf("%v", err)
		}
		if _, err := s.Get("c"); fault.Of(err) != fault.NotFound {
			t.Errorf("registered all the same: %v", err)
		}
		if err := s.Start(t.Context(), "b"); fault.Of(err) != fault.NotFound || !strings.Contains(err.Error(), "requires c, which is not registered") {
			t.Errorf("%v", err)
		}
	})
}

func TestTightLoopRestsAsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.life["a"] = 10 * time.Millisecond
		s := open(t, supervisor.Options{Runner: f})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "a", MaxRestarts: 3, Backoff: unit.Backoff{Jitter: -1}}, unit.Unit{Name: "b", Requires: []string{"a"}})
		must(t, s.Start(t.Context(), "b"))
		st := wait(t, s, "a", "failed")
		if st.Cause != "failed: exit 1, restarted 3 times in 1m0s, the cap" || st.Restarts != 3 || *st.ExitCode != 1 || st.Desired != "up" {
			t.Errorf("%+v", st)
		}
		if st := wait(t, s, "b", "failed"); st.Cause != "failed: requires a, which is failed" {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Hour)
		if got := f.told(); got != "start a, start a, start a, start a" {
			t.Errorf("%s", got)
		}
		hist, err := s.History(t.Context(), "a", 0)
		must(t, err)
		var causes []string
		for _, h := range hist {
			causes = append(causes, h.From+" to "+h.To+": "+h.Cause)
		}
		want := []string{"stopped to waiting: needed by b", "waiting to starting: starts", "starting to backoff: restarted: exit 1, attempt 1 of 3, next in 0.2 s"}
		if len(causes) < 3 || !slices.Equal(causes[:3], want) {
			t.Errorf("history:\n%s", strings.Join(causes, "\n"))
		}
		why, err := s.Why(t.Context(), "a")
		must(t, err)
		for _, part := range []string{"rests as failed since 1h0m0s", "the cap", "restarted 3 times"} {
			if !strings.Contains(why, part) {
				t.Errorf("why: %s", why)
			}
		}
	})
}

func TestStopOfADeafOneEndsAfterItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.deaf["a"] = true
		s := open(t, supervisor.Options{Runner: f})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "a", Grace: unit.Duration(3 * time.Second)})
		must(t, s.Start(t.Context(), "a"))
		begin := time.Now()
		must(t, s.Stop(t.Context(), "a"))
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("stopped after %v", d)
		}
		st := wait(t, s, "a", "stopped")
		if st.Cause != "stopped: exit 137 (SIGKILL)" || st.PID != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestMissingCommandFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supervisor.Options{Runner: newFake()})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "a", Command: []string{"missing"}})
		must(t, s.Start(t.Context(), "a"))
		if st := wait(t, s, "a", "failed"); st.Cause != "failed: no program" {
			t.Errorf("%+v", st)
		}
	})
}

// TestReadiness is of "PID alive taken for healthy" and "socket file taken for
// ready": a service whose sockets do not answer as they should is starting.
func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var mu sync.Mutex
		healthy := false
		s := open(t, supervisor.Options{Runner: f, Prober: func(_ context.Context, name string) (bool, bool, string) {
			mu.Lock()
			defer mu.Unlock()
			return healthy, name == "sockets" || name == "both", "root/delivery is missing"
		}})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "plain"}, unit.Unit{Name: "sockets"}, unit.Unit{Name: "notify", Ready: unit.Ready{Mode: unit.ReadyNotify}},
			unit.Unit{Name: "late", Ready: unit.Ready{Mode: unit.ReadyNotify, Timeout: unit.Duration(30 * time.Second)}, Restart: unit.Never},
			unit.Unit{Name: "dog", Watchdog: unit.Duration(5 * time.Second), Restart: unit.Never})
		set(t, s, unit.Unit{Name: "both"})
		for _, name := range []string{"plain", "sockets", "notify", "late", "dog", "both"} {
			must(t, s.Start(t.Context(), name))
		}
		begin := time.Now()
		wait(t, s, "plain", "running")
		if d := time.Since(begin); d != time.Second {
			t.Errorf("plain: up after %v", d)
		}
		if st := wait(t, s, "sockets", "starting"); st.Detail != "root/delivery is missing" {
			t.Errorf("sockets: %+v", st)
		}
		f.notify["notify"](osproc.Notice{Ready: true, Status: "cooking"})
		if st := wait(t, s, "notify", "running"); st.Cause != "ready, as it says itself" {
			t.Errorf("notify: %+v", st)
		}
		synctest.Wait()
		if st, _ := s.Status("notify"); st.Detail != "cooking" {
			t.Errorf("notify: %+v", st)
		}
		f.notify["both"](osproc.Notice{Status: "loading the demo"})
		synctest.Wait()
		mu.Lock()
		healthy = true
		mu.Unlock()
		if st := wait(t, s, "sockets", "running"); st.Cause != "ready: its sockets are healthy" {
			t.Errorf("sockets: %+v", st)
		}
		// Its sockets are as healthy, but it said that it is not done.
		time.Sleep(2 * time.Second)
		if st := wait(t, s, "both", "starting"); st.Detail != "loading the demo" {
			t.Errorf("both: %+v", st)
		}
		f.notify["both"](osproc.Notice{Ready: true})
		if st := wait(t, s, "both", "running"); st.Cause != "ready, as it says itself" || st.Detail != "" {
			t.Errorf("both: %+v", st)
		}
		if st := wait(t, s, "dog", "failed"); st.Cause != "failed: silent for 5s, its watchdog's time" {
			t.Errorf("dog: %+v", st)
		}
		time.Sleep(30 * time.Second)
		if st := wait(t, s, "late", "failed"); st.Cause != "failed: not ready within 30s" {
			t.Errorf("late: %+v", st)
		}
	})
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supervisor.Options{Runner: newFake()})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "a"})
		seq := s.Events(t.Context(), 0)
		must(t, s.Start(t.Context(), "a"))
		var got []string
		var last int64
		for tr, err := range seq {
			must(t, err)
			if tr.ID <= last {
				t.Errorf("id %d after %d", tr.ID, last)
			}
			last = tr.ID
			if got = append(got, tr.To); tr.To == "running" {
				break
			}
		}
		if fmt.Sprint(got) != "[waiting starting running]" {
			t.Errorf("%v", got)
		}
	})
}
