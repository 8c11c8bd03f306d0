package main

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/tenancy"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// contextFlags are the flags of the context command.
type contextFlags struct {
	title       string
	all, asJSON bool
	purge       bool
}

func contextCommand() cli.Command {
	var f contextFlags
	return cli.Command{
		Name: "context", Args: "list|create|delete|restore|purge [NAME] [--title TEXT] [--json]",
		Help: "show the contexts; make, end or bring one back in every service", Min: 1, Max: 2,
		Flags: func(set *flag.FlagSet) {
			set.StringVar(&f.title, "title", "", "create: the name as people `read` it")
			set.BoolVar(&f.purge, "purge", false, "delete: the data goes at once, past the trash")
			set.BoolVar(&f.all, "all", false, "list: those that were deleted and purged too")
			set.BoolVar(&f.asJSON, "json", false, "print JSON, for programs")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			ctx = sdk.WithPlaces(ctx, places)
			client, err := sdk.Dial(ctx, sdk.Core, layout.Root.String(), sdk.CoreDomain)
			if err != nil {
				return err
			}
			defer client.Close()
			return f.run(ctx, c, client)
		},
	}
}

func (f *contextFlags) run(ctx context.Context, c cli.Call, client *sdk.Client) error {
	verb := c.Args[0]
	if verb == "list" && len(c.Args) == 1 {
		return down(f.list(ctx, c, client))
	}
	if len(c.Args) != 2 {
		return fault.WithHint(fault.Errorf(fault.Invalid, "context %s: which context?", verb), "hero_core context create org_acme")
	}
	name, err := layout.ParseContext(c.Args[1])
	if err != nil {
		return err
	}
	var params any
	switch verb {
	case "create":
		params = tenancy.CreateParams{Name: name, Title: f.title}
	case "delete":
		params = tenancy.DeleteParams{Name: name, Purge: f.purge}
	case "restore", "purge":
		params = tenancy.NameParams{Name: name}
	default:
		return fault.WithHint(fault.Errorf(fault.Invalid, "context %s: there is no such command", verb), "hero_core context --help")
	}
	r, err := f.change(ctx, c, client, verb, name, params)
	if err != nil {
		return down(err)
	}
	return f.tell(c, r)
}

// down adds what to do where nobody answers.
func down(err error) error {
	if fault.Of(err) == fault.Unavailable && fault.Hint(err) == "" {
		return fault.WithHint(err, "is hero_core running? hero_proc status hero_core; else: hero_core serve")
	}
	return err
}

// change calls a method that changes the list, and shows how far the services
// are while it takes long.
func (f *contextFlags) change(ctx context.Context, c cli.Call, client *sdk.Client, verb string, name layout.Context, params any) (tenancy.Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			r, err := sdk.Invoke[tenancy.Report](ctx, client, "context.progress", tenancy.NameParams{Name: name})
			if err == nil {
				fmt.Fprintf(c.Stderr, "%s: %d of %d services\n", name, r.Done, r.Total)
			}
		}
	})
	r, err := sdk.Invoke[tenancy.Report](ctx, client, "context."+verb, params)
	cancel()
	watching.Wait()
	return r, err
}

// tell shows what happened in each service. It is not well where one refused.
func (f *contextFlags) tell(c cli.Call, r tenancy.Report) error {
	var err error
	if f.asJSON {
		err = c.JSON(r)
	} else {
		fmt.Fprintf(c.Stdout, "%s: %s\n", r.Context.Name, r.Context.Status)
		rows := [][]string{}
		for _, o := range r.Services {
			rows = append(rows, []string{"  " + o.Service, string(o.State), o.Error})
		}
		err = c.Table(rows)
	}
	for _, o := range r.Services {
		if o.State == tenancy.Refused && err == nil {
			err = cli.Unwell
		}
	}
	return err
}

// list shows the contexts.
func (f *contextFlags) list(ctx context.Context, c cli.Call, client *sdk.Client) error {
	p := store.ListParams{Limit: 1000, Order: "name"}
	if !f.all {
		p.Filter = map[string]any{"status": base.Active}
	}
	all := []base.Context{}
	for {
		page, err := sdk.Invoke[store.Page[base.Context]](ctx, client, "context.list", p)
		if err != nil {
			return err
		}
		all = append(all, page.Items...)
		if p.Cursor = page.Next; p.Cursor == "" {
			break
		}
	}
	if f.asJSON {
		return c.JSON(all)
	}
	rows := [][]string{{"NAME", "STATUS", "CREATED", "TITLE"}}
	for _, x := range all {
		rows = append(rows, []string{x.Name, string(x.Status), x.CreatedAt.Format(time.DateTime), x.Title})
	}
	return c.Table(rows)
}
