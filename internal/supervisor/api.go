// Package supervisor keeps units running: it starts them in the order of their
// dependencies, restarts what ends, stops what shall stop with everything it
// ever forked, and says at any moment what it is doing and why.
//
// Its own death is an event that nobody notices: processes, their output and
// the registry outlive it, and the next supervisor on the same home goes on
// where it stood.
package supervisor

import (
	"context"
	"log/slog"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/registry"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Options say where a Supervisor lives and what it is told. Only Places is
// needed.
type Options struct {
	// Places are the home and the sockets folder.
	Places layout.Places
	// Env is the environment of the processes ("NAME=value"), before what each
	// definition sets.
	Env []string
	// Prober reports whether all sockets of a unit answer healthy, and what is
	// missing if not. known is false where the service has no sockets (yet).
	// Nil means that nothing is known of any socket.
	Prober func(ctx context.Context, unit string) (ready, known bool, detail string)
	// Log receives what no caller is told. Nil discards it.
	Log *slog.Logger
	// Runner starts the processes; nil means those of this machine.
	Runner Runner
}

// Status says how a unit is at one moment.
type Status struct {
	Name        string     `json:"name"`
	Label       string     `json:"label,omitempty"`
	Kind        string     `json:"kind"`
	State       string     `json:"state"`   // stopped, waiting, starting, running, stopping, ending, backoff, exited, failed, scheduled or asleep
	Desired     string     `json:"desired"` // up or down
	PID         int        `json:"pid,omitempty"`
	Successor   int        `json:"successor,omitzero"`     // the process that gets ready to take its place
	Predecessor int        `json:"predecessor,omitzero"`   // the process whose place was taken and that ends what it began
	Since       time.Time  `json:"since"`                  // when it came into this state
	StartedAt   *time.Time `json:"started_at,omitempty"`   // of the process that runs
	Restarts    int        `json:"restarts"`               // since the unit was last told to start
	Exit        string     `json:"exit,omitempty"`         // how the last process ended: "exit 137", "killed by SIGKILL"
	ExitCode    *int       `json:"exit_code,omitempty"`    // of the last process; 128 + the signal's number where one ended it
	Signal      string     `json:"signal,omitempty"`       // that ended the last process
	Cause       string     `json:"cause,omitempty"`        // of the last transition
	Detail      string     `json:"detail,omitempty"`       // what it waits for, or STATUS= of sd_notify
	NextAttempt *time.Time `json:"next_attempt,omitempty"` // in backoff and scheduled
	Usage       *Usage     `json:"usage,omitempty"`        // while it has processes
}

// Up reports whether the unit is ready for use: running, a oneshot that ended
// well, or a job that waits for its time.
func (s Status) Up() bool {
	return s.State == "running" || s.State == "exited" && s.Kind == "oneshot" || s.State == "scheduled" || s.State == "asleep"
}

// Resting reports whether nothing goes on with the unit any more.
func (s Status) Resting() bool {
	return s.State == "stopped" || s.State == "exited" || s.State == "failed"
}

// Usage is what the processes of a unit use together.
type Usage struct {
	CPUSeconds float64 `json:"cpu_seconds"` // since the start of the process
	Memory     int64   `json:"memory"`      // bytes, resident
	OpenFiles  int     `json:"open_files"`
	Processes  int     `json:"processes"`
}

// Transition is one change of a unit's state, or of the health of one of its
// layers.
type Transition = registry.Transition

// Mode says what Shutdown does with what runs.
type Mode uint8

// The ways to shut down.
const (
	StopAll Mode = iota // stop all units, in reverse order, and keep in mind which were up
	Leave               // let them run on for the next supervisor
)
