package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy/fast"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// Listen takes a listener over and puts the short way before it, unless general
// is set, or the listener is one of Secure. A server gets from the listener that it returns what
// the short way is not for, strictly framed; its ConnContext is the function
// of that name.
func (p *Proxy) Listen(l net.Listener, general bool) net.Listener {
	if _, encrypted := l.(secured); !general && !encrypted {
		l = fast.Listen(l, short{p})
	}
	return Strict(l)
}

type connKey struct{}

// ConnContext keeps, for the handler, the connection that a request came by.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if strict, ok := c.(*strictConn); ok {
		if handed, ok := strict.Conn.(*fast.Conn); ok {
			return context.WithValue(ctx, connKey{}, handed)
		}
		return withTLS(ctx, strict)
	}
	return ctx
}

// pendingOf returns the socket that the short way sent this request to already.
func pendingOf(ctx context.Context) *fast.Pending {
	c, ok := ctx.Value(connKey{}).(*fast.Conn)
	if !ok {
		return nil
	}
	return c.Pending()
}

// resume gets the answer of a socket that was sent the request already.
func resume(pending *fast.Pending, path string, r *http.Request) (*http.Response, error) {
	if pending.Socket != path {
		return nil, fault.Errorf(fault.Unavailable, "the request was sent to %s, and leads to %s now", pending.Socket, path)
	}
	asked := false
	t := &http.Transport{DisableKeepAlives: true, DisableCompression: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		if asked {
			return nil, errors.New("a request is not sent twice")
		}
		asked = true
		return pending, nil
	}}
	return t.RoundTrip(r)
}

// short is the door of the short way: it decides by the functions that the
// general path decides by, and leaves every refusal to that.
type short struct{ p *Proxy }

// Moment returns the tree and the policy as they are now.
func (s short) Moment() fast.Moment {
	return fast.Moment{Tree: s.p.opts.Tree(), Policy: s.p.opts.Policy()}
}

// Withholds reports whether cleanse would take the header off.
func (short) Withholds(name string) bool { return withheld(name) }

// Open decides on a request.
func (s short) Open(m fast.Moment, q fast.Question) *fast.Passage {
	if !s.p.known(q.Host) || s.p.maxBody() < fast.MaxBody {
		return nil
	}
	v := newVisit(m.Policy, q.Authorization, q.Peer)
	if !v.known {
		return nil
	}
	to, refusal := v.resolve(m.Tree, q.Path)
	if v.decision.Limited() { // what is counted is counted in one place
		return nil
	}
	if refusal != nil || to.Socket == nil || to.Layer != route.Domain && to.Layer != route.Service || to.Successor != "" || to.Redirect != "" {
		return nil
	}
	switch to.Path {
	case "/rpc":
		if q.Verb != http.MethodPost {
			return nil
		}
	case "/openrpc.json": // not health, for which no caller waits without end
		if q.Verb != http.MethodGet || v.cutsDown(to) {
			return nil
		}
	default:
		return nil
	}
	socket, err := s.p.opts.Places.Socket(to.Socket.Rel)
	if err != nil {
		return nil
	}
	h := http.Header{"X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {q.Host}, "X-Forwarded-Prefix": {to.Prefix}}
	v.introduce(h, to)
	var fields strings.Builder
	if err := h.Write(&fields); err != nil {
		return nil
	}
	v.audit = s.p.audit.With(v.subject(q.Verb)...)
	return &fast.Passage{Path: to.Path, Socket: socket, ID: to.Socket.ID, Fields: fields.String(),
		Judged: to.Path == "/rpc" && !v.decision.AllMethods(), Decision: v.decision, Note: v}
}

// Dial connects to the socket of a passage.
func (short) Dial(to *fast.Passage) (net.Conn, error) {
	if err := own(to.Socket); err != nil {
		return nil, err
	}
	c, err := unixsock.Dial(context.Background(), to.Socket)
	if err != nil {
		return nil, err // not a nil *net.UnixConn in an interface
	}
	return c, nil
}

// Done records what was answered.
func (s short) Done(to *fast.Passage, o fast.Outcome) {
	v, ok := to.Note.(*visit)
	if !ok {
		return
	}
	if v.policy == nil { // nothing was decided
		s.p.tally.answered(v.target.Layer, 0, time.Since(o.Since))
		return
	}
	one := *v
	one.methods = o.Methods
	if o.Rule != "" {
		one.rule = o.Rule
	}
	s.p.record(&one, o.Verb, o.Peer, o.Since)
}
