package sdk

import (
	"context"
	"errors"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/ondemand"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// errUnused ends the work of a service that nobody needs.
var errUnused = errors.New("nobody needs it")

// idleTime returns after how long this process is to end; 0 for never. One
// whose sockets would go with it never does.
func (r *running) idleTime() time.Duration {
	d, err := time.ParseDuration(r.env.getenv(unixsock.IdleVariable))
	if err != nil || d <= 0 || !r.serving.listener.Kept() {
		return 0
	}
	return d
}

// untilUnused ends the work when nobody has used a socket for the time.
func (r *running) untilUnused(ctx context.Context, idle time.Duration, end context.CancelCauseFunc) {
	tick := time.NewTicker(max(idle/10, 5*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if r.unused(idle) {
			end(errUnused)
			return
		}
	}
}

func (r *running) unused(idle time.Duration) bool {
	if o, ok := r.ui.(*ondemand.Keeper); ok && o.State() == "healthy" {
		return false // somebody looks
	}
	for _, s := range r.servers() {
		// A context that was made since then goes with its socket, and comes
		// with the next process.
		if s.idle != nil && s.idle.Unused() < idle || s.idle == nil && s.conns.Load() > 0 {
			return false
		}
	}
	return true
}

// overlookKey leads to what says that a request is no use of the service.
type overlookKey struct{}

// overlook says that a request only asks how or what the service is: whoever
// watches a service does not keep it awake.
func overlook(ctx context.Context) {
	if f, ok := ctx.Value(overlookKey{}).(func()); ok {
		f()
	}
}
