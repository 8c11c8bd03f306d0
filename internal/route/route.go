// Package route finds the socket that a URL means. It reads the path as the
// bytes that came, compares them with the names that the tree has, and returns
// the very socket that is to be dialled: what was judged and what is opened
// cannot differ.
package route

import (
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Layer says which part of a service a route leads to.
type Layer uint8

// The layers.
const (
	Service Layer = iota // the service's RPC socket
	UI
	Domain
	Admin   // the admin.sock of a folder
	Web     // a web_{x}.sock of a folder
	Agent   // a domain as an MCP server, by the inspector's bridge
	Machine // the whole machine as one MCP server
)

// String returns the layer's word, as problems name it.
func (l Layer) String() string {
	return [...]string{"service", "ui", "domain", "admin", "web", "mcp", "mcp"}[min(l, Machine)]
}

// Route is where a request goes.
type Route struct {
	Layer   Layer
	Service *discovery.Service // nil for Machine
	Context layout.Context     // of Domain and Agent
	Domain  layout.Domain
	Socket  *discovery.Socket // nil where the layer is known and has no socket now
	Path    string            // what the socket is asked for, escaped as it came
	Prefix  string            // what was taken off the path; "" where nothing was
	// Successor is the newer address of an older URL; "" where the URL is new.
	Successor string
	// Redirect, where set, is the address that the client is sent to instead.
	Redirect string
	// ReadOnly says that the path ends as the call of a domain does, which is
	// not there: a page may have such an address, a call that went astray is
	// nothing for the UI.
	ReadOnly bool
}

// Refusal is a request that leads nowhere.
type Refusal struct {
	Status int    // HTTP
	Detail string // for people
}

// endpoints are what service and domain sockets answer.
func endpoint(rest []string) bool {
	switch len(rest) {
	case 1:
		return rest[0] == "rpc" || rest[0] == "openrpc.json" || rest[0] == "health"
	case 2:
		return rest[0] == ".well-known" && rest[1] == "heroservice.json"
	}
	return false
}

// Resolve finds where the path of a URL leads, without its query and escaped
// as it came. It returns a Route or a Refusal, never both.
func Resolve(t *discovery.Tree, path string) (*Route, *Refusal) {
	if refusal := checkPath(path); refusal != nil {
		return nil, refusal
	}
	segments := strings.Split(path[1:], "/")
	first := segments[0]
	if path == "/mcp" {
		return &Route{Layer: Machine, Path: "/mcp"}, nil
	}
	if s := find(t, first); s != nil {
		return resolveIn(t, s, "/"+first, segments[1:])
	}
	if name, ok := layout.CutUI(first); ok {
		if s := find(t, name); s != nil && s.UI != nil {
			r := ui(s, "/"+first, segments[1:])
			r.Successor = "/" + name + r.Path
			return r, nil
		}
	}
	if name, ok := layout.CutServer(first); ok {
		if s := find(t, name); s != nil && s.Server != nil {
			return server(s, "/"+first, segments[1:])
		}
	}
	return nil, notFound("there is no service at " + quote("/"+first))
}

// find returns the service of that name, or nil.
func find(t *discovery.Tree, name string) *discovery.Service {
	n, err := layout.ParseService(name)
	if err != nil || t == nil {
		return nil
	}
	return t.Service(n)
}

// resolveIn resolves what follows a service's name. The longest form wins: a
// domain's address before a path of the UI.
func resolveIn(t *discovery.Tree, s *discovery.Service, prefix string, rest []string) (*Route, *Refusal) {
	if r := domain(s, prefix, rest); r != nil {
		return r, nil
	}
	switch {
	case endpoint(rest) && s.Server != nil:
		return &Route{Layer: Service, Service: s, Socket: s.Server, Path: "/" + strings.Join(rest, "/"), Prefix: prefix}, nil
	case len(rest) == 1 && rest[0] == "mcp" && len(s.Contexts) == 0 && s.Server != nil:
		return &Route{Layer: Agent, Service: s, Path: "/mcp" + prefix}, nil
	case len(rest) > 0 && s.Layout == layout.Folder:
		if r := folder(s, prefix, rest); r != nil {
			return r, nil
		}
	}
	if s.UI == nil {
		return nil, notFound(s.Name.String() + " has nothing at " + quote("/"+strings.Join(rest, "/")))
	}
	r := ui(s, prefix, rest)
	r.ReadOnly = s.Layout == layout.Layers && callLike(rest)
	return r, nil
}

// callLike reports whether some reader could take the segments for a domain's
// address: three or more of them, the last of which begins with an endpoint
// that is called.
func callLike(rest []string) bool {
	if len(rest) < 3 {
		return false
	}
	last := strings.ToLower(rest[len(rest)-1])
	for _, name := range []string{"rpc", "mcp"} {
		if after, ok := strings.CutPrefix(last, name); ok && (after == "" || after[0] < '0' || after[0] > '9' && after[0] < 'a') {
			return true
		}
	}
	return false
}

// domain resolves {context}/{domain}/{endpoint}, where both exist.
func domain(s *discovery.Service, prefix string, rest []string) *Route {
	if len(rest) != 3 || rest[2] != "rpc" && rest[2] != "openrpc.json" && rest[2] != "health" && rest[2] != "mcp" {
		return nil
	}
	cn, err := layout.ParseContext(rest[0])
	if err != nil {
		return nil
	}
	dn, err := layout.ParseDomain(rest[1])
	if err != nil {
		return nil
	}
	c := s.Context(cn)
	if c == nil {
		return nil
	}
	d := c.Domain(dn)
	if d == nil {
		return nil
	}
	r := &Route{Layer: Domain, Service: s, Context: cn, Domain: dn, Socket: d.Socket, Path: "/" + rest[2],
		Prefix: prefix + "/" + rest[0] + "/" + rest[1]}
	if rest[2] == "mcp" {
		r.Layer, r.Socket, r.Path, r.Prefix = Agent, nil, "/mcp"+r.Prefix, ""
	}
	return r
}

// folder resolves the further sockets of a folder.
func folder(s *discovery.Service, prefix string, rest []string) *Route {
	if rest[0] == "admin" {
		r := tail(s, prefix+"/admin", rest[1:])
		r.Layer = Admin
		if r.Socket = s.Admin; r.Socket == nil {
			r.Socket = s.UI
		}
		if r.Socket == nil {
			return nil
		}
		return r
	}
	for _, w := range s.Web {
		if w.Name == rest[0] {
			r := tail(s, prefix+"/"+rest[0], rest[1:])
			r.Layer, r.Socket = Web, w.Socket
			return r
		}
	}
	return nil
}

// server resolves an older URL of the RPC socket: all of it for a service that
// is still of the older layout, the endpoints alone for a newer one.
func server(s *discovery.Service, prefix string, rest []string) (*Route, *Refusal) {
	r := tail(s, prefix, rest)
	r.Layer, r.Socket, r.Redirect = Service, s.Server, ""
	if s.Layout != layout.Pair && !endpoint(rest) {
		return nil, notFound("there is nothing at " + quote(prefix+r.Path))
	}
	if endpoint(rest) {
		r.Successor = "/" + s.Name.String() + r.Path
	}
	return r, nil
}

func ui(s *discovery.Service, prefix string, rest []string) *Route {
	r := tail(s, prefix, rest)
	r.Layer, r.Socket = UI, s.UI
	return r
}

// tail is a route whose path is what follows a prefix. The prefix alone is
// sent to the prefix with a slash, so that relative links lead below it.
func tail(s *discovery.Service, prefix string, rest []string) *Route {
	r := &Route{Service: s, Prefix: prefix, Path: "/" + strings.Join(rest, "/")}
	if len(rest) == 0 {
		r.Redirect = prefix + "/"
	}
	return r
}

func notFound(detail string) *Refusal { return &Refusal{Status: 404, Detail: detail} }

// checkPath refuses what two readers could read differently: whatever is not
// printable ASCII, backslashes, broken or doubled escapes, NUL, and segments of
// dots, however they are written.
func checkPath(path string) *Refusal {
	bad := func(what string) *Refusal { return &Refusal{Status: 400, Detail: "the path holds " + what} }
	if path == "" || path[0] != '/' {
		return bad("no leading slash")
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c <= ' ' || c >= 0x7f || c == '\\' || c == '#' || c == '"' || c == '<' || c == '>':
			return bad("a byte that must be escaped")
		case c == '%':
			if i+2 >= len(path) || !hex(path[i+1]) || !hex(path[i+2]) {
				return bad("a broken escape")
			}
			if v := path[i+1 : i+3]; v[0] <= '1' || strings.EqualFold(v, "7f") || strings.EqualFold(v, "5c") {
				return bad("an escaped control character or backslash")
			}
			// Bytes that begin no character of UTF-8 but in its overlong forms.
			if v := strings.ToLower(path[i+1 : i+3]); v == "c0" || v == "c1" || strings.HasPrefix(strings.ToLower(path[i:]), "%e0%8") ||
				strings.HasPrefix(strings.ToLower(path[i:]), "%e0%9") {
				return bad("an overlong character")
			}
		}
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if dots(segment) {
			return bad("a segment of dots")
		}
	}
	return nil
}

// dots reports whether a reader could take the segment for "." or "..", also
// with a parameter behind it, or with an escaped slash beside it.
func dots(segment string) bool {
	s := strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%3b", ";", "%3B", ";", "%25", "%").Replace(segment)
	if s != segment && strings.Contains(s, "%") && dots(s) {
		return true // escaped twice
	}
	for part := range strings.SplitSeq(s, "/") {
		part, _, _ = strings.Cut(part, ";")
		if part != "" && strings.Trim(part, ".") == "" {
			return true
		}
	}
	return false
}

func hex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// quote shows a piece of a path that passed checkPath.
func quote(s string) string {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return `"` + s + `"`
}
