package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// jsonFlag declares --json.
func jsonFlag(f *flag.FlagSet, on *bool) { f.BoolVar(on, "json", false, "print JSON, for programs") }

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
			return c.Table(table(services, time.Now()))
		},
	}
}

// table is what list and up show of services.
func table(services []procd.ServiceStatus, now time.Time) [][]string {
	rows := [][]string{{"NAME", "STATE", "PID", "HEALTH", "DOMAINS", "RESTARTS", "SINCE"}}
	for _, s := range services {
		word, domains := "unknown", "-"
		if s.Health != nil {
			word = string(s.Health.Word)
			domains = domainCount(*s.Health)
		}
		restarts, since := 0, time.Time{}
		for _, p := range s.Processes {
			restarts += p.Restarts
			since = p.Since
		}
		rows = append(rows, []string{s.Name, s.State, pids(s.Processes), word, domains, strconv.Itoa(restarts), ago(now, since)})
	}
	return rows
}

// domainCount says how many domains there are, and how many of them are well
// where not all are.
func domainCount(r health.Report) string {
	all, well := 0, 0
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			all++
			if d.Layer.Word == health.Healthy {
				well++
			}
		}
	}
	switch {
	case all == 0:
		return "-"
	case all == well:
		return strconv.Itoa(all)
	}
	return fmt.Sprintf("%d of %d", well, all)
}

func pids(processes []supervisor.Status) string {
	var out []string
	for _, p := range processes {
		if p.PID != 0 {
			out = append(out, strconv.Itoa(p.PID))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

// ago says how long ago a moment was, in its largest unit.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := max(0, now.Sub(t))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func statusCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "status", Args: "NAME [--json]", Help: "show a service and the health of its layers", Min: 1, Max: 1,
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			if asJSON {
				err = c.JSON(s)
			} else {
				_, err = fmt.Fprint(c.Stdout, describe(s))
			}
			if err == nil && !well(s) {
				return cli.Unwell
			}
			return err
		},
	}
}

// well reports whether nothing about the service asks for attention.
func well(s procd.ServiceStatus) bool {
	if s.State != "running" && s.State != "unsupervised" && s.State != "exited" {
		return false
	}
	return s.Health == nil || s.Health.Word == health.Healthy || s.Health.Word == health.Asleep
}

// describe is the text of status.
func describe(s procd.ServiceStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.Name, s.State)
	switch p := pids(s.Processes); {
	case p == "-":
	case strings.Contains(p, ","):
		fmt.Fprintf(&b, " (pids: %s)", p)
	default:
		fmt.Fprintf(&b, " (pid: %s)", p)
	}
	b.WriteByte('\n')
	for _, p := range s.Processes {
		if p.State != "running" && p.Cause != "" {
			fmt.Fprintf(&b, "  %s: %s\n", p.Name, p.Cause)
		}
	}
	if s.Health == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "  service:  %s\n", layer(s.Health.Main))
	fmt.Fprintf(&b, "  ui:       %s\n", layer(s.Health.UI))
	width := 0
	for _, c := range s.Health.Contexts {
		for _, d := range c.Domains {
			width = max(width, len(c.Name)+1+len(d.Name)+1)
		}
	}
	if width == 0 {
		return b.String()
	}
	b.WriteString("  domains:\n")
	for _, c := range s.Health.Contexts {
		for _, d := range c.Domains {
			fmt.Fprintf(&b, "    %-*s    %s\n", width, c.Name+"/"+d.Name+":", layer(d.Layer))
		}
	}
	return b.String()
}

// layer is a layer's word, with what is wrong where it is not well.
func layer(l health.Layer) string {
	if l.Detail == "" || l.Word == health.Healthy || l.Word == health.Asleep || l.Word == health.Absent {
		return string(l.Word)
	}
	return string(l.Word) + " (" + l.Detail + ")"
}

func healthCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "health", Args: "NAME [CONTEXT DOMAIN] [--json]", Help: "show the health of a service, or of one domain", Min: 1, Max: 3,
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			if s.Health == nil {
				return fault.Errorf(fault.NotFound, "%s has no sockets", c.Args[0])
			}
			var answer any = s.Health
			word := s.Health.Word
			if len(c.Args) > 1 {
				if len(c.Args) != 3 {
					return fault.Errorf(fault.Invalid, "name the context and the domain")
				}
				l, ok := domainLayer(*s.Health, c.Args[1], c.Args[2])
				if !ok {
					return fault.Errorf(fault.NotFound, "%s has no domain %s/%s", c.Args[0], c.Args[1], c.Args[2])
				}
				answer, word = l, l.Word
			}
			if asJSON {
				err = c.JSON(answer)
			} else {
				_, err = fmt.Fprintln(c.Stdout, word)
			}
			if err == nil && word != health.Healthy && word != health.Asleep {
				return cli.Unwell
			}
			return err
		},
	}
}

func domainLayer(r health.Report, context, domain string) (health.Layer, bool) {
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			if c.Name == context && d.Name == domain {
				return d.Layer, true
			}
		}
	}
	return health.Layer{}, false
}

// waitFlag declares --wait, the seconds a command waits for its outcome.
func waitFlag(f *flag.FlagSet, wait *time.Duration) {
	f.DurationVar(wait, "wait", 30*time.Second, "how long to wait until the service is ready; 0 does not wait")
}

func startCommand() cli.Command {
	return stepCommand("start", "start a service and wait until it is ready")
}

func restartCommand() cli.Command {
	c := stepCommand("restart", "restart a service and wait until it is ready")
	p := procd.RestartParams{}
	var wait time.Duration
	var asJSON bool
	c.Args = "NAME [--graceful | --ui] [--wait 30s] [--json]"
	c.Flags = func(f *flag.FlagSet) {
		f.BoolVar(&p.Graceful, "graceful", false, "let a new process take over from the old one, so that nobody notices")
		f.BoolVar(&p.UI, "ui", false, "restart only the UI, which has a process of its own")
		waitFlag(f, &wait)
		jsonFlag(f, &asJSON)
	}
	c.Run = func(ctx context.Context, c cli.Call) error {
		p.Name, p.Wait = c.Args[0], wait.Seconds()
		s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.restart", p)
		if err != nil {
			return err
		}
		return outcome(c, s, asJSON, wait > 0)
	}
	return c
}

func stepCommand(name, help string) cli.Command {
	var wait time.Duration
	var asJSON bool
	return cli.Command{
		Name: name, Args: "NAME [--wait 30s] [--json]", Help: help, Min: 1, Max: 1,
		Flags: func(f *flag.FlagSet) { waitFlag(f, &wait); jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor."+name, procd.WaitParams{Name: c.Args[0], Wait: wait.Seconds()})
			if err != nil {
				return err
			}
			return outcome(c, s, asJSON, wait > 0)
		},
	}
}

// outcome tells what became of a service that was to start.
func outcome(c cli.Call, s procd.ServiceStatus, asJSON, waited bool) error {
	var err error
	if asJSON {
		err = c.JSON(s)
	} else {
		_, err = fmt.Fprint(c.Stdout, describe(s))
	}
	if err == nil && waited && !well(s) {
		return cli.Unwell
	}
	return err
}

func stopCommand() cli.Command {
	return cli.Command{
		Name: "stop", Args: "NAME", Help: "stop a service and all that it started", Min: 1, Max: 1,
		Run: func(ctx context.Context, c cli.Call) error {
			s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.stop", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.Stdout, describe(s))
			return err
		},
	}
}

func removeCommand() cli.Command {
	return cli.Command{
		Name: "remove", Args: "NAME", Help: "stop a service and forget it; its data and logs stay", Min: 1, Max: 1,
		Run: func(ctx context.Context, c cli.Call) error {
			was, err := call[bool](ctx, c.Env, "supervisor.remove", procd.NameParams{Name: c.Args[0]})
			if err == nil && !was {
				return fault.Errorf(fault.NotFound, "there is no service %q", c.Args[0])
			}
			return err
		},
	}
}

func addCommand() cli.Command {
	var dir string
	var vars []string
	var wait time.Duration
	return cli.Command{
		Name: "add", Args: "NAME [--env K=V] [--dir DIR] -- COMMAND…", Help: "register a command as a service and start it",
		Min: 1, Max: 1, Rest: true,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&dir, "dir", "", "working `folder`; the home where empty")
			f.Func("env", "a `variable`, as NAME=value; may be given more than once", func(s string) error {
				vars = append(vars, s)
				return nil
			})
			waitFlag(f, &wait)
		},
		Run: func(ctx context.Context, c cli.Call) error {
			if len(c.Rest) == 0 {
				return fault.WithHint(fault.Errorf(fault.Invalid, "the command is missing"), "hero_proc add "+c.Args[0]+" -- COMMAND")
			}
			u := unit.Unit{Name: c.Args[0], Command: c.Rest, Dir: dir}
			for _, v := range vars {
				name, value, ok := strings.Cut(v, "=")
				if !ok {
					return fault.Errorf(fault.Invalid, "--env %s: it is not NAME=value", v)
				}
				if u.Env == nil {
					u.Env = make(map[string]string)
				}
				u.Env[name] = value
			}
			if _, err := call[unit.Unit](ctx, c.Env, "supervisor.set", u); err != nil {
				return err
			}
			s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.start", procd.WaitParams{Name: u.Name, Wait: wait.Seconds()})
			if err != nil {
				return err
			}
			return outcome(c, s, false, wait > 0)
		},
	}
}

func whyCommand() cli.Command {
	return cli.Command{
		Name: "why", Args: "NAME", Help: "tell why a service is in its state", Min: 1, Max: 1,
		Run: func(ctx context.Context, c cli.Call) error {
			text, err := call[string](ctx, c.Env, "supervisor.why", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Stdout, text)
			return err
		},
	}
}

func historyCommand() cli.Command {
	var asJSON bool
	var limit int
	return cli.Command{
		Name: "history", Args: "[NAME] [-n 50] [--json]", Help: "show what happened, the newest last", Max: 1,
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
			rows := [][]string{{"AT", "NAME", "STATE", "CAUSE"}}
			for _, s := range steps {
				rows = append(rows, []string{s.At.Local().Format(time.DateTime), s.Unit, s.To, s.Cause})
			}
			return c.Table(rows)
		},
	}
}
