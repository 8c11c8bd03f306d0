//go:build !linux

package logs

import (
	"log/slog"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Options say where a Capture reads and writes.
type Options struct {
	Pipes string
	Name  string
	Limits
	Log *slog.Logger
}

// Limits bound what a log keeps.
type Limits struct {
	MaxSize  int64
	MaxFiles int
	MaxAge   time.Duration
	Drop     bool
}

// Capture is of no use on this system.
type Capture struct{}

// NewCapture fails with fault.Unsupported.
func NewCapture(*Log, Options) (*Capture, error) {
	return nil, fault.Errorf(fault.Unsupported, "output is captured on Linux alone")
}

// Pipes returns nothing.
func (*Capture) Pipes() (stdout, stderr string) { return "", "" }

// SetLimits does nothing.
func (*Capture) SetLimits(Limits) {}

// Flush does nothing.
func (*Capture) Flush() error { return nil }

// Close does nothing.
func (*Capture) Close() error { return nil }

// Remove does nothing.
func (*Capture) Remove() {}
