package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/registry"
	"forge.ourworld.tf/lhumina_code/hero/internal/stats"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Open takes the home's lock, reads the registry, adopts what still runs and
// starts what shall run and does not. A home that another supervisor holds is
// fault.Conflict. ctx bounds the opening alone; Shutdown ends the supervisor.
func Open(ctx context.Context, opts Options) (_ *Supervisor, err error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	self, err := layout.ParseService("hero_proc")
	if err != nil {
		return nil, err
	}
	s := &Supervisor{opts: opts, log: opts.Log, dir: opts.Places.State(self), boot: bootID(), runner: opts.Runner,
		done: make(chan struct{}), keepers: map[string]*keeper{}, logs: map[string]*logs.Log{}, news: make(chan struct{}), waiting: map[*keeper]bool{}}
	s.usage = stats.New(s.sources)
	if s.lock, err = takeLock(ctx, filepath.Join(s.dir, "lock")); err != nil {
		if fault.Of(err) == fault.Conflict {
			return nil, fault.WithHint(fault.Errorf(fault.Conflict, "another hero_proc looks after %s: %w", opts.Places.Home, err),
				"talk to that one, or set HERO_HOME to another home")
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.Unlock())
		}
	}()
	var aside string
	if s.reg, aside, err = registry.Open(ctx, s.dir); err != nil {
		return nil, err
	}
	if s.runner == nil {
		host, err := osproc.Open(osproc.Options{ID: hostID(opts.Places.Home), NotifySocket: filepath.Join(s.dir, "notify"), Log: opts.Log})
		if err != nil {
			return nil, errors.Join(err, s.reg.Close())
		}
		s.runner, s.own = machineRunner{host}, true
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.launch = func(k *keeper) { s.wg.Go(func() { k.loop(run) }) }
	if err := s.begin(ctx, run, aside); err != nil {
		return nil, errors.Join(err, s.Shutdown(ctx, Leave))
	}
	s.wg.Go(func() { s.usage.Run(run) })
	return s, nil
}

// takeLock takes the home's lock. A process that a killed supervisor was about
// to start still holds the supervisor's lock until its exec, which on a busy
// machine takes a moment.
func takeLock(ctx context.Context, path string) (*unixsock.FileLock, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Second); ; {
		lock, err := unixsock.Lock(path)
		if fault.Of(err) != fault.Conflict || time.Now().After(end) {
			return lock, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// unwritten is more than what the registry's queue holds of transitions.
const unwritten = 1000

// begin takes up what the registry and the machine hold.
func (s *Supervisor) begin(ctx, run context.Context, aside string) error {
	records, bad, last, err := s.reg.Load(ctx)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "read registry: %w", err)
	}
	// An id that was told and went with the queue of one that was killed is not
	// given again.
	s.last = last + unwritten
	found, err := s.runner.Find()
	if err != nil {
		return err
	}
	runs := map[string][]osproc.Found{}
	for _, f := range found {
		runs[f.Unit] = append(runs[f.Unit], f)
	}
	dirs := []string{s.copies()}
	if aside != "" {
		dirs = []string{s.opts.Places.Definitions(), s.copies()}
	}
	rebuilt := s.rebuild(records, runs, dirs)
	if aside != "" || len(rebuilt)+len(bad) > 0 {
		s.log.Warn("the registry was damaged: rebuilt from the definitions and the running processes", "aside", aside, "unreadable", bad, "units", rebuilt)
	}
	var starts []*keeper
	for _, name := range slices.Sorted(maps.Keys(records)) {
		rec := records[name]
		k := newKeeper(s, rec.Unit)
		k.up, k.file, k.renew = rec.Up, rec.File, rec.Renew
		s.restore(k, rec)
		adopted := s.adopt(run, k, rec, runs[name])
		if slices.Contains(rebuilt, name) {
			k.save()
		}
		s.mu.Lock()
		s.addLocked(k)
		s.mu.Unlock()
		if !adopted && k.up && k.state.Phase == machine.Stopped {
			starts = append(starts, k)
		}
		delete(runs, name)
	}
	for name, fs := range runs {
		for _, f := range fs {
			s.log.Warn("a process runs that belongs to no registered unit; it is left alone", "unit", name, "pids", f.PIDs)
		}
	}
	for _, k := range starts {
		k.send(message{event: machine.Event{Op: machine.Start, Cause: "the supervisor starts"}})
	}
	return nil
}

// restore gives a keeper the state in which it was at rest.
func (s *Supervisor) restore(k *keeper, rec registry.Record) {
	k.state.Want = rec.Up
	k.state.Restarts = rec.Restarts
	if rec.Boot == s.boot {
		switch rec.State {
		case "failed":
			k.state.Phase = machine.Failed
		case "exited":
			k.state.Phase = machine.Exited
		}
	}
	k.shown = k.state.Phase.String()
	k.status.State, k.status.Cause, k.status.Restarts = k.shown, rec.Cause, rec.Restarts
	k.status.Desired = map[bool]string{true: "up", false: "down"}[rec.Up]
	if !rec.Since.IsZero() && rec.State == k.shown {
		k.status.Since = rec.Since
	}
}

// adopt takes the processes that an earlier supervisor left into care, and
// clears away those that no main process leads. It runs before the keeper's own
// goroutine.
func (s *Supervisor) adopt(ctx context.Context, k *keeper, rec registry.Record, runs []osproc.Found) bool {
	s.foremost(k.name, rec, runs)
	if rec.Run != "" && !slices.ContainsFunc(runs, func(f osproc.Found) bool { return f.Run == rec.Run }) {
		runs = slices.Insert(runs, 0, osproc.Found{Unit: k.name, Run: rec.Run})
	}
	adopted := false
	var main osproc.Found
	for _, f := range runs {
		id := f.Main
		if f.Run == rec.Run && rec.ID.PID != 0 {
			id = rec.ID
		}
		if !adopted && id.PID != 0 {
			attempt := k.state.Attempt + 1
			p, err := s.runner.Adopt(k.name, f.Run, id, k.notices(attempt))
			if err == nil {
				adopted, main = true, f
				k.state.Phase = machine.Stopped
				s.takeOver(ctx, k, rec, f.Run, p)
				continue
			}
		}
		if adopted && k.adoptSibling(ctx, main, f) {
			continue
		}
		if len(f.PIDs) > 0 {
			s.log.Warn("clear away what no main process leads", "unit", k.name, "pids", f.PIDs)
			if err := s.runner.Clear(f); err != nil {
				s.log.Error("processes are not cleared away", "unit", k.name, "err", err)
			}
		}
	}
	if !adopted && rec.ID.PID != 0 && rec.Run != "" && k.up {
		s.lost(k, rec)
	}
	return adopted
}

// takeOver makes a process that was found the keeper's.
func (s *Supervisor) takeOver(ctx context.Context, k *keeper, rec registry.Record, run string, p Process) {
	u := k.definition().WithDefaults()
	k.proc, k.run, k.ended, k.adopted = p, run, false, true
	k.started = rec.Started
	if run != rec.Run || k.started.IsZero() {
		k.started = time.Now()
	}
	if err := k.listen(u); err != nil {
		s.log.Error("output of an adopted process waits in its pipe", "unit", k.name, "err", err)
	}
	k.ready = rec.Ready && run == rec.Run
	k.step(ctx, machine.Event{Op: machine.Adopted, Good: k.ready})
	k.feed(u)
}

// lost says of a process that it ended while nobody looked.
func (s *Supervisor) lost(k *keeper, rec registry.Record) {
	const cause = "its process ended while no supervisor was there"
	if k.policy.Oneshot && !k.policy.Scheduled || !k.policy.AfterBad {
		k.state.Phase = machine.Failed
		k.note(time.Now(), "failed: "+cause+", its exit status is unknown")
		return
	}
	s.tell(Transition{Unit: k.name, At: time.Now(), From: rec.State, To: "stopped", Cause: cause})
	// What it wrote last may still be in its pipe.
	if err := k.listen(k.definition().WithDefaults()); err == nil && k.capture != nil {
		_ = k.capture.Flush()
	}
}

// rebuild makes the records that the registry lacks from the definitions' files
// in dirs, the last of which holds, and returns the names. A registry that was
// emptied or taken away is not one of a home where nothing was ever registered:
// what its units' processes do goes on.
func (s *Supervisor) rebuild(records map[string]registry.Record, runs map[string][]osproc.Found, dirs []string) []string {
	rebuilt := map[string]registry.Record{}
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
		if err != nil {
			continue
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			u, err := unit.Parse(path, data)
			if err != nil {
				s.log.Warn("a definition is left out", "err", err)
				continue
			}
			if _, known := records[u.Name]; known {
				continue
			}
			_, runsNow := runs[u.Name]
			rebuilt[u.Name] = registry.Record{Unit: u, Up: runsNow, State: "stopped", Since: time.Now(), Cause: "the registry was rebuilt", Ready: runsNow}
		}
	}
	maps.Copy(records, rebuilt)
	return slices.Sorted(maps.Keys(rebuilt))
}

// copies is the folder of copies of the definitions, for a registry that is
// damaged.
func (s *Supervisor) copies() string { return filepath.Join(s.dir, "units") }

func (s *Supervisor) copyOf(name string) string { return filepath.Join(s.copies(), name+".toml") }

// keepCopy writes a definition for rebuild.
func (s *Supervisor) keepCopy(u unit.Unit) error {
	data, err := unit.Format(u)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.copies(), 0o700); err != nil {
		return err
	}
	temp := s.copyOf(u.Name) + ".new"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, s.copyOf(u.Name))
}

// Shutdown ends the supervisor, with or without what it runs, and gives the
// home's lock back. After it, every other method fails.
func (s *Supervisor) Shutdown(ctx context.Context, mode Mode) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return errClosed()
	}
	s.closing = true
	s.mu.Unlock()
	var errs []error
	if mode == StopAll {
		errs = append(errs, s.stopAll(ctx))
	}
	keepers := s.sorted()
	for _, k := range keepers {
		close(k.quit)
	}
	s.cancel()
	errs = append(errs, s.runner.Close())
	s.wg.Wait()
	for _, k := range keepers {
		k.quiet()
		if k.capture != nil {
			errs = append(errs, k.capture.Close())
		}
	}
	errs = append(errs, s.reg.Close(), s.lock.Unlock())
	close(s.done)
	return errors.Join(errs...)
}

// stopAll stops every unit once those that come after it are at rest. What was
// wanted stays in the registry.
func (s *Supervisor) stopAll(ctx context.Context) error {
	keepers := s.sorted()
	later := map[string][]string{} // the units that come after one
	for _, k := range keepers {
		for _, name := range k.definition().Before() {
			later[name] = append(later[name], k.name)
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, len(keepers))
	for i, k := range keepers {
		wg.Go(func() {
			for _, name := range later[k.name] {
				if _, err := s.Wait(ctx, name, Status.Resting); fault.Of(err) == fault.Canceled {
					break // out of time: all at once
				}
			}
			err := k.tell(context.WithoutCancel(ctx), message{event: machine.Event{Op: machine.Stop, Cause: "the supervisor stops"}})
			if err == nil {
				_, err = s.Wait(ctx, k.name, Status.Resting)
			}
			if err != nil {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
