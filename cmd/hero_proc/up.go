package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/scriptlib"
	"forge.ourworld.tf/lhumina_code/hero/internal/show"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// The labels of the units that up itself registers.
const (
	labelTool = "hero"
	labelDemo = "demo"
)

// patience is how long up waits for everything to become healthy.
const patience = 60 * time.Second

func upCommand() cli.Command {
	var u up
	var verbose bool
	return cli.Command{
		Name: "up", Args: "[--demo|--alone] [--listen 127.0.0.1:9998]",
		Help: "run the supervisor here, with the proxy and the inspector, until Ctrl-C",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&u.demo, "demo", false, "run hero_food too, with restaurants and orders to look at")
			f.BoolVar(&u.alone, "alone", false, "run the supervisor without the proxy and the inspector")
			f.StringVar(&u.listen, "listen", "127.0.0.1:9998", "`address` of the proxy")
			f.BoolVar(&verbose, "v", false, "tell what the supervisor does")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			level := slog.LevelWarn
			if verbose {
				level = slog.LevelInfo
			}
			u.env = c.Env
			u.log = slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: level}))
			return u.run(ctx)
		},
	}
}

// up is the supervisor in the foreground.
type up struct {
	demo   bool
	alone  bool
	listen string
	env    cli.Env
	log    *slog.Logger
	api    *procd.API
	heir   chan string // path of the program that this process is to become
}

// run runs until ctx ends, and then stops everything.
func (u *up) run(ctx context.Context) error {
	if _, _, err := net.SplitHostPort(u.listen); err != nil {
		return fault.WithHint(fault.Errorf(fault.Invalid, "--listen %s: %w", u.listen, err), "give it as host:port, such as 127.0.0.1:9998")
	}
	units, err := u.units()
	if err != nil {
		return err
	}
	env, err := sdk.ProcessEnv()
	if err != nil {
		return err
	}
	env.Log = u.log
	// What serves goes on until all is stopped: those who ask get an answer.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	var background sync.WaitGroup
	defer background.Wait()
	defer stopServing()

	watcher := discovery.NewWatcher(discovery.Options{Places: env.Places, Log: u.log})
	u.api = &procd.API{Tree: watcher.Tree, Places: env.Places, Log: u.log}
	sup, err := supervisor.Open(ctx, supervisor.Options{
		Places: env.Places, Env: append(os.Environ(), env.Places.Env()...), Prober: u.api.Ready, Log: u.log,
	})
	if err != nil {
		return fmt.Errorf("start hero_proc: %w", err)
	}
	u.api.Supervisor, u.heir = sup, make(chan string, 1)
	u.api.Upgrade = u.upgrade
	u.api.Health = health.NewTracker(health.TrackerOptions{Options: health.Options{Places: env.Places, Log: u.log, Asleep: u.api.Asleep}, Trees: watcher,
		Changed: func(c health.Change) { sup.NoteHealth(c.Service, c.Layer, string(c.From), string(c.To), c.Detail) }})
	background.Go(func() {
		if err := u.api.Health.Run(serving); err != nil && serving.Err() == nil {
			u.log.Error("the health of the services is followed no more", "error", err)
		}
	})
	background.Go(func() {
		if err := watcher.Run(serving); err != nil && serving.Err() == nil {
			u.log.Error("the sockets folder is watched no more", "error", err)
		}
	})
	background.Go(func() { giveBack(serving, sup) })
	failed := make(chan error, 1)
	env.Command = append(env.Command, "ui")
	parts := append(u.api.Parts(), dashboard(), scriptlib.Part(env.Places, os.Getenv), sdk.Task{Name: "up", Run: func(task context.Context) error {
		until, cancel := context.WithCancel(ctx) // Ctrl-C comes before the task is told to end
		defer cancel()
		defer context.AfterFunc(task, cancel)()
		u.bringUp(until, env.Places, units)
		return nil
	}})
	background.Go(func() { failed <- sdk.Run(serving, env, service(), parts...) })

	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	case path := <-u.heir:
		u.api.Close()
		stopServing()
		background.Wait()
		if err := sup.Shutdown(context.WithoutCancel(ctx), supervisor.Leave); err != nil {
			u.log.Error("hero_proc does not end in order before its upgrade", "error", err)
		}
		return become(path)
	}
	return errors.Join(err, u.end(ctx, sup, units))
}

// giveBack returns to the machine what the start took of memory, once no unit is
// on its way any more: a thousand started at once leave half of the heap unused
// and the stacks grown.
func giveBack(ctx context.Context, sup *supervisor.Supervisor) {
	starting := func(st supervisor.Status) bool { return st.State == "waiting" || st.State == "starting" }
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < patience; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !slices.ContainsFunc(sup.Statuses(), starting) {
			break
		}
	}
	for range 2 { // each shrinks a stack by half
		debug.FreeOSMemory()
	}
}

// upgrade makes this process become another program, once who asks for it has
// the answer.
func (u *up) upgrade(path string) error {
	if err := successorOf(context.Background(), path); err != nil {
		return err
	}
	// It would end at once where the programs that it brings are not there.
	if _, err := u.unitsIn(filepath.Dir(path)); err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	select {
	case u.heir <- path:
		return nil
	default:
		return fault.Errorf(fault.Conflict, "upgrade: one is on its way")
	}
}

// end stops everything, and forgets what up brought: it is not kept for a
// supervisor that runs otherwise.
func (u *up) end(ctx context.Context, sup *supervisor.Supervisor, units []unit.Unit) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	var err error
	for _, n := range units {
		err = errors.Join(err, sup.Stop(ctx, n.Name))
	}
	for _, n := range units {
		err = errors.Join(err, sup.Remove(ctx, n.Name))
	}
	u.api.Close()
	return errors.Join(err, sup.Shutdown(ctx, supervisor.StopAll))
}

// units are the definitions of what up brings.
func (u *up) units() ([]unit.Unit, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the other programs: %w", err)
	}
	return u.unitsIn(filepath.Dir(exe))
}

// unitsIn are the definitions of what up brings where the programs are in dir.
func (u *up) unitsIn(dir string) ([]unit.Unit, error) {
	if u.alone {
		return nil, nil
	}
	units := []unit.Unit{
		{Name: "hero_core", Label: labelTool, Command: []string{filepath.Join(dir, "hero_core"), "serve"}},
		{Name: "hero_inspector", Label: labelTool, Command: []string{filepath.Join(dir, "hero_inspector"), "serve"}},
		{Name: "hero_proxy", Label: labelTool, Command: []string{filepath.Join(dir, "hero_proxy"), "serve", "--listen", u.listen}},
	}
	if u.demo {
		units = append(units, unit.Unit{Name: "hero_food", Label: labelDemo, Command: []string{filepath.Join(dir, "hero_food"), "--demo"}})
	}
	for _, n := range units {
		if _, err := os.Stat(n.Command[0]); err != nil {
			return nil, fault.WithHint(fault.Errorf(fault.NotFound, "%s is not beside hero_proc: %w", n.Name, err), "make build")
		}
	}
	return units, nil
}

// bringUp starts the units, waits until all is healthy, and tells what runs
// and where to look.
func (u *up) bringUp(ctx context.Context, places layout.Places, units []unit.Unit) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Those of a predecessor that was killed, and that are not wanted now.
	for _, old := range u.api.Supervisor.List() {
		known := slices.ContainsFunc(units, func(n unit.Unit) bool { return n.Name == old.Name })
		if (old.Label == labelTool || old.Label == labelDemo) && !known {
			if err := u.api.Supervisor.Remove(ctx, old.Name); err != nil {
				u.complain(old.Name, err)
			}
		}
	}
	for _, n := range units {
		if err := u.start(ctx, n); err != nil {
			u.complain(n.Name, err)
		}
	}
	if u.alone {
		return
	}
	services := u.settle(ctx, units)
	if services == nil {
		return // Ctrl-C came first
	}
	if err := u.env.Table(show.Table(u.env.Paint(), services, time.Now())); err != nil {
		return
	}
	base := "http://" + u.listen
	fmt.Fprintf(u.env.Stdout, "\n%s/\n%s/hero_inspector/\n", base, base)
	if u.demo {
		fmt.Fprintf(u.env.Stdout, "%s/hero_food/\n", base)
	}
	fmt.Fprintf(u.env.Stdout, "\nHome: %s. Ctrl-C stops all of it.\n", places.Home)
	for _, s := range services {
		if !show.Well(s) {
			fmt.Fprintf(u.env.Stderr, "hero_proc: warning: %s\nhero_proc: hint: hero_proc logs %s\n", strings.TrimSpace(show.Status(cli.Paint{}, s)), s.Name)
		}
	}
}

// start registers and starts a unit; one that an earlier supervisor left
// running with the same definition is left alone.
func (u *up) start(ctx context.Context, n unit.Unit) error {
	old, err := u.api.Supervisor.Get(n.Name)
	if err == nil && !slices.Equal(old.Command, n.Command) {
		if err := u.api.Supervisor.Stop(ctx, n.Name); err != nil {
			return err
		}
	}
	if err := u.api.Supervisor.Set(ctx, n); err != nil {
		return err
	}
	return u.api.Supervisor.Start(ctx, n.Name)
}

// settle waits until what up brings is well, or has failed, or patience ends,
// and returns all services.
func (u *up) settle(ctx context.Context, units []unit.Unit) []procd.ServiceStatus {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		services, err := u.api.Services(context.WithoutCancel(ctx))
		if err != nil {
			return nil
		}
		settled := !slices.ContainsFunc(services, func(s procd.ServiceStatus) bool {
			mine := slices.ContainsFunc(units, func(n unit.Unit) bool { return n.Name == s.Name })
			return mine && s.State != "failed" && s.State != "stopped" && (!show.Well(s) || s.Health == nil)
		})
		if settled {
			return services
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return services
			}
			return nil
		}
	}
}

func (u *up) complain(name string, err error) {
	fmt.Fprintf(u.env.Stderr, "hero_proc: error: %s: %v\n", name, err)
	if hint := fault.Hint(err); hint != "" {
		fmt.Fprintf(u.env.Stderr, "hero_proc: hint: %s\n", hint)
	}
}
