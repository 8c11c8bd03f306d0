package sdk

import (
	"context"
	"net/http"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Client calls the methods behind one socket: those of a domain in one
// context, or those of a service itself. A domain's package wraps it in a
// typed client of its own. It is safe for concurrent use.
type Client struct {
	rpc     *jsonrpc.Client
	context string // "" for a service's own socket
	target  string // for errors
	close   func()
}

// Dial returns a client for a domain of a service in a context. It opens
// nothing until the first call. ctx says where the sockets are: that of a
// request or a task within a service does, any other is given that by
// WithPlaces. Names that cannot be are fault.Invalid.
func Dial(ctx context.Context, service, context, domain string) (*Client, error) {
	s, err := layout.ParseService(service)
	if err != nil {
		return nil, err
	}
	c, err := layout.ParseContext(context)
	if err != nil {
		return nil, err
	}
	d, err := layout.ParseDomain(domain)
	if err != nil {
		return nil, err
	}
	return dial(ctx, s, c.String(), s.String()+" "+c.String()+"/"+d.String(),
		func(p layout.Places) string { return p.DomainSocket(s, c, d) })
}

// DialService returns a client for the service's own socket: its manifest, its
// health, its contexts.
func DialService(ctx context.Context, service string) (*Client, error) {
	s, err := layout.ParseService(service)
	if err != nil {
		return nil, err
	}
	return dial(ctx, s, "", s.String(), func(p layout.Places) string { return p.ServiceSocket(s) })
}

func dial(ctx context.Context, s layout.Service, context, target string, path func(layout.Places) string) (*Client, error) {
	w := worldOf(ctx)
	if w == nil {
		return nil, fault.WithHint(fault.Errorf(fault.Internal, "dial %s: this context does not say where the sockets are", target),
			"make one with sdk.WithPlaces")
	}
	c := &Client{context: context, target: target, close: func() {}}
	var t *http.Transport
	if w.clients != nil {
		t = w.clients.transport(path(w.placesOf(s)))
	} else {
		t = unixsock.Transport(path(w.placesOf(s)))
		c.close = t.CloseIdleConnections
	}
	c.rpc = jsonrpc.NewClient(jsonrpc.ClientOptions{Transport: t})
	return c, nil
}

// Call calls method and decodes its result into result, which may be nil. The
// caller's user, request id and trace travel along. A call out of one context
// into another is refused with fault.Denied unless ctx says that it is meant:
// see Cross. fault.Of names the kind of every other error.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	m := jsonrpc.MetaFrom(ctx)
	if c.context != "" && m.Context != "" && m.Context != c.context {
		return fault.WithHint(fault.Errorf(fault.Denied, "call %s of %s: the caller is in context %s", method, c.target, m.Context),
			"if crossing into the other context is meant, call with sdk.Cross(ctx, "+c.context+")")
	}
	if m.Context != c.context {
		m.Context = c.context
		ctx = jsonrpc.WithMeta(ctx, m)
	}
	if err := c.rpc.Call(ctx, method, params, result); err != nil {
		return fault.Errorf(fault.Of(err), "call %s of %s: %w", method, c.target, err)
	}
	return nil
}

// Close gives the connections back. Within a service they are shared, and end
// with it; Close then does nothing.
func (c *Client) Close() { c.close() }

// Invoke is Call with a typed result, for typed clients.
func Invoke[R any](ctx context.Context, c *Client, method string, params any) (R, error) {
	var r R
	err := c.Call(ctx, method, params, &r)
	return r, err
}

// Cross returns a context whose calls may go into another context (tenant)
// than the caller's. Everyone who reads the code sees where that happens.
func Cross(ctx context.Context, into string) context.Context {
	m := jsonrpc.MetaFrom(ctx)
	m.Context = into
	return jsonrpc.WithMeta(ctx, m)
}

// WithPlaces returns a context that says where the sockets are, for programs
// that are no service.
func WithPlaces(ctx context.Context, p layout.Places) context.Context {
	return withWorld(ctx, &world{places: p})
}

// world is what a context knows of where it is.
type world struct {
	places  layout.Places
	clients *clients // nil: nobody shares connections
	// own says which service's sockets stand in staged; nil: none's.
	own    func(layout.Service) bool
	staged layout.Places
}

// placesOf returns where the sockets of a service stand.
func (w *world) placesOf(s layout.Service) layout.Places {
	if w.own != nil && w.own(s) {
		return w.staged
	}
	return w.places
}

type worldKey struct{}

func withWorld(ctx context.Context, w *world) context.Context {
	return context.WithValue(ctx, worldKey{}, w)
}

func worldOf(ctx context.Context) *world {
	w, _ := ctx.Value(worldKey{}).(*world)
	return w
}

// inRoot returns ctx with the world of base: for what a service does of its
// own accord.
func inRoot(ctx, base context.Context) context.Context { return withWorld(ctx, worldOf(base)) }

// clients are the transports that all callers in a service share.
type clients struct {
	mu     sync.Mutex // guards byPath
	byPath map[string]*http.Transport
}

func newClients() *clients { return &clients{byPath: make(map[string]*http.Transport)} }

func (c *clients) transport(path string) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.byPath[path]
	if t == nil {
		t = unixsock.Transport(path)
		c.byPath[path] = t
	}
	return t
}

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.byPath {
		t.CloseIdleConnections()
	}
}
