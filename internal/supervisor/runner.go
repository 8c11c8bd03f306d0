package supervisor

import (
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
)

// Runner starts processes and finds those that are left of another supervisor;
// see osproc.Host for what each method does.
type Runner interface {
	Start(spec osproc.Spec) (Process, error)
	Find() ([]osproc.Found, error)
	Adopt(unit, run string, id osproc.ID, notify func(osproc.Notice)) (Process, error)
	Clear(f osproc.Found) error
	Survey() ([]osproc.Member, error)
	Close() error
}

// Process is a run of a unit; see osproc.Process for what each method does.
type Process interface {
	Main
	Members
}

// Main is the main process of a run.
type Main interface {
	ID() osproc.ID
	Done() <-chan struct{}
	Exit() osproc.Exit
	Signal(sig syscall.Signal) error
}

// Members are all processes of a run.
type Members interface {
	SignalAll(sig syscall.Signal) error
	Left() (int, error)
	Kill() error
	Usage() (osproc.Usage, error)
}

// machineRunner is the Runner of this machine's processes.
type machineRunner struct{ *osproc.Host }

func (r machineRunner) Start(spec osproc.Spec) (Process, error) {
	p, err := r.Host.Start(spec)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (r machineRunner) Adopt(unit, run string, id osproc.ID, notify func(osproc.Notice)) (Process, error) {
	p, err := r.Host.Adopt(unit, run, id, notify)
	if err != nil {
		return nil, err
	}
	return p, nil
}
