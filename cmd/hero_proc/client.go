package main

import (
	"context"
	"errors"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// daemon is the hero_proc that runs, as this command talks to it: over the
// same sockets as anyone.
type daemon struct {
	supervisor, logs *sdk.Client
}

func dial(ctx context.Context, env cli.Env) (daemon, error) {
	places, err := env.Places()
	if err != nil {
		return daemon{}, err
	}
	ctx = sdk.WithPlaces(ctx, places)
	var d daemon
	if d.supervisor, err = sdk.Dial(ctx, procd.Service, "root", procd.Supervisor); err != nil {
		return d, err
	}
	d.logs, err = sdk.Dial(ctx, procd.Service, "root", procd.Logs)
	return d, err
}

// call calls a method of the supervisor and says what to do where there is
// none.
func call[R any](ctx context.Context, env cli.Env, method string, params any) (R, error) {
	var zero R
	d, err := dial(ctx, env)
	if err != nil {
		return zero, err
	}
	r, err := sdk.Invoke[R](ctx, d.supervisor, method, params)
	return r, absent(err)
}

// absent tells a supervisor that is not there from one that refuses, whose
// words are told as they are.
func absent(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return e.Unwrap()
	}
	if k := fault.Of(err); k == fault.NotFound || k == fault.Unavailable {
		return fault.WithHint(fault.Errorf(fault.Unavailable, "hero_proc is not running"), "start it: hero_proc up")
	}
	return err
}
