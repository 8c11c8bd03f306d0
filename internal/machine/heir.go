package machine

import "fmt"

// A graceful restart: while a unit runs, its heir is started beside it. The
// heir either gets ready and takes the unit's place, or is withdrawn and the
// unit stays as it was. The one whose place was taken leaves on its own.
//
//	running ──replace──▶ running + heir ──heir ready──▶ running + leaver ──gone──▶ running
//	                        │
//	                        └──heir fails──▶ running

// next gives the state the number of another process.
func next(s State) State {
	s.Last = max(s.Last, s.Attempt) + 1
	return s
}

// replace is Step for a graceful restart. A unit with nothing to lose is
// started, and one that is being replaced is left at that.
func replace(p Policy, s State, e Event) Result {
	if s.Phase != Running || p.Oneshot {
		return told(p, s, Event{Op: Start, At: e.At, Due: e.Due, Cause: e.Cause})
	}
	s.Want = true
	if s.Heir != 0 || s.Leaver != 0 {
		return Result{State: s}
	}
	s = next(fresh(s))
	s.Heir, s.HeirHow = s.Last, ""
	return Result{State: s, Actions: append([]Action{{Verb: Spawn, Attempt: s.Heir}}, armHeir(p, s)...),
		Cause: or(e.Cause, "told to restart gracefully: its successor starts beside it")}
}

func armHeir(p Policy, s State) []Action {
	if p.StartTimeout <= 0 {
		return nil
	}
	return []Action{{Verb: ArmReady, After: p.StartTimeout, Attempt: s.Heir}}
}

// joined is Step for a process that an earlier supervisor left beside the one
// that was adopted.
func joined(p Policy, s State, e Event) Result {
	s = next(s)
	if e.Op == AdoptedLeaver {
		s.Leaver = s.Last
		return Result{State: s, Actions: retire(p, s), Cause: "its predecessor was found running, and is to end"}
	}
	s.Heir, s.HeirHow = s.Last, ""
	if !s.Want || s.Phase != Running && s.Phase != Starting {
		return withdraw(s, "the unit is "+s.Phase.String())
	}
	return Result{State: s, Actions: armHeir(p, s), Cause: "its successor was found getting ready, adopted"}
}

// heir is Step for what happens to the process that gets ready.
func heir(p Policy, s State, e Event) Result {
	switch e.Op {
	case Spawned:
		if s.HeirHow != "" {
			return Result{State: s, Actions: []Action{{Verb: Kill, Attempt: s.Heir}}}
		}
	case NotSpawned, Gone:
		how := or(s.HeirHow, e.Cause)
		s.Heir, s.HeirHow = 0, ""
		return alone(p, s, e, "its successor is withdrawn: "+how)
	case Ready:
		if s.HeirHow == "" {
			return succeed(p, s, e, Running, "its successor is ready and takes over")
		}
	case Exit:
		return withdraw(s, or(e.Cause, "it ended"))
	case Broken:
		return withdraw(s, e.Cause)
	case Timer:
		if e.Timer == ArmReady {
			return withdraw(s, fmt.Sprintf("not ready within %v", p.StartTimeout))
		}
	}
	return Result{State: s}
}

// withdraw ends the heir; Gone says when that is done.
func withdraw(s State, how string) Result {
	if s.Heir == 0 || s.HeirHow != "" {
		return Result{State: s}
	}
	s.HeirHow = how
	return Result{State: s, Actions: []Action{{Verb: Kill, Attempt: s.Heir}}}
}

// succeed puts the heir into the unit's place.
func succeed(p Policy, s State, e Event, phase Phase, cause string) Result {
	s.Leaver, s.Attempt, s.Heir = s.Attempt, s.Heir, 0
	s.Phase, s.UpSince = phase, e.At
	r := Result{State: s, Cause: cause}
	if phase == Running {
		r.Actions = retire(p, s)
		return r
	}
	// The one before has ended by itself.
	r.Actions = append([]Action{{Verb: Kill, Attempt: s.Leaver}}, watch(p)...)
	return r
}

func retire(p Policy, s State) []Action {
	return []Action{{Verb: Signal, Attempt: s.Leaver}, {Verb: ArmKill, After: p.Grace, Attempt: s.Leaver}}
}

// leaver is Step for what happens to the process whose place was taken.
func leaver(p Policy, s State, e Event) Result {
	switch {
	case e.Op == Gone:
		s.Leaver = 0
		return alone(p, s, e, "its predecessor is gone")
	case e.Op == Timer && e.Timer == ArmKill:
		return Result{State: s, Actions: []Action{{Verb: Kill, Attempt: s.Leaver}},
			Cause: fmt.Sprintf("its predecessor did not end within %v: killed", p.Grace)}
	}
	return Result{State: s}
}

// alone is what follows when the unit has one process less beside its main
// one: where that has gone before, its end is dealt with now.
func alone(p Policy, s State, e Event, cause string) Result {
	if !s.MainGone || s.Heir != 0 || s.Leaver != 0 {
		return Result{State: s, Cause: cause}
	}
	s.MainGone = false
	return gone(p, s, Event{Op: Gone, At: e.At, Dice: e.Dice, Attempt: s.Attempt, Cause: s.How})
}

// clearSiblings are the actions that end whatever runs beside the main
// process, and the state in which that goes on.
func clearSiblings(s State, why string) (State, []Action) {
	r := withdraw(s, why)
	if s.Leaver != 0 {
		r.Actions = append(r.Actions, Action{Verb: Kill, Attempt: s.Leaver})
	}
	return r.State, r.Actions
}
