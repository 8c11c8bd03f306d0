package machine_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
)

func policy() machine.Policy {
	return machine.Policy{AfterGood: true, AfterBad: true, Initial: 200 * time.Millisecond, Max: 5 * time.Second, Factor: 2, MaxRestarts: 3,
		Window: time.Minute, Grace: 10 * time.Second, StartTimeout: time.Minute}
}

func onDemand() machine.Policy {
	p := policy()
	p.OnDemand = true
	return p
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// words writes the actions as the table has them.
func words(as []machine.Action) string {
	var w []string
	for _, a := range as {
		w = append(w, [...]string{"deps", "spawn", "watch", "signal", "kill", "arm-restart", "arm-kill", "arm-ready", "hold"}[a.Verb])
	}
	return strings.Join(w, " ")
}

func TestStep(t *testing.T) {
	t.Parallel()
	up := machine.State{Phase: machine.Running, Want: true, Attempt: 4, UpSince: epoch}
	in := func(p machine.Phase) machine.State { s := up; s.Phase = p; return s }
	ended := in(machine.Ending)
	oneshot := policy()
	oneshot.Oneshot, oneshot.AfterGood, oneshot.AfterBad = true, false, false
	job := oneshot
	job.Scheduled = true
	planned := in(machine.Scheduled)
	planned.Next = epoch.Add(time.Hour)
	due := epoch.Add(time.Hour)
	for _, c := range []struct {
		name    string
		policy  machine.Policy
		state   machine.State
		event   machine.Event
		phase   machine.Phase
		actions string
		cause   string
	}{
		{"start", policy(), machine.State{}, machine.Event{Op: machine.Start}, machine.Waiting, "deps", "told to start"},
		{"start of a running one", policy(), up, machine.Event{Op: machine.Start}, machine.Running, "", ""},
		{"start while it stops", policy(), in(machine.Stopping), machine.Event{Op: machine.Start}, machine.Stopping, "", "told to start; the old process ends first"},
		{"dependencies are up", policy(), in(machine.Waiting), machine.Event{Op: machine.Cleared}, machine.Starting, "spawn", "starts"},
		{"a dependency is not", policy(), in(machine.Waiting), machine.Event{Op: machine.Blocked, Cause: "needs x"}, machine.Failed, "", "needs x"},
		{"spawned", policy(), in(machine.Starting), machine.Event{Op: machine.Spawned, Attempt: 4}, machine.Starting, "watch arm-ready", ""},
		{"stopped while it was spawned", policy(), in(machine.Stopping), machine.Event{Op: machine.Spawned, Attempt: 4}, machine.Stopping, "signal", ""},
		{"no such command", policy(), in(machine.Starting), machine.Event{Op: machine.NotSpawned, Attempt: 4, Fatal: true, Cause: "no x"}, machine.Failed, "", "failed: no x"},
		{"no process now", policy(), in(machine.Starting), machine.Event{Op: machine.NotSpawned, Attempt: 4, At: epoch, Cause: "fork"}, machine.Backoff, "arm-restart", "restarted: fork, attempt 1 of 3, next in 0.2 s"},
		{"ready", policy(), in(machine.Starting), machine.Event{Op: machine.Ready, Attempt: 4}, machine.Running, "", "ready"},
		{"ready of an old process", policy(), in(machine.Starting), machine.Event{Op: machine.Ready, Attempt: 3}, machine.Starting, "", ""},
		{"not ready in time", policy(), in(machine.Starting), machine.Event{Op: machine.Timer, Timer: machine.ArmReady, Attempt: 4}, machine.Ending, "kill", "not ready within 1m0s"},
		{"stop", policy(), up, machine.Event{Op: machine.Stop}, machine.Stopping, "signal arm-kill", "told to stop"},
		{"asleep in the place of a start", onDemand(), in(machine.Waiting), machine.Event{Op: machine.Cleared}, machine.Asleep, "hold", "asleep: the first connection starts it"},
		{"woken", onDemand(), in(machine.Asleep), machine.Event{Op: machine.Wake}, machine.Starting, "spawn", "somebody connects: starts"},
		{"woken while it runs", onDemand(), up, machine.Event{Op: machine.Wake}, machine.Running, "", ""},
		{"nothing to hold", onDemand(), in(machine.Asleep), machine.Event{Op: machine.NotHeld, Cause: "no folder"}, machine.Failed, "", "failed: no folder"},
		{"stop while it sleeps", onDemand(), in(machine.Asleep), machine.Event{Op: machine.Stop}, machine.Stopped, "", "told to stop"},
		{"asleep again", onDemand(), ended, machine.Event{Op: machine.Gone, Attempt: 4, Cause: "exit 0"}, machine.Asleep, "hold", "asleep: exit 0"},
		{"stop while it ends", policy(), in(machine.Ending), machine.Event{Op: machine.Stop}, machine.Ending, "", ""},
		{"stop in backoff", policy(), in(machine.Backoff), machine.Event{Op: machine.Stop}, machine.Stopped, "", "told to stop"},
		{"ignores the stop signal", policy(), in(machine.Stopping), machine.Event{Op: machine.Timer, Timer: machine.ArmKill, Attempt: 4}, machine.Stopping, "kill", "did not stop within 10s: killed"},
		{"restart", policy(), up, machine.Event{Op: machine.Restart}, machine.Stopping, "signal arm-kill", "told to restart"},
		{"crash", policy(), up, machine.Event{Op: machine.Exit, Attempt: 4, Cause: "exit 137"}, machine.Ending, "kill", ""},
		{"watchdog", policy(), up, machine.Event{Op: machine.Broken, Attempt: 4, Cause: "silent"}, machine.Ending, "kill", "silent"},
		{"timer of an old attempt", policy(), in(machine.Backoff), machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: 3}, machine.Backoff, "", ""},
		{"the wait is over", policy(), in(machine.Backoff), machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: 4}, machine.Waiting, "deps", ""},
		{"adopted", policy(), machine.State{Want: true}, machine.Event{Op: machine.Adopted, Good: true}, machine.Running, "", "found running, adopted"},
		{"adopted before it was ready", policy(), machine.State{Want: true}, machine.Event{Op: machine.Adopted}, machine.Starting, "watch arm-ready", "found running, adopted"},
		{"adopted against the operator's stop", policy(), machine.State{}, machine.Event{Op: machine.Adopted, Good: true}, machine.Stopping, "signal arm-kill", "found running, and is to be stopped"},
		{"gently", policy(), up, machine.Event{Op: machine.Broken, Attempt: 4, Gently: true, Cause: "unhealthy"}, machine.Ending, "signal arm-kill", "unhealthy"},
		{"gently, and it does not end", policy(), ended, machine.Event{Op: machine.Timer, Timer: machine.ArmKill, Attempt: 4}, machine.Ending, "kill", "did not stop within 10s: killed"},
		{"a job is told to start", job, machine.State{}, machine.Event{Op: machine.Start, At: epoch, Due: due}, machine.Scheduled, "arm-restart", "told to start, next at 2026-01-01 01:00:00"},
		{"a job is told to restart gracefully", job, machine.State{}, machine.Event{Op: machine.Replace, At: epoch, Due: due}, machine.Scheduled, "arm-restart", "told to start, next at 2026-01-01 01:00:00"},
		{"a job is told to run now", job, planned, machine.Event{Op: machine.Restart}, machine.Waiting, "deps", "told to restart"},
		{"a job without another time", job, machine.State{}, machine.Event{Op: machine.Start, At: epoch}, machine.Failed, "", "failed: its schedule names no time any more"},
		{"its time has come", job, planned, machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: 4, At: due}, machine.Waiting, "deps", "its time has come"},
		{"the clock was set back", job, planned, machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: 4, At: epoch.Add(-time.Hour), Due: epoch}, machine.Scheduled, "arm-restart", ""},
		{"the clock was set forward", job, planned, machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: 4, At: due.Add(time.Hour)}, machine.Waiting, "deps", "its time has come"},
		{"a job is told to stop", job, planned, machine.Event{Op: machine.Stop}, machine.Stopped, "", "told to stop"},
		{"a job is done", job, ended, machine.Event{Op: machine.Gone, Attempt: 4, At: epoch, Due: due, Cause: "exit 0"}, machine.Scheduled, "arm-restart", "done: exit 0, next at 2026-01-01 01:00:00"},
		{"what a job needs is not up", job, in(machine.Waiting), machine.Event{Op: machine.Blocked, At: epoch, Due: due, Cause: "needs x"}, machine.Scheduled, "arm-restart", "needs x, next at 2026-01-01 01:00:00"},
		{"a oneshot is not watched", oneshot, in(machine.Starting), machine.Event{Op: machine.Spawned, Attempt: 4}, machine.Starting, "", ""},
	} {
		r := machine.Step(c.policy, c.state, c.event)
		if r.State.Phase != c.phase || words(r.Actions) != c.actions || r.Cause != c.cause {
			t.Errorf("%s: got %v, %q, %q; want %v, %q, %q", c.name, r.State.Phase, words(r.Actions), r.Cause, c.phase, c.actions, c.cause)
		}
	}
}

// end lets the process of s exit and be cleared away.
func end(p machine.Policy, s machine.State, at time.Time, good bool) machine.Result {
	s = machine.Step(p, s, machine.Event{Op: machine.Exit, Attempt: s.Attempt, At: at, Good: good, Cause: "exit 1"}).State
	return machine.Step(p, s, machine.Event{Op: machine.Gone, Attempt: s.Attempt, At: at})
}

func TestAfterExit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after   [2]bool // good, bad
		oneshot bool
		good    bool
		want    machine.Phase
		cause   string
	}{
		{[2]bool{true, true}, false, true, machine.Backoff, "restarted: exit 1, attempt 1 of 3, next in 0.2 s"},
		{[2]bool{true, true}, false, false, machine.Backoff, "restarted: exit 1, attempt 1 of 3, next in 0.2 s"},
		{[2]bool{false, true}, false, true, machine.Exited, "done: exit 1"},
		{[2]bool{false, true}, false, false, machine.Backoff, "restarted: exit 1, attempt 1 of 3, next in 0.2 s"},
		{[2]bool{}, false, false, machine.Failed, "failed: exit 1"},
		{[2]bool{}, true, true, machine.Exited, "done: exit 1"},
		{[2]bool{true, true}, true, true, machine.Exited, "done: exit 1"},
		{[2]bool{true, true}, true, false, machine.Backoff, "restarted: exit 1, attempt 1 of 3, next in 0.2 s"},
	} {
		p := policy()
		p.AfterGood, p.AfterBad, p.Oneshot = c.after[0], c.after[1], c.oneshot
		r := end(p, machine.State{Phase: machine.Starting, Want: true, Attempt: 1, UpSince: epoch}, epoch, c.good)
		if r.State.Phase != c.want || r.Cause != c.cause {
			t.Errorf("%+v: %v, %q", c, r.State.Phase, r.Cause)
		}
	}
}

func TestTightLoopRestsAsFailed(t *testing.T) {
	t.Parallel()
	p, s, at := policy(), machine.State{Phase: machine.Running, Want: true, Attempt: 1, UpSince: epoch}, epoch
	var waits []time.Duration
	for range 10 {
		r := end(p, s, at, false)
		if s = r.State; s.Phase == machine.Failed {
			if want := "failed: exit 1, restarted 3 times in 1m0s, the cap"; r.Cause != want {
				t.Errorf("cause %q, want %q", r.Cause, want)
			}
			break
		}
		waits = append(waits, r.Actions[0].After)
		at = s.Next
		s = machine.Step(p, s, machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: s.Attempt, At: at}).State
		s = machine.Step(p, s, machine.Event{Op: machine.Cleared, At: at}).State
	}
	want := []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}
	if s.Phase != machine.Failed || !slices.Equal(waits, want) {
		t.Fatalf("%v after waits of %v, want failed after %v", s.Phase, waits, want)
	}
	// Until told to start: then it has all its attempts again.
	s = machine.Step(p, s, machine.Event{Op: machine.Start, At: at}).State
	if s.Phase != machine.Waiting || s.Restarts != 0 || len(s.Recent) != 0 {
		t.Errorf("told to start: %+v", s)
	}
}

func TestWaitIsShortAgainAfterALongRun(t *testing.T) {
	t.Parallel()
	s := machine.State{Phase: machine.Running, Want: true, Attempt: 9, Failures: 7, UpSince: epoch}
	if r := end(policy(), s, epoch.Add(time.Hour), false); r.Actions[0].After != 200*time.Millisecond {
		t.Errorf("waits %v", r.Actions[0].After)
	}
}

func TestDelayStaysInItsBounds(t *testing.T) {
	t.Parallel()
	p := policy()
	p.Jitter = 0.5
	for n := range 2000 {
		for _, dice := range []float64{0, 0.5, 0.999} {
			if d := machine.Delay(p, n, dice); d < p.Initial/2 || d > p.Max {
				t.Fatalf("after %d failures with %v: %v", n, dice, d)
			}
		}
	}
}

// world is what a machine drives in the random walk: processes that start,
// get ready, end and leave things behind whenever they like.
type world struct {
	state  machine.State
	at     time.Time
	procs  map[uint64]*process
	timers []machine.Event
	asked  bool // for its dependencies
}

type process struct {
	spawned bool // asked for, not answered
	alive   bool // the main process
	left    bool // it, or what it forked
	killed  bool
	told    bool // to end
}

func (w *world) do(t *testing.T, p machine.Policy, e machine.Event) {
	e.At, e.Dice = w.at, rand.Float64()
	if rand.IntN(20) > 0 { // else its schedule has no time any more
		e.Due = w.at.Add(rand.N(time.Minute))
	}
	r := machine.Step(p, w.state, e)
	if r.State.Attempt < w.state.Attempt {
		t.Fatalf("attempt falls: %+v to %+v", w.state, r.State)
	}
	w.state = r.State
	for _, a := range r.Actions {
		whose := a.Attempt
		if whose == 0 {
			whose = w.state.Attempt
		}
		switch a.Verb {
		case machine.Spawn:
			// Only an heir may start beside another, and beside one alone.
			for n, other := range w.procs {
				if whose != w.state.Heir || n != w.state.Attempt {
					t.Fatalf("%d starts beside %d (%+v): %+v after %+v", whose, n, other, w.state, e)
				}
			}
			w.procs[whose] = &process{spawned: true}
		case machine.Kill:
			if w.procs[whose] != nil {
				w.procs[whose].killed = true
			}
		case machine.Signal:
			if w.procs[whose] != nil {
				w.procs[whose].told = true
			}
		case machine.AskDeps:
			w.asked = true
		case machine.ArmRestart, machine.ArmKill, machine.ArmReady:
			if a.After < 0 {
				t.Fatalf("arms %v", a.After)
			}
			w.timers = append(w.timers, machine.Event{Op: machine.Timer, Timer: a.Verb, Attempt: whose})
		}
	}
	if w.state.Phase.Resting() && len(w.procs) > 0 {
		t.Fatalf("at rest as %v with processes left, after %+v", w.state.Phase, e)
	}
}

// any returns a random process and its number.
func (w *world) any(r *rand.Rand) (uint64, *process) {
	if len(w.procs) == 0 {
		return w.state.Attempt, &process{}
	}
	if h := w.procs[w.state.Heir]; h != nil && h.spawned {
		return w.state.Heir, h // whether it is there is answered before anything else happens
	}
	numbers := slices.Sorted(maps.Keys(w.procs))
	n := numbers[r.IntN(len(numbers))]
	return n, w.procs[n]
}

// happen lets one random thing happen that can happen.
func (w *world) happen(t *testing.T, p machine.Policy, r *rand.Rand, told bool) {
	w.at = w.at.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
	whose, c := w.any(r)
	ev := machine.Event{Attempt: whose, Good: r.IntN(3) == 0, Cause: "x"}
	heir := whose == w.state.Heir && c.spawned
	switch n := r.IntN(10); {
	case told && n == 0 && !heir:
		ev.Op = machine.Op(r.IntN(3)) // start, stop, restart
	case told && n == 1 && !heir:
		ev.Op = machine.Replace
	case c.spawned && (heir || r.IntN(4) > 0):
		c.spawned = false
		if ev.Op = machine.Spawned; r.IntN(5) == 0 {
			ev.Op, ev.Fatal = machine.NotSpawned, r.IntN(2) == 0
			delete(w.procs, whose)
		} else {
			c.alive, c.left = true, true
		}
	case c.left && (c.killed && r.IntN(3) > 0 || !c.alive && c.told):
		delete(w.procs, whose)
		ev.Op = machine.Gone
	case c.alive && n < 3:
		c.alive = false
		ev.Op = machine.Exit
	case c.alive && n < 5:
		ev.Op = machine.Ready
	case c.alive && n == 5:
		ev.Op, ev.Gently = machine.Broken, r.IntN(2) == 0
	case w.state.Phase == machine.Asleep && n < 8:
		if ev.Op = machine.Wake; r.IntN(8) == 0 {
			ev.Op = machine.NotHeld
		}
	case w.asked && n < 8:
		w.asked = false
		if ev.Op = machine.Cleared; r.IntN(8) == 0 {
			ev.Op = machine.Blocked
		}
	case len(w.timers) > 0:
		i := r.IntN(len(w.timers))
		ev = w.timers[i]
		w.timers = slices.Delete(w.timers, i, i+1)
	default:
		return
	}
	w.do(t, p, ev)
}

// TestRandomWalk holds what must be so whatever happens: no second process
// while something of the first is left, a stop that always ends, and no rest
// with a process alive.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		p := policy()
		p.AfterBad, p.Oneshot = r.IntN(3) > 0, r.IntN(4) == 0
		p.AfterGood = p.AfterBad && r.IntN(2) == 0
		p.Scheduled = p.Oneshot && r.IntN(2) == 0
		p.OnDemand = !p.Oneshot && r.IntN(3) == 0
		if r.IntN(3) == 0 {
			p.Initial = 0
		}
		w := &world{at: epoch, procs: map[uint64]*process{}}
		for range 400 {
			w.happen(t, p, r, true)
		}
		w.do(t, p, machine.Event{Op: machine.Stop})
		for n := 0; w.state.Phase != machine.Stopped; n++ {
			if n == 5000 {
				t.Fatalf("does not come to rest: %+v, %+v", w.state, w)
			}
			w.happen(t, p, r, false)
		}
		if w.state.Want {
			t.Fatalf("wants to be up after a stop: %+v", w.state)
		}
	}
}
