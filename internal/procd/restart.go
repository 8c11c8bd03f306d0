package procd

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// RestartParams say what is started anew, and how.
type RestartParams struct {
	Name     string  `json:"name" doc:"Name of the service."`
	Wait     float64 `json:"wait,omitzero" doc:"Seconds to wait until it is ready; 0 returns at once."`
	Graceful bool    `json:"graceful,omitzero" doc:"Start the new process beside the old one, and end that once the new one has taken over."`
	UI       bool    `json:"ui,omitzero" doc:"Start only its UI anew, which has a process of its own."`
}

func (a *API) restart(ctx context.Context, p RestartParams) (ServiceStatus, error) {
	do := a.Supervisor.Restart
	switch {
	case p.UI && p.Graceful:
		return ServiceStatus{}, fault.Errorf(fault.Invalid, "restart %s: a UI is started by the next request and has no graceful way; leave one of the two out", p.Name)
	case p.UI:
		if err := a.restartUI(ctx, p.Name); err != nil {
			return ServiceStatus{}, err
		}
		return a.one(p.Name)
	case p.Graceful:
		do = a.Supervisor.Replace
	}
	if err := a.each(ctx, p.Name, do); err != nil {
		return ServiceStatus{}, err
	}
	return a.settled(ctx, WaitParams{Name: p.Name, Wait: p.Wait})
}

// restartUI has the service itself do it. A UI with a registration of its own,
// in the older pattern, is restarted as any.
func (a *API) restartUI(ctx context.Context, name string) error {
	names, err := a.registrations(name)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == name+"_ui" {
			return a.Supervisor.Restart(ctx, n)
		}
	}
	c, err := sdk.DialService(sdk.WithPlaces(ctx, a.Places), name)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call(ctx, "ui.restart", nil, nil)
}

// probing is how services are asked how they are: one that sleeps is not.
func (a *API) probing() health.Options {
	return health.Options{Places: a.Places, Log: a.Log, Asleep: a.Asleep}
}

// Asleep reports whether a service sleeps until somebody connects.
func (a *API) Asleep(name string) bool { return a.Supervisor != nil && a.Supervisor.Asleep(name) }
