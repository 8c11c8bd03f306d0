package supervisor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/activate"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/registry"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// message is one entry of a keeper's mailbox.
type message struct {
	event   machine.Event
	do      func(context.Context) // in the place of an event
	recheck bool                  // look at the dependencies again
	done    chan struct{}         // closed once it was dealt with; may be nil
}

// keeper looks after one unit. Its goroutine owns the fields up to mu; others
// send it messages.
type keeper struct {
	sup  *Supervisor
	name string
	quit chan struct{} // closed by the supervisor
	over chan struct{} // closed once the goroutine has quit
	post chan struct{} // one slot: there is mail

	state   machine.State
	policy  machine.Policy
	proc    Process // nil where there is none
	ended   bool    // proc's main process has
	run     string
	exit    *osproc.Exit // of the last process
	ready   bool
	adopted bool     // proc was started by an earlier supervisor
	heir    *sibling // gets ready to take proc's place; nil for none
	leaver  *sibling // had proc's place before; nil once it is gone
	started time.Time
	shown   string // the state that the history last told
	capture *logs.Capture
	timers  []*time.Timer
	held    *activate.Sockets // of a unit on demand
	silence *time.Timer       // the watchdog's
	unwatch func()            // ends the look-out for readiness
	ill     illness

	// mu guards the fields below it.
	mu      sync.Mutex
	unit    unit.Unit // as it was given
	up      bool      // wanted, and to be wanted again after a restart of the supervisor
	file    bool      // its definition stands in a file
	renew   bool      // its process is older than the definition, and is to be replaced
	visible Process   // proc, for those who measure it
	mail    []message
	busy    bool // mail is being dealt with
	status  Status
	changed chan struct{} // closed at the next change
}

func newKeeper(s *Supervisor, u unit.Unit) *keeper {
	k := &keeper{sup: s, name: u.Name, held: activate.New(s.opts.Places, u.Name), quit: make(chan struct{}), over: make(chan struct{}), post: make(chan struct{}, 1), changed: make(chan struct{}), shown: "stopped"}
	k.define(u)
	k.status = Status{Name: u.Name, Since: time.Now(), State: "stopped", Desired: "down", Kind: string(u.WithDefaults().Kind), Label: u.Label}
	return k
}

// define takes a definition. It is called by the keeper's goroutine, or before
// there is one.
func (k *keeper) define(u unit.Unit) {
	k.mu.Lock()
	k.unit = u
	k.mu.Unlock()
	d := u.WithDefaults()
	k.policy = machine.Policy{
		Oneshot: d.Kind != unit.Service, Scheduled: d.Kind == unit.Job, OnDemand: d.OnDemand, AfterGood: d.Restart == unit.Always, AfterBad: d.Restart != unit.Never,
		Initial: d.Backoff.Initial.Std(), Max: d.Backoff.Max.Std(), Factor: d.Backoff.Factor, Jitter: d.Backoff.Jitter,
		MaxRestarts: d.MaxRestarts, Window: d.Window.Std(), Grace: d.Grace.Std(), StartTimeout: d.Ready.Timeout.Std(),
	}
	if k.capture != nil {
		k.capture.SetLimits(logLimits(d))
	}
}

// definition returns the definition as it was given.
func (k *keeper) definition() unit.Unit {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unit
}

// send puts a message into the mailbox. It never blocks.
func (k *keeper) send(m message) {
	k.mu.Lock()
	k.mail = append(k.mail, m)
	k.mu.Unlock()
	select {
	case k.post <- struct{}{}:
	default:
	}
}

// tell sends a message and waits until it was dealt with.
func (k *keeper) tell(ctx context.Context, m message) error {
	m.done = make(chan struct{})
	k.send(m)
	select {
	case <-m.done:
		return nil
	case <-k.quit:
		return errClosed()
	case <-ctx.Done():
		return fault.Errorf(fault.Canceled, "%s: %w", k.name, ctx.Err())
	}
}

// undecided reports whether there is something that the keeper has not looked
// at, so that its state may be about to change.
func (k *keeper) undecided() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.mail) > 0 || k.busy
}

// loop deals with mail and the end of the process until the keeper is to quit.
func (k *keeper) loop(ctx context.Context) {
	defer close(k.over)
	defer k.disarm()
	for {
		var ended <-chan struct{}
		if k.proc != nil && !k.ended {
			ended = k.proc.Done()
		}
		select {
		case <-k.quit:
			return
		case <-k.heir.done():
			select {
			case <-k.quit:
				return
			default:
			}
			k.heirEnded(ctx)
		case <-k.post:
			k.mu.Lock()
			mail := k.mail
			k.mail, k.busy = nil, true
			k.mu.Unlock()
			for _, m := range mail {
				k.deal(ctx, m)
			}
			k.mu.Lock()
			k.busy = false
			k.mu.Unlock()
			k.sup.nudge(k.name)
			for _, m := range mail {
				if m.done != nil {
					close(m.done)
				}
			}
		case <-ended:
			select {
			case <-k.quit: // the runner was closed: the process runs on
				return
			default:
			}
			k.ended = true
			exit := k.proc.Exit()
			k.exit = &exit
			k.step(ctx, machine.Event{Op: machine.Exit, Attempt: k.state.Attempt, Good: exit.Good(), Cause: exit.String()})
			k.sup.nudge(k.name)
		}
	}
}

func (k *keeper) deal(ctx context.Context, m message) {
	switch {
	case m.do != nil:
		m.do(ctx)
	case m.recheck:
		if k.state.Phase == machine.Waiting {
			k.askDeps(ctx)
		}
	default:
		k.step(ctx, m.event)
	}
}

// step takes the machine one step on and does what follows.
func (k *keeper) step(ctx context.Context, e machine.Event) {
	e.At, e.Dice = time.Now(), rand.Float64()
	if k.policy.Scheduled {
		e.Due = k.definition().Schedule.Next(e.At)
	}
	old := k.state
	r := machine.Step(k.policy, k.state, e)
	k.state = r.State
	k.rearrange(old)
	if old.Phase != k.state.Phase {
		if !k.state.Phase.HasProcess() {
			k.quiet()
		}
		if k.state.Phase.Resting() {
			k.held.Close()
		}
		if k.state.Phase == machine.Running {
			k.ready = true
			if k.policy.OnDemand {
				k.held.See()
			}
		}
		if old.Phase == machine.Waiting || k.state.Phase == machine.Waiting {
			k.sup.waits(k, k.state.Phase == machine.Waiting)
		}
	}
	if e.Op == machine.Gone && !k.state.Phase.HasProcess() {
		k.proc, k.run = nil, ""
	}
	if old.Phase != k.state.Phase || r.Cause != "" || !old.Next.Equal(k.state.Next) {
		k.note(e.At, r.Cause)
	}
	for _, a := range r.Actions {
		k.act(ctx, a)
	}
}

// note makes the new state known: to readers of the status, to the registry,
// and, where there is a cause, to the history.
func (k *keeper) note(at time.Time, cause string) {
	word := k.state.Phase.String()
	k.mu.Lock()
	st := &k.status
	if st.State != word {
		st.State, st.Since = word, at
	}
	for range k.state.Restarts - st.Restarts {
		k.sup.usage.Restarted(k.name)
	}
	st.Restarts = k.state.Restarts
	k.visible = k.proc
	if cause != "" {
		st.Cause = cause
	}
	st.PID, st.StartedAt, st.NextAttempt = 0, nil, nil
	st.Successor, st.Predecessor = k.heir.pid(), k.leaver.pid()
	if k.proc != nil && !k.ended {
		started := k.started
		st.PID, st.StartedAt = k.proc.ID().PID, &started
	}
	if k.state.Phase == machine.Backoff || k.state.Phase == machine.Scheduled {
		next := k.state.Next
		st.NextAttempt = &next
	}
	if k.state.Phase != machine.Waiting {
		st.Detail = ""
	}
	if k.exit != nil {
		code := k.exit.Status()
		st.Exit, st.ExitCode, st.Signal = k.exit.String(), &code, ""
		if k.exit.Signal != 0 {
			st.Signal = osproc.SignalName(k.exit.Signal)
		}
	}
	st.Desired = map[bool]string{true: "up", false: "down"}[k.up]
	pid := st.PID
	close(k.changed)
	k.changed = make(chan struct{})
	k.mu.Unlock()
	if cause != "" {
		k.sup.tell(Transition{Unit: k.name, At: at, From: k.shown, To: word, Cause: cause, PID: pid})
		k.shown = word
	}
	k.save()
}

// detail sets what the unit waits for, or says of itself.
func (k *keeper) detail(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.status.Detail != text {
		k.status.Detail = text
		close(k.changed)
		k.changed = make(chan struct{})
	}
}

// renewed notes that the process goes by the definition.
func (k *keeper) renewed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renew = false
}

// save queues the unit's record.
func (k *keeper) save() {
	k.mu.Lock()
	rec := registry.Record{Unit: k.unit, Up: k.up, File: k.file, Renew: k.renew, State: k.status.State, Since: k.status.Since, Cause: k.status.Cause,
		Restarts: k.state.Restarts, Run: k.run, Ready: k.ready, Started: k.started, Boot: k.sup.boot}
	k.mu.Unlock()
	if k.proc != nil {
		rec.ID = k.proc.ID()
	}
	k.sup.reg.Put(k.name, &rec)
}

// act does what the machine asks for.
func (k *keeper) act(ctx context.Context, a machine.Action) {
	attempt := k.state.Attempt
	if a.Attempt != 0 {
		k.beside(ctx, a)
		return
	}
	switch a.Verb {
	case machine.AskDeps:
		k.askDeps(ctx)
	case machine.Spawn:
		k.spawn(ctx)
	case machine.Watch:
		k.watch(ctx)
	case machine.Signal:
		k.end(attempt)
	case machine.Kill:
		k.kill(attempt)
	case machine.Hold:
		k.hold(ctx)
	case machine.ArmRestart, machine.ArmKill, machine.ArmReady:
		if a.Verb == machine.ArmRestart {
			k.disarm() // it waits for nothing else
		}
		k.timers = append(k.timers, time.AfterFunc(a.After, func() {
			k.send(message{event: machine.Event{Op: machine.Timer, Timer: a.Verb, Attempt: attempt}})
		}))
	}
}

// quiet ends the timers and look-outs of a process that is gone.
func (k *keeper) quiet() {
	if k.unwatch != nil {
		k.unwatch()
		k.unwatch = nil
	}
	if k.silence != nil {
		k.silence.Stop()
		k.silence = nil
	}
	k.ill.forget()
	k.disarm()
}

func (k *keeper) disarm() {
	for _, t := range k.timers {
		t.Stop()
	}
	k.timers = nil
}

// end sends the stop signal. Once the main process has ended, what it forked
// gets the same signal and a moment; then nothing is left.
func (k *keeper) end(attempt uint64) {
	p, capture := k.proc, k.capture
	if p == nil {
		return // it is being started; the machine asks again
	}
	k.finish(p, capture, attempt)
}

// finish sends a process the stop signal and sees to its end.
func (k *keeper) finish(p Process, capture *logs.Capture, attempt uint64) {
	sig, _ := osproc.ParseSignal(k.definition().WithDefaults().StopSignal)
	if err := p.Signal(sig); err != nil && fault.Of(err) != fault.NotFound {
		k.sup.log.Warn("stop signal is not sent", "unit", k.name, "err", err)
	}
	k.sup.wg.Go(func() {
		if !k.until(p.Done()) {
			return
		}
		if n, err := p.Left(); n > 0 && err == nil {
			_ = p.SignalAll(sig) // those that do not hear it are killed
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for range 100 {
				if n, err := p.Left(); n == 0 || err != nil || !k.until(tick.C) {
					break
				}
			}
		}
		k.clear(p, capture, attempt)
	})
}

// until waits for a channel, and reports whether the keeper goes on.
func (k *keeper) until(c any) bool {
	switch c := c.(type) {
	case <-chan struct{}:
		select {
		case <-c:
		case <-k.quit:
			return false
		}
	case <-chan time.Time:
		select {
		case <-c:
		case <-k.quit:
			return false
		}
	}
	return true
}

// kill kills all that is left. While the unit is stopping, end says when it is
// gone.
func (k *keeper) kill(attempt uint64) {
	p, capture := k.proc, k.capture
	if p == nil {
		return
	}
	stopping := k.state.Phase == machine.Stopping
	k.sup.wg.Go(func() {
		if !stopping {
			k.clear(p, capture, attempt)
		} else if err := p.Kill(); err != nil {
			k.sup.log.Warn("processes are not killed", "unit", k.name, "err", err)
		}
	})
}

// clear kills until nothing is left, and says so. It does not give up: while
// something of a run is left, no other run of the unit may begin.
func (k *keeper) clear(p Process, capture *logs.Capture, attempt uint64) {
	for {
		err := p.Kill()
		if err == nil {
			break
		}
		k.sup.log.Error("processes are not killed", "unit", k.name, "err", err)
		k.detail(fmt.Sprintf("processes do not end: %v", err))
		if !k.until(time.After(time.Second)) {
			return
		}
	}
	if !k.until(p.Done()) {
		return
	}
	if capture != nil {
		if err := capture.Flush(); err != nil {
			k.sup.log.Warn("last lines wait in the pipe", "unit", k.name, "err", err)
		}
	}
	k.send(message{event: machine.Event{Op: machine.Gone, Attempt: attempt, Cause: p.Exit().String()}})
}

// askDeps reports whether the units that come before this one are up.
func (k *keeper) askDeps(ctx context.Context) {
	u := k.definition()
	for _, name := range u.Before() {
		required := slices.Contains(u.Requires, name)
		other := k.sup.keeperOf(name)
		if other == nil {
			if required {
				k.step(ctx, machine.Event{Op: machine.Blocked, Cause: "failed: requires " + name + ", which is not registered"})
				return
			}
			continue
		}
		st := other.snapshot()
		switch {
		case st.Up():
		case other.undecided() || !st.Resting() && (required || st.Desired == "up"):
			k.detail("waits for " + name + ", which is " + st.State)
			return
		case required:
			k.step(ctx, machine.Event{Op: machine.Blocked, Cause: "failed: requires " + name + ", which is " + st.State})
			return
		}
	}
	k.step(ctx, machine.Event{Op: machine.Cleared})
}

// snapshot returns the status without Usage.
func (k *keeper) snapshot() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}
