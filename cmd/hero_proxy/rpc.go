package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/tools"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// door is hero_proxy's domain: what the command line does, for pages and
// programs, and what was decided.
type door struct {
	places    layout.Places
	tree      func() *discovery.Tree
	policy    func() *access.Policy
	decisions *decisions
	handler   *proxy.Proxy
}

type none struct{}

type tokenInfo struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires,omitzero"`
}

type newToken struct {
	Name    string   `json:"name" doc:"Name of whoever shows the token."`
	Allow   []string `json:"allow,omitzero" doc:"Targets that may be reached: service/context/domain, service, or ** for everything; globs. Where empty, what rules of the policy allow the name."`
	Methods []string `json:"methods,omitzero" doc:"Globs of methods that may be called; all where empty."`
	Rate    string   `json:"rate,omitzero" doc:"How often it may call, such as 10/s, 100/m or 1000/h; any where empty."`
	Expires string   `json:"expires,omitzero" doc:"After how long it ends, such as 12h or 30d; never where empty."`
}

type madeToken struct {
	Name  string `json:"name"`
	Token string `json:"token" doc:"It is told this once."`
}

type nameParams struct {
	Name string `json:"name"`
}

type checkParams struct {
	Caller string `json:"caller,omitzero" doc:"The name of a token; the callers of this machine where empty."`
	Path   string `json:"path" doc:"Of the URL."`
	Method string `json:"method,omitzero" doc:"Of a call."`
}

type decisionParams struct {
	Since int64   `json:"since,omitzero" doc:"Only what was decided after the one of this id."`
	Wait  float64 `json:"wait,omitzero" doc:"Seconds to wait where there is none yet, at most 60."`
}

// domain is door as a part of the service.
func (d *door) domain() sdk.Part {
	return sdk.Domain[*door]{
		Name: "door", Title: "Door", Description: "Who may reach what, and what was decided.",
		Open: func(context.Context, *sdk.Tenant) (*door, error) { return d, nil },
		Methods: []sdk.Method[*door]{
			sdk.Call("route.list", (*door).routes, sdk.Doc{Summary: "Returns the addresses of all that runs.", ReadOnly: true}),
			sdk.Call("token.list", (*door).tokens, sdk.Doc{Summary: "Returns the names of all tokens.", ReadOnly: true}),
			sdk.Call("token.create", (*door).create, sdk.Doc{Summary: "Makes a token, with a rule of what it may reach."}),
			sdk.Call("token.remove", (*door).remove, sdk.Doc{Summary: "Takes a token back, with its own rules.", Destructive: true}),
			sdk.Call("check.ask", (*door).check, sdk.Doc{Summary: "Says whether a caller may do something, and by which rule.", ReadOnly: true}),
			sdk.Call("decision.list", (*door).decided, sdk.Doc{Summary: "Returns the latest decisions, the newest last, and waits for one where told to.", ReadOnly: true}),
			sdk.Call("older.list", (*door).older, sdk.Doc{Summary: "Returns who asked by older URLs since the proxy was started, the most frequent first.", ReadOnly: true}),
		},
	}
}

func (d *door) older(context.Context, none) ([]proxy.Older, error) { return d.handler.Older(), nil }

func (d *door) routes(context.Context, none) ([]proxy.Listed, error) {
	if t := d.tree(); t != nil {
		return proxy.Routes(t), nil
	}
	return []proxy.Listed{}, nil
}

func (d *door) tokens(context.Context, none) ([]tokenInfo, error) {
	doc, err := os.ReadFile(d.places.Policy())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	list, err := access.Tokens(doc)
	out := []tokenInfo{}
	for _, g := range list {
		out = append(out, tokenInfo{g.Name, g.Expires})
	}
	return out, err
}

func (d *door) create(_ context.Context, p newToken) (madeToken, error) {
	g := access.Grant{Name: p.Name, Allow: p.Allow, Methods: p.Methods, Rate: p.Rate}
	secret, err := mint(d.places, g, p.Expires)
	if err != nil {
		return madeToken{}, err
	}
	return madeToken{p.Name, secret}, nil
}

func (d *door) remove(_ context.Context, p nameParams) (bool, error) {
	err := editPolicy(d.places, func(doc []byte) ([]byte, error) { return access.Remove(doc, p.Name) })
	return err == nil, err
}

func (d *door) check(_ context.Context, p checkParams) (proxy.Verdict, error) {
	if p.Caller == "" {
		p.Caller = access.Local
	}
	tree := d.tree()
	if tree == nil {
		return proxy.Verdict{}, fault.Errorf(fault.Unavailable, "the sockets folder was not read yet")
	}
	return proxy.Check(d.policy(), tree, proxy.Ask{Caller: p.Caller, Path: p.Path, Method: p.Method}), nil
}

func (d *door) decided(ctx context.Context, p decisionParams) ([]decision, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(min(p.Wait, 60)*float64(time.Second)))
	defer cancel()
	return d.decisions.after(ctx, p.Since), nil
}

// decision is one line of the audit.
type decision struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Decision string    `json:"decision"` // allowed or refused
	Caller   string    `json:"caller,omitzero"`
	Verb     string    `json:"verb"`
	Target   string    `json:"target"`
	Layer    string    `json:"layer"`
	Methods  string    `json:"methods,omitzero"`
	Rule     string    `json:"rule,omitzero"`
	Status   int64     `json:"status,omitzero"` // of a refusal
	MS       int64     `json:"ms"`
}

// keptDecisions is how many decisions are kept in memory.
const keptDecisions = 500

// decisions is the handler of the audit's log: it passes on what it gets, and
// keeps the end of it.
type decisions struct {
	slog.Handler
	about decision // what the attributes say that all records share
	*ring
}

// ring is the latest decisions.
type ring struct {
	mu   sync.Mutex              // guards what follows
	kept [keptDecisions]decision // by id
	last int64                   // id of the latest
	next chan struct{}           // closed by the next one; nil while nobody waits
}

func newDecisions(to slog.Handler) *decisions {
	return &decisions{Handler: to, ring: new(ring)}
}

// WithAttrs implements slog.Handler.
func (d *decisions) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := &decisions{Handler: d.Handler.WithAttrs(attrs), about: d.about, ring: d.ring}
	for _, a := range attrs {
		with.about.set(a)
	}
	return with
}

// Handle implements slog.Handler.
func (d *decisions) Handle(ctx context.Context, r slog.Record) error {
	x := d.about
	x.At, x.Decision = r.Time, r.Message
	r.Attrs(func(a slog.Attr) bool {
		x.set(a)
		return true
	})
	d.add(x)
	return d.Handler.Handle(ctx, r)
}

// set takes an attribute of the audit over.
func (x *decision) set(a slog.Attr) {
	switch a.Key {
	case "caller":
		x.Caller = a.Value.String()
	case "verb":
		x.Verb = a.Value.String()
	case "target":
		x.Target = a.Value.String()
	case "layer":
		x.Layer = a.Value.String()
	case "methods":
		x.Methods = a.Value.String()
	case "rule":
		x.Rule = a.Value.String()
	case "status":
		x.Status = a.Value.Int64()
	case "ms":
		x.MS = a.Value.Int64()
	}
}

// add keeps a decision, and tells whoever waits.
func (d *ring) add(x decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	x.ID = d.last
	d.kept[x.ID%keptDecisions] = x
	if d.next != nil {
		close(d.next)
		d.next = nil
	}
}

// after returns what was decided after the one of an id, and waits for some
// until ctx ends.
func (d *ring) after(ctx context.Context, id int64) []decision {
	for {
		d.mu.Lock()
		out := []decision{}
		for i := max(id, d.last-keptDecisions) + 1; i <= d.last; i++ {
			out = append(out, d.kept[i%keptDecisions])
		}
		if len(out) == 0 && d.next == nil {
			d.next = make(chan struct{})
		}
		next := d.next
		d.mu.Unlock()
		if len(out) > 0 {
			return out
		}
		select {
		case <-next:
		case <-ctx.Done():
			return out
		}
	}
}

// service says what hero_proxy is.
func service() sdk.Service {
	return sdk.Service{Name: "hero_proxy", Version: sdk.Version, Title: "Proxy", RootOnly: true,
		Description: "HTTP to the right socket: services, their UIs, their domains."}
}

// dashboard is hero_proxy's UI. It runs in a process of its own, and speaks to
// hero_proxy over RPC as anyone does.
func dashboard() sdk.UI {
	return sdk.UI{Handler: func(env sdk.Env) (http.Handler, error) {
		return tools.Proxy(tools.ProxyOptions{Log: env.Log}), nil
	}}
}

// uiCommand is how hero_proxy starts its own binary while somebody looks at its
// dashboard.
func uiCommand() cli.Command {
	return cli.Command{
		Name: "ui", Help: "be the dashboard; hero_proxy starts this itself when somebody looks",
		Run: func(ctx context.Context, _ cli.Call) error {
			env, err := sdk.ProcessEnv()
			if err != nil {
				return err
			}
			if os.Getenv("HERO_ROLE") != "ui" {
				return fault.WithHint(fault.Errorf(fault.Invalid, "the dashboard is no program of its own"), "open /hero_proxy/ at the proxy")
			}
			return sdk.Run(ctx, env, service(), dashboard())
		},
	}
}
