package jsonrpc

import (
	"context"
	"net/http"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Meta is what travels beside a call, in HTTP headers: in whose context it
// runs, who asks, and which request of the outer world it belongs to.
type Meta struct {
	Context     string // X-Hero-Context: the name of the context (tenant)
	User        string // X-Hero-User: who calls, as the proxy authenticated them
	Claims      string // X-Hero-Claims: what they may
	RequestID   string // X-Request-Id
	TraceParent string // traceparent (W3C Trace Context)
}

// The canonical forms of the headers' names, as net/http keeps them.
const (
	headerContext = "X-Hero-Context"
	headerUser    = "X-Hero-User"
	headerClaims  = "X-Hero-Claims"
	headerRequest = "X-Request-Id"
	headerTrace   = "Traceparent"
)

type metaKey struct{}

// metaContext is a context with a Meta; one allocation where WithValue has two.
type metaContext struct {
	context.Context
	meta Meta
}

// Value implements context.Context.
func (c *metaContext) Value(key any) any {
	if _, ours := key.(metaKey); ours {
		return c
	}
	return c.Context.Value(key)
}

// WithMeta returns a context whose calls carry m, all of it and nothing else.
func WithMeta(ctx context.Context, m Meta) context.Context {
	return &metaContext{Context: ctx, meta: m}
}

// MetaFrom returns the Meta of ctx, the zero Meta where it has none. In a
// Handler it is what came with the request; a Client sends it on.
func MetaFrom(ctx context.Context) Meta {
	if c, ok := ctx.Value(metaKey{}).(*metaContext); ok {
		return c.meta
	}
	return Meta{}
}

// MetaOf returns the Meta that the headers of an HTTP request carry, for
// handlers that are no Server. Its error, of kind fault.Invalid, names a header
// that stands twice.
func MetaOf(h http.Header) (Meta, error) {
	m, twice := metaOf(h)
	if twice != "" {
		return Meta{}, fault.Errorf(fault.Invalid, "the header %s appears twice", twice)
	}
	return m, nil
}

// metaOf reads the headers. It reports the name of one that stands twice: two
// readers could take a different one of them for the tenant.
func metaOf(h http.Header) (m Meta, twice string) {
	for _, f := range [...]struct {
		name string
		into *string
	}{
		{headerContext, &m.Context}, {headerUser, &m.User}, {headerClaims, &m.Claims},
		{headerRequest, &m.RequestID}, {headerTrace, &m.TraceParent},
	} {
		switch values := h[f.name]; len(values) {
		case 0:
		case 1:
			*f.into = values[0]
		default:
			return m, f.name
		}
	}
	return m, ""
}

func (m Meta) setOn(h http.Header) {
	for _, f := range [...][2]string{
		{headerContext, m.Context}, {headerUser, m.User}, {headerClaims, m.Claims},
		{headerRequest, m.RequestID}, {headerTrace, m.TraceParent},
	} {
		if f[1] != "" {
			h[f[0]] = []string{f[1]}
		}
	}
}
