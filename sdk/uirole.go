package sdk

import (
	"context"
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/internal/ondemand"
)

// roleVariable tells a process of the service's binary that it is the UI, and
// that package ondemand started it.
const roleVariable = "HERO_ROLE"

const roleUI = "ui"

// runUI is the service's binary as its UI.
func runUI(ctx context.Context, env Env, p *plan) error {
	if p.ui == nil {
		return fmt.Errorf("%s has no UI", p.name)
	}
	clients := newClients()
	defer clients.close()
	h, err := p.uiHandler(env)
	if err != nil {
		return err
	}
	return ondemand.Serve(ctx, ondemand.Serving{Handler: h, Idle: p.ui.Idle, Grace: p.Grace, Log: discard(env.Log),
		Base: withWorld(context.WithoutCancel(ctx), &world{places: env.Places, clients: clients})})
}
