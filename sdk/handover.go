package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/handover"
	"forge.ourworld.tf/lhumina_code/hero/internal/ondemand"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// A process that is told to take over (see package handover) opens everything
// beside the one that runs, on sockets that nobody sees, finds itself healthy in
// every layer, and only then takes the lock and moves its sockets into place.

// errReplaced ends the work of a process whose service was taken over.
var errReplaced = errors.New("another process took over")

// linger is how long a process whose sockets were replaced still answers on
// the connections that it has, so that who holds them notices: each answer asks
// for a new connection.
const linger = time.Second

// seat takes the service's lock, or where it is held and this process is to
// take over, reaches the process that holds it.
func (r *running) seat(ctx context.Context) (*handover.Heir, error) {
	var err error
	if r.lock, err = unixsock.Lock(r.env.Places.LockFile(r.name)); err == nil {
		// Who comes before this process is ready waits until it is.
		r.heirs, err = unixsock.Listen(r.env.Places.HandoverSocket(r.name))
		return nil, err
	}
	if fault.Of(err) != fault.Conflict || r.env.getenv(handover.Variable) == "" {
		return nil, fault.WithHint(fault.Errorf(fault.Of(err), "it runs already: %w", err),
			"stop that one first: hero_proc stop "+r.name.String())
	}
	heir, herr := handover.Connect(ctx, r.env.Places.HandoverSocket(r.name))
	if herr != nil {
		return nil, fault.Errorf(fault.Of(err), "it runs already, and does not hand over: %w", errors.Join(err, herr))
	}
	r.at = r.env.Places.Staging(r.name)
	if err := os.RemoveAll(r.at.Sockets); err != nil { // of an heir that was killed
		return nil, errors.Join(fmt.Errorf("get ready: %w", err), heir.Close())
	}
	return heir, nil
}

// staged reports whether the sockets stand where nobody sees them.
func (r *running) staged() bool { return r.at != r.env.Places }

// succeed takes the service over, once this process is healthy.
func (r *running) succeed(ctx context.Context, heir *handover.Heir) error {
	if err := r.untilHealthy(ctx); err != nil {
		return err
	}
	var err error
	if r.lock, err = heir.Take(ctx, r.env.Places.LockFile(r.name)); err != nil {
		return err
	}
	if err := r.catchUp(); err != nil {
		return err
	}
	staging := r.at.Sockets
	r.change.Lock()
	defer r.change.Unlock()
	r.at = r.env.Places
	// Whoever finds the service socket finds everything behind it.
	for _, t := range r.tenancies() {
		for _, e := range t.domains {
			if err := e.server.listener.Move(r.at.DomainSocket(r.name, t.name, e.domain.name())); err != nil {
				return err
			}
		}
	}
	if r.ui != nil {
		if err := r.ui.Socket().Move(r.at.UISocket(r.name)); err != nil {
			return err
		}
	}
	if err := r.serving.listener.Move(r.at.ServiceSocket(r.name)); err != nil {
		return err
	}
	if r.heirs, err = unixsock.Listen(r.env.Places.HandoverSocket(r.name)); err != nil {
		return err
	}
	return os.RemoveAll(staging)
}

// catchUp does what the process before did to the contexts since this one read
// them.
func (r *running) catchUp() error {
	r.change.Lock()
	defer r.change.Unlock()
	f, err := r.loadContexts()
	if err != nil {
		return err
	}
	for _, t := range r.tenancies() {
		e := f.Find(t.name)
		if e != nil && e.Deleting == "" && e.ID == t.id && e.CreatedAt.Equal(t.created) {
			continue
		}
		r.mu.Lock()
		delete(r.contexts, t.name)
		r.mu.Unlock()
		if err := t.stop(r.Grace); err != nil {
			r.log.Warn("a context did not end in order", "context", t.name.String(), "error", err)
		}
	}
	return r.openListed(f)
}

// untilHealthy returns when every layer of this process answers that it is
// healthy, on its own socket.
func (r *running) untilHealthy(ctx context.Context) error {
	var paths []string
	for _, s := range r.servers() {
		paths = append(paths, s.listener.Path())
	}
	return handover.UntilHealthy(ctx, paths, r.log)
}

// handOver waits for a successor until ctx ends, and ends the work with
// errReplaced when there is one that took over.
func (r *running) handOver(ctx context.Context, end context.CancelCauseFunc) {
	h := handover.Holder{
		Give: func() {
			r.change.Lock()
			if err := r.lock.Unlock(); err != nil {
				r.log.Warn("the lock is not given back", "error", err)
			}
		},
		Resume: func(ctx context.Context) error {
			defer r.change.Unlock()
			lock, err := handover.Lock(ctx, r.env.Places.LockFile(r.name))
			if err != nil {
				return nil // told to stop meanwhile
			}
			r.lock = lock
			return r.reclaim()
		},
		Leave: func() {
			r.change.Unlock()
			end(errReplaced)
		},
	}
	if err := h.Serve(ctx, r.heirs); err != nil {
		r.log.Error("the service cannot be handed over", "error", err)
	}
}

// reclaim puts sockets in the place of those that a successor left behind.
func (r *running) reclaim() error {
	r.log.Warn("the successor is gone: this process serves on")
	var errs []error
	for _, s := range r.servers() {
		errs = append(errs, s.reclaim())
	}
	if o, ok := r.ui.(*ondemand.Keeper); ok {
		errs = append(errs, o.Reclaim(r.Grace))
	}
	return errors.Join(append(errs, os.RemoveAll(r.env.Places.Staging(r.name).Sockets))...)
}

// linger answers on the connections that there are until nobody has one, or
// for a moment.
func (r *running) linger() {
	servers := r.servers()
	for _, s := range servers {
		s.leaving.Store(true)
	}
	asleep := func() bool { return true }
	if o, ok := r.ui.(*ondemand.Keeper); ok {
		o.Leave()
		asleep = func() bool { return o.State() != "healthy" }
	}
	tick := time.NewTicker(linger / 20)
	defer tick.Stop()
	for n := range 20 {
		<-tick.C // who connected just before the sockets were replaced is accepted by now
		used := slices.ContainsFunc(servers, func(s *server) bool { return s.conns.Load() > 0 })
		if n > 1 && !used && asleep() {
			return
		}
	}
}

// inSetup returns the context of a task before the service is ready: it finds
// the service's own sockets where they stand.
func (r *running) inSetup(ctx, base context.Context) (context.Context, func()) {
	if !r.staged() {
		return inRoot(ctx, base), func() {}
	}
	c := newClients()
	own := func(s layout.Service) bool { return s == r.name }
	return withWorld(ctx, &world{places: r.env.Places, clients: c, staged: r.at, own: own}), c.close
}
