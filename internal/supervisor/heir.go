package supervisor

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/handover"
	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/registry"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// heirMark ends the name of a run that was started beside another.
const heirMark = "-heir"

// sibling is a process that runs beside the main one: one that gets ready, or
// one whose place was taken.
type sibling struct {
	attempt uint64
	proc    Process
	run     string
	started time.Time
	ended   bool
	leaving bool // somebody waits for its end
	timers  []*time.Timer
}

func (s *sibling) disarm() {
	for _, t := range s.timers {
		t.Stop()
	}
	s.timers = nil
}

// done is closed when the sibling's process ends; nil where that is known.
func (s *sibling) done() <-chan struct{} {
	if s == nil || s.proc == nil || s.ended {
		return nil
	}
	return s.proc.Done()
}

// pid returns the sibling's process id, or 0.
func (s *sibling) pid() int {
	if s == nil || s.proc == nil || s.ended {
		return 0
	}
	return s.proc.ID().PID
}

// Replace starts a unit's process anew without a moment in which nobody
// serves: the new one gets ready beside the old, takes its place, and then the
// old one ends what it has begun. It returns once the old one is gone. A new
// one that does not get ready is withdrawn, with fault.Unavailable, and the
// old one stays as it was. A unit that does not run is started.
func (s *Supervisor) Replace(ctx context.Context, name string) error {
	k, err := s.find(name)
	if err != nil {
		return err
	}
	var heir uint64
	busy, running, held := false, false, false
	err = k.tell(ctx, message{do: func(ctx context.Context) {
		running = k.state.Phase == machine.Running
		held = k.policy.OnDemand
		busy = k.state.Heir != 0 || k.state.Leaver != 0
		if running && !busy && !held {
			k.step(ctx, machine.Event{Op: machine.Replace})
			heir = k.state.Heir
		}
	}})
	switch {
	case err != nil:
		return err
	case busy:
		return fault.Errorf(fault.Conflict, "restart %s gracefully: such a restart is under way", name)
	case running && held: // who connects meanwhile waits in a socket that is held
		return s.Restart(ctx, name)
	case !running:
		return s.Start(ctx, name)
	}
	if _, err := s.Wait(ctx, name, func(st Status) bool { return st.Successor == 0 && st.Predecessor == 0 }); err != nil {
		return err
	}
	var took bool
	if err := k.tell(ctx, message{do: func(context.Context) { took = heir != 0 && k.state.Attempt >= heir }}); err != nil {
		return err
	}
	if !took {
		return fault.WithHint(fault.Errorf(fault.Unavailable, "restart %s gracefully: %s; the old process serves on", name, k.snapshot().Cause),
			"hero_proc logs "+name)
	}
	return s.reg.Flush(ctx)
}

// beside does what the machine asks for about a process that is not the main one.
func (k *keeper) beside(ctx context.Context, a machine.Action) {
	if a.Verb == machine.Spawn {
		k.spawnHeir(ctx, a.Attempt)
		return
	}
	s := k.sibling(a.Attempt)
	if s == nil {
		return
	}
	switch a.Verb {
	case machine.Signal:
		s.leaving = true
		k.finish(s.proc, k.capture, s.attempt)
	case machine.Kill:
		p, capture, attempt, leaving := s.proc, k.capture, s.attempt, s.leaving
		s.leaving = true
		k.sup.wg.Go(func() {
			if !leaving {
				k.clear(p, capture, attempt)
			} else if err := p.Kill(); err != nil {
				k.sup.log.Warn("processes are not killed", "unit", k.name, "err", err)
			}
		})
	case machine.ArmKill, machine.ArmReady:
		s.timers = append(s.timers, time.AfterFunc(a.After, func() {
			k.send(message{event: machine.Event{Op: machine.Timer, Timer: a.Verb, Attempt: a.Attempt}})
		}))
	}
}

// sibling returns the process of an attempt that is not the main one, or nil.
func (k *keeper) sibling(attempt uint64) *sibling {
	for _, s := range []*sibling{k.heir, k.leaver} {
		if s != nil && s.attempt == attempt {
			return s
		}
	}
	return nil
}

// spawnHeir starts the process that is to take the main one's place.
func (k *keeper) spawnHeir(ctx context.Context, attempt uint64) {
	u := k.definition().WithDefaults()
	run := strconv.FormatInt(time.Now().UnixNano(), 36) + heirMark
	spec, err := k.spec(u, run)
	if err == nil {
		err = k.listen(u)
	}
	var p Process
	if err == nil {
		if k.capture != nil {
			spec.Stdout, spec.Stderr = k.capture.Pipes()
		}
		spec.Env = append(spec.Env, handover.Variable+"=1")
		spec.Notify = k.notices(attempt)
		p, err = k.sup.runner.Start(spec)
	}
	if err != nil {
		k.step(ctx, machine.Event{Op: machine.NotSpawned, Attempt: attempt, Cause: err.Error()})
		return
	}
	k.heir = &sibling{attempt: attempt, proc: p, run: run, started: time.Now()}
	k.awaitHeir(u)
	k.step(ctx, machine.Event{Op: machine.Spawned, Attempt: attempt})
	k.note(time.Now(), "")
}

// awaitHeir lets the heir count as ready once it was up for a while, where its
// unit says so. Every other must say itself that it is, with READY=1: what
// answers on the unit's sockets is still the old process.
func (k *keeper) awaitHeir(u unit.Unit) {
	if attempt := k.heir.attempt; u.Ready.Mode == unit.ReadyDelay {
		k.heir.timers = append(k.heir.timers, time.AfterFunc(u.Ready.Delay.Std(), func() {
			k.send(message{event: machine.Event{Op: machine.Ready, Attempt: attempt}})
		}))
	}
}

// rearrange moves processes to the places that the machine gave them.
func (k *keeper) rearrange(old machine.State) {
	if k.state.Attempt != old.Attempt && k.heir != nil && k.state.Attempt == k.heir.attempt {
		k.quiet()
		h := k.heir
		h.disarm()
		k.leaver = &sibling{attempt: old.Attempt, proc: k.proc, run: k.run, started: k.started, ended: k.ended}
		k.proc, k.run, k.started, k.ended = h.proc, h.run, h.started, h.ended
		k.heir, k.adopted, k.ready = nil, false, k.state.Phase == machine.Running
		k.renewed()
		k.feed(k.definition().WithDefaults())
	}
	if k.heir != nil && k.state.Heir != k.heir.attempt {
		k.heir.disarm()
		k.heir = nil
	}
	if k.leaver != nil && k.state.Leaver != k.leaver.attempt {
		k.leaver.disarm()
		k.leaver = nil
	}
}

// heirEnded tells the machine of the end of the heir's main process.
func (k *keeper) heirEnded(ctx context.Context) {
	k.heir.ended = true
	exit := k.heir.proc.Exit()
	k.step(ctx, machine.Event{Op: machine.Exit, Attempt: k.heir.attempt, Good: exit.Good(), Cause: exit.String()})
}

// adoptSibling takes the process of a run into care that an earlier supervisor
// left beside the main one: a graceful restart outlives the supervisor that
// began it. It reports false for a run that is no part of one.
func (k *keeper) adoptSibling(ctx context.Context, main, f osproc.Found) bool {
	heir, younger := f.Main.Start >= main.Main.Start, main
	if heir {
		younger = f
	}
	if f.Main.PID == 0 || !k.up || !strings.HasSuffix(younger.Run, heirMark) || heir && k.heir != nil || !heir && k.leaver != nil {
		return false
	}
	attempt := max(k.state.Last, k.state.Attempt) + 1
	p, err := k.sup.runner.Adopt(k.name, f.Run, f.Main, k.notices(attempt))
	if err != nil {
		return false
	}
	s := &sibling{attempt: attempt, proc: p, run: f.Run, started: time.Now()}
	if heir {
		k.heir = s
		k.awaitHeir(k.definition().WithDefaults())
		k.step(ctx, machine.Event{Op: machine.AdoptedHeir})
	} else {
		k.leaver = s
		k.step(ctx, machine.Event{Op: machine.AdoptedLeaver})
	}
	return true
}

// foremost puts the run first that is the unit's main one: the one whose
// process holds the service's lock, for that is who serves; else the record's;
// else the newest. The rest follow, the newest first.
func (s *Supervisor) foremost(name string, rec registry.Record, runs []osproc.Found) {
	slices.SortFunc(runs, func(a, b osproc.Found) int { return int(int64(b.Main.Start) - int64(a.Main.Start)) })
	holder := s.lockHolder(name)
	i := slices.IndexFunc(runs, func(f osproc.Found) bool { return holder != 0 && f.Main.PID == holder })
	if i < 0 {
		i = slices.IndexFunc(runs, func(f osproc.Found) bool { return f.Run == rec.Run })
	}
	if i > 0 {
		first := runs[i]
		copy(runs[1:i+1], runs[:i])
		runs[0] = first
	}
}

// lockHolder returns the process that wrote itself into a service's lock last,
// or 0.
func (s *Supervisor) lockHolder(name string) int {
	service, err := layout.ParseService(name)
	if err != nil {
		return 0
	}
	b, err := os.ReadFile(s.opts.Places.LockFile(service))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}
