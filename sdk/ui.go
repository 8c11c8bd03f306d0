package sdk

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/ondemand"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// UI is a service's admin UI: plain HTTP on a socket of its own. It reaches
// the service only as any client would, by Dial.
type UI struct {
	// Handler makes what answers. It is called when the UI starts. It must
	// work at / and below the X-Forwarded-Prefix that a proxy names.
	Handler func(Env) (http.Handler, error)
	// Files, in the place of Handler, is a folder that is served as it is, with
	// index.html for a folder: a WebAssembly UI, say. No code of the UI runs.
	Files fs.FS
	// Inline keeps the UI in the service's process. Without it, the UI is
	// loaded into a process of its own when somebody looks, and goes when
	// nobody does.
	Inline bool
	// Idle is how long a UI in a process of its own stays unused before it
	// goes; 0 is 5 minutes.
	Idle time.Duration
}

func (u UI) join(p *plan) error {
	if (u.Handler == nil) == (u.Files == nil) {
		return fault.Errorf(fault.Internal, "the UI wants a Handler or Files, and one of the two alone")
	}
	if p.ui != nil {
		return fault.Errorf(fault.Internal, "there are two UIs")
	}
	if u.Idle == 0 {
		u.Idle = 5 * time.Minute
	}
	p.ui = &u
	return nil
}

func (u *UI) mode() string {
	switch {
	case u.Files != nil:
		return manifest.Static
	case u.Inline:
		return manifest.Inline
	}
	return manifest.OnDemand
}

// handler is the UI with what every UI answers: its health.
func (p *plan) uiHandler(env Env) (http.Handler, error) {
	var h http.Handler
	if p.ui.Files != nil {
		h = http.FileServerFS(p.ui.Files)
	} else {
		var err error
		if h, err = p.ui.Handler(env); err != nil {
			return nil, fmt.Errorf("make the UI: %w", err)
		}
	}
	healthy := healthReport{Status: "ok", Service: p.name.String(), Version: p.Version}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			getValue(w, r, http.StatusOK, healthy)
			return
		}
		m, err := jsonrpc.MetaOf(r.Header)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.ServeHTTP(w, r.WithContext(jsonrpc.WithMeta(r.Context(), m)))
	}), nil
}

// surface is the UI of a running service.
type surface interface {
	State() string // a health word
	Restart(ctx context.Context) error
	Stop(grace time.Duration) error
	Socket() *unixsock.Listener
}

// inline is a UI in the service's own process.
type inline struct{ *server }

// Stop ends it.
func (i inline) Stop(grace time.Duration) error { return i.stop(grace, streamGrace) }

// State returns how it is: it shares the service's fate.
func (inline) State() string { return "healthy" }

// Restart fails.
func (inline) Restart(context.Context) error {
	return fault.WithHint(fault.Errorf(fault.Unsupported, "the UI is part of the service's process"), "restart the service")
}

func (r *running) openUI(ctx context.Context) error {
	if r.plan.ui == nil {
		return nil
	}
	l, err := r.listen(r.at.UISocket(r.name))
	if err != nil {
		return err
	}
	if r.plan.ui.mode() == manifest.OnDemand && len(r.env.Command) > 0 {
		r.ui = ondemand.Start(l, ondemand.Options{Name: r.name.String(), Title: r.Title, Command: r.env.Command, Log: r.log,
			Env: append(os.Environ(), append(r.env.Places.Env(), roleVariable+"="+roleUI)...)})
	} else {
		var h http.Handler
		if h, err = r.uiHandler(r.env); err == nil {
			r.ui = inline{serve(ctx, l, h, r.log)}
		}
	}
	if err != nil {
		l.Close()
	}
	return err
}

func (r *running) restartUI(ctx context.Context, _ none) (bool, error) {
	if r.ui == nil {
		return false, fault.Errorf(fault.Unsupported, "%s has no UI", r.name)
	}
	return true, r.ui.Restart(ctx)
}
