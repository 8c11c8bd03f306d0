package machine_test

import (
	"fmt"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
)

// whom writes the actions with the process that each is about, where that is
// not the current one.
func whom(as []machine.Action) string {
	var w []string
	for _, a := range as {
		s := words([]machine.Action{a})
		if a.Attempt != 0 {
			s += fmt.Sprintf("(%d)", a.Attempt)
		}
		w = append(w, s)
	}
	return strings.Join(w, " ")
}

// Of a unit that runs as process 4, beside which 5 gets ready, or in whose
// place it came.
func TestGracefulRestart(t *testing.T) {
	t.Parallel()
	alone := machine.State{Phase: machine.Running, Want: true, Attempt: 4, UpSince: epoch}
	heir := alone
	heir.Heir, heir.Last = 5, 5
	withdrawn := heir
	withdrawn.HeirHow = "exit 1"
	taken := alone
	taken.Attempt, taken.Leaver, taken.Last = 5, 4, 5
	stopping := heir
	stopping.Phase, stopping.HeirHow, stopping.Want = machine.Stopping, "told to stop", false
	mainGone := stopping
	mainGone.MainGone, mainGone.How = true, "exit 0"
	starting := alone
	starting.Phase = machine.Starting
	unborn := taken
	unborn.Phase = machine.Starting
	for _, c := range []struct {
		name         string
		state        machine.State
		event        machine.Event
		phase        machine.Phase
		main         uint64
		heir, leaver uint64
		actions      string
		cause        string
	}{
		{"told to", alone, machine.Event{Op: machine.Replace}, machine.Running, 4, 5, 0, "spawn(5) arm-ready(5)", "told to restart gracefully: its successor starts beside it"},
		{"told to, twice", heir, machine.Event{Op: machine.Replace}, machine.Running, 4, 5, 0, "", ""},
		{"told to while the last one leaves", taken, machine.Event{Op: machine.Replace}, machine.Running, 5, 0, 4, "", ""},
		{"told to at rest", machine.State{}, machine.Event{Op: machine.Replace}, machine.Waiting, 0, 0, 0, "deps", "told to start"},
		{"told to before it is ready", starting, machine.Event{Op: machine.Replace}, machine.Starting, 4, 0, 0, "", ""},
		{"the heir is not started", heir, machine.Event{Op: machine.NotSpawned, Attempt: 5, Fatal: true, Cause: "no x"}, machine.Running, 4, 0, 0, "", "its successor is withdrawn: no x"},
		{"the heir is ready", heir, machine.Event{Op: machine.Ready, Attempt: 5}, machine.Running, 5, 0, 4, "signal(4) arm-kill(4)", "its successor is ready and takes over"},
		{"the heir ends", heir, machine.Event{Op: machine.Exit, Attempt: 5, Cause: "exit 1"}, machine.Running, 4, 5, 0, "kill(5)", ""},
		{"the heir is silent", heir, machine.Event{Op: machine.Broken, Attempt: 5, Cause: "silent"}, machine.Running, 4, 5, 0, "kill(5)", ""},
		{"the heir never gets ready", heir, machine.Event{Op: machine.Timer, Timer: machine.ArmReady, Attempt: 5}, machine.Running, 4, 5, 0, "kill(5)", ""},
		{"the heir says so too late", withdrawn, machine.Event{Op: machine.Ready, Attempt: 5}, machine.Running, 4, 5, 0, "", ""},
		{"the heir is gone", withdrawn, machine.Event{Op: machine.Gone, Attempt: 5}, machine.Running, 4, 0, 0, "", "its successor is withdrawn: exit 1"},
		{"the unit ends meanwhile", heir, machine.Event{Op: machine.Exit, Attempt: 4, Cause: "exit 2"}, machine.Starting, 5, 0, 4, "kill(4) watch arm-ready", "exit 2: its successor takes its place"},
		{"the unit hangs meanwhile", heir, machine.Event{Op: machine.Broken, Attempt: 4, Cause: "silent"}, machine.Starting, 5, 0, 4, "kill(4) watch arm-ready", "silent: its successor takes its place"},
		{"the unit ends while the heir is withdrawn", withdrawn, machine.Event{Op: machine.Exit, Attempt: 4}, machine.Ending, 4, 5, 0, "kill", ""},
		{"the unit ended meanwhile, and the heir is not started", unborn, machine.Event{Op: machine.NotSpawned, Attempt: 5, Fatal: true, Cause: "no x"}, machine.Ending, 5, 0, 4, "kill(4)", ""},
		{"stop meanwhile", heir, machine.Event{Op: machine.Stop}, machine.Stopping, 4, 5, 0, "signal arm-kill kill(5)", "told to stop"},
		{"restart meanwhile", heir, machine.Event{Op: machine.Restart}, machine.Stopping, 4, 5, 0, "signal arm-kill kill(5)", "told to restart"},
		{"stop while the last one leaves", taken, machine.Event{Op: machine.Stop}, machine.Stopping, 5, 0, 4, "signal arm-kill kill(4)", "told to stop"},
		{"stopped, but for the heir", stopping, machine.Event{Op: machine.Gone, Attempt: 4, Cause: "exit 0"}, machine.Stopping, 4, 5, 0, "", ""},
		{"stopped, and the heir too", mainGone, machine.Event{Op: machine.Gone, Attempt: 5}, machine.Stopped, 4, 0, 0, "", "stopped: exit 0"},
		{"the predecessor is gone", taken, machine.Event{Op: machine.Gone, Attempt: 4}, machine.Running, 5, 0, 0, "", "its predecessor is gone"},
		{"the predecessor never drains", taken, machine.Event{Op: machine.Timer, Timer: machine.ArmKill, Attempt: 4}, machine.Running, 5, 0, 4, "kill(4)", "its predecessor did not end within 10s: killed"},
		{"crash while the predecessor leaves", taken, machine.Event{Op: machine.Exit, Attempt: 5, Cause: "exit 1"}, machine.Ending, 5, 0, 4, "kill kill(4)", ""},
		{"adopted with an heir", alone, machine.Event{Op: machine.AdoptedHeir}, machine.Running, 4, 5, 0, "arm-ready(5)", "its successor was found getting ready, adopted"},
		{"adopted with a predecessor", alone, machine.Event{Op: machine.AdoptedLeaver}, machine.Running, 4, 0, 5, "signal(5) arm-kill(5)", "its predecessor was found running, and is to end"},
		{"adopted with an heir against a stop", machine.State{Phase: machine.Stopping, Attempt: 4}, machine.Event{Op: machine.AdoptedHeir}, machine.Stopping, 4, 5, 0, "kill(5)", ""},
	} {
		r := machine.Step(policy(), c.state, c.event)
		s := r.State
		if s.Phase != c.phase || s.Attempt != c.main || s.Heir != c.heir || s.Leaver != c.leaver || whom(r.Actions) != c.actions || r.Cause != c.cause {
			t.Errorf("%s: %v as %d, heir %d, leaver %d, %q, %q; want %v as %d, heir %d, leaver %d, %q, %q", c.name,
				s.Phase, s.Attempt, s.Heir, s.Leaver, whom(r.Actions), r.Cause, c.phase, c.main, c.heir, c.leaver, c.actions, c.cause)
		}
	}
}
