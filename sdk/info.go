package sdk

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// none is the params of a method that has none.
type none = struct{}

// methods are those of every service socket.
func (r *running) methods() []Method[*running] {
	return []Method[*running]{
		Call("service.info", (*running).info, Doc{Summary: "Returns the service's manifest.", ReadOnly: true}),
		Call("service.health", (*running).healthOfAll,
			Doc{Summary: "Returns the health of the service, its UI and every domain of every context.", ReadOnly: true}),
		Call("context.list", (*running).listContexts, Doc{Summary: "Returns the contexts that exist.", ReadOnly: true}),
		Call("context.create", (*running).createContext,
			Doc{Summary: "Creates a context; its sockets accept before the answer is sent.", Idempotent: true}),
		Call("context.delete", (*running).deleteContext,
			Doc{Summary: "Ends a context; its data moves to the trash unless it is to be purged.", Destructive: true}),
		Call("context.trash", (*running).listTrash, Doc{Summary: "Returns the contexts whose data waits in the trash.", ReadOnly: true}),
		Call("context.restore", (*running).restoreContext,
			Doc{Summary: "Brings a deleted context back from the trash; its sockets accept before the answer is sent.", Idempotent: true}),
		Call("context.purge", (*running).purgeContext,
			Doc{Summary: "Ends the data of a deleted context for good.", Destructive: true, Idempotent: true}),
		Call("ui.restart", (*running).restartUI, Doc{Summary: "Starts the UI anew, where it has a process of its own."}),
	}
}

// handler is what answers on the service socket.
func (r *running) handler() (http.Handler, error) {
	methods := r.methods()
	specs := make([]openrpc.MethodSpec, len(methods))
	rpc := &jsonrpc.Server{Methods: make(map[string]jsonrpc.Handler), MaxBody: r.MaxBody, Log: r.log}
	for i, m := range methods {
		specs[i] = m.spec
		rpc.Methods[m.spec.Name] = m.bind(r)
	}
	doc, err := newDocument(openrpc.Info{Title: r.Title, Description: r.Description, Version: r.Version}, specs)
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	rpc.Methods["rpc.discover"] = doc.discover
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/openrpc.json", "/health", manifest.Path:
			overlook(q.Context())
		}
		switch q.URL.Path {
		case "/rpc":
			rpc.ServeHTTP(w, q)
		case "/openrpc.json":
			getDocument(w, q, doc)
		case "/health":
			h := r.healthOfService()
			getValue(w, q, h.httpStatus(), h)
		case manifest.Path:
			body, err := r.manifest().JSON()
			if err != nil {
				r.log.Error("the manifest is not valid", "error", err)
				http.Error(w, "internal error", http.StatusInternalServerError)
				return
			}
			get(w, q, http.StatusOK, body)
		default:
			http.NotFound(w, q)
		}
	}), nil
}

func (r *running) info(ctx context.Context, _ none) (*manifest.Manifest, error) {
	overlook(ctx)
	return r.manifest(), nil
}

// manifest describes the service as it is now.
func (r *running) manifest() *manifest.Manifest {
	m := r.plan.manifest()
	m.PID = os.Getpid()
	m.StartedAt = manifest.At(r.started)
	if r.ui != nil {
		m.UI.State = r.ui.State()
	}
	for _, t := range r.tenancies() {
		m.Contexts = append(m.Contexts, t.facts(r.name))
	}
	return m
}

// manifest describes the service as it is before it runs.
func (p *plan) manifest() *manifest.Manifest {
	m := &manifest.Manifest{
		Protocol: manifest.Protocol, Name: p.name.String(), Title: p.Title, Version: p.Version,
		Description: p.Description, Socket: manifest.Socket, HeroSDK: Version,
		Sockets: manifest.SocketsOf(p.name, p.ui != nil), RootOnly: p.RootOnly,
	}
	if p.ui != nil {
		m.UI = &manifest.UI{Mode: p.ui.mode()}
	}
	for _, d := range p.domains {
		m.Domains = append(m.Domains, d.facts())
	}
	return m
}
