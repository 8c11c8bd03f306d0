package main

import (
	"context"
	"flag"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func learnCommand() cli.Command {
	return cli.Command{
		Name: "learn", Args: "NAME", Help: "print the smallest rules that allow what a caller did, by the audit", Min: 1, Max: 1,
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			uses, err := usesOf(ctx, places, c.Args[0])
			if err != nil {
				return err
			}
			if len(uses) == 0 {
				return fault.WithHint(fault.Errorf(fault.NotFound, "the audit tells of nothing that %s did", c.Args[0]), "hero_proxy token list")
			}
			_, err = c.Stdout.Write(access.Learned(c.Args[0], uses))
			return err
		},
	}
}

// usesOf reads from the audit what a caller was allowed to do. hero_proc keeps
// it among what hero_proxy writes.
func usesOf(ctx context.Context, places layout.Places, caller string) ([]access.Use, error) {
	name, err := layout.ParseService(service().Name)
	if err != nil {
		return nil, err
	}
	var uses []access.Use
	for line, err := range logs.Open(places.Logs(name)).Read(ctx, logs.Query{Grep: `"caller":`}) {
		if err != nil {
			return nil, err
		}
		var d struct {
			Decision string `json:"msg"`
			decision
		}
		// Others write to the same log: what is no line of the audit is passed over.
		if err := json.Unmarshal([]byte(line.Text), &d); err != nil || d.Decision != "allowed" || d.Caller != caller {
			continue
		}
		uses = append(uses, access.Use{Target: d.Target, Layer: d.Layer, Verb: d.Verb, Methods: strings.Fields(d.Methods)})
	}
	return uses, nil
}

func olderCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "older", Help: "list who asked by older URLs since the proxy was started",
		Flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON") },
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			client, err := sdk.Dial(sdk.WithPlaces(ctx, places), service().Name, layout.Root.String(), "door")
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := sdk.Invoke[[]proxy.Older](ctx, client, "older.list", none{})
			if err != nil {
				return fault.WithHint(err, "is hero_proxy running? hero_proc status hero_proxy")
			}
			if asJSON {
				return c.JSON(list)
			}
			table := [][]string{{"CALLER", "PROGRAM", "URL", "NEWER", "REQUESTS"}}
			for _, o := range list {
				table = append(table, []string{o.Caller, o.Agent, o.URL, o.Successor, strconv.FormatInt(o.Count, 10)})
			}
			return c.Table(table)
		},
	}
}
