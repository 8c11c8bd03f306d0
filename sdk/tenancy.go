package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/contexts"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// tenancy is one context that the service serves.
type tenancy struct {
	name    layout.Context
	id      string
	created time.Time
	domains []*endpoint // in the service's order
}

// endpoint is one domain in one context, behind its socket.
type endpoint struct {
	service  *running
	domain   domain
	tenant   *Tenant
	instance *instance
	rpc      jsonrpc.Server
	header   []string // X-Hero-Context for calls that name none
	server   *server
}

// newTenancy opens the domains of a context; their sockets accept when it
// returns. ctx is what their requests run in.
func (r *running) newTenancy(ctx context.Context, entry contexts.Entry) (*tenancy, error) {
	t := &tenancy{name: entry.Name, id: entry.ID, created: entry.CreatedAt}
	for _, d := range r.domainsOf(entry.Domains) {
		e, err := r.openEndpoint(ctx, t.name, d)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s/%s: %w", t.name, d.name(), err), t.stop(0))
		}
		t.domains = append(t.domains, e)
	}
	return t, nil
}

func (r *running) openEndpoint(ctx context.Context, c layout.Context, d domain) (*endpoint, error) {
	t := &Tenant{
		Service: r.name, Context: c, Domain: d.name(), Dir: r.env.Places.DataOf(r.name, c, d.name()),
		Log: r.log.With("context", c.String(), "domain", d.name().String()),
	}
	in, err := d.open(jsonrpc.WithMeta(ctx, jsonrpc.Meta{Context: c.String()}), t)
	if err != nil {
		return nil, errors.Join(err, t.closeStore())
	}
	e := &endpoint{service: r, domain: d, tenant: t, instance: in, header: []string{c.String()}}
	e.rpc.Methods = in.methods
	e.rpc.MaxBody = r.MaxBody
	e.rpc.Log = t.Log
	e.rpc.Check = e.check
	l, err := r.listen(r.at.DomainSocket(r.name, c, d.name()))
	if err != nil {
		return nil, errors.Join(err, t.closeBoth(in))
	}
	e.server = serve(ctx, l, e, t.Log)
	return e, nil
}

// stop closes the context's sockets, lets requests in flight end, and closes
// the domains. All of them get the same grace, at the same time.
func (t *tenancy) stop(grace time.Duration) error {
	errs := make([]error, len(t.domains))
	var wg sync.WaitGroup
	for i, e := range t.domains {
		wg.Go(func() { errs[i] = errors.Join(e.server.stop(grace, grace), e.tenant.closeBoth(e.instance)) })
	}
	wg.Wait()
	if len(t.domains) > 0 {
		e := t.domains[0]
		os.Remove(e.service.at.ContextFolder(e.service.name, t.name)) // stays if something else is in it
	}
	return errors.Join(errs...)
}

// names returns the names of the context's domains.
func (t *tenancy) names() []string {
	out := make([]string, len(t.domains))
	for i, e := range t.domains {
		out[i] = e.domain.name().String()
	}
	slices.Sort(out)
	return out
}

const headerContext = "X-Hero-Context"

// ServeHTTP answers on the domain's socket.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/openrpc.json", "/health":
		overlook(r.Context())
	}
	switch r.URL.Path {
	case "/rpc":
		// Whoever names no context means the socket's; older callers number
		// the first one.
		if v := r.Header[headerContext]; len(v) == 0 || len(v) == 1 && v[0] == "0" && e.tenant.Context == layout.Root {
			r.Header[headerContext] = e.header
		}
		e.rpc.ServeHTTP(w, r)
	case "/openrpc.json":
		getDocument(w, r, e.domain.document())
	case "/health":
		h := e.health(r.Context())
		getValue(w, r, h.httpStatus(), h)
	case "/stream":
		e.stream(w, r)
	default:
		http.NotFound(w, r)
	}
}

// stream answers with the domain's events, under the rule of check.
func (e *endpoint) stream(w http.ResponseWriter, r *http.Request) {
	v := strings.Join(r.Header[headerContext], ", ") // of more than one: no context's name
	switch {
	case e.instance.stream == nil:
		http.NotFound(w, r)
	case v != "" && v != e.header[0] && !(v == "0" && e.tenant.Context == layout.Root):
		http.Error(w, fmt.Sprintf("the call is for context %q, and this socket serves %q", v, e.header[0]), http.StatusBadRequest)
	default:
		e.instance.stream.ServeHTTP(w, r)
	}
}

// check holds each call against the socket's context: a caller that means
// another tenant must not read this one's data.
func (e *endpoint) check(ctx context.Context, _ string) error {
	got := jsonrpc.MetaFrom(ctx).Context
	if got == e.header[0] {
		return nil
	}
	return fault.Errorf(fault.Invalid, "the call is for context %q, and this socket serves %q", got, e.header[0])
}
