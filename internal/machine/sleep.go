package machine

import "time"

// begin asks for the process of another attempt.
func begin(s State, e Event, cause string) Result {
	s.Phase, s.UpSince = Starting, e.At
	s = next(s)
	s.Attempt = s.Last
	return Result{State: s, Actions: []Action{{Verb: Spawn}}, Cause: cause}
}

// sleep lets a unit's sockets be held until somebody connects.
func sleep(s State, cause string) Result {
	s.Phase, s.Next, s.Again = Asleep, time.Time{}, false
	return Result{State: s, Actions: []Action{{Verb: Hold}}, Cause: cause}
}

// woken is Step for the sockets that are held.
func woken(s State, e Event) Result {
	switch {
	case s.Phase != Asleep:
		return Result{State: s}
	case e.Op == NotHeld:
		s.Phase = Failed
		return Result{State: s, Cause: "failed: " + e.Cause}
	}
	return begin(s, e, or(e.Cause, "somebody connects: starts"))
}
