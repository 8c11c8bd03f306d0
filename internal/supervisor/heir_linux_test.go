package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// slow is a unit that counts as ready after a moment.
func slow(name, script string, after time.Duration) unit.Unit {
	u := fast(name, script)
	u.Ready.Delay = unit.Duration(after)
	return u
}

func history(t *testing.T, s *supervisor.Supervisor, name string) string {
	t.Helper()
	hist, err := s.History(t.Context(), name, 0)
	must(t, err)
	var b strings.Builder
	for _, h := range hist {
		fmt.Fprintf(&b, "%s → %s: %s (%d)\n", h.From, h.To, h.Cause, h.PID)
	}
	return b.String()
}

func TestGracefulRestart(t *testing.T) {
	s, _ := real(t)
	set(t, s, slow("a", "echo new: $HERO_HANDOVER; exec sleep 1000", 50*time.Millisecond))
	must(t, s.Start(t.Context(), "a"))
	for range 3 { // the one that took over is replaced as well
		old := wait(t, s, "a", "running")
		both := make(chan bool, 1)
		go func() {
			_, err := s.Wait(t.Context(), "a", func(st supervisor.Status) bool {
				return st.Successor != 0 && st.PID == old.PID && alive(old.PID) && alive(st.Successor)
			})
			both <- err == nil
		}()
		must(t, s.Replace(t.Context(), "a"))
		if !<-both {
			t.Error("the two did not run side by side")
		}
		st, err := s.Status("a")
		must(t, err)
		if st.State != "running" || st.PID == old.PID || alive(old.PID) || st.Restarts != 0 || st.Usage == nil || st.Usage.Processes != 1 {
			t.Errorf("was %d: %+v\n%s", old.PID, st, history(t, s, "a"))
		}
	}
	eventually(t, "all four wrote into one log", func() bool { return len(lines(t, s, "a")) == 4 })
	if got := lines(t, s, "a"); got[0] != "new:" || got[3] != "new: 1" {
		t.Errorf("%q", got)
	}
	// One that ends is restarted as ever.
	pid := wait(t, s, "a", "running").PID
	kill(t, pid)
	eventually(t, "it is restarted", func() bool { st := wait(t, s, "a", "running"); return st.PID != pid && st.Restarts == 1 })
}

// Each of these successors is of no use: the old process stays and is left in
// peace.
func TestSuccessorIsWithdrawn(t *testing.T) {
	for _, c := range []struct{ name, script, why string }{
		{"exits", `[ -z "$HERO_HANDOVER" ] || exit 3; exec sleep 1000`, "its successor is withdrawn: exit 3"},
		{"never ready", "exec sleep 1000", "its successor is withdrawn: not ready within 300ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := real(t)
			u := slow("a", c.script, time.Second)
			if c.name == "never ready" {
				u.Ready = unit.Ready{Mode: unit.ReadyCommand, Command: []string{"true"}, Timeout: unit.Duration(300 * time.Millisecond)}
			}
			set(t, s, u)
			must(t, s.Start(t.Context(), "a"))
			old := wait(t, s, "a", "running")
			err := s.Replace(t.Context(), "a")
			if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v", err)
			}
			st, serr := s.Status("a")
			must(t, serr)
			if st.State != "running" || st.PID != old.PID || st.Usage == nil || st.Usage.Processes != 1 {
				t.Errorf("was %d: %+v\n%s", old.PID, st, history(t, s, "a"))
			}
		})
	}
}

func TestPredecessorThatNeverDrains(t *testing.T) {
	s, _ := real(t)
	u := slow("a", "trap '' TERM; while :; do sleep 0.05; done", 20*time.Millisecond)
	u.Grace = unit.Duration(200 * time.Millisecond)
	set(t, s, u)
	must(t, s.Start(t.Context(), "a"))
	old := wait(t, s, "a", "running")
	must(t, s.Replace(t.Context(), "a"))
	if alive(old.PID) || !strings.Contains(history(t, s, "a"), "its predecessor did not end within 200ms: killed") {
		t.Errorf("%d\n%s", old.PID, history(t, s, "a"))
	}
}

// What is told while two run ends both, and leaves one.
func TestToldDuringAGracefulRestart(t *testing.T) {
	for _, what := range []string{"stop", "restart", "kill the old", "kill the new"} {
		t.Run(what, func(t *testing.T) {
			s, _ := real(t)
			set(t, s, slow("a", "exec sleep 1000", 500*time.Millisecond))
			must(t, s.Start(t.Context(), "a"))
			old := wait(t, s, "a", "running")
			ended := make(chan error, 1)
			go func() { ended <- s.Replace(t.Context(), "a") }()
			st, err := s.Wait(t.Context(), "a", func(st supervisor.Status) bool { return st.Successor != 0 })
			must(t, err)
			if err := s.Replace(t.Context(), "a"); fault.Of(err) != fault.Conflict {
				t.Errorf("a second one: %v", err)
			}
			switch what {
			case "stop":
				must(t, s.Stop(t.Context(), "a"))
			case "restart":
				must(t, s.Restart(t.Context(), "a"))
			case "kill the old":
				kill(t, old.PID)
			case "kill the new":
				kill(t, st.Successor)
			}
			err = <-ended
			eventually(t, "there is what there shall be", func() bool {
				now, serr := s.Status("a")
				must(t, serr)
				switch what {
				case "stop":
					return now.State == "stopped" && !alive(old.PID) && !alive(st.Successor) && err != nil
				case "restart":
					return now.State == "running" && !alive(old.PID) && !alive(st.Successor) && now.PID != 0
				case "kill the old":
					return now.State == "running" && now.PID == st.Successor && err == nil && now.Restarts == 0
				}
				return now.State == "running" && now.PID == old.PID && err != nil
			})
		})
	}
}

// A supervisor that goes in the middle, and another that comes: the restart
// goes on, and one process is left.
func TestGracefulRestartOutlivesItsSupervisor(t *testing.T) {
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprint("taken ", taken), func(t *testing.T) {
			p := places(t)
			s := open(t, supervisor.Options{Places: p})
			set(t, s, slow("a", "exec sleep 1000", 700*time.Millisecond))
			must(t, s.Start(t.Context(), "a"))
			old := wait(t, s, "a", "running")
			go func() { _ = s.Replace(context.Background(), "a") }()
			st, err := s.Wait(t.Context(), "a", func(st supervisor.Status) bool { return st.Successor != 0 })
			must(t, err)
			must(t, s.Shutdown(t.Context(), supervisor.Leave))
			if taken { // the lock says who serves
				lock(t, p, "a", st.Successor)
			}
			s = open(t, supervisor.Options{Places: p})
			defer s.Shutdown(context.Background(), supervisor.StopAll)
			eventually(t, "one is left: the successor", func() bool {
				now, err := s.Status("a")
				must(t, err)
				return now.State == "running" && now.PID == st.Successor && !alive(old.PID) && now.Successor == 0 && now.Predecessor == 0 && now.Restarts == 0
			})
		})
	}
}

func lock(t *testing.T, p layout.Places, name string, pid int) {
	t.Helper()
	n, err := layout.ParseService(name)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(p.LockFile(n)), 0o700))
	must(t, os.WriteFile(p.LockFile(n), []byte(strconv.Itoa(pid)), 0o600))
}

func kill(t *testing.T, pid int) {
	t.Helper()
	must(t, syscall.Kill(pid, syscall.SIGKILL))
}
