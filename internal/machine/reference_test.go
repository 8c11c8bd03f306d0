package machine_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
)

var update = flag.Bool("update", false, "write docs/reference/states.md anew")

const reference = "../../docs/reference/states.md"

const introduction = `# The states of a service

Written by ` + "`go test ./internal/machine -update`" + `, which asks the state machine itself what each event makes of each state that can be reached.
` + "`hero_proc status`" + ` shows the state, ` + "`hero_proc why NAME`" + ` and ` + "`hero_proc history NAME`" + ` the cause.

A service at rest is stopped, exited or failed: nothing happens to it until somebody says so. Ending and stopping last until nothing of
what it ever forked is left; no second process starts before.

`

// policies are the ways in which a unit can be treated, as far as they lead to
// other states.
func policies() []machine.Policy {
	service := policy()
	service.MaxRestarts = -1
	atOnce, capped, never, oneshot, asleep := service, service, service, service, service
	atOnce.Initial, atOnce.Max = 0, 0
	capped.MaxRestarts = 0
	never.AfterGood, never.AfterBad = false, false
	oneshot.Oneshot = true
	asleep.OnDemand = true
	job, tried := never, capped
	job.Oneshot, job.Scheduled = true, true
	tried.Oneshot, tried.Scheduled = true, true
	return []machine.Policy{service, atOnce, capped, never, oneshot, asleep, job, tried}
}

// step is an event by name.
type step struct {
	name  string
	event machine.Event
}

// possible returns what can happen to a unit in the state s.
func possible(s machine.State) []step {
	due := epoch.Add(time.Minute)
	steps := []step{
		{"start", machine.Event{Op: machine.Start, Due: due}}, {"stop", machine.Event{Op: machine.Stop}}, {"restart", machine.Event{Op: machine.Restart}},
		{"graceful restart", machine.Event{Op: machine.Replace, Due: due}},
		{"what it needs is up", machine.Event{Op: machine.Cleared}}, {"what it needs is not up", machine.Event{Op: machine.Blocked, Due: due}},
		{"first connection", machine.Event{Op: machine.Wake}}, {"sockets cannot be held", machine.Event{Op: machine.NotHeld}},
		{"its time comes", machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: s.Attempt, At: s.Next}},
	}
	if s.Phase == machine.Stopped && s.Attempt == 0 {
		steps = append(steps, step{"found running", machine.Event{Op: machine.Adopted, Good: true}}, step{"found not ready", machine.Event{Op: machine.Adopted}})
	}
	for who, n := range map[string]uint64{"": s.Attempt, "successor ": s.Heir, "predecessor ": s.Leaver} {
		if n == 0 || who == "" && (!s.Phase.HasProcess() || s.MainGone) {
			continue
		}
		steps = append(steps,
			step{who + "ready", machine.Event{Op: machine.Ready, Attempt: n}},
			step{who + "not ready in time", machine.Event{Op: machine.Timer, Timer: machine.ArmReady, Attempt: n}},
			step{who + "is of no use", machine.Event{Op: machine.Broken, Attempt: n, Gently: true}},
			step{who + "exits", machine.Event{Op: machine.Exit, Attempt: n, Good: true}},
			step{who + "exits", machine.Event{Op: machine.Exit, Attempt: n}},
			step{who + "all gone", machine.Event{Op: machine.Gone, Attempt: n, Due: due}})
		if who != "predecessor " && (n == s.Heir || s.Phase == machine.Starting) {
			steps = append(steps, step{who + "cannot be started", machine.Event{Op: machine.NotSpawned, Attempt: n, Due: due}},
				step{who + "cannot be started", machine.Event{Op: machine.NotSpawned, Attempt: n, Fatal: true}})
		}
	}
	return steps
}

// beside names a state with what runs beside its main process.
func beside(s machine.State) string {
	name := s.Phase.String()
	if s.Heir != 0 {
		name += " + successor"
	}
	if s.Leaver != 0 {
		name += " + predecessor"
	}
	return name
}

type edge struct{ from, to string }

// explore follows everything that can happen from a stopped unit, and returns
// the names of the events that lead from state to state.
func explore(t *testing.T, name func(machine.State) string) map[edge]map[string]bool {
	edges := map[edge]map[string]bool{}
	for _, p := range policies() {
		seen := map[string]bool{}
		todo := []machine.State{{}, {Want: true}}
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			for _, e := range possible(s) {
				if e.event.At.IsZero() {
					e.event.At = epoch
				}
				n := machine.Step(p, s, e.event).State
				if from, to := name(s), name(n); from != to {
					k := edge{from, to}
					if edges[k] == nil {
						edges[k] = map[string]bool{}
					}
					edges[k][e.name] = true
				}
				n.Failures, n.Restarts, n.Recent = 0, 0, nil
				key := fmt.Sprint(n.Phase, n.Want, n.Again, n.Bad, n.Attempt != 0, n.Heir != 0, n.HeirHow != "", n.Leaver != 0, n.MainGone)
				if !seen[key] {
					seen[key] = true
					todo = append(todo, n)
				}
			}
		}
		if len(seen) < 10 {
			t.Fatalf("only %d states are reached", len(seen))
		}
	}
	return edges
}

func byName(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }

// TestReference holds docs/reference/states.md equal to what the machine does.
func TestReference(t *testing.T) {
	t.Parallel()
	var doc strings.Builder
	doc.WriteString(introduction + "```mermaid\nstateDiagram-v2\n    [*] --> stopped\n")
	phases := explore(t, func(s machine.State) string { return s.Phase.String() })
	for p := machine.Stopped; p <= machine.Asleep; p++ {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(phases)), func(e edge) bool { return e.to == p.String() }) {
			t.Errorf("nothing leads to %v", p)
		}
	}
	sorted := slices.SortedFunc(maps.Keys(phases), byName)
	for _, e := range sorted {
		fmt.Fprintf(&doc, "    %s --> %s\n", e.from, e.to)
	}
	doc.WriteString("```\n\n| from | to | when |\n|---|---|---|\n")
	row := func(e edge, when map[string]bool) {
		fmt.Fprintf(&doc, "| %s | %s | %s |\n", e.from, e.to, strings.Join(slices.Sorted(maps.Keys(when)), ", "))
	}
	for _, e := range sorted {
		row(e, phases[e])
	}
	doc.WriteString(`
## Graceful restart

The successor starts beside the process that serves. Once it is ready it takes over, and the one before, now the predecessor, is told
to end. A successor that fails is withdrawn, and nothing else changes.

| from | to | when |
|---|---|---|
`)
	graceful := explore(t, beside)
	for _, e := range slices.SortedFunc(maps.Keys(graceful), byName) {
		if strings.Contains(e.from+e.to, "+") {
			row(e, graceful[e])
		}
	}
	if *update {
		if err := os.WriteFile(reference, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(reference); err != nil || string(got) != doc.String() {
		t.Errorf("%s is not what the machine does (%v): run go test ./internal/machine -update", reference, err)
	}
}
