package main

import (
	"context"
	"net/http"
	"os"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/tools"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// uiCommand is how hero_proc starts its own binary while somebody looks at its
// dashboard.
func uiCommand() cli.Command {
	return cli.Command{
		Name: "ui", Help: "be the dashboard; hero_proc starts this itself when somebody looks",
		Run: func(ctx context.Context, _ cli.Call) error {
			env, err := sdk.ProcessEnv()
			if err != nil {
				return err
			}
			if os.Getenv("HERO_ROLE") != "ui" {
				return fault.WithHint(fault.Errorf(fault.Invalid, "the dashboard is no program of its own"),
					"open /hero_proc/ at the proxy: hero_proc up tells its address")
			}
			return sdk.Run(ctx, env, service(), dashboard())
		},
	}
}

// service says what hero_proc is.
func service() sdk.Service {
	return sdk.Service{Name: procd.Service, Version: sdk.Version, Title: "Supervisor", RootOnly: true,
		Description: "Starts, watches and restarts the services of this machine."}
}

// dashboard is hero_proc's UI. It runs in a process of its own, and speaks to
// hero_proc over RPC as anyone does.
func dashboard() sdk.UI {
	return sdk.UI{Handler: func(env sdk.Env) (http.Handler, error) {
		return tools.Supervisor(tools.SupervisorOptions{Log: env.Log}), nil
	}}
}
