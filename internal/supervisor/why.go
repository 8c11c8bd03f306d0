package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
)

// Why tells in a few plain words why a unit is in its state.
func (s *Supervisor) Why(ctx context.Context, name string) (string, error) {
	st, err := s.Status(name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for0 := time.Since(st.Since).Round(time.Second)
	switch st.State {
	case "running":
		fmt.Fprintf(&b, "%s has been running for %v, as pid %d.", name, for0, st.PID)
	case "starting":
		fmt.Fprintf(&b, "%s was started %v ago as pid %d and is not ready yet.", name, for0, st.PID)
	case "waiting":
		fmt.Fprintf(&b, "%s has not been started: it %s.", name, cmp.Or(st.Detail, "waits for the units that it comes after"))
	case "backoff":
		fmt.Fprintf(&b, "%s ended and is started again in %.1f s.", name, time.Until(*st.NextAttempt).Seconds())
	case "asleep":
		fmt.Fprintf(&b, "%s sleeps since %v: the first connection to its sockets starts it.", name, for0)
	case "scheduled":
		fmt.Fprintf(&b, "%s runs next at %s.", name, st.NextAttempt.Local().Format(time.DateTime))
	case "failed":
		fmt.Fprintf(&b, "%s rests as failed since %v, until somebody starts it.", name, for0)
	case "exited":
		fmt.Fprintf(&b, "%s has done its work, %v ago, and is not restarted.", name, for0)
	case "stopped":
		fmt.Fprintf(&b, "%s is stopped", name)
		if st.Desired == "down" {
			b.WriteString(", as it was told to be")
		}
		b.WriteString(".")
	default:
		fmt.Fprintf(&b, "%s is %s since %v.", name, st.State, for0)
	}
	if st.Cause != "" {
		fmt.Fprintf(&b, " Last: %s.", st.Cause)
	}
	if st.Exit != "" {
		fmt.Fprintf(&b, " Its last process ended with %s.", st.Exit)
	}
	if st.Detail != "" && st.State != "waiting" {
		fmt.Fprintf(&b, " It says: %s.", st.Detail)
	}
	switch {
	case st.Restarts == 1:
		b.WriteString(" It was restarted once since it was told to start.")
	case st.Restarts > 1:
		fmt.Fprintf(&b, " It was restarted %d times since it was told to start.", st.Restarts)
	}
	return b.String(), nil
}
