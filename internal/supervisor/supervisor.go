package supervisor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/registry"
	"forge.ourworld.tf/lhumina_code/hero/internal/stats"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Supervisor keeps the units of one home running. It is safe for concurrent use.
type Supervisor struct {
	opts   Options
	log    *slog.Logger
	dir    string // its own state
	boot   string
	own    bool // the runner is this machine's
	runner Runner
	lock   *unixsock.FileLock
	reg    *registry.Registry
	wg     sync.WaitGroup
	cancel context.CancelFunc // of what the keepers do
	launch func(*keeper)      // gives a keeper its goroutine
	done   chan struct{}
	usage  *stats.Sampler

	// applying lets one Apply happen at a time.
	applying sync.Mutex

	// mu guards the fields below it.
	mu      sync.Mutex
	keepers map[string]*keeper
	logs    map[string]*logs.Log
	recent  []Transition     // the last ones, for Events
	news    chan struct{}    // closed at the next transition
	waiting map[*keeper]bool // those that wait for others
	last    int64            // id of the last transition
	closing bool
}

func errClosed() error { return fault.Errorf(fault.Unavailable, "the supervisor has ended") }

// Set registers u, or changes it. A process that runs is left alone: the change
// holds from its next start on. It starts nothing.
func (s *Supervisor) Set(ctx context.Context, u unit.Unit) error {
	if err := s.register(ctx, u, true, func(*keeper) {}); err != nil {
		return err
	}
	return s.reg.Flush(ctx)
}

// register is Set without waiting for the disk. check says whether to look for
// a circle of dependencies. What mark sets, under the keeper's mu, goes to the
// registry in one write with the definition.
func (s *Supervisor) register(ctx context.Context, u unit.Unit, check bool, mark func(*keeper)) error {
	if err := u.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	if check {
		all := map[string]unit.Unit{u.Name: u}
		for name, k := range s.keepers {
			if name != u.Name {
				all[name] = k.definition()
			}
		}
		if err := refuseCycle("set "+u.Name, all); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	k, known := s.keepers[u.Name]
	if !known {
		if s.closing {
			s.mu.Unlock()
			return errClosed()
		}
		k = newKeeper(s, u)
		s.addLocked(k)
	}
	s.mu.Unlock()
	return k.tell(ctx, message{do: func(ctx context.Context) {
		k.define(u)
		if k.state.Phase == machine.Scheduled { // perhaps at another time now
			k.step(ctx, machine.Event{Op: machine.Timer, Timer: machine.ArmRestart, Attempt: k.state.Attempt})
		}
		if err := s.keepCopy(u); err != nil {
			s.log.Warn("no copy of a definition is kept", "unit", u.Name, "err", err)
		}
		d := u.WithDefaults()
		k.mu.Lock()
		k.status.Kind, k.status.Label = string(d.Kind), u.Label
		mark(k)
		k.mu.Unlock()
		k.save()
	}})
}

// addLocked takes a keeper in and lets it work.
func (s *Supervisor) addLocked(k *keeper) {
	s.keepers[k.name] = k
	s.launch(k)
}

// keeperOf returns the keeper of a unit, or nil.
func (s *Supervisor) keeperOf(name string) *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keepers[name]
}

func (s *Supervisor) find(name string) (*keeper, error) {
	if k := s.keeperOf(name); k != nil {
		return k, nil
	}
	return nil, fault.WithHint(fault.Errorf(fault.NotFound, "no unit %q is registered", name), "hero_proc list shows those that are")
}

// sorted returns all keepers by name.
func (s *Supervisor) sorted() []*keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*keeper
	for _, name := range slices.Sorted(maps.Keys(s.keepers)) {
		out = append(out, s.keepers[name])
	}
	return out
}

// Get returns a unit's definition, without defaults.
func (s *Supervisor) Get(name string) (unit.Unit, error) {
	k, err := s.find(name)
	if err != nil {
		return unit.Unit{}, err
	}
	return k.definition(), nil
}

// List returns all definitions, sorted by name.
func (s *Supervisor) List() []unit.Unit {
	out := []unit.Unit{}
	for _, k := range s.sorted() {
		out = append(out, k.definition())
	}
	return out
}

// Remove stops a unit and forgets it. Its logs stay.
func (s *Supervisor) Remove(ctx context.Context, name string) error {
	k, err := s.find(name)
	if err != nil {
		return err
	}
	if err := s.Stop(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	if s.keepers[name] == k {
		delete(s.keepers, name)
		close(k.quit)
	}
	s.mu.Unlock()
	<-k.over
	_ = os.Remove(s.copyOf(name))
	if k.capture != nil {
		_ = k.capture.Flush()
		_ = k.capture.Close()
		k.capture.Remove()
	}
	s.reg.Put(name, nil)
	s.tell(Transition{Unit: name, At: time.Now(), From: "stopped", To: "removed", Cause: "told to remove"})
	s.nudge(name)
	return s.reg.Flush(ctx)
}

// want notes what is wanted of a unit and sends the event.
func (k *keeper) want(ctx context.Context, up bool, op machine.Op, cause string) error {
	return k.tell(ctx, message{do: func(ctx context.Context) {
		k.mu.Lock()
		k.up = up
		k.status.Desired = map[bool]string{true: "up", false: "down"}[up]
		k.mu.Unlock()
		k.save()
		k.step(ctx, machine.Event{Op: op, Cause: cause})
	}})
}

// Start wants a unit up, and what it requires and wants before it. It returns
// once that is noted; Wait waits for it to be ready.
func (s *Supervisor) Start(ctx context.Context, name string) error {
	if err := s.start(ctx, name, "", machine.Start, map[string]bool{}); err != nil {
		return err
	}
	return s.reg.Flush(ctx)
}

func (s *Supervisor) start(ctx context.Context, name, cause string, op machine.Op, seen map[string]bool) error {
	if seen[name] {
		return nil
	}
	seen[name] = true
	k, err := s.find(name)
	if err != nil {
		return err
	}
	u := k.definition()
	for _, dep := range u.Requires {
		if s.keeperOf(dep) == nil {
			return fault.WithHint(fault.Errorf(fault.NotFound, "start %s: it requires %s, which is not registered", name, dep), "hero_proc add "+dep+" -- COMMAND")
		}
	}
	for _, dep := range slices.Concat(u.Requires, u.Wants) {
		if s.keeperOf(dep) == nil {
			continue
		}
		if st := s.keeperOf(dep).snapshot(); st.Up() {
			continue
		}
		if err := s.start(ctx, dep, "needed by "+name, machine.Start, seen); err != nil {
			return err
		}
	}
	return k.want(ctx, true, op, cause)
}

// Stop wants a unit down, and first what requires it. It returns when it is
// stopped and everything that it forked is gone.
func (s *Supervisor) Stop(ctx context.Context, name string) error {
	if err := s.stop(ctx, name, "", map[string]bool{}); err != nil {
		return err
	}
	return s.reg.Flush(ctx)
}

func (s *Supervisor) stop(ctx context.Context, name, cause string, seen map[string]bool) error {
	if seen[name] {
		return nil
	}
	seen[name] = true
	k, err := s.find(name)
	if err != nil {
		return err
	}
	for _, other := range s.sorted() {
		if slices.Contains(other.definition().Requires, name) && other.snapshot().Desired == "up" {
			if err := s.stop(ctx, other.name, "requires "+name+", which is to stop", seen); err != nil {
				return err
			}
		}
	}
	if err := k.want(ctx, false, machine.Stop, cause); err != nil {
		return err
	}
	_, err = s.Wait(ctx, name, Status.Resting)
	return err
}

// Restart stops a unit's process and starts it anew. It returns once the old
// process is gone and the new one is on its way.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	if err := s.start(ctx, name, "", machine.Restart, map[string]bool{}); err != nil {
		return err
	}
	if _, err := s.Wait(ctx, name, func(st Status) bool { return st.State != "stopping" && st.State != "ending" }); err != nil {
		return err
	}
	return s.reg.Flush(ctx)
}

// Signal sends a signal to a unit's main process.
func (s *Supervisor) Signal(name string, sig syscall.Signal) error {
	k, err := s.find(name)
	if err != nil {
		return err
	}
	var sent error
	err = k.tell(context.Background(), message{do: func(context.Context) {
		if k.proc == nil || k.ended {
			sent = fault.Errorf(fault.Conflict, "signal %s: it has no process, it is %s", name, k.state.Phase)
			return
		}
		sent = k.proc.Signal(sig)
	}})
	if err != nil {
		return err
	}
	return sent
}

// Status returns how a unit is.
func (s *Supervisor) Status(name string) (Status, error) {
	k, err := s.find(name)
	if err != nil {
		return Status{}, err
	}
	var p Process
	if err := k.tell(context.Background(), message{do: func(context.Context) { p = k.proc }}); err != nil {
		return Status{}, err
	}
	st := k.snapshot()
	if p != nil {
		if u, err := p.Usage(); err == nil && u.Processes > 0 {
			st.Usage = &Usage{CPUSeconds: u.CPU.Seconds(), Memory: u.Memory, OpenFiles: u.OpenFiles, Processes: u.Processes}
		}
	}
	return st, nil
}

// Statuses returns how all units are, sorted by name. It leaves Usage out.
func (s *Supervisor) Statuses() []Status {
	out := []Status{}
	for _, k := range s.sorted() {
		out = append(out, k.snapshot())
	}
	return out
}

// History returns the last n transitions of a unit, the newest last. The empty
// name stands for all units, n = 0 for all that is kept.
func (s *Supervisor) History(ctx context.Context, name string, n int) ([]Transition, error) {
	return s.reg.History(ctx, name, n)
}

// Wait waits until a unit's status satisfies until, and returns that status.
func (s *Supervisor) Wait(ctx context.Context, name string, until func(Status) bool) (Status, error) {
	k, err := s.find(name)
	if err != nil {
		return Status{}, err
	}
	for {
		k.mu.Lock()
		st, changed := k.status, k.changed
		k.mu.Unlock()
		if until(st) {
			return st, nil
		}
		select {
		case <-changed:
		case <-k.quit:
			return st, errClosed()
		case <-ctx.Done():
			return st, fault.Errorf(fault.Canceled, "wait for %s, which is %s: %w", name, st.State, ctx.Err())
		}
	}
}

// waits notes whether a keeper waits for others.
func (s *Supervisor) waits(k *keeper, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if yes {
		s.waiting[k] = true
	} else {
		delete(s.waiting, k)
	}
}

// nudge lets those that wait for a unit look at it again.
func (s *Supervisor) nudge(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.waiting {
		if slices.Contains(k.definition().Before(), name) {
			k.send(message{recheck: true})
		}
	}
}

// Logs returns the log of a unit, for reading and following.
func (s *Supervisor) Logs(name string) (*logs.Log, error) {
	if _, err := s.find(name); err != nil {
		return nil, err
	}
	return s.logOf(name)
}

// logOf returns the one Log of a name, so that its readers hear of every change.
func (s *Supervisor) logOf(name string) (*logs.Log, error) {
	service, err := layout.ParseService(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs[name] == nil {
		s.logs[name] = logs.Open(s.opts.Places.Logs(service))
	}
	return s.logs[name], nil
}

// Done is closed when the supervisor has ended.
func (s *Supervisor) Done() <-chan struct{} { return s.done }

// hostID returns what marks the processes of a home.
func hostID(home string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(home)))
	return hex.EncodeToString(sum[:5])
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}
