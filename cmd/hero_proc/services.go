package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/show"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
)

// jsonFlag declares --json.
func jsonFlag(f *flag.FlagSet, on *bool) { f.BoolVar(on, "json", false, "print JSON, for programs") }

// waitFlag declares --wait, the seconds a command waits for its outcome.
func waitFlag(f *flag.FlagSet, wait *time.Duration) {
	f.DurationVar(wait, "wait", 30*time.Second, "how long to wait until the service is ready; 0 does not wait")
}

func listCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "list", Args: "[--json]", Help: "show all services",
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			services, err := call[[]procd.ServiceStatus](ctx, c.Env, "supervisor.list", procd.ListParams{Health: true})
			if err != nil {
				return err
			}
			if asJSON {
				return c.JSON(services)
			}
			return c.Table(show.Table(c.Paint(), services, time.Now()))
		},
	}
}

func statusCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "status", Args: "NAME… [--json]", Help: "show a service and the health of its layers", Min: 1, Max: -1, Complete: services,
		Long:  "The exit status is 3 where a service is not running, or a layer of it is not healthy. With `--json`, one name gives an object and several give an array.",
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			return several(c, asJSON, true, "", func(name string) (procd.ServiceStatus, error) {
				return call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: name})
			})
		},
	}
}

// several does something to each service that is named, all at once, and shows
// what became of them; judge says that one that is not well is exit status 3.
// Something that takes a while is named in what.
func several(c cli.Call, asJSON, judge bool, what string, do func(name string) (procd.ServiceStatus, error)) error {
	done := func() {}
	if what != "" {
		done = c.Progress(what + " " + strings.Join(c.Args, ", "))
	}
	results := make([]procd.ServiceStatus, len(c.Args))
	errs := make([]error, len(c.Args))
	var wg sync.WaitGroup
	for i, name := range c.Args {
		wg.Go(func() { results[i], errs[i] = do(name) })
	}
	wg.Wait()
	done()
	ill := false
	var shown []procd.ServiceStatus
	for i, s := range results {
		if errs[i] == nil {
			shown = append(shown, s)
			ill = ill || !show.Well(s)
		}
	}
	if err := printServices(c, shown, asJSON); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if judge && ill {
		return cli.Unwell
	}
	return nil
}

func printServices(c cli.Call, services []procd.ServiceStatus, asJSON bool) error {
	switch {
	case len(services) == 0:
		return nil
	case asJSON && len(c.Args) == 1:
		return c.JSON(services[0])
	case asJSON:
		return c.JSON(services)
	}
	for _, s := range services {
		if _, err := fmt.Fprint(c.Stdout, show.Status(c.Paint(), s)); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return nil
}

func startCommand() cli.Command {
	var wait time.Duration
	var asJSON bool
	return cli.Command{
		Name: "start", Args: "NAME… [--wait 30s] [--json]", Help: "start services and wait until they are ready", Min: 1, Max: -1, Complete: services,
		Long:  notInTime,
		Flags: func(f *flag.FlagSet) { waitFlag(f, &wait); jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			return several(c, asJSON, wait > 0, "start", func(s string) (procd.ServiceStatus, error) {
				return call[procd.ServiceStatus](ctx, c.Env, "supervisor.start", procd.WaitParams{Name: s, Wait: wait.Seconds()})
			})
		},
	}
}

const notInTime = "The exit status is 3 where a service did not become ready in time."

func restartCommand() cli.Command {
	var p procd.RestartParams
	var wait time.Duration
	var asJSON bool
	return cli.Command{
		Name: "restart", Args: "NAME… [--graceful|--ui] [--wait 30s] [--json]", Help: "restart services and wait until they are ready",
		Min: 1, Max: -1, Complete: services, Long: notInTime,
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&p.Graceful, "graceful", false, "let a new process take over from the old one, so that nobody notices")
			f.BoolVar(&p.UI, "ui", false, "restart only the UI, which has a process of its own")
			waitFlag(f, &wait)
			jsonFlag(f, &asJSON)
		},
		Run: func(ctx context.Context, c cli.Call) error {
			return several(c, asJSON, wait > 0, "restart", func(s string) (procd.ServiceStatus, error) {
				return call[procd.ServiceStatus](ctx, c.Env, "supervisor.restart", procd.RestartParams{Name: s, Graceful: p.Graceful, UI: p.UI, Wait: wait.Seconds()})
			})
		},
	}
}

func stopCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "stop", Args: "NAME… [--json]", Help: "stop services and all that they started", Min: 1, Max: -1, Complete: services,
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			return several(c, asJSON, false, "stop", func(s string) (procd.ServiceStatus, error) {
				return call[procd.ServiceStatus](ctx, c.Env, "supervisor.stop", procd.NameParams{Name: s})
			})
		},
	}
}

func removeCommand() cli.Command {
	return cli.Command{
		Name: "remove", Args: "NAME…", Help: "stop services and forget them; their data and logs stay", Min: 1, Max: -1, Complete: services,
		Run: func(ctx context.Context, c cli.Call) error {
			var errs []error
			for _, name := range c.Args {
				was, err := call[bool](ctx, c.Env, "supervisor.remove", procd.NameParams{Name: name})
				if err == nil && !was {
					err = fault.WithHint(fault.Errorf(fault.NotFound, "there is no service %q", name), "hero_proc list shows those that there are")
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
	}
}

func signalCommand() cli.Command {
	return cli.Command{
		Name: "signal", Args: "NAME SIGNAL", Help: "send a signal, such as HUP, to a service's main process", Min: 2, Max: 2,
		Complete: func(ctx context.Context, env cli.Env, args []string) []string {
			if len(args) == 1 {
				return []string{"HUP", "INT", "QUIT", "KILL", "TERM", "USR1", "USR2", "WINCH", "STOP", "CONT"}
			}
			return oneService(ctx, env, args)
		},
		Run: func(ctx context.Context, c cli.Call) error {
			sig, ok := osproc.ParseSignal(c.Args[1])
			if !ok {
				return fault.WithHint(fault.Errorf(fault.Invalid, "there is no signal %q", c.Args[1]), "give a name such as HUP, or a number")
			}
			_, err := call[bool](ctx, c.Env, "supervisor.signal", procd.SignalParams{Name: c.Args[0], Signal: int(sig)})
			return err
		},
	}
}

func whyCommand() cli.Command {
	return cli.Command{
		Name: "why", Args: "NAME…", Help: "tell why a service is in its state", Min: 1, Max: -1, Complete: services,
		Run: func(ctx context.Context, c cli.Call) error {
			for _, name := range c.Args {
				text, err := call[string](ctx, c.Env, "supervisor.why", procd.NameParams{Name: name})
				if err != nil {
					return err
				}
				if _, err = fmt.Fprintln(c.Stdout, cli.CleanLines(text)); err != nil {
					return fmt.Errorf("write the result: %w", err)
				}
			}
			return nil
		},
	}
}

func historyCommand() cli.Command {
	var asJSON bool
	var limit int
	return cli.Command{
		Name: "history", Args: "[NAME] [-n 50] [--json]", Help: "show what happened, the newest last", Max: 1, Complete: oneService,
		Flags: func(f *flag.FlagSet) {
			jsonFlag(f, &asJSON)
			f.IntVar(&limit, "n", 50, "how many at most")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			p := procd.HistoryParams{Limit: limit}
			if len(c.Args) > 0 {
				p.Name = c.Args[0]
			}
			steps, err := call[[]supervisor.Transition](ctx, c.Env, "supervisor.history", p)
			if err != nil {
				return err
			}
			if asJSON {
				return c.JSON(steps)
			}
			paint := c.Paint()
			rows := [][]string{{"AT", "NAME", "STATE", "CAUSE"}}
			for _, s := range steps {
				rows = append(rows, []string{s.At.Local().Format(time.DateTime), s.Unit, paint.Word(s.To), s.Cause})
			}
			return c.Table(rows)
		},
	}
}
