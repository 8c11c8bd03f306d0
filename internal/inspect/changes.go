package inspect

import (
	"fmt"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
)

// Change is one difference between two looks at a machine.
type Change struct {
	Kind    string `json:"kind"` // added, removed or changed
	Service string `json:"service"`
	Place   string `json:"place,omitzero"` // CONTEXT/DOMAIN, "" for the service as a whole
	From    string `json:"from,omitzero"`  // what a changed thing was: a state or a version
	To      string `json:"to,omitzero"`
}

// String returns the change as a line for people.
func (c Change) String() string {
	out := map[string]string{"added": "+ ", "removed": "- ", "changed": "~ "}[c.Kind] + c.Service
	if c.Place != "" {
		out += " " + c.Place
	}
	if c.Kind == "changed" {
		out += fmt.Sprintf(" %s → %s", dash(c.From), dash(c.To))
	}
	return out
}

// Changes returns what differs between two trees, in the order of the services'
// names. Either may be nil, which is a machine where nothing runs.
func Changes(before, after *discovery.Tree) []Change {
	old, now := views(before), views(after)
	names := Sorted(old)
	for name := range now {
		if old[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := []Change{}
	for _, name := range names {
		a, b := old[name], now[name]
		switch {
		case a == nil:
			out = append(out, Change{Kind: "added", Service: name})
		case b == nil:
			out = append(out, Change{Kind: "removed", Service: name})
		default:
			out = append(out, a.changes(b)...)
		}
	}
	return out
}

// look is what is compared of a service.
type look struct {
	name, state, version string
	places               []string
}

func views(t *discovery.Tree) map[string]*look {
	out := map[string]*look{}
	if t == nil {
		return out
	}
	for _, s := range t.Services {
		v := ViewOf(s)
		l := &look{name: v.Name, state: v.State, version: v.Version}
		for _, p := range PlacesOf(s) {
			if p.Domain != "" {
				l.places = append(l.places, p.String())
			}
		}
		out[v.Name] = l
	}
	return out
}

func (l *look) changes(now *look) []Change {
	var out []Change
	if l.state != now.state {
		out = append(out, Change{Kind: "changed", Service: l.name, From: l.state, To: now.state})
	}
	if l.version != now.version {
		out = append(out, Change{Kind: "changed", Service: l.name, From: l.version, To: now.version})
	}
	for _, p := range l.places {
		if !slices.Contains(now.places, p) {
			out = append(out, Change{Kind: "removed", Service: l.name, Place: p})
		}
	}
	for _, p := range now.places {
		if !slices.Contains(l.places, p) {
			out = append(out, Change{Kind: "added", Service: l.name, Place: p})
		}
	}
	return out
}
