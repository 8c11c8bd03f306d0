package supervisor

import (
	"context"
	"iter"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// Runner starts processes and finds those that are left of another supervisor.
type Runner interface{}

// Supervisor keeps the units of one home running. It is safe for concurrent use.
type Supervisor struct{}

// Open takes the home's lock, reads the registry, adopts what still runs and
// starts what shall run and does not. A home that another supervisor holds is
// fault.Conflict. ctx bounds the opening alone; Shutdown ends the supervisor.
func Open(ctx context.Context, opts Options) (*Supervisor, error) {
	return nil, fault.Errorf(fault.Unsupported, "open supervisor: not written yet")
}

// Set registers u, or changes it. A process that runs is left alone: the change
// holds from its next start on. It starts nothing.
func (s *Supervisor) Set(ctx context.Context, u unit.Unit) error { return nil }

// Get returns a unit's definition, without defaults.
func (s *Supervisor) Get(name string) (unit.Unit, error) { return unit.Unit{}, nil }

// List returns all definitions, sorted by name.
func (s *Supervisor) List() []unit.Unit { return nil }

// Remove stops a unit and forgets it. Its logs stay.
func (s *Supervisor) Remove(ctx context.Context, name string) error { return nil }

// Start wants a unit up, and what it requires and wants before it. It returns
// once that is noted; Wait waits for it to be ready.
func (s *Supervisor) Start(ctx context.Context, name string) error { return nil }

// Stop wants a unit down, and first what requires it. It returns when it is
// stopped and everything that it forked is gone.
func (s *Supervisor) Stop(ctx context.Context, name string) error { return nil }

// Restart stops a unit's process and starts it anew. It returns once the old
// process is gone and the new one is on its way.
func (s *Supervisor) Restart(ctx context.Context, name string) error { return nil }

// Signal sends a signal to a unit's main process.
func (s *Supervisor) Signal(name string, sig syscall.Signal) error { return nil }

// Status returns how a unit is.
func (s *Supervisor) Status(name string) (Status, error) { return Status{}, nil }

// Statuses returns how all units are, sorted by name. It leaves Usage out.
func (s *Supervisor) Statuses() []Status { return nil }

// History returns the last n transitions of a unit, the newest last. The empty
// name stands for all units, n = 0 for all that is kept.
func (s *Supervisor) History(ctx context.Context, name string, n int) ([]Transition, error) {
	return nil, nil
}

// Why tells in a few plain words why a unit is in its state.
func (s *Supervisor) Why(ctx context.Context, name string) (string, error) { return "", nil }

// Wait waits until a unit's status satisfies until, and returns that status.
func (s *Supervisor) Wait(ctx context.Context, name string, until func(Status) bool) (Status, error) {
	return Status{}, nil
}

// Subscribe yields the transitions of all units from now on, until ctx ends. A
// reader that is too slow misses some; their IDs tell.
func (s *Supervisor) Subscribe(ctx context.Context) iter.Seq[Transition] { return nil }

// Logs returns the log of a unit, for reading and following.
func (s *Supervisor) Logs(name string) (*logs.Log, error) { return nil, nil }

// Shutdown ends the supervisor, with or without what it runs, and gives the
// home's lock back. After it, every other method fails.
func (s *Supervisor) Shutdown(ctx context.Context, mode Mode) error { return nil }

// Done is closed when the supervisor has ended.
func (s *Supervisor) Done() <-chan struct{} { return nil }
