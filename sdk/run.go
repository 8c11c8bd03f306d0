package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/contexts"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// running is a service at work.
type running struct {
	*plan
	env     Env
	log     *slog.Logger
	started time.Time
	clients *clients
	ui      surface // nil: the service has none
	serving *server // answers on the service socket
	lock    *unixsock.FileLock
	at      layout.Places                 // where the sockets stand
	handed  map[string]*unixsock.Listener // by path: those that whoever started this process holds
	heirs   *unixsock.Listener            // where one comes who is to take over

	// openTenancy opens a context whose requests live as long as the service.
	openTenancy func(contexts.Entry) (*tenancy, error)

	change sync.Mutex // held while contexts are created and deleted

	mu       sync.RWMutex // guards contexts; held only for a look
	contexts map[layout.Context]*tenancy
}

// Run runs a service until ctx ends, then ends what is in flight and returns.
// It fails with fault.Conflict where the service runs already, and names the
// process that it is; with fault.Denied where a folder lets others in. In the
// process that was started as the service's UI it is the UI, until nobody looks.
func Run(ctx context.Context, env Env, svc Service, parts ...Part) (err error) {
	p, err := newPlan(svc, parts)
	if err != nil {
		return err
	}
	if env.getenv(roleVariable) == roleUI {
		return runUI(ctx, env, p)
	}
	r := &running{plan: p, env: env, at: env.Places, log: discard(env.Log), started: time.Now(),
		clients: newClients(), contexts: make(map[layout.Context]*tenancy)}
	defer r.clients.close()
	for _, dir := range []string{env.Places.Home, env.Places.Sockets, env.Places.Data(p.name)} {
		if err := unixsock.MkdirAll(dir); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	if r.handed, err = unixsock.Inherited(env.getenv, env.Places.Sockets); err != nil {
		return fault.WithHint(fmt.Errorf("start %s: %w", p.name, err), fault.Hint(err))
	}
	heir, err := r.seat(ctx)
	if err != nil {
		return fault.WithHint(fault.Errorf(fault.Of(err), "start %s: %w", p.name, err), fault.Hint(err))
	}
	defer func() {
		if heir != nil {
			heir.Close()
		}
		if r.heirs != nil {
			r.heirs.Close()
		}
		if r.lock != nil {
			r.lock.Unlock()
		}
	}()

	r.notify("STATUS=starting")
	// A request in flight may go on when ctx ends: until the grace is over.
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	base = withWorld(base, &world{places: env.Places, clients: r.clients})
	if err = r.open(base); err == nil {
		err = r.setup(ctx, base)
	}
	if err == nil && heir != nil {
		err = r.succeed(ctx, heir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", p.name, err), r.close())
	}
	r.log.Info("ready", "service", p.name.String(), "contexts", len(r.tenancies()), "domains", len(p.domains))
	// Before the supervisor hears of it and ends the other.
	if heir != nil && heir.Done(ctx) != nil {
		r.log.Warn("the process before this one has gone")
	}
	r.notify("READY=1")
	err = r.work(ctx, base)
	r.notify("STOPPING=1")
	if errors.Is(err, errReplaced) {
		r.log.Info("another process took over; this one ends what it has begun")
		r.linger()
		err = nil
	}
	if errors.Is(err, errUnused) {
		r.log.Info("nobody needs it; the next connection starts it again")
		err = nil
	}
	return errors.Join(err, r.close())
}

// open opens the service from the inside out, so that whoever finds the
// service socket finds everything behind it.
func (r *running) open(ctx context.Context) error {
	r.openTenancy = func(e contexts.Entry) (*tenancy, error) { return r.newTenancy(ctx, e) }
	if err := r.openContexts(); err != nil {
		return err
	}
	if err := r.openUI(ctx); err != nil {
		return err
	}
	h, err := r.handler()
	if err != nil {
		return err
	}
	l, err := r.listen(r.at.ServiceSocket(r.name))
	if err != nil {
		return err
	}
	r.serving = serve(ctx, l, h, r.log)
	return nil
}

// listen opens a socket, or takes the one that was handed over.
func (r *running) listen(path string) (*unixsock.Listener, error) {
	if l := r.handed[path]; l != nil {
		delete(r.handed, path)
		return l, nil
	}
	return unixsock.Listen(path)
}

// close ends the service from the outside in.
func (r *running) close() error {
	var errs []error
	if r.serving != nil {
		errs = append(errs, r.serving.stop(r.Grace, r.Grace))
	}
	if r.ui != nil {
		errs = append(errs, r.ui.Stop(r.Grace))
	}
	r.change.Lock()
	defer r.change.Unlock()
	r.mu.Lock()
	all := r.contexts
	r.contexts = nil
	r.mu.Unlock()
	var wg sync.WaitGroup
	results := make(chan error, len(all))
	for _, t := range all {
		wg.Go(func() { results <- t.stop(r.Grace) })
	}
	wg.Wait()
	close(results)
	for err := range results {
		errs = append(errs, err)
	}
	os.Remove(filepath.Dir(r.at.ContextFolder(r.name, layout.Root))) // stays if something else is in it
	if r.staged() {
		errs = append(errs, os.RemoveAll(r.at.Sockets))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop %s: %w", r.name, err)
	}
	return nil
}

// given reports whether a task is to run: it has no flag, or its flag was given.
func (r *running) given(t Task) bool { return t.Flag == "" || slices.Contains(r.env.Flags, t.Flag) }

// setup runs the tasks that come before the service is ready.
func (r *running) setup(ctx, base context.Context) error {
	in, done := r.inSetup(ctx, base)
	defer done()
	for _, t := range r.tasks {
		if !t.Setup || !r.given(t) {
			continue
		}
		r.notify("STATUS=running " + t.Name)
		if err := t.Run(in); err != nil && ctx.Err() == nil {
			return fmt.Errorf("task %s: %w", t.Name, err)
		}
	}
	return nil
}

// work runs the other tasks, and tells the supervisor that the service lives where
// it wants to hear that, until ctx ends or a task fails.
func (r *running) work(ctx, base context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, t := range r.tasks {
		if t.Setup || !r.given(t) {
			continue
		}
		wg.Go(func() {
			if err := t.Run(inRoot(ctx, base)); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("task %s: %w", t.Name, err))
			}
		})
	}
	if every := watchdogInterval(r.env.getenv, os.Getpid()); every > 0 {
		wg.Go(func() { r.watchdog(ctx, every) })
	}
	wg.Go(func() { r.handOver(ctx, cancel) })
	if idle := r.idleTime(); idle > 0 {
		wg.Go(func() { r.untilUnused(ctx, idle, cancel) })
	}
	if !r.RootOnly {
		wg.Go(func() { r.announce(inRoot(ctx, base)) })
	}
	<-ctx.Done()
	wg.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}
