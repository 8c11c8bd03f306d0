//go:build !linux

package osproc

import (
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

func unsupported() error {
	return fault.Errorf(fault.Unsupported, "processes are supervised on Linux alone")
}

// Host is of no use on this system.
type Host struct{}

// Open fails with fault.Unsupported.
func Open(Options) (*Host, error) { return nil, unsupported() }

// Cgroups reports false.
func (*Host) Cgroups() bool { return false }

// Close does nothing.
func (*Host) Close() error { return nil }

// Find fails with fault.Unsupported.
func (*Host) Find() ([]Found, error) { return nil, unsupported() }

// Survey fails.
func (*Host) Survey() ([]Member, error) { return nil, unsupported() }

// Adopt fails with fault.Unsupported.
func (*Host) Adopt(string, string, ID, func(Notice)) (*Process, error) { return nil, unsupported() }

// Clear fails with fault.Unsupported.
func (*Host) Clear(Found) error { return unsupported() }

// Start fails with fault.Unsupported.
func (*Host) Start(Spec) (*Process, error) { return nil, unsupported() }

// Process is of no use on this system.
type Process struct{}

// ID returns the zero ID.
func (*Process) ID() ID { return ID{} }

// Done returns nil.
func (*Process) Done() <-chan struct{} { return nil }

// Exit returns the zero Exit.
func (*Process) Exit() Exit { return Exit{} }

// Signal fails with fault.Unsupported.
func (*Process) Signal(syscall.Signal) error { return unsupported() }

// SignalAll fails with fault.Unsupported.
func (*Process) SignalAll(syscall.Signal) error { return unsupported() }

// Left fails with fault.Unsupported.
func (*Process) Left() (int, error) { return 0, unsupported() }

// Kill fails with fault.Unsupported.
func (*Process) Kill() error { return unsupported() }

// Usage fails with fault.Unsupported.
func (*Process) Usage() (Usage, error) { return Usage{}, unsupported() }
