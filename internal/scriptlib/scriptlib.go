// Package scriptlib is what scripts can do on this machine: the objects proc
// and service over hero_proc's RPC, and a few functions for files, programs
// and the like, each of which can be denied.
package scriptlib

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// Options say where scripts run and what they may.
type Options struct {
	Places layout.Places
	Getenv func(string) string // nil: there is no environment
	Dir    string              // what relative paths start from; "" is the process's own folder
	Args   []string            // what args() returns
	Deny   []string            // names of [Deniable] functions, or "all" for all of them
	Print  func(text string)
	Debug  func(text, source string, line, column int)
	// Modules is where import finds scripts.
	Modules fs.FS
	Limits  rhai.Limits
}

// Deniable returns the names of the functions that reach beyond hero_proc.
func Deniable() []string {
	return []string{"env", "exec", "file_exists", "read_file", "write_file", "http_get", "sleep"}
}

// New returns an engine for scripts. Its functions reach hero_proc by its
// sockets, as any other program does. A name in Deny that is none is
// fault.Invalid.
func New(o Options) (*rhai.Engine, error) {
	for _, name := range o.Deny {
		if name != "all" && !slices.Contains(Deniable(), name) {
			return nil, fault.WithHint(fault.Errorf(fault.Invalid, "%q is no function that can be denied", name),
				"one of "+strings.Join(Deniable(), ", ")+", or all")
		}
	}
	e := rhai.New(rhai.Options{Limits: o.Limits, Print: o.Print, Debug: o.Debug, Modules: o.Modules})
	l := &library{Options: o, engine: e}
	l.objects()
	l.builder()
	l.services()
	l.machine()
	return e, nil
}

// library is what the functions of one engine share.
type library struct {
	Options
	engine *rhai.Engine
}

// Proc is the object proc of scripts: what hero_proc runs.
type Proc struct{ lib *library }

// Services is the object service of scripts: what the services say.
type Services struct{ lib *library }

func (l *library) objects() {
	l.engine.Name(&Proc{}, "proc")
	l.engine.Name(&Services{}, "service")
	l.engine.Name(&Builder{}, "definition")
	l.engine.Constant("proc", &Proc{l})
	l.engine.Constant("service", &Services{l})
}

// denied reports whether a function is denied.
func (l *library) denied(name string) bool {
	return slices.Contains(l.Deny, name) || slices.Contains(l.Deny, "all")
}

// call calls a method of one of hero_proc's domains.
func call[R any](l *library, c *rhai.Context, domain, method string, params any) (R, error) {
	var zero R
	ctx := sdk.WithPlaces(c, l.Places)
	client, err := sdk.Dial(ctx, procd.Service, "root", domain)
	if err != nil {
		return zero, err
	}
	defer client.Close()
	r, err := sdk.Invoke[R](ctx, client, method, params)
	if err == nil {
		return r, nil
	}
	_, refused := errors.AsType[*jsonrpc.Error](err)
	if k := fault.Of(err); !refused && (k == fault.Unavailable || k == fault.NotFound) && ctx.Err() == nil {
		return zero, fault.WithHint(fault.Errorf(fault.Unavailable, "hero_proc is not running"), "start it: hero_proc up")
	}
	return r, plain(err)
}

// plain is a refusal in the words of the service that refused.
func plain(err error) error {
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return e.Unwrap()
	}
	return err
}

// pause waits a moment, or less where the script ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
