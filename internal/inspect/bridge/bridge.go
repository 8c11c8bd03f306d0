// Package bridge serves what runs on a machine to agents: each domain of each
// service as an MCP server, and the whole machine as one with four tools.
//
// What a caller may do is what the proxy claims for them (X-Hero-Claims); it is
// held where a call is made and where a list is made, and what is not allowed is
// not there. Whoever connects to the socket itself is its owner and may do all.
package bridge

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/mcp"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Options is what a bridge is made of.
type Options struct {
	Inspect *inspect.Inspector
	Tree    func() *discovery.Tree // the latest; may return nil
	// Health asks for the health of one service, as an object; nil says only
	// what discovery knows.
	Health func(ctx context.Context, s *discovery.Service) (any, error)
	Log    *slog.Logger
}

// keep is how many sets of tools are kept.
const keep = 256

// bridge serves agents.
type bridge struct {
	opts Options

	mu   sync.Mutex // guards sets
	sets map[*openrpc.Document]*mcp.Toolset
}

// Handler serves /mcp, /mcp/{service} and /mcp/{service}/{context}/{domain}.
// The second is a service without domains.
func Handler(opts Options) http.Handler {
	b := &bridge{opts: opts, sets: map[*openrpc.Document]*mcp.Toolset{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", b.whole)
	mux.HandleFunc("/mcp/{service}", b.place)
	mux.HandleFunc("/mcp/{service}/{context}/{domain}", b.place)
	return mux
}

// caller is one request's view of the machine.
type caller struct {
	*bridge
	meta jsonrpc.Meta
	all  bool // nobody is asked: the caller owns the socket
}

// caller returns whose request r is, or refuses it.
func (b *bridge) caller(w http.ResponseWriter, r *http.Request) (*caller, bool) {
	meta, err := jsonrpc.MetaOf(r.Header)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	c := &caller{bridge: b, meta: meta}
	if len(r.Header["X-Hero-Claims"]) > 0 {
		return c, true
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Hero-User"} {
		if len(r.Header[name]) > 0 {
			http.Error(w, "refused: nothing says what this caller may do", http.StatusForbidden)
			return nil, false
		}
	}
	c.all = true
	return c, true
}

func (c *caller) allowed(p inspect.Place, method string) bool {
	return c.all || inspect.Allowed(c.meta.Claims, p, method)
}

// ctx returns ctx with what the caller sent along.
func (c *caller) ctx(ctx context.Context) context.Context { return jsonrpc.WithMeta(ctx, c.meta) }

func (b *bridge) whole(w http.ResponseWriter, r *http.Request) {
	if c, ok := b.caller(w, r); ok {
		mcp.Whole(c, mcp.Options{Name: "hero", Log: b.opts.Log,
			Instructions: "Services of this machine. Search for a method, describe it, then call it at the place that search named."}).ServeHTTP(w, r)
	}
}

func (b *bridge) place(w http.ResponseWriter, r *http.Request) {
	c, ok := b.caller(w, r)
	if !ok {
		return
	}
	p, err := c.find(r.PathValue("service"), r.PathValue("context"), r.PathValue("domain"))
	if err != nil {
		http.Error(w, err.Error(), fault.Of(err).HTTP())
		return
	}
	doc, err := b.opts.Inspect.Document(r.Context(), p)
	if err != nil {
		http.Error(w, err.Error(), fault.Of(err).HTTP())
		return
	}
	tools, err := b.tools(doc)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	tools.Domain(mcp.Options{Name: p.Service.String() + " " + p.String(), Version: doc.Info.Version, Instructions: doc.Info.Description, Log: b.opts.Log},
		func(method string) bool { return c.allowed(p, method) },
		func(ctx context.Context, method string, params json.Value) (json.Value, error) {
			return b.opts.Inspect.Call(c.ctx(ctx), p, method, params)
		}).ServeHTTP(w, r)
}

// tools returns the tools of a document, which is the same while its service
// says the same.
func (b *bridge) tools(doc *openrpc.Document) (*mcp.Toolset, error) {
	b.mu.Lock()
	set := b.sets[doc]
	b.mu.Unlock()
	if set != nil {
		return set, nil
	}
	set, err := mcp.Tools(doc)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sets) >= keep {
		clear(b.sets)
	}
	b.sets[doc] = set
	return set, nil
}

// service returns the entry of a service.
func (c *caller) service(name string) (*discovery.Service, error) {
	n, err := layout.ParseService(name)
	if err == nil {
		if t := c.opts.Tree(); t != nil {
			if s := t.Service(n); s != nil {
				return s, nil
			}
		}
	}
	return nil, fault.Errorf(fault.NotFound, "there is no service %q here", name)
}

func (c *caller) find(service, context, domain string) (inspect.Place, error) {
	s, err := c.service(service)
	if err != nil {
		return inspect.Place{}, err
	}
	return inspect.Find(s, context, domain)
}

// at returns the place and the method of an address, as far as the caller may
// call it; what is not allowed is not there.
func (c *caller) at(ctx context.Context, a mcp.Address) (inspect.Place, *openrpc.Document, *openrpc.Method, error) {
	none := fault.WithHint(fault.Errorf(fault.NotFound, "there is no method %q at %s %s", a.Method, a.Service, a.Place), "search for it")
	contextName, domain, err := inspect.ParsePlace(a.Place)
	if err != nil {
		return inspect.Place{}, nil, nil, err
	}
	p, err := c.find(a.Service, contextName, domain)
	if err != nil || !c.allowed(p, a.Method) {
		return p, nil, nil, none
	}
	doc, err := c.opts.Inspect.Document(ctx, p)
	if err != nil {
		return p, nil, nil, err
	}
	for i := range doc.Methods {
		if m := &doc.Methods[i]; m.Name == a.Method && m.Name != "" {
			return p, doc, m, nil
		}
	}
	return p, nil, nil, none
}

// found is what search returns.
type found struct {
	Methods []hit `json:"methods"`
	More    int   `json:"more,omitzero"` // found and left out
}

type hit struct {
	mcp.Address
	Summary  string   `json:"summary,omitzero"`
	Contexts []string `json:"contexts,omitzero"` // that have the place's domain
}

// Search implements mcp.Machine.
func (c *caller) Search(ctx context.Context, query string, limit int) (any, error) {
	out := found{Methods: []hit{}}
	for _, h := range c.opts.Inspect.Search(ctx, c.opts.Tree(), nil, query, 0).Hits {
		if !c.allowed(h.Place, h.Method) {
			continue
		}
		if len(out.Methods) == limit {
			out.More++
			continue
		}
		x := hit{Address: mcp.Address{Service: h.Service, Method: h.Method}, Summary: h.Summary}
		if h.Place.Context != "" || h.Place.Domain != "" {
			x.Place = h.Place.String()
		}
		if len(h.Contexts) > 1 {
			x.Contexts = h.Contexts
		}
		out.Methods = append(out.Methods, x)
	}
	return out, nil
}

// described is what describe returns.
type described struct {
	mcp.Address
	Summary     string                   `json:"summary,omitzero"`
	Description string                   `json:"description,omitzero"`
	Params      json.Value               `json:"params"`
	Result      json.Value               `json:"result,omitzero"`
	Errors      []openrpc.Error          `json:"errors,omitzero"`
	Examples    []openrpc.ExamplePairing `json:"examples,omitzero"`
	ReadOnly    bool                     `json:"read_only,omitzero"`
	Destructive bool                     `json:"destructive,omitzero"`
	Idempotent  bool                     `json:"idempotent,omitzero"`
}

// Describe implements mcp.Machine.
func (c *caller) Describe(ctx context.Context, a mcp.Address) (any, error) {
	_, doc, m, err := c.at(ctx, a)
	if err != nil {
		return nil, err
	}
	tools, err := c.tools(doc)
	if err != nil {
		return nil, err
	}
	out := described{
		Address: a, Summary: m.Summary, Description: m.Description, Errors: m.Errors, Examples: m.Examples,
		ReadOnly: m.ReadOnly, Destructive: m.Destructive, Idempotent: m.Idempotent,
	}
	out.Params, out.Result, _ = tools.Schemas(m.Name)
	return out, nil
}

// Call implements mcp.Machine.
func (c *caller) Call(ctx context.Context, a mcp.Address, params json.Value) (json.Value, error) {
	p, _, m, err := c.at(ctx, a)
	if err != nil {
		return nil, err
	}
	return c.opts.Inspect.Call(c.ctx(ctx), p, m.Name, params)
}

// Health implements mcp.Machine.
func (c *caller) Health(ctx context.Context, service string) (any, error) {
	if service == "" {
		type state struct {
			Service string `json:"service"`
			State   string `json:"state"`
		}
		list := []state{}
		for _, v := range inspect.Overview(c.opts.Tree()) {
			if s, err := c.service(v.Name); err == nil && c.sees(s) {
				list = append(list, state{v.Name, v.State})
			}
		}
		return map[string]any{"services": list}, nil
	}
	s, err := c.service(service)
	if err != nil {
		return nil, err
	}
	if !c.sees(s) {
		return nil, fault.Errorf(fault.NotFound, "there is no service %q here", service)
	}
	if c.opts.Health == nil {
		return inspect.ViewOf(s), nil
	}
	return c.opts.Health(ctx, s)
}

// sees reports whether the caller may ask for a service's health: that is a
// method of the service.
func (c *caller) sees(s *discovery.Service) bool {
	return c.allowed(inspect.Place{Service: s.Name, Socket: s.Server}, "service.health")
}
