package osproc_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// TestMain lets the test binary be the process that a test starts.
func TestMain(m *testing.M) {
	if path := os.Getenv("OSPROC_TEST_NOTIFY"); path != "" {
		if err := unixsock.Notify(os.Getenv("NOTIFY_SOCKET"), "READY=1\nSTATUS=cooking"); err != nil {
			os.Exit(9)
		}
		select {}
	}
	os.Exit(m.Run())
}

// eventually fails the test unless ok becomes true within ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

func hostID() string { return "t" + strconv.FormatInt(time.Now().UnixNano(), 36) }

func open(t *testing.T, opts osproc.Options) *osproc.Host {
	t.Helper()
	if opts.ID == "" {
		opts.ID = hostID()
	}
	h, err := osproc.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func start(t *testing.T, h *osproc.Host, s osproc.Spec) *osproc.Process {
	t.Helper()
	if s.Unit == "" {
		s.Unit = "u"
	}
	if s.Run == "" {
		s.Run = strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	if s.Env == nil {
		s.Env = []string{"PATH=" + os.Getenv("PATH")}
	}
	p, err := h.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

func sh(script string) []string { return []string{"sh", "-c", script} }

// both runs a test with cgroups, where there are any, and without.
func both(t *testing.T, f func(t *testing.T, opts osproc.Options)) {
	t.Run("cgroups", func(t *testing.T) {
		if !open(t, osproc.Options{}).Cgroups() {
			t.Skip("no cgroup can be made here")
		}
		f(t, osproc.Options{})
	})
	t.Run("no cgroups", func(t *testing.T) { f(t, osproc.Options{NoCgroups: true}) })
}

func TestExit(t *testing.T) {
	h := open(t, osproc.Options{})
	for script, want := range map[string]string{"exit 0": "exit 0", "exit 3": "exit 3", "kill -9 $$": "exit 137 (SIGKILL)"} {
		p := start(t, h, osproc.Spec{Args: sh(script)})
		<-p.Done()
		if got := p.Exit().String(); got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
		if p.Exit().Good() != (want == "exit 0") {
			t.Errorf("%s: good is %v", script, p.Exit().Good())
		}
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	}
}

// TestNothingOutlivesAStop is about what a service forks: in a session of its
// own, orphaned by a double fork, deaf to SIGTERM.
func TestNothingOutlivesAStop(t *testing.T) {
	both(t, func(t *testing.T, opts osproc.Options) {
		dir := t.TempDir()
		h := open(t, opts)
		p := start(t, h, osproc.Spec{Dir: dir, Args: sh(`trap "" TERM
			(setsid sh -c 'trap "" TERM; echo $$ >a; while :; do sleep 1; done' &)
			(setsid setsid sh -c 'sh -c "echo \$\$ >b; exec sleep 1000" &' &)
			while :; do sleep 1; done`)})
		var pids []int
		for _, f := range []string{"a", "b"} {
			eventually(t, "the fork says its pid", func() bool {
				b, _ := os.ReadFile(filepath.Join(dir, f))
				pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
				if err != nil {
					return false
				}
				pids = append(pids, pid)
				return true
			})
		}
		if n, err := p.Left(); n < 3 || err != nil {
			t.Fatalf("%d left, %v", n, err)
		}
		if u, err := p.Usage(); err != nil || u.Processes < 3 || u.Memory < 1<<16 || u.OpenFiles < 9 {
			t.Errorf("usage %+v, %v", u, err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		for _, pid := range pids {
			// Reaped too, after the patience that is had with strangers' children.
			eventually(t, "the fork is gone and reaped", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
		}
		if n, err := p.Left(); n != 0 || err != nil {
			t.Errorf("%d left, %v", n, err)
		}
	})
}

func TestAdopt(t *testing.T) {
	both(t, func(t *testing.T, opts osproc.Options) {
		opts.ID = hostID()
		first, err := osproc.Open(opts)
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, first, osproc.Spec{Unit: "hero_food", Run: "r1", Args: sh("sleep 1000 & exec sleep 1000")})
		id := p.ID()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if <-p.Done(); p.Exit().Known {
			t.Errorf("a closed host knows an exit: %v", p.Exit())
		}
		h := open(t, opts)
		var found []osproc.Found
		eventually(t, "both processes are found", func() bool {
			if found, err = h.Find(); err != nil {
				t.Fatal(err)
			}
			return len(found) == 1 && len(found[0].PIDs) == 2
		})
		if f := found[0]; f.Unit != "hero_food" || f.Run != "r1" || f.Main != id {
			t.Fatalf("found %+v, want main %+v", f, id)
		}
		all, err := h.Survey()
		if err != nil || len(all) != 2 || all[0].Unit != "hero_food" || all[0].Run != "r1" || all[0].Memory == 0 || all[0].OpenFiles == 0 || all[0].Command == "" {
			t.Errorf("survey: %+v, %v", all, err)
		}
		wrong := id
		wrong.Start++
		if _, err := h.Adopt("hero_food", "r1", wrong, nil); fault.Of(err) != fault.NotFound {
			t.Errorf("adopt of a reused pid: %v", err)
		}
		p, err = h.Adopt("hero_food", "r1", id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if got := p.Exit().String(); got != "exit 143 (SIGTERM)" {
			t.Errorf("exit %s", got)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if found, err = h.Find(); len(found) != 0 || err != nil {
			t.Errorf("left: %+v, %v", found, err)
		}
	})
}

func TestStartRefuses(t *testing.T) {
	h := open(t, osproc.Options{})
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec osproc.Spec
		kind fault.Kind
		text string
	}{
		"no such program": {osproc.Spec{Args: []string{"hero_nosuch"}}, fault.NotFound, `no program "hero_nosuch" in PATH`},
		"no such path":    {osproc.Spec{Args: []string{"/nosuch/x"}}, fault.NotFound, "no program /nosuch/x"},
		"not executable":  {osproc.Spec{Args: []string{plain}}, fault.Denied, "not an executable file"},
		"no such user":    {osproc.Spec{Args: sh("true"), User: "nosuchuser"}, fault.NotFound, `no user "nosuchuser"`},
		"no such folder":  {osproc.Spec{Args: sh("true"), Dir: "/nosuch"}, fault.NotFound, "its folder /nosuch"},
		"no command":      {osproc.Spec{}, fault.Invalid, "no command"},
	} {
		c.spec.Unit, c.spec.Run = "u", "r"
		_, err := h.Start(c.spec)
		if fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v (%v), want %v with %q", name, err, fault.Of(err), c.kind, c.text)
		}
	}
}

func TestNotify(t *testing.T) {
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for name, sock := range map[string]string{"short": filepath.Join(dir, "n"), "long": filepath.Join(dir, strings.Repeat("x", 120), "n")} {
		t.Run(name, func(t *testing.T) {
			h := open(t, osproc.Options{NotifySocket: sock})
			got := make(chan osproc.Notice, 1)
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			start(t, h, osproc.Spec{Args: []string{exe}, Env: []string{"OSPROC_TEST_NOTIFY=1"}, Notify: func(n osproc.Notice) { got <- n }})
			if n := <-got; !n.Ready || n.Status != "cooking" {
				t.Errorf("notice %+v", n)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	h := open(t, osproc.Options{})
	dir := t.TempDir()
	p := start(t, h, osproc.Spec{Dir: dir, Args: sh("ulimit -n >n"), Limits: osproc.Limits{OpenFiles: 77}})
	<-p.Done()
	if b, _ := os.ReadFile(filepath.Join(dir, "n")); string(b) != "77\n" {
		t.Errorf("open files %q, %v", b, p.Exit())
	}
	if !h.Cgroups() {
		t.Skip("no cgroup can be made here")
	}
	p = start(t, h, osproc.Spec{Args: sh("sleep 0.2; x=$(head -c 100000000 /dev/zero | tr '\\0' x); exit 0"), Limits: osproc.Limits{Memory: 20 << 20}})
	<-p.Done()
	if e := p.Exit(); !e.OOM || !strings.Contains(e.String(), "killed by the memory limit") {
		t.Errorf("exit %v", e)
	}
	p = start(t, h, osproc.Spec{Dir: dir, Args: sh("sleep 0.2; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done 2>err; wait"), Limits: osproc.Limits{Processes: 5}})
	eventually(t, "a fork is refused", func() bool {
		b, _ := os.ReadFile(filepath.Join(dir, "err"))
		return strings.Contains(string(b), "fork")
	})
	if n, err := p.Left(); n > 5 || err != nil {
		t.Errorf("%d processes, %v", n, err)
	}
}
