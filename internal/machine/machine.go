// Package machine is a unit's life as data: Step takes a state and an event to
// the next state and the actions that follow. It knows no clock, no process and
// no chance; events carry the time and the dice.
//
//	            start              deps ready          ready
//	stopped ───────────▶ waiting ─────────────▶ starting ────▶ running
//	   ▲                   ▲                       │ │            │
//	   │ all gone          │ restart   stop        │ │ exit       │ exit
//	stopping ◀─────────────┼───────────────────────┘ ▼            ▼
//	                       │                        ending ◀──────┘
//	                       │ timer                   │ all gone
//	                    backoff ◀────────────────────┼─▶ exited
//	                                                 └─▶ failed
package machine

import (
	"fmt"
	"time"
)

// Phase is a unit's state in one word.
type Phase uint8

// The phases.
const (
	Stopped   Phase = iota // at rest, as wanted
	Waiting                // for the units that it comes after
	Starting               // there is a process, not ready yet
	Running                // ready
	Stopping               // told to end; Gone comes when everything has
	Ending                 // it ended by itself; what it left is cleared away
	Backoff                // waits for the next attempt
	Exited                 // ended well, and is not to be restarted
	Failed                 // rests until told to start
	Scheduled              // a job that waits for the time of its next run
	Asleep                 // its sockets are held for it; the first connection starts it
)

// String returns the phase's word.
func (p Phase) String() string {
	return [...]string{"stopped", "waiting", "starting", "running", "stopping", "ending", "backoff", "exited", "failed", "scheduled", "asleep"}[min(p, Asleep)]
}

// HasProcess reports whether a unit in this phase may have processes.
func (p Phase) HasProcess() bool { return p >= Starting && p <= Ending }

// Resting reports whether nothing goes on by itself in this phase.
func (p Phase) Resting() bool { return p == Stopped || p == Exited || p == Failed }

// Policy is how a unit wants to be treated.
type Policy struct {
	Oneshot      bool
	Scheduled    bool          // a Oneshot that is run again and again: Start waits for its time, Restart does not
	OnDemand     bool          // start with the first connection to its sockets, and again after it ended well
	AfterGood    bool          // start again after an exit with status 0
	AfterBad     bool          // start again after any other
	Initial, Max time.Duration // of the wait before a restart
	Factor       float64
	Jitter       float64 // the part of the wait that chance decides
	MaxRestarts  int     // in Window; negative for no cap
	Window       time.Duration
	Grace        time.Duration // from the stop signal to the kill
	StartTimeout time.Duration // from the process to Ready; 0 for ever
}

// settled is how long a process must have run for the next wait to be short
// again.
const settled = 10 * time.Second

// State is where a unit stands. The zero State is a stopped unit.
type State struct {
	Phase    Phase
	Want     bool        // up
	Attempt  uint64      // the number of the current process; an event of an older one is dropped
	Last     uint64      // the highest number that was given to a process; 0 where that is Attempt
	Restarts int         // since it was last told to start
	Failures int         // in a row, for the length of the wait
	Recent   []time.Time // of the restarts in the window
	UpSince  time.Time   // when the current process was started
	Next     time.Time   // in Backoff and Scheduled
	Again    bool        // in Stopping: start anew once all is gone
	Bad      bool        // the current process ended badly, or was of no use
	How      string      // how the current process ended, or why it was of no use
	Heir     uint64      // the process that gets ready to take the current one's place; 0 for none
	HeirHow  string      // why the heir is withdrawn, from when that is decided
	Leaver   uint64      // the process whose place was taken and that is not gone yet; 0 for none
	MainGone bool        // the current process is gone, and what runs beside it is not
}

// Op is what an Event reports.
type Op uint8

// The events. Those of a process carry its Attempt.
const (
	Start         Op = iota // told to start
	Stop                    // told to stop
	Restart                 // told to start anew
	Cleared                 // the units it waits for are up
	Blocked                 // a unit that it requires is not going to be up; Cause says which
	Spawned                 // there is a process
	NotSpawned              // there is none; Cause says why. Fatal: another try would fare no better
	Adopted                 // there is a process from before; Bad: it was not known to be ready
	Ready                   // the process is ready
	Exit                    // the main process ended; Good or not, Cause says how
	Gone                    // nothing is left of the process and what it forked
	Timer                   // an armed timer fired
	Broken                  // the process is to be replaced: Cause says why
	Replace                 // told to start anew without a moment in which nobody serves
	AdoptedHeir             // beside the adopted process there is one that gets ready
	AdoptedLeaver           // beside it there is one whose place it took
	Wake                    // somebody connects to a socket that is held
	NotHeld                 // the sockets cannot be held; Cause says why
)

// Event is what happened, and when.
type Event struct {
	Op      Op
	At      time.Time
	Attempt uint64    // of the process, or of the timer
	Timer   Verb      // of Op Timer: the action that set it
	Good    bool      // of Op Exit: with status 0. Of Op Adopted: ready before
	Fatal   bool      // of Op NotSpawned
	Gently  bool      // of Op Broken: it may end in its own time
	Due     time.Time // of a job: its first time after At
	Dice    float64   // in [0,1), for the jitter
	Cause   string
}

// Verb is what an Action asks for.
type Verb uint8

// The actions.
const (
	AskDeps    Verb = iota // report Cleared or Blocked
	Spawn                  // start the process; report Spawned or NotSpawned, later Exit
	Watch                  // look for readiness; report Ready
	Signal                 // send the stop signal; once the main process exits, let the rest end
	Kill                   // kill everything that is left; report Gone
	ArmRestart             // set a timer for the wait before a restart
	ArmKill                // set one for the grace
	ArmReady               // set one for the time to become ready
	Hold                   // hold the sockets, and report Wake when somebody connects, or NotHeld
)

// Action is what follows from a Step.
type Action struct {
	Verb    Verb
	After   time.Duration // of the timers
	Attempt uint64        // whom it is about, where that is not the state's Attempt; else 0
}

// Result is what a Step leads to. Cause is not empty where a reader of the
// unit's history is to see the step.
type Result struct {
	State   State
	Actions []Action
	Cause   string
}

// Step returns what e makes of s under the policy p. An event that s has no
// use for, such as one of an older attempt, changes nothing.
func Step(p Policy, s State, e Event) Result {
	switch e.Op {
	case Start, Stop, Restart:
		return told(p, s, e)
	case Cleared, Blocked:
		return waited(p, s, e)
	case Adopted:
		return adopted(p, s, e)
	case Replace:
		return replace(p, s, e)
	case AdoptedHeir, AdoptedLeaver:
		return joined(p, s, e)
	case Wake, NotHeld:
		return woken(s, e)
	}
	switch {
	case e.Attempt == s.Attempt:
	case e.Attempt == s.Heir && s.Heir != 0:
		return heir(p, s, e)
	case e.Attempt == s.Leaver && s.Leaver != 0:
		return leaver(p, s, e)
	default:
		return Result{State: s}
	}
	switch e.Op {
	case Spawned, NotSpawned:
		return spawned(p, s, e)
	case Ready:
		return ready(p, s, e)
	case Exit:
		return exited(p, s, e)
	case Gone:
		return gone(p, s, e)
	case Timer:
		return timer(p, s, e)
	case Broken:
		return broken(p, s, e)
	}
	return Result{State: s}
}

// told is Step for what a person, or another unit, wants.
func told(p Policy, s State, e Event) Result {
	cause := e.Cause
	switch e.Op {
	case Start:
		s.Want = true
		switch {
		case s.Phase.Resting() && p.Scheduled:
			return schedule(fresh(s), e, or(cause, "told to start"))
		case s.Phase.Resting() || s.Phase == Backoff:
			return wait(fresh(s), or(cause, "told to start"))
		case s.Phase == Stopping && !s.Again:
			s.Again = true
			return Result{State: fresh(s), Cause: or(cause, "told to start; the old process ends first")}
		case s.Phase == Ending:
			return Result{State: fresh(s)}
		}
		return Result{State: s}
	case Restart:
		s.Want = true
		if s.Phase == Starting || s.Phase == Running {
			s.Again = true
			return stopNow(p, fresh(s), or(cause, "told to restart"))
		}
		if s.Phase == Scheduled || s.Phase.Resting() {
			return wait(fresh(s), or(cause, "told to restart"))
		}
		return told(p, s, Event{Op: Start, At: e.At, Cause: or(cause, "told to restart")})
	}
	s.Want, s.Again = false, false
	switch s.Phase {
	case Starting, Running:
		return stopNow(p, s, or(cause, "told to stop"))
	case Waiting, Backoff, Exited, Failed, Scheduled, Asleep:
		s.Phase, s.Next = Stopped, time.Time{}
		return Result{State: s, Cause: or(cause, "told to stop")}
	}
	return Result{State: s} // Ending and Stopping come to rest by themselves
}

// fresh forgets the failures of the past: it was told to start by somebody who
// may have mended their cause.
func fresh(s State) State {
	s.Restarts, s.Failures, s.Recent = 0, 0, nil
	return s
}

func wait(s State, cause string) Result {
	s.Phase, s.Next, s.Again, s.Bad, s.How = Waiting, time.Time{}, false, false, ""
	return Result{State: s, Actions: []Action{{Verb: AskDeps}}, Cause: cause}
}

func stopNow(p Policy, s State, cause string) Result {
	s.Phase = Stopping
	s, beside := clearSiblings(s, cause)
	return Result{State: s, Actions: append([]Action{{Verb: Signal}, {Verb: ArmKill, After: p.Grace}}, beside...), Cause: cause}
}

// waited is Step for the units that this one comes after.
func waited(p Policy, s State, e Event) Result {
	if s.Phase != Waiting {
		return Result{State: s}
	}
	if e.Op == Blocked {
		if p.Scheduled && s.Want {
			return schedule(s, e, e.Cause)
		}
		s.Phase = Failed
		return Result{State: s, Cause: e.Cause}
	}
	if p.OnDemand {
		return sleep(s, or(e.Cause, "asleep: the first connection starts it"))
	}
	return begin(s, e, or(e.Cause, "starts"))
}

// adopted is Step for a process that an earlier supervisor started. It counts
// as an attempt of its own.
func adopted(p Policy, s State, e Event) Result {
	if s.Phase.HasProcess() {
		return Result{State: s}
	}
	s = next(s)
	s.Attempt, s.UpSince = s.Last, e.At
	if e.Good {
		s.Phase = Running
	} else {
		s.Phase = Starting
	}
	r := Result{State: s, Cause: or(e.Cause, "found running, adopted")}
	if !s.Want {
		return stopNow(p, s, "found running, and is to be stopped")
	}
	if !e.Good && !p.Oneshot {
		r.Actions = watch(p)
	}
	return r
}

func watch(p Policy) []Action {
	actions := []Action{{Verb: Watch}}
	if p.StartTimeout > 0 && !p.Oneshot {
		actions = append(actions, Action{Verb: ArmReady, After: p.StartTimeout})
	}
	return actions
}

// spawned is Step for the outcome of Spawn. A stop may have come meanwhile.
func spawned(p Policy, s State, e Event) Result {
	if e.Op == Spawned {
		if s.Phase == Stopping {
			return Result{State: s, Actions: []Action{{Verb: Signal}}}
		}
		if p.Oneshot {
			return Result{State: s}
		}
		return Result{State: s, Actions: watch(p)}
	}
	switch s.Phase {
	case Stopping:
		return gone(p, s, e)
	case Starting:
		if s.Heir != 0 || s.Leaver != 0 { // what it was to succeed is not gone yet
			s.Phase, s.Bad, s.How, s.MainGone = Ending, true, e.Cause, true
			s, beside := clearSiblings(s, e.Cause)
			return Result{State: s, Actions: beside}
		}
		if e.Fatal {
			s.Phase = Failed
			return Result{State: s, Cause: "failed: " + e.Cause}
		}
		s.Bad = true
		s.Phase = Ending
		return again(p, s, e, e.Cause)
	}
	return Result{State: s}
}

func ready(p Policy, s State, e Event) Result {
	if s.Phase != Starting || p.Oneshot {
		return Result{State: s}
	}
	s.Phase = Running
	return Result{State: s, Cause: or(e.Cause, "ready")}
}

// exited is Step for the end of the main process. What it left behind goes
// before anything else happens, so that no two of it ever run.
func exited(p Policy, s State, e Event) Result {
	switch s.Phase {
	case Starting, Running:
		if s.Heir != 0 && s.HeirHow == "" {
			return succeed(p, s, e, Starting, join(or(e.Cause, "ended"), "its successor takes its place"))
		}
		s.Phase, s.Bad, s.How = Ending, s.Bad || !e.Good, e.Cause
		s, beside := clearSiblings(s, "the unit ends")
		return Result{State: s, Actions: append([]Action{{Verb: Kill}}, beside...)}
	case Stopping:
		return Result{State: s} // the rest has the same grace; Gone follows
	}
	return Result{State: s}
}

// gone is Step for the moment at which nothing of the process is left.
func gone(p Policy, s State, e Event) Result {
	if (s.Phase == Stopping || s.Phase == Ending) && (s.Heir != 0 || s.Leaver != 0) {
		s.MainGone, s.How = true, or(s.How, e.Cause)
		return Result{State: s}
	}
	switch s.Phase {
	case Stopping:
		if s.Again && s.Want {
			return wait(s, "the old process is gone")
		}
		s.Phase, s.Bad, s.Again, s.How = Stopped, false, false, ""
		return Result{State: s, Cause: join("stopped", e.Cause)}
	case Ending:
		return again(p, s, e, or(s.How, e.Cause))
	}
	return Result{State: s}
}

// again decides what comes after a process that ended by itself.
func again(p Policy, s State, e Event, how string) Result {
	bad := s.Bad
	s.Bad, s.How = false, ""
	switch {
	case !s.Want:
		s.Phase = Stopped
		return Result{State: s, Cause: join("stopped", how)}
	case bad && !p.AfterBad && p.Scheduled:
		return schedule(s, e, join("failed", how))
	case bad && !p.AfterBad:
		s.Phase = Failed
		return Result{State: s, Cause: join("failed", how)}
	case !bad && p.Scheduled:
		return schedule(fresh(s), e, join("done", how))
	case !bad && p.OnDemand:
		return sleep(fresh(s), join("asleep", how))
	case !bad && (p.Oneshot || !p.AfterGood):
		s.Phase = Exited
		return Result{State: s, Cause: join("done", how)}
	}
	recent := s.Recent[:0:0]
	for _, t := range s.Recent {
		if e.At.Sub(t) < p.Window {
			recent = append(recent, t)
		}
	}
	if p.MaxRestarts >= 0 && len(recent) >= p.MaxRestarts {
		s.Phase, s.Recent = Failed, recent
		cause := join("failed", fmt.Sprintf("%srestarted %d times in %v, the cap", comma(how), len(recent), p.Window))
		if p.Scheduled {
			return schedule(s, e, cause)
		}
		return Result{State: s, Cause: cause}
	}
	if e.At.Sub(s.UpSince) >= settled {
		s.Failures = 0
	}
	d := delay(p, s.Failures, e.Dice)
	s.Failures++
	s.Restarts++
	if p.MaxRestarts >= 0 {
		recent = append(recent, e.At)
	}
	s.Recent = recent
	cause := join("restarted", fmt.Sprintf("%sattempt %d", comma(how), len(recent)))
	if p.MaxRestarts >= 0 {
		cause += fmt.Sprintf(" of %d", p.MaxRestarts)
	} else {
		cause = join("restarted", fmt.Sprintf("%sattempt %d", comma(how), s.Restarts))
	}
	if d <= 0 {
		return wait(s, cause)
	}
	s.Phase, s.Next = Backoff, e.At.Add(d)
	return Result{State: s, Cause: fmt.Sprintf("%s, next in %.1f s", cause, d.Seconds()),
		Actions: []Action{{Verb: ArmRestart, After: d}}}
}

// longestSleep is how long a job's timer runs at most, so that a clock that is
// set is noticed.
const longestSleep = time.Minute

// schedule lets a job wait for its next time.
func schedule(s State, e Event, cause string) Result {
	if e.Due.IsZero() {
		s.Phase = Failed
		return Result{State: s, Cause: join("failed", "its schedule names no time any more")}
	}
	s.Phase, s.Next, s.Again = Scheduled, e.Due, false
	if cause != "" {
		cause += ", next at " + e.Due.Format(time.DateTime)
	}
	return Result{State: s, Cause: cause, Actions: []Action{{Verb: ArmRestart, After: min(longestSleep, max(0, e.Due.Sub(e.At)))}}}
}

// delay returns the wait before a restart after so many failures in a row;
// dice is in [0,1).
func delay(p Policy, failures int, dice float64) time.Duration {
	d := float64(p.Initial)
	for range failures {
		if d *= max(p.Factor, 1); d >= float64(p.Max) {
			break
		}
	}
	d = min(d, float64(max(p.Max, p.Initial)))
	return time.Duration(d * (1 - max(p.Jitter, 0)*dice))
}

func timer(p Policy, s State, e Event) Result {
	switch {
	case e.Timer == ArmRestart && s.Phase == Backoff:
		return wait(s, "")
	case e.Timer == ArmRestart && s.Phase == Scheduled && e.At.Before(s.Next):
		return schedule(s, e, "") // the clock, or the schedule, was changed, or the wait is long
	case e.Timer == ArmRestart && s.Phase == Scheduled:
		return wait(s, "its time has come")
	case e.Timer == ArmKill && (s.Phase == Stopping || s.Phase == Ending):
		return Result{State: s, Actions: []Action{{Verb: Kill}}, Cause: fmt.Sprintf("did not stop within %v: killed", p.Grace)}
	case e.Timer == ArmReady && s.Phase == Starting:
		e.Cause = or(e.Cause, fmt.Sprintf("not ready within %v", p.StartTimeout))
		return broken(p, s, e)
	}
	return Result{State: s}
}

// broken is Step for a process that lives and is of no use.
func broken(p Policy, s State, e Event) Result {
	if s.Phase != Starting && s.Phase != Running {
		return Result{State: s}
	}
	if s.Heir != 0 && s.HeirHow == "" {
		return succeed(p, s, e, Starting, join(e.Cause, "its successor takes its place"))
	}
	s.Phase, s.Bad, s.How = Ending, true, e.Cause
	s, beside := clearSiblings(s, "the unit ends")
	end := []Action{{Verb: Kill}}
	if e.Gently {
		end = []Action{{Verb: Signal}, {Verb: ArmKill, After: p.Grace}}
	}
	return Result{State: s, Actions: append(end, beside...), Cause: e.Cause}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func comma(s string) string {
	if s == "" {
		return ""
	}
	return s + ", "
}

func join(what, how string) string {
	if how == "" {
		return what
	}
	return what + ": " + how
}
