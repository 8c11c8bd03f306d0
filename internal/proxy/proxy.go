// Package proxy is the door to the services of a machine: HTTP to the unix
// socket that a URL means, and back, as the bytes that came.
//
// Where a request goes is decided by package route on the tree of package
// discovery; nothing is looked up on the disk. Streams pass unbuffered both
// ways, and so do upgraded connections. What only a proxy may say of a request
// (who calls, from where, below which prefix) is taken off what comes from
// outside, in every spelling, and set anew.
package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Inspector is the service that bridges agents, and that shows what runs.
const Inspector = "hero_inspector"

// maxHeaders is how many header fields a request may have.
const maxHeaders = 100

// Options say what a Proxy knows. Places and Tree are needed.
type Options struct {
	Places layout.Places
	// Tree returns the sockets folder as it is now, nil where that is not
	// known yet.
	Tree func() *discovery.Tree
	// Hosts are the names, beside those of loopback, by which the proxy may be
	// asked; a page that makes the browser ask by another name is refused.
	Hosts []string
	// MaxBody is the largest call, in bytes, that is passed on; 0 is 4 MiB.
	// What goes to a UI is not bounded here.
	MaxBody int64
	// Policy returns who may do what, as it is now. Nil, or a nil policy, lets
	// callers of this machine do everything and nobody else anything.
	Policy func() *access.Policy
	Log    *slog.Logger // nil discards
	Audit  *slog.Logger // gets each decision; nil discards
}

// Proxy is the handler. It is safe for concurrent use.
type Proxy struct {
	opts    Options
	log     *slog.Logger
	audit   *slog.Logger
	reverse *httputil.ReverseProxy
	cross   *http.CrossOriginProtection
	sockets pool
	tally   tally
	meter   access.Meter
}

// New returns a Proxy. It opens nothing until it is asked.
func New(opts Options) *Proxy {
	p := &Proxy{opts: opts, log: opts.Log, audit: opts.Audit, cross: http.NewCrossOriginProtection()}
	if p.audit == nil {
		p.audit = slog.New(slog.DiscardHandler)
	}
	if p.opts.Policy == nil {
		p.opts.Policy = func() *access.Policy { return nil }
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      &p.sockets,
		FlushInterval:  -1, // a stream is worth nothing in a buffer
		ErrorLog:       slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ErrorHandler:   p.failed,
		ModifyResponse: modify,
	}
	return p
}

// Close gives the connections to the sockets back.
func (p *Proxy) Close() { p.sockets.close() }

// ServeHTTP answers one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pending := pendingOf(r.Context())
	if pending != nil {
		defer pending.Close()
	}
	encrypted(r)
	policy := p.opts.Policy()
	origin := foreign(policy, r)
	if refusal := p.admit(r, origin != ""); refusal != nil {
		p.tally.answered("", refusal.Status, 0)
		w.Header().Set("Connection", "close")
		refuse(w, refusal, "")
		return
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	_ = err // who has no address is not of this machine
	if origin != "" {
		share(w.Header(), origin)
		if preflight(r) {
			permit(w)
			return
		}
	}
	v := newVisit(policy, r.Header["Authorization"], peer)
	v.certified(r)
	v.origin = origin
	v.pending, v.page, v.encrypted = pending, wantsPage(r), r.TLS != nil
	defer p.record(v, r.Method, r.RemoteAddr, time.Now())
	if !v.known {
		w.Header().Set("WWW-Authenticate", "Bearer")
		v.refuse(w, &route.Refusal{Status: http.StatusUnauthorized, Detail: "show a token that is valid here"}, "")
		return
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path == "/" || path == "/health" || path == "/metrics" {
		if v.origin != "" && path != "/health" {
			v.refuse(w, notAllowed(), "")
			return
		}
		p.own(w, r, path, v)
		return
	}
	to, refusal := v.resolve(p.opts.Tree(), path)
	if refusal != nil {
		v.refuse(w, refusal, "")
		return
	}
	if to.Successor != "" {
		p.tally.asOlder(v.caller.Name, r, to)
	}
	if to.Redirect != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		if r.URL.RawQuery != "" {
			to.Redirect += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to.Redirect)
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	p.forward(w, r, to, v)
}

// forward sends a request that may reach its target on to it.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, to *route.Route, v *visit) {
	if to.Layer == route.Agent || to.Layer == route.Machine {
		if refusal := p.bridge(to, r); refusal != nil {
			v.refuse(w, refusal, to.Layer.String())
			return
		}
	}
	if to.Socket == nil {
		v.refuse(w, &route.Refusal{Status: http.StatusBadGateway, Detail: "there is no socket to ask"}, to.Layer.String())
		return
	}
	socket, err := p.opts.Places.Socket(to.Socket.Rel)
	if err != nil {
		v.refuse(w, &route.Refusal{Status: http.StatusBadGateway, Detail: "the socket's path is not one"}, to.Layer.String())
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), hopKey{}, &hop{Route: to, path: socket, visit: v}))
	if refusal := p.judge(to, r); refusal != nil {
		w.Header().Set("Connection", "close") // what is left of the request is not read
		v.refuse(w, refusal, to.Layer.String())
		return
	}
	if v.judged(w, r, to) || v.spent(&p.meter, w, r, to) {
		return
	}
	// Otherwise net/http reads all of the body before it sends any answer.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && r.ProtoMajor < 2 {
		p.log.Debug("streams pass one way at a time", "error", err)
	}
	p.pass(w, r, to)
}

// healthWait is how long a service may take to say how it is.
const healthWait = 5 * time.Second

// pass asks the socket. A call may take as long as it takes; a service that does
// not say how it is, as one that hangs, is not waited for without end.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, to *route.Route) {
	if to.Path == "/health" && (to.Layer == route.Service || to.Layer == route.Domain) {
		ctx, cancel := context.WithTimeout(r.Context(), healthWait)
		defer cancel()
		r = r.WithContext(ctx)
	}
	p.reverse.ServeHTTP(w, r)
}

// admit refuses what no browser may be made to send, and what is no request to
// this server. fromPage says that the policy lets the page that sends it call.
func (p *Proxy) admit(r *http.Request, fromPage bool) *route.Refusal {
	if r.Proto != "HTTP/1.1" && r.Proto != "HTTP/1.0" && r.Proto != "HTTP/2.0" {
		return &route.Refusal{Status: http.StatusHTTPVersionNotSupported, Detail: "speak HTTP/1.1 or HTTP/2"}
	}
	if r.Method == http.MethodConnect || !strings.HasPrefix(r.RequestURI, "/") {
		return &route.Refusal{Status: http.StatusBadRequest, Detail: "ask for a path, not for a server"}
	}
	if !p.known(r.Host) {
		return &route.Refusal{Status: http.StatusMisdirectedRequest, Detail: "this is not the server of that name"}
	}
	if err := p.cross.Check(r); err != nil && !fromPage {
		return &route.Refusal{Status: http.StatusForbidden, Detail: "a page of another origin sent this"}
	}
	// A browser sends upgrades as GET, from whatever page.
	unsafe := r.Method != http.MethodGet && r.Method != http.MethodHead
	if origin := r.Header.Get("Origin"); origin != "" && !fromPage && (unsafe || r.Header.Get("Upgrade") != "") && origin != ownOrigin(r) {
		return &route.Refusal{Status: http.StatusForbidden, Detail: "a page of another origin sent this"}
	}
	n := 0
	for _, values := range r.Header {
		n += len(values)
	}
	if n > maxHeaders {
		return &route.Refusal{Status: http.StatusRequestHeaderFieldsTooLarge, Detail: "there are too many header fields"}
	}
	return nil
}

// known reports whether the proxy answers to the name. A page whose name was
// made to mean this machine keeps its own name in Host, and is refused.
func (p *Proxy) known(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	// A loopback address in another spelling is nobody's bookmark.
	if ip, err := netip.ParseAddr(name); err == nil && ip.IsLoopback() && !ip.Is4In6() {
		return true
	}
	for _, h := range p.opts.Hosts {
		if strings.EqualFold(h, name) {
			return true
		}
	}
	return false
}

// bridge leads an agent's request to the inspector, which speaks MCP.
func (p *Proxy) bridge(to *route.Route, r *http.Request) *route.Refusal {
	if r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodDelete {
		return &route.Refusal{Status: http.StatusMethodNotAllowed, Detail: "MCP is spoken with POST"}
	}
	name, err := layout.ParseService(Inspector)
	if err != nil {
		return &route.Refusal{Status: http.StatusBadGateway, Detail: err.Error()}
	}
	s := p.opts.Tree().Service(name)
	if s == nil || s.UI == nil {
		return &route.Refusal{Status: http.StatusBadGateway, Detail: Inspector + ", which speaks MCP for all services, does not run"}
	}
	to.Socket = s.UI
	return nil
}

// hop is where one request goes, for the functions that only see requests.
type hop struct {
	*route.Route
	path  string // of the socket, absolute
	visit *visit
}

type hopKey struct{}

func target(ctx context.Context) *hop {
	h, _ := ctx.Value(hopKey{}).(*hop)
	return h
}

// rewrite makes the request that the socket gets.
func rewrite(pr *httputil.ProxyRequest) {
	to := target(pr.In.Context())
	out := pr.Out
	cleanse(out.Header)
	out.URL.Scheme, out.URL.Host = "http", "hero"
	// The bytes as they came: what decodes and encodes again changes them.
	if strings.HasPrefix(to.Path, "//") { // would be read as a server's name
		path, err := url.PathUnescape(to.Path)
		_ = err // route took no path with a broken escape
		out.URL.Path, out.URL.RawPath = path, to.Path
	} else {
		out.URL.Opaque = to.Path
	}
	out.URL.RawQuery, out.URL.ForceQuery = pr.In.URL.RawQuery, pr.In.URL.ForceQuery
	out.Host = pr.In.Host
	pr.SetXForwarded()
	out.Header.Set("X-Forwarded-Host", pr.In.Host)
	if to.Prefix != "" {
		out.Header.Set("X-Forwarded-Prefix", to.Prefix)
	}
	oneContext(out.Header)
	to.visit.introduce(out.Header, to.Route)
	if !plain(out.Header.Get("X-Request-Id"), 128) {
		out.Header.Set("X-Request-Id", rand.Text())
	}
	if tp := out.Header["Traceparent"]; len(tp) != 1 || !traceparent(tp[0]) {
		out.Header.Del("Traceparent")
		out.Header.Del("Tracestate")
	}
}

// oneContext keeps the context that the caller names: a domain's socket refuses
// one that is not its own, and an older service has no other way to learn it.
// Of two, no reader may pick one.
func oneContext(h http.Header) {
	if len(h["X-Hero-Context"]) > 1 {
		h["X-Hero-Context"] = []string{"ambiguous!"} // no context has such a name: refused by whoever reads it
	}
}

// plain reports whether s is one word of printable ASCII.
func plain(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ',' {
			return false
		}
	}
	return true
}

// traceparent reports whether s is one by W3C Trace Context: version, trace,
// parent and flags in lower-case hexadecimal.
func traceparent(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 4 || len(parts[0]) != 2 || len(parts[1]) != 32 || len(parts[2]) != 16 || len(parts[3]) != 2 || parts[0] == "ff" {
		return false
	}
	return strings.Trim(strings.Join(parts, ""), "0123456789abcdef") == "" &&
		strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
}

// cleanse takes off what only this proxy may say, in any spelling that some
// server takes for it: names with an underscore reach many as the same name.
func cleanse(h http.Header) {
	for name := range h {
		if withheld(strings.ToLower(name)) {
			delete(h, name)
		}
	}
}

// withheld reports whether a header of that name, in lower case, is taken off.
func withheld(lower string) bool {
	switch lower {
	case "forwarded", "x-real-ip", "x-rewrite-url", "te", "authorization", "proxy-authorization":
		return true
	}
	if strings.Contains(lower, "_") {
		return true
	}
	for _, prefix := range []string{"x-forwarded", "x-original-", "x-accel-", "x-sendfile", "x-client-cert", "x-ssl-", "tailscale-"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return strings.HasPrefix(lower, "x-hero-") && lower != "x-hero-context"
}

// failed answers for a socket that did not.
func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	to := target(r.Context())
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the caller has gone
	}
	if errors.Is(err, errMalformed) {
		w.Header().Set("Connection", "close")
		to.visit.refuse(w, &route.Refusal{Status: http.StatusBadRequest, Detail: "the body was not framed as it should be"}, to.Layer.String())
		return
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		w.Header().Set("Connection", "close")
		to.visit.refuse(w, tooLarge(), to.Layer.String())
		return
	}
	p.log.Warn("a socket did not answer", "socket", to.Socket.Rel, "error", err)
	detail := "its socket does not answer"
	switch fault.Of(err) {
	case fault.Denied:
		detail = "its socket is not this user's"
	case fault.NotFound:
		detail = "its socket is gone"
	case fault.Unavailable:
		detail = "nobody listens on its socket"
	}
	name := "it"
	if to.Service != nil {
		name = to.Service.Name.String()
	}
	to.visit.refuse(w, &route.Refusal{Status: http.StatusBadGateway, Detail: name + ": " + detail}, to.Layer.String())
}
