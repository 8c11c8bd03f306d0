package supervisor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/handover"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

func logLimits(u unit.Unit) logs.Limits {
	return logs.Limits{MaxSize: int64(u.Logs.MaxSize), MaxFiles: u.Logs.MaxFiles, MaxAge: u.Logs.MaxAge.Std(), Drop: u.Logs.Drop}
}

// spawn starts the process.
func (k *keeper) spawn(ctx context.Context) {
	u := k.definition().WithDefaults()
	attempt := k.state.Attempt
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	spec, err := k.spec(u, run)
	if err == nil {
		err = k.listen(u)
	}
	if err == nil {
		if k.capture != nil {
			spec.Stdout, spec.Stderr = k.capture.Pipes()
		}
		spec.Notify = k.notices(attempt)
		k.proc, err = k.startWith(u, spec)
	}
	if err != nil {
		k.proc = nil
		fatal := false
		switch fault.Of(err) {
		case fault.NotFound, fault.Invalid, fault.Denied, fault.Unsupported:
			fatal = true
		}
		cause := err.Error()
		if hint := fault.Hint(err); hint != "" {
			cause += " (" + hint + ")"
		}
		k.step(ctx, machine.Event{Op: machine.NotSpawned, Attempt: attempt, Fatal: fatal, Cause: cause})
		return
	}
	k.run, k.ended, k.ready, k.adopted, k.started = run, false, false, false, time.Now()
	k.renewed()
	k.note(k.started, "")
	k.feed(u)
	k.step(ctx, machine.Event{Op: machine.Spawned, Attempt: attempt})
}

// spec puts together what is started.
func (k *keeper) spec(u unit.Unit, run string) (osproc.Spec, error) {
	s := k.sup
	spec := osproc.Spec{Unit: u.Name, Run: run, Args: u.Command, Dir: u.Dir, User: u.User, Group: u.Group,
		Limits: osproc.Limits{Memory: int64(u.Limits.Memory), CPUWeight: u.Limits.CPUWeight, OpenFiles: u.Limits.OpenFiles, Processes: u.Limits.Processes}}
	if spec.Dir == "" {
		spec.Dir = s.opts.Places.Home
	}
	if u.Script != "" {
		path := filepath.Join(s.dir, "scripts", u.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return spec, fault.Errorf(fault.Unavailable, "start %s: %w", u.Name, err)
		}
		if err := atomicfile.Write(path, []byte(u.Script), 0o755); err != nil {
			return spec, fault.Errorf(fault.Unavailable, "start %s: %w", u.Name, err)
		}
		spec.Args = append(strings.Fields(u.Interpreter), path)
	}
	spec.Env = append(spec.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	for _, v := range s.opts.Env {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", unixsock.IdleVariable, handover.Variable, osproc.RunVariable:
		default:
			spec.Env = append(spec.Env, v)
		}
	}
	spec.Env = append(spec.Env, s.opts.Places.Env()...)
	for _, path := range u.EnvFiles {
		vars, err := unit.ReadEnvFile(path)
		if err != nil {
			return spec, err
		}
		spec.Env = append(spec.Env, vars...)
	}
	for name, value := range u.Env {
		spec.Env = append(spec.Env, name+"="+value)
	}
	if u.Watchdog > 0 {
		spec.Env = append(spec.Env, "WATCHDOG_USEC="+strconv.FormatInt(u.Watchdog.Std().Microseconds(), 10))
	}
	return spec, nil
}

// listen opens the log's pipes. With a Runner of somebody else's there is no
// output.
func (k *keeper) listen(u unit.Unit) error {
	if k.capture != nil || !k.sup.own {
		return nil
	}
	dir := filepath.Join(k.sup.dir, "pipes")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Errorf(fault.Unavailable, "open log of %s: %w", u.Name, err)
	}
	log, err := k.sup.logOf(u.Name)
	if err != nil {
		return err
	}
	k.capture, err = logs.NewCapture(log, logs.Options{Pipes: dir, Name: u.Name, Limits: logLimits(u), Log: k.sup.log})
	return err
}

// notices returns what takes the sd_notify messages of an attempt's process.
func (k *keeper) notices(attempt uint64) func(osproc.Notice) {
	return func(n osproc.Notice) {
		k.send(message{do: func(ctx context.Context) {
			if attempt == k.state.Heir && attempt != 0 {
				if n.Ready {
					k.step(ctx, machine.Event{Op: machine.Ready, Attempt: attempt})
				}
				return
			}
			if k.state.Attempt != attempt || k.proc == nil {
				return
			}
			u := k.definition().WithDefaults()
			if n.Ready && (u.Ready.Mode == unit.ReadyAuto || u.Ready.Mode == unit.ReadyNotify) {
				k.step(ctx, machine.Event{Op: machine.Ready, Attempt: attempt, Cause: "ready, as it says itself"})
			}
			if n.Watchdog || n.Ready {
				k.feed(u)
			}
			if n.Status != "" {
				k.detail(n.Status)
			}
			// One that says what it does before it says that it is ready will
			// say that too: its sockets may answer long before.
			if n.Status != "" && !n.Ready && u.Ready.Mode == unit.ReadyAuto && k.state.Phase == machine.Starting && k.unwatch != nil {
				k.unwatch()
			}
		}})
	}
}

// feed sets the watchdog back.
func (k *keeper) feed(u unit.Unit) {
	if k.silence != nil {
		k.silence.Stop()
		k.silence = nil
	}
	if u.Watchdog <= 0 {
		return
	}
	attempt := k.state.Attempt
	k.silence = time.AfterFunc(u.Watchdog.Std(), func() {
		k.send(message{event: machine.Event{Op: machine.Broken, Attempt: attempt, Cause: fmt.Sprintf("silent for %v, its watchdog's time", u.Watchdog)}})
	})
}

// watch looks for the process to be ready, until it is or is gone.
func (k *keeper) watch(ctx context.Context) {
	u := k.definition().WithDefaults()
	attempt := k.state.Attempt
	ready := func(cause string) {
		k.send(message{event: machine.Event{Op: machine.Ready, Attempt: attempt, Cause: cause}})
	}
	mode := u.Ready.Mode
	if mode == unit.ReadyNotify && !k.adopted {
		return
	}
	// One that was adopted may have said that it is ready while nobody heard
	// it, and says so once.
	if mode == unit.ReadyDelay || mode == unit.ReadyNotify || mode == unit.ReadyAuto && k.sup.opts.Prober == nil {
		k.timers = append(k.timers, time.AfterFunc(u.Ready.Delay.Std(), func() { ready(fmt.Sprintf("ready: up for %v", u.Ready.Delay)) }))
		return
	}
	ctx, k.unwatch = context.WithCancel(ctx)
	stop := k.unwatch
	started := k.started
	run := k.run
	k.sup.wg.Go(func() {
		defer stop()
		tick := time.NewTicker(u.Ready.Interval.Std())
		defer tick.Stop()
		for {
			ok, cause, detail := k.check(ctx, u, run, started)
			if ctx.Err() != nil {
				return
			}
			if ok {
				ready(cause)
				return
			}
			k.send(message{do: func(context.Context) {
				if k.state.Attempt == attempt && k.state.Phase == machine.Starting {
					k.detail(detail)
				}
			}})
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// check looks once whether the process is ready.
func (k *keeper) check(ctx context.Context, u unit.Unit, run string, started time.Time) (ok bool, cause, detail string) {
	ctx, cancel := context.WithTimeout(ctx, max(5*time.Second, u.Ready.Interval.Std()))
	defer cancel()
	switch u.Ready.Mode {
	case unit.ReadyHTTP:
		return checkHTTP(ctx, u.Ready.URL)
	case unit.ReadyTCP:
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", u.Ready.Address)
		if err != nil {
			return false, "", err.Error()
		}
		c.Close()
		return true, "ready: " + u.Ready.Address + " takes connections", ""
	case unit.ReadyCommand:
		return k.checkCommand(ctx, u, run)
	}
	if k.sup.opts.Prober == nil {
		return false, "", "nothing is known of its sockets"
	}
	ready, known, detail := k.sup.opts.Prober(ctx, u.Name)
	switch {
	case ready && known:
		return true, "ready: its sockets are healthy", ""
	case !known && u.Ready.Mode == unit.ReadyAuto && time.Since(started) >= u.Ready.Delay.Std():
		return true, fmt.Sprintf("ready: up for %v", u.Ready.Delay), ""
	}
	return false, "", detail
}

func checkHTTP(ctx context.Context, url string) (ok bool, cause, detail string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, "", err.Error()
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return false, "", err.Error()
	}
	res.Body.Close()
	if res.StatusCode >= 400 {
		return false, "", url + " answers " + res.Status
	}
	return true, "ready: " + url + " answers " + res.Status, ""
}

// checkCommand runs the check as a process of the unit's own kind.
func (k *keeper) checkCommand(ctx context.Context, u unit.Unit, run string) (ok bool, cause, detail string) {
	spec, err := k.spec(u, run+"-check")
	if err != nil {
		return false, "", err.Error()
	}
	spec.Args = u.Ready.Command
	p, err := k.sup.runner.Start(spec)
	if err != nil {
		return false, "", err.Error()
	}
	defer p.Kill()
	select {
	case <-p.Done():
	case <-ctx.Done():
		return false, "", "the check takes too long"
	}
	if !p.Exit().Good() {
		return false, "", "the check ends with " + p.Exit().String()
	}
	return true, "ready: its check ends with 0", ""
}
