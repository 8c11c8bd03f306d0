package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
)

func contextsCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "contexts", Args: "NAME [--json]", Help: "show the contexts of a service with their domains", Min: 1, Max: 1, Complete: oneService,
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			all, err := call[[]procd.ContextInfo](ctx, c.Env, "supervisor.contexts", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			if asJSON {
				return c.JSON(all)
			}
			rows := [][]string{{"CONTEXT", "DOMAINS"}}
			for _, i := range all {
				rows = append(rows, []string{i.Name, strings.Join(i.Domains, ", ")})
			}
			return c.Table(rows)
		},
	}
}

func domainsCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "domains", Args: "NAME [CONTEXT [DOMAIN]] [--json]", Help: "show the domains of a service in every context, and how each is",
		Min: 1, Max: 3, Complete: contextAndDomain,
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			args := append(c.Args, "", "")
			all, err := call[[]procd.DomainInfo](ctx, c.Env, "supervisor.domains", procd.DomainParams{Name: args[0], Context: args[1], Domain: args[2]})
			if err != nil {
				return err
			}
			if asJSON {
				return c.JSON(all)
			}
			paint := c.Paint()
			rows := [][]string{{"CONTEXT", "DOMAIN", "HEALTH", "LATENCY", "DETAIL"}}
			for _, d := range all {
				rows = append(rows, []string{d.Context, d.Domain, paint.Word(string(d.Word)), fmt.Sprintf("%.1f ms", d.Latency), d.Detail})
			}
			return c.Table(rows)
		},
	}
}

func healthCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "health", Args: "NAME [CONTEXT DOMAIN] [--json]", Help: "ask a service, or one domain, how it is", Min: 1, Max: 3, Complete: contextAndDomain,
		Long:  "Prints one word: `healthy`, `degraded`, `unhealthy`, `starting`, `asleep`, `absent` or `unknown`. The exit status is 3 unless it is `healthy` or `asleep`.",
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			var answer any
			var word health.Word
			switch len(c.Args) {
			case 2:
				return fault.WithHint(fault.Errorf(fault.Invalid, "health: name the domain after the context"), "hero_proc domains "+strings.Join(c.Args, " "))
			case 3:
				all, err := call[[]procd.DomainInfo](ctx, c.Env, "supervisor.domains", procd.DomainParams{Name: c.Args[0], Context: c.Args[1], Domain: c.Args[2]})
				if err != nil {
					return err
				}
				answer, word = all[0].Layer, all[0].Word
			default:
				r, err := call[health.Report](ctx, c.Env, "supervisor.health", procd.NameParams{Name: c.Args[0]})
				if err != nil {
					return err
				}
				answer, word = r, r.Word
			}
			var err error
			if asJSON {
				err = c.JSON(answer)
			} else {
				_, err = fmt.Fprintln(c.Stdout, c.Paint().Word(string(word)))
			}
			if err == nil && word != health.Healthy && word != health.Asleep {
				return cli.Unwell
			}
			return err
		},
	}
}
