package discovery

import (
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// evidence is what a socket said when it was asked.
type evidence struct {
	id       unixsock.ID
	state    State
	pid      int
	manifest *manifest.Manifest // as it came: whose name it has is not checked
	openrpc  bool               // it has an OpenRPC document
	fault    string             // why the manifest is not here
}

// want is a socket that has to be asked.
type want struct {
	file
	pidOnly bool // for the process behind it alone, with no request
}

// view holds the listings and the evidence, and keeps the services that follow
// from them. What changes makes only those services anew that it concerns, so
// that one socket among ten thousand costs no more than one among ten. It is
// for one goroutine at a time; the services it makes are never changed.
type view struct {
	dirs     map[string]*listing
	evidence map[string]evidence // by path
	services map[string]*Service
	wants    map[string][]want // by the service that they decide on
	dirty    map[string]bool   // services to be made anew
	outdated map[string]bool   // paths whose evidence has to be fetched again
	restray  bool              // the strays are not those of the last tree

	// rivals reports whether two processes that both serve a service do so
	// without knowing of each other.
	rivals func(a, b int) bool
}

func newView() *view {
	return &view{
		dirs: map[string]*listing{}, evidence: map[string]evidence{}, services: map[string]*Service{},
		wants: map[string][]want{}, dirty: map[string]bool{}, outdated: map[string]bool{},
		rivals: func(a, b int) bool { return a != b },
	}
}

// put takes a folder's new listing, or its end where l is nil.
func (v *view) put(dir string, l *listing) {
	old := v.dirs[dir]
	was, is := &listing{}, &listing{}
	if old != nil {
		was = old
	}
	if l != nil {
		is = l
		v.dirs[dir] = l
	} else {
		delete(v.dirs, dir)
	}
	v.restray = v.restray || !slices.Equal(was.strays, is.strays)
	if dir != root {
		top, _, _ := strings.Cut(dir, "/")
		v.touch(top)
		return
	}
	difference(was.files, is.files, v.touch)
	difference(was.locks, is.locks, v.touch)
	difference(setOf(was.folders), setOf(is.folders), v.touch)
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// difference calls each for every key that is not the same in both maps.
func difference[V comparable](a, b map[string]V, each func(string)) {
	for k, x := range a {
		if y, ok := b[k]; !ok || x != y {
			each(k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			each(k)
		}
	}
}

// learn takes what a socket said.
func (v *view) learn(rel string, e evidence) {
	v.evidence[rel] = e
	v.touchPath(rel)
}

// forget drops what a socket said.
func (v *view) forget(rel string) {
	delete(v.evidence, rel)
	v.touchPath(rel)
}

func (v *view) touchPath(rel string) {
	top, _, inside := strings.Cut(rel, "/")
	if !inside {
		top, _ = layout.Stem(top)
	}
	v.touch(top)
}

// touch marks the services whose shape a name in the root has a say in: its
// own, and where it ends in _ui or _server the service before that ending,
// whose other such name it may be.
func (v *view) touch(name string) {
	bases := []string{name}
	if b, ok := layout.CutUI(name); ok {
		bases = append(bases, b)
	}
	if b, ok := layout.CutServer(name); ok {
		bases = append(bases, b)
	}
	for _, b := range bases {
		if s, err := layout.ParseService(b); err == nil {
			v.dirty[b], v.dirty[uiName(s)], v.dirty[serverName(s)] = true, true, true
		}
	}
}

func uiName(s layout.Service) string     { return stemOf(layout.UIRel(s)) }
func serverName(s layout.Service) string { return stemOf(layout.ServerRel(s)) }

func stemOf(file string) string { stem, _ := layout.Stem(file); return stem }

// settle makes the marked services anew and reports whether the tree changed.
func (v *view) settle() bool {
	changed := false
	for name := range v.dirty {
		s, wants := v.assemble(name)
		if len(wants) > 0 {
			v.wants[name] = wants
		} else {
			delete(v.wants, name)
		}
		old := v.services[name]
		switch {
		case s == nil && old == nil, s != nil && old != nil && reflect.DeepEqual(s, old):
			continue
		case s == nil:
			delete(v.services, name)
		default:
			v.services[name] = s
		}
		changed = true
		if old != nil && s != nil && s.Manifest != nil && !reflect.DeepEqual(old.Contexts, s.Contexts) {
			v.outdated[s.Server.Rel] = true // it lists them
		}
	}
	clear(v.dirty)
	changed = changed || v.restray
	v.restray = false
	return changed
}

// asked returns every socket that has to be asked, by path.
func (v *view) asked() map[string]want {
	all := make(map[string]want, len(v.wants))
	for _, ws := range v.wants {
		for _, w := range ws {
			if old, ok := all[w.rel]; !ok || old.pidOnly {
				all[w.rel] = w
			}
		}
	}
	return all
}

// tree returns the services and strays as they are now.
func (v *view) tree() *Tree {
	t := &Tree{Services: make([]*Service, 0, len(v.services)), Strays: []Stray{}}
	for _, name := range slices.Sorted(maps.Keys(v.services)) {
		t.Services = append(t.Services, v.services[name])
	}
	for _, l := range v.dirs {
		t.Strays = append(t.Strays, l.strays...)
	}
	slices.SortFunc(t.Strays, byPath)
	return t
}

// flat returns the socket {name}.sock in the root.
func (v *view) flat(name string) (file, bool) {
	l := v.dirs[root]
	if l == nil {
		return file{}, false
	}
	f, ok := l.files[name]
	return f, ok
}

// said returns the evidence of a file, if it is this very file's.
func (v *view) said(f file) (evidence, bool) {
	e, ok := v.evidence[f.rel]
	if !ok || e.id != f.id {
		return evidence{}, false
	}
	return e, true
}

// socket returns the file with what is known of it.
func (v *view) socket(f file) *Socket {
	e, _ := v.said(f)
	return &Socket{Rel: f.rel, ID: f.id, State: e.state, PID: e.pid}
}

// locked reports whether a service of the newest layout took its lock here,
// now or once: older services know of no lock.
func (v *view) locked(name string) bool {
	l := v.dirs[root]
	return l != nil && l.locks[name]
}

// contexts returns the contexts of a service of the newest layout and whether
// any has a domain: only then is the folder a domain tree for sure.
func (v *view) contexts(s layout.Service) (all []Context, sure bool) {
	folder := serverName(s)
	l := v.dirs[folder]
	if _, ok := owner(folder); !ok || l == nil {
		return nil, false
	}
	for _, name := range l.folders {
		c, err := layout.ParseContext(name)
		inside := v.dirs[path.Join(folder, name)]
		if err != nil || inside == nil {
			continue
		}
		sure = sure || len(inside.domains) > 0
		all = append(all, Context{Name: c, Domains: inside.domains})
	}
	return all, sure
}
