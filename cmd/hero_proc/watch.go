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
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/show"
	"forge.ourworld.tf/lhumina_code/hero/internal/stats"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
)

func eventsCommand() cli.Command {
	var follow, asJSON bool
	p := procd.EventParams{Limit: 1000}
	return cli.Command{
		Name: "events", Args: "[NAME] [-f] [--since ID] [--json]", Help: "show what happens to services", Max: 1, Complete: oneService,
		Long: "`--json` prints one JSON object a line: `id`, `unit`, `at`, `from`, `to`, `cause`, and `layer` where the health of a layer changed. Ids grow; `--since` goes on after one.",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&follow, "f", false, "go on with what comes, until Ctrl-C")
			f.Int64Var(&p.Since, "since", 0, "only events after the one of this `id`; -1 for those that come from now on")
			f.BoolVar(&asJSON, "json", false, "print a JSON object a line, for programs")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			p.Name = strings.Join(c.Args, "")
			for first := true; ; first = false {
				page, err := call[procd.EventPage](ctx, c.Env, "events.list", p)
				if err != nil {
					if follow && ctx.Err() != nil {
						return nil
					}
					return err
				}
				if first && len(page.Events) == 0 && p.Name != "" {
					// A name that is misspelt has no events; one that was removed has.
					if _, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: p.Name}); err != nil {
						return err
					}
				}
				if err := printEvents(c, page.Events, asJSON); err != nil {
					return err
				}
				if len(page.Events) < p.Limit && !follow {
					return nil
				}
				if p.Since = page.Next; follow && len(page.Events) < p.Limit {
					p.Wait = 30
				}
				// Where nothing has happened yet, 0 would be the beginning again.
				if p.Since == 0 {
					p.Since = -1
				}
			}
		},
	}
}

func printEvents(c cli.Call, events []supervisor.Transition, asJSON bool) error {
	paint := c.Paint()
	var b strings.Builder
	for _, t := range events {
		if asJSON {
			line, err := json.Marshal(t, json.Deterministic())
			if err != nil {
				return fmt.Errorf("write an event: %w", err)
			}
			b.Write(append(line, '\n'))
			continue
		}
		what := t.Unit
		if t.Layer != "" {
			what += " " + t.Layer
		}
		fmt.Fprintf(&b, "%s %s: %s → %s", paint.Dim(t.At.Local().Format(time.DateTime)), paint.Bold(what), t.From, paint.Word(t.To))
		if t.Cause != "" {
			fmt.Fprintf(&b, " (%s)", cli.Clean(t.Cause))
		}
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(c.Stdout, b.String())
	return err
}

func statsCommand() cli.Command {
	var asJSON, hour, processes bool
	return cli.Command{
		Name: "stats", Args: "[NAME] [--hour] [--processes] [--json]", Help: "show what services use: now, or minute by minute", Max: 1, Complete: oneService,
		Long: "CPU is the share of one core since the look before.",
		Flags: func(f *flag.FlagSet) {
			jsonFlag(f, &asJSON)
			f.BoolVar(&hour, "hour", false, "the last hour of the service that is named, minute by minute")
			f.BoolVar(&processes, "processes", false, "every process, those of the UI apart")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			name := strings.Join(c.Args, "")
			if hour {
				if name == "" {
					return fault.WithHint(fault.Errorf(fault.Invalid, "stats: whose hour?"), "hero_proc stats NAME --hour")
				}
				return statsHour(ctx, c, name, asJSON)
			}
			all, err := call[[]procd.ServiceStats](ctx, c.Env, "stats.now", procd.StatsParams{Name: name, Processes: processes})
			if err != nil {
				return err
			}
			if asJSON {
				return c.JSON(all)
			}
			return c.Table(show.Usage(c.Paint(), all, time.Now()))
		},
	}
}

func statsHour(ctx context.Context, c cli.Call, name string, asJSON bool) error {
	all, err := call[[]stats.Stats](ctx, c.Env, "stats.hour", procd.NameParams{Name: name})
	if err != nil {
		return err
	}
	if asJSON {
		return c.JSON(all)
	}
	rows := [][]string{{"AT", "NAME", "CPU", "MEMORY", "FILES", "PROCESSES", "RESTARTS"}}
	for _, s := range all {
		for _, p := range s.Hour {
			rows = append(rows, []string{p.At.Local().Format("15:04"), s.Unit, show.Percent(p.CPU), show.Size(p.Memory),
				strconv.Itoa(p.OpenFiles), strconv.Itoa(p.Processes), strconv.Itoa(p.Restarts)})
		}
	}
	return c.Table(rows)
}
