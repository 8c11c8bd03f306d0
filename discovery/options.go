package discovery

import (
	"log/slog"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Options says where to look. Places must be set; the rest works when it is
// zero.
type Options struct {
	Places  layout.Places
	Timeout time.Duration // of one question to one socket; 0 is 2 s
	Log     *slog.Logger  // nil logs nothing
}

func (o Options) timeout() time.Duration {
	if o.Timeout <= 0 {
		return 2 * time.Second
	}
	return o.Timeout
}

func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}
