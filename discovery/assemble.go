package discovery

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// maxSamples is how many contexts of a service are checked for a second
// process: one that took part of a service over rarely took just one context.
const maxSamples = 8

// parts is what a folder holds that may belong to one service.
type parts struct {
	name             layout.Service
	main, server, ui *file // {name}.sock, {name}_server.sock, {name}_ui.sock
	folder           map[string]file
	contexts         []Context
	sure             bool // a domain stands in the contexts
}

// assemble makes the service of that name from what is known, or nil where
// there is none, and says which sockets decide on it.
func (v *view) assemble(name string) (*Service, []want) {
	n, err := layout.ParseService(name)
	if err != nil {
		return nil, nil
	}
	p := v.gather(n)
	wants := v.wanted(p)
	s := &Service{Name: n}
	switch s.Layout = v.decide(p); s.Layout {
	case layout.Unknown:
		return nil, wants
	case layout.Pair:
		v.take(s, p.server, p.ui)
		v.legacy(s, p.main)
		v.legacyFolder(s, p.folder)
	case layout.Folder:
		v.takeFolder(s, p.folder)
		v.legacy(s, p.main, p.server, p.ui)
	default:
		v.take(s, p.main, p.ui)
		v.legacy(s, p.server)
		v.legacyFolder(s, p.folder)
	}
	if s.Server != nil || p.sure {
		s.Contexts = p.contexts
	}
	v.judge(s)
	slices.SortFunc(s.Legacy, func(a, b *Socket) int { return strings.Compare(a.Rel, b.Rel) })
	if s.Layout == layout.Layers {
		wants = append(wants, v.samples(s)...)
	}
	return s, wants
}

// gather collects what belongs to the service n and to no other.
func (v *view) gather(n layout.Service) parts {
	p := parts{name: n}
	name := n.String()
	if f, ok := v.flat(name); ok && !v.isPart(name) {
		p.main = &f
	}
	if f, ok := v.flat(serverName(n)); ok && v.ownsServer(n) {
		p.server = &f
	}
	if f, ok := v.flat(uiName(n)); ok && v.ownsUI(n) {
		p.ui = &f
	}
	if l := v.dirs[name]; l != nil {
		p.folder = l.files
	}
	p.contexts, p.sure = v.contexts(n)
	return p
}

// isPart reports whether {name}.sock is the UI or the server of the service
// before that ending, and no service of its own.
func (v *view) isPart(name string) bool {
	if b, ok := layout.CutUI(name); ok {
		if s, err := layout.ParseService(b); err == nil && v.ownsUI(s) {
			return true
		}
	}
	if b, ok := layout.CutServer(name); ok {
		if s, err := layout.ParseService(b); err == nil && v.ownsServer(s) {
			return true
		}
	}
	return false
}

// ownsServer reports whether {n}_server.sock is the server of a pair called
// n, and not a service called {n}_server.
func (v *view) ownsServer(n layout.Service) bool {
	f, ok := v.flat(serverName(n))
	if !ok {
		return false
	}
	_, hasUI := v.flat(uiName(n))
	_, hasMain := v.flat(n.String())
	if hasUI || hasMain {
		return true
	}
	if e, ok := v.said(f); ok && e.manifest != nil {
		return e.manifest.Name != serverName(n)
	}
	return !v.hasParts(serverName(n))
}

// hasParts reports whether sockets stand there that are named as the parts of
// the service of that name.
func (v *view) hasParts(name string) bool {
	s, err := layout.ParseService(name)
	if err != nil {
		return false
	}
	_, ui := v.flat(uiName(s))
	_, server := v.flat(serverName(s))
	return ui || server || v.locked(name)
}

// ownsUI reports whether {n}_ui.sock is the UI of n, and not a service called
// {n}_ui.
func (v *view) ownsUI(n layout.Service) bool {
	f, ok := v.flat(uiName(n))
	if !ok {
		return false
	}
	if !v.mayAskUI(n) {
		return true
	}
	e, ok := v.said(f)
	if ok && e.manifest != nil && e.manifest.Name == uiName(n) {
		return false
	}
	if v.stands(n) {
		return true
	}
	return !v.hasParts(uiName(n)) && !e.openrpc
}

// stands reports whether anything but a UI says that there is a service n.
func (v *view) stands(n layout.Service) bool {
	_, main := v.flat(n.String())
	_, server := v.flat(serverName(n))
	_, tree := v.contexts(n)
	l := v.dirs[n.String()]
	return main || server || tree || v.locked(n.String()) || (l != nil && len(l.files) > 0)
}

// mayAskUI reports whether it can do no harm to ask {n}_ui.sock whose it is.
// The newest layout's UI would wake, so that it is asked only where nothing
// speaks for that layout.
func (v *view) mayAskUI(n layout.Service) bool {
	if v.locked(n.String()) {
		return false
	}
	if _, tree := v.contexts(n); tree {
		return false
	}
	main, ok := v.flat(n.String())
	if !ok {
		return true
	}
	e, ok := v.said(main)
	if !ok || e.state != Live || e.fault != "" {
		return false
	}
	return e.manifest == nil || !e.manifest.IsNew() || e.manifest.Sockets.UI == ""
}

// wanted returns the sockets whose answers decide on the service.
func (v *view) wanted(p parts) []want {
	var ws []want
	for _, f := range []*file{p.main, p.server} {
		if f != nil {
			ws = append(ws, want{file: *f})
		}
	}
	if f, ok := v.flat(uiName(p.name)); ok && v.mayAskUI(p.name) {
		ws = append(ws, want{file: f})
	}
	for stem, f := range p.folder {
		if role, _ := roleOf(stem); role == roleServer || role == roleMore {
			ws = append(ws, want{file: f})
		}
	}
	return ws
}

// decide tells the layout: the newest that is not known to be dead.
func (v *view) decide(p parts) layout.Layout {
	layers := v.isLayers(p)
	var found []layout.Layout
	for _, c := range []struct {
		layout layout.Layout
		there  bool
		dead   bool
	}{
		{layout.Layers, layers, p.main != nil && v.dead(*p.main)},
		{layout.Pair, p.server != nil, p.server != nil && v.dead(*p.server)},
		{layout.Single, !layers && p.main != nil, p.main != nil && v.dead(*p.main)},
		{layout.Folder, len(p.folder) > 0, v.allDead(p.folder)},
	} {
		if c.there && !c.dead {
			return c.layout
		}
		if c.there {
			found = append(found, c.layout)
		}
	}
	switch {
	case len(found) > 0:
		return found[0]
	case p.ui != nil:
		return layout.Pair // a UI alone: a web site, or half of a pair
	}
	return layout.Unknown
}

// isLayers reports whether the service is of the newest layout: by its
// manifest, and until that is known by what only that layout leaves on disk.
func (v *view) isLayers(p parts) bool {
	if p.main == nil {
		return p.sure
	}
	e, ok := v.said(*p.main)
	if ok && e.state == Live && e.fault == "" && fits(e.manifest, p.name) == "" {
		return p.sure || (e.manifest != nil && e.manifest.IsNew())
	}
	return p.sure || (v.locked(p.name.String()) && e.state != NonRPC)
}

func (v *view) dead(f file) bool {
	e, ok := v.said(f)
	return ok && e.state == Stale
}

func (v *view) allDead(files map[string]file) bool {
	for _, f := range files {
		if !v.dead(f) {
			return false
		}
	}
	return true
}

// take sets the sockets of a layout whose sockets stand in the root.
func (v *view) take(s *Service, server, ui *file) {
	if server != nil {
		s.Server = v.socket(*server)
	}
	if ui != nil {
		s.UI = &Socket{Rel: ui.rel, ID: ui.id}
	}
}

func (v *view) legacy(s *Service, files ...*file) {
	for _, f := range files {
		if f != nil {
			s.Legacy = append(s.Legacy, v.socket(*f))
		}
	}
}

func (v *view) legacyFolder(s *Service, files map[string]file) {
	for _, f := range files {
		s.Legacy = append(s.Legacy, v.socket(f))
	}
}

// role is what a socket in a service's own folder is for.
type role uint8

const (
	roleMore role = iota
	roleServer
	roleUI
	roleAdmin
	roleWeb
)

// roleOf tells a socket's role in the folder layout from its name, and the
// name it goes by.
func roleOf(stem string) (role, string) {
	switch {
	case stem == "rpc":
		return roleServer, stem
	case stem == "ui":
		return roleUI, stem
	case stem == "admin":
		return roleAdmin, stem
	}
	if x, ok := strings.CutPrefix(stem, "web_"); ok && x != "" {
		return roleWeb, x
	}
	return roleMore, stem
}

// takeFolder sets the sockets of the folder layout.
func (v *view) takeFolder(s *Service, files map[string]file) {
	for _, stem := range slices.Sorted(maps.Keys(files)) {
		sock := v.socket(files[stem])
		switch role, name := roleOf(stem); role {
		case roleServer:
			s.Server = sock
		case roleUI:
			s.UI = sock
		case roleAdmin:
			s.Admin = sock
		case roleWeb:
			s.Web = append(s.Web, Named{Name: name, Socket: sock})
		default:
			s.More = append(s.More, Named{Name: name, Socket: sock})
		}
	}
}

// judge adds what the service's socket said of itself, and finds fault.
func (v *view) judge(s *Service) {
	if s.Server == nil {
		if s.Layout == layout.Layers {
			s.Fault = "its service socket " + layout.ServiceRel(s.Name) + " is missing"
		}
		return
	}
	e, ok := v.said(file{rel: s.Server.Rel, id: s.Server.ID})
	if !ok {
		return
	}
	s.Fault = e.fault
	if s.Fault == "" {
		s.Fault = fits(e.manifest, s.Name)
	}
	if s.Fault == "" {
		s.Manifest = e.manifest
	}
	s.Split = v.split(s)
}

// fits reports why a manifest is not one of the service n, or "".
func fits(m *manifest.Manifest, n layout.Service) string {
	switch {
	case m == nil, m.Name == n.String():
		return ""
	case !m.IsNew() && (m.Name == "" || m.Name == serverName(n)):
		return "" // as binaries of a pair call themselves
	}
	return fmt.Sprintf("its manifest names %.80q, not %q", m.Name, n)
}

// samples returns one domain socket of each of the first contexts: whose
// process answers there tells a second one that claims the service.
func (v *view) samples(s *Service) []want {
	if s.Server == nil || s.Server.PID == 0 {
		return nil
	}
	var ws []want
	for _, c := range s.Contexts {
		if len(c.Domains) > 0 && len(ws) < maxSamples {
			d := c.Domains[0].Socket
			ws = append(ws, want{file: file{rel: d.Rel, id: d.ID}, pidOnly: true})
		}
	}
	return ws
}

// split returns the processes that claim the service, where they are several.
func (v *view) split(s *Service) []int {
	if s.Layout != layout.Layers || s.Server.PID == 0 {
		return nil
	}
	pids := []int{s.Server.PID}
	for _, w := range v.samples(s) {
		e, ok := v.said(w.file)
		if ok && e.pid != 0 && !slices.Contains(pids, e.pid) && v.rivals(s.Server.PID, e.pid) {
			pids = append(pids, e.pid)
		}
	}
	if len(pids) < 2 {
		return nil
	}
	slices.Sort(pids)
	return pids
}
