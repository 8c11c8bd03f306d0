package supervisor_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// TestJobRunsAtItsTimes holds that a job runs when its schedule says, goes on
// after a run that failed, and stays off its schedule once stopped.
func TestJobRunsAtItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.life["a"] = time.Second // and ends with 1
		s := open(t, supervisor.Options{Runner: f})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "a", Kind: unit.Job, Schedule: "every 15m"}, unit.Unit{Name: "b", Requires: []string{"a"}})
		must(t, s.Start(t.Context(), "b"))
		wait(t, s, "b", "running") // a job that waits for its time holds nobody up
		st := wait(t, s, "a", "scheduled")
		if !st.Up() || st.NextAttempt == nil || time.Until(*st.NextAttempt) > 15*time.Minute {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := strings.Count(f.told(), "start a"); n != 4 {
			t.Errorf("ran %d times in an hour: %s", n, f.told())
		}
		st = wait(t, s, "a", "scheduled")
		if !strings.HasPrefix(st.Cause, "failed: exit 1, next at ") {
			t.Errorf("%+v", st)
		}
		why, err := s.Why(t.Context(), "a")
		if err != nil || !strings.Contains(why, "runs next at") {
			t.Errorf("%s, %v", why, err)
		}
		// Told to restart it runs now, and then at its time again.
		must(t, s.Restart(t.Context(), "a"))
		wait(t, s, "a", "starting")
		wait(t, s, "a", "scheduled")
		if n := strings.Count(f.told(), "start a"); n != 5 {
			t.Errorf("ran %d times: %s", n, f.told())
		}
		u, err := s.Get("a")
		must(t, err)
		u.Schedule = "every 1h"
		set(t, s, u)
		if st := wait(t, s, "a", "scheduled"); st.NextAttempt.UTC().Minute() != 0 {
			t.Errorf("the new schedule does not hold: %+v", st)
		}
		must(t, s.Stop(t.Context(), "a"))
		time.Sleep(3 * time.Hour)
		if n := strings.Count(f.told(), "start a"); n != 5 {
			t.Errorf("ran against the operator's stop: %s", f.told())
		}
	})
}

// TestUnhealthyServiceIsRestarted is what the ecosystem suffered from twice: a
// service that was unhealthy and never restarted, and one that was restarted
// against the operator's stop, or without end.
func TestUnhealthyServiceIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := open(t, supervisor.Options{Runner: f})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		u := unit.Unit{Name: "a", RestartUnhealthy: unit.Duration(30 * time.Second), MaxRestarts: 2, Window: unit.Duration(time.Hour)}
		set(t, s, u, unit.Unit{Name: "calm"}, unit.Unit{Name: "old_server", RestartUnhealthy: unit.Duration(30 * time.Second)}, unit.Unit{Name: "old_ui"})
		for _, name := range []string{"a", "calm", "old_server", "old_ui"} {
			must(t, s.Start(t.Context(), name))
			wait(t, s, name, "running")
		}
		first := wait(t, s, "a", "running").PID
		// Ill and well again in time: nothing happens.
		s.NoteHealth("a", "root/x", "healthy", "unhealthy", "no answer")
		time.Sleep(20 * time.Second)
		s.NoteHealth("a", "root/x", "unhealthy", "healthy", "")
		time.Sleep(time.Minute)
		if st := wait(t, s, "a", "running"); st.PID != first {
			t.Errorf("restarted though it is well: %+v", st)
		}
		for range 2 {
			pid := wait(t, s, "a", "running").PID
			s.NoteHealth("a", "root/x", "healthy", "unhealthy", "no answer")
			time.Sleep(40 * time.Second)
			st := wait(t, s, "a", "running")
			if st.PID == pid {
				t.Fatalf("not restarted: %+v", st)
			}
		}
		hist, err := s.History(t.Context(), "a", 0)
		must(t, err)
		told := ""
		for _, h := range hist {
			told += h.Cause + "\n"
		}
		if !strings.Contains(told, "restarted: unhealthy for 30s: root/x: no answer, attempt 1 of 2") || !strings.Contains(f.told(), "stop a") {
			t.Errorf("history:\n%s%s", told, f.told())
		}
		s.NoteHealth("a", "ui", "healthy", "unhealthy", "")
		time.Sleep(40 * time.Second)
		wait(t, s, "a", "failed") // the cap holds

		s.NoteHealth("calm", "service", "healthy", "unhealthy", "") // did not ask for it
		s.NoteHealth("old", "service", "healthy", "unhealthy", "")
		s.NoteHealth("nobody", "service", "healthy", "unhealthy", "")
		must(t, s.Stop(t.Context(), "old_server"))
		time.Sleep(time.Minute)
		if st := wait(t, s, "old_server", "stopped"); st.Desired != "down" {
			t.Errorf("restarted against the operator's stop: %+v", st)
		}
		if st := wait(t, s, "calm", "running"); st.Restarts != 0 {
			t.Errorf("%+v", st)
		}
	})
}
