// Command hero_core owns the list of contexts (tenants) of a machine, and makes
// them in every service that takes part.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/tenancy"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(program().Run(ctx, cli.Process()))
}

func program() cli.Program {
	return cli.Program{
		Name: tenancy.Service().Name, Version: sdk.Version, Help: "owns the list of contexts of this machine",
		Commands: []cli.Command{serveCommand(), contextCommand()},
	}
}

func serveCommand() cli.Command {
	var ttl time.Duration
	return cli.Command{
		Name: "serve", Args: "[--trash-ttl 720h]", Help: "keep the list and the services in step until told to stop; hero_proc does this",
		Flags: func(f *flag.FlagSet) {
			f.DurationVar(&ttl, "trash-ttl", 30*24*time.Hour, "how `long` a deleted context can be restored")
		},
		Run: func(ctx context.Context, _ cli.Call) error {
			env, err := sdk.ProcessEnv()
			if err != nil {
				return err
			}
			watcher := discovery.NewWatcher(discovery.Options{Places: env.Places, Log: env.Log})
			core := tenancy.New(tenancy.Options{Places: env.Places, Watcher: watcher, TrashTTL: ttl, Log: env.Log})
			return sdk.Run(ctx, env, tenancy.Service(), append(core.Parts(),
				sdk.Task{Name: "watch", Run: func(ctx context.Context) error {
					if err := watcher.Run(ctx); err != nil && ctx.Err() == nil {
						return fmt.Errorf("watch the sockets folder: %w", err)
					}
					return nil
				}})...)
		},
	}
}
