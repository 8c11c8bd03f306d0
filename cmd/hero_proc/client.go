package main

import (
	"context"
	"errors"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// call calls a method of the hero_proc that runs, over the same sockets as
// anyone, and says what to do where there is none. The method's first word is
// its domain.
func call[R any](ctx context.Context, env cli.Env, method string, params any) (R, error) {
	var zero R
	places, err := env.Places()
	if err != nil {
		return zero, err
	}
	domain, _, _ := strings.Cut(method, ".")
	c, err := sdk.Dial(sdk.WithPlaces(ctx, places), procd.Service, "root", domain)
	if err != nil {
		return zero, err
	}
	defer c.Close()
	r, err := sdk.Invoke[R](ctx, c, method, params)
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

// services completes the names of services that are not named yet.
func services(ctx context.Context, env cli.Env, args []string) []string {
	all, err := call[[]procd.ServiceStatus](ctx, env, "supervisor.list", procd.ListParams{})
	if err != nil {
		return nil // a shell completes nothing then
	}
	var out []string
	for _, s := range all {
		named := false
		for _, a := range args {
			named = named || a == s.Name
		}
		if !named {
			out = append(out, s.Name)
		}
	}
	return out
}

// oneService is services for a command that takes one.
func oneService(ctx context.Context, env cli.Env, args []string) []string {
	if len(args) > 0 {
		return nil
	}
	return services(ctx, env, args)
}

// contextAndDomain completes NAME CONTEXT DOMAIN.
func contextAndDomain(ctx context.Context, env cli.Env, args []string) []string {
	if len(args) == 0 {
		return services(ctx, env, args)
	}
	all, err := call[[]procd.ContextInfo](ctx, env, "supervisor.contexts", procd.NameParams{Name: args[0]})
	if err != nil {
		return nil
	}
	var out []string
	for _, c := range all {
		switch {
		case len(args) == 1:
			out = append(out, c.Name)
		case len(args) == 2 && c.Name == args[1]:
			out = append(out, c.Domains...)
		}
	}
	return out
}
