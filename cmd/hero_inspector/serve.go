package main

import (
	"context"
	"fmt"
	"net/http"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/bridge"
	"forge.ourworld.tf/lhumina_code/hero/internal/web"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func serveCommand() cli.Command {
	return cli.Command{
		Name: "serve", Help: "serve the pages, and agents, on hero_inspector's own sockets; hero_proc does this",
		Run: func(ctx context.Context, _ cli.Call) error {
			env, err := sdk.ProcessEnv()
			if err != nil {
				return err
			}
			watcher := discovery.NewWatcher(discovery.Options{Places: env.Places, Log: env.Log})
			in := inspect.New(inspect.Options{Places: env.Places})
			ui := func(env sdk.Env) (http.Handler, error) {
				return web.Inspector(web.InspectorOptions{
					Inspect: in, Trees: watcher, Places: env.Places, Health: probe(env), Log: env.Log,
					Agents: bridge.Handler(bridge.Options{Inspect: in, Tree: watcher.Tree, Log: env.Log,
						Health: func(ctx context.Context, s *discovery.Service) (any, error) {
							return health.Probe(ctx, health.Options{Places: env.Places, Log: env.Log}, s), nil
						}}),
				}), nil
			}
			svc := sdk.Service{Name: "hero_inspector", Version: sdk.Version, Title: "Inspector", RootOnly: true,
				Description: "Shows the services of this machine, their domains and methods."}
			return sdk.Run(ctx, env, svc, sdk.UI{Handler: ui, Inline: true}, catalog(in, watcher.Tree),
				sdk.Task{Name: "watch", Run: func(ctx context.Context) error {
					if err := watcher.Run(ctx); err != nil && ctx.Err() == nil {
						return fmt.Errorf("watch the sockets folder: %w", err)
					}
					return nil
				}})
		},
	}
}

// probe asks a service how its layers are, in the words that the pages show.
func probe(env sdk.Env) func(context.Context, *discovery.Service) web.Health {
	return func(ctx context.Context, s *discovery.Service) web.Health {
		r := health.Probe(ctx, health.Options{Places: env.Places, Log: env.Log}, s)
		h := web.Health{Service: string(r.Main.Word), UI: string(r.UI.Word), Domains: make(map[string]string)}
		for _, c := range r.Contexts {
			for _, d := range c.Domains {
				h.Domains[c.Name+"/"+d.Name] = string(d.Word)
			}
		}
		return h
	}
}
