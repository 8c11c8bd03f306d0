package supervisor_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// told returns a plan in words.
func told(p supervisor.Plan) string {
	var out []string
	for _, c := range p.Changes {
		w := c.Do + " " + c.Unit
		for _, d := range c.Diff {
			w += " " + d.Key
		}
		if c.Restart {
			w += " (restart)"
		}
		out = append(out, w)
	}
	return strings.Join(out, "; ")
}

// TestApplyMakesWhatRunsEqualToTheFiles also holds that nothing is restarted
// against an operator's stop, nor without need, and that what no file ever
// defined is left alone.
func TestApplyMakesWhatRunsEqualToTheFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := open(t, supervisor.Options{Runner: f})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		set(t, s, unit.Unit{Name: "by_hand"})
		named := func(name string, command ...string) unit.Unit { return unit.Unit{Name: name, Command: command} }
		files := []unit.Unit{named("a", "x"), named("b", "x"), named("c", "x"), named("d", "x")}
		apply := func(want string) {
			t.Helper()
			p, err := s.Plan(files)
			must(t, err)
			if got := told(p); got != want {
				t.Fatalf("plan %q, want %q", got, want)
			}
			done, err := s.Apply(t.Context(), files, p.ID)
			must(t, err)
			if done.ID != p.ID {
				t.Errorf("did another plan: %+v", done)
			}
			time.Sleep(5 * time.Second)
			for _, st := range s.Statuses() {
				if st.Desired == "up" && st.State != "running" {
					t.Errorf("%+v", st)
				}
			}
		}
		apply("add a; add b; add c; add d")
		apply("")
		must(t, s.Stop(t.Context(), "c"))
		before := map[string]int{}
		for _, st := range s.Statuses() {
			before[st.Name] = st.PID
		}
		files[0].Command = []string{"y"}
		files[1].Description, files[1].Grace = "other", unit.Duration(time.Second)
		files[2].Command = []string{"y"}
		files[0].Kind, files[0].MaxRestarts = unit.Service, 5 // the defaults, spelt out
		files = files[:3]
		apply("change a command (restart); change b description grace; change c command; remove d")
		var left []string
		for _, st := range s.Statuses() {
			left = append(left, st.Name)
			if same := st.PID == before[st.Name]; same != (st.Name != "a") {
				t.Errorf("%s: pid %d was %d", st.Name, st.PID, before[st.Name])
			}
			if st.Name == "c" && st.Desired != "down" {
				t.Errorf("started against the operator's stop: %+v", st)
			}
		}
		if !slices.Equal(left, []string{"a", "b", "by_hand", "c"}) {
			t.Errorf("left: %v", left)
		}
		if _, err := s.Apply(t.Context(), files[:1], "another"); fault.Of(err) != fault.Conflict {
			t.Errorf("applied a plan that nobody saw: %v", err)
		}
		files[0].After, files[1].After = []string{"b"}, []string{"a"}
		if _, err := s.Plan(files); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "a → b → a") {
			t.Errorf("cycle: %v", err)
		}
		// Turned round, two dependencies are a circle for a moment only.
		files[0].After, files[1].After = []string{"b"}, nil
		apply("change a after")
		files[0].After, files[1].After = nil, []string{"a"}
		apply("change a after; change b after")
	})
}

// TestApplyThatIsCutOffIsNotTakenForDone kills the supervisor between what an
// apply registers and what it starts.
func TestApplyThatIsCutOffIsNotTakenForDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := places(t)
		files := []unit.Unit{{Name: "a", Command: []string{"x"}}, {Name: "b", Command: []string{"x"}}}
		s := open(t, supervisor.Options{Places: p, Runner: newFake()})
		must(t, s.CutOff(t.Context(), files))
		must(t, s.Shutdown(t.Context(), supervisor.Leave))

		s = open(t, supervisor.Options{Places: p, Runner: newFake()})
		defer s.Shutdown(t.Context(), supervisor.StopAll)
		time.Sleep(5 * time.Second)
		for _, st := range s.Statuses() {
			if st.State != "running" {
				t.Errorf("registered and never started: %+v", st)
			}
		}
		// A new definition in the registry is not one that a process goes by.
		files[0].Command = []string{"y"}
		must(t, s.CutOff(t.Context(), files))
		for _, want := range []string{"change a (restart)", ""} {
			plan, err := s.Plan(files)
			must(t, err)
			if told(plan) != want {
				t.Errorf("plan %q, want %q", told(plan), want)
			}
			_, err = s.Apply(t.Context(), files, plan.ID)
			must(t, err)
			time.Sleep(5 * time.Second)
		}
	})
}

// TestEventsResume holds that none is left out for a reader that comes late, is
// slow, or comes back to another supervisor on the same home.
func TestEventsResume(t *testing.T) {
	p := places(t)
	var all []int64
	read := func(s *supervisor.Supervisor, after int64, n int) (out []int64) {
		for tr, err := range s.Events(t.Context(), after) {
			must(t, err)
			if out = append(out, tr.ID); len(out) == n {
				break
			}
		}
		return out
	}
	s := open(t, supervisor.Options{Places: p, Runner: newFake()})
	set(t, s, unit.Unit{Name: "a"})
	for range 400 { // more than is kept in memory
		must(t, s.Start(t.Context(), "a"))
		must(t, s.Stop(t.Context(), "a"))
	}
	s.NoteHealth("a", "root/x", "healthy", "unhealthy", "it does not answer")
	hist, err := s.History(t.Context(), "", 0)
	must(t, err)
	for _, h := range hist {
		all = append(all, h.ID)
	}
	if last := hist[len(hist)-1]; last.Layer != "root/x" || last.To != "unhealthy" {
		t.Errorf("%+v", last)
	}
	if got := read(s, 0, len(all)); !slices.Equal(got, all) {
		t.Errorf("%d events of %d from the first on", len(got), len(all))
	}
	middle := len(all) / 2
	must(t, s.Shutdown(t.Context(), supervisor.StopAll))
	s = open(t, supervisor.Options{Places: p, Runner: newFake()})
	defer s.Shutdown(t.Context(), supervisor.StopAll)
	if got := read(s, all[middle], len(all)-middle-1); !slices.Equal(got, all[middle+1:]) {
		t.Errorf("resumed with %v", got)
	}
	must(t, s.Start(t.Context(), "a"))
	if got := read(s, all[len(all)-1], 1); got[0] <= all[len(all)-1] {
		t.Errorf("an id was given twice: %v", got)
	}
}
