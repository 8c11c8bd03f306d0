package inspect

import (
	"maps"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// View is a service's header: what it says of itself and what discovery saw.
type View struct {
	Name        string       `json:"name"`
	Title       string       `json:"title"`
	Version     string       `json:"version,omitzero"`
	Description string       `json:"description,omitzero"`
	Layout      string       `json:"layout"`
	State       string       `json:"state"` // of the service's own socket: live, stale, hang, non_rpc, unasked, or absent
	SDK         string       `json:"hero_sdk,omitzero"`
	PID         int          `json:"pid,omitzero"`
	StartedAt   string       `json:"started_at,omitzero"`
	UI          string       `json:"ui,omitzero"` // the UI's mode, "socket" where only its socket is known, "" without one
	UIState     string       `json:"ui_state,omitzero"`
	Fault       string       `json:"fault,omitzero"`
	Contexts    []string     `json:"contexts"`
	Domains     []DomainView `json:"domains"`
	Legacy      []string     `json:"legacy,omitzero"`
	Split       []int        `json:"split,omitzero"`
}

// DomainView is one domain, whatever the context.
type DomainView struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitzero"`
	Version  string   `json:"version,omitzero"`
	Origin   string   `json:"origin,omitzero"` // shared or custom, where the manifest says so
	Contexts []string `json:"contexts"`        // that have it
}

// ViewOf returns the header of a service. It asks nobody.
func ViewOf(s *discovery.Service) View {
	v := View{
		Name: s.Name.String(), Title: s.Name.String(), Layout: s.Layout.String(), State: "absent", Fault: s.Fault,
		Contexts: []string{}, Domains: []DomainView{}, Split: s.Split,
	}
	if s.Server != nil {
		v.State, v.PID = s.Server.State.String(), s.Server.PID
	}
	if s.UI != nil || s.Admin != nil {
		v.UI = "socket"
	}
	if m := s.Manifest; m != nil {
		if m.Title != "" {
			v.Title = m.Title
		}
		v.Version, v.Description, v.SDK, v.StartedAt = m.Version, m.Description, m.HeroSDK, string(m.StartedAt)
		if m.PID != 0 {
			v.PID = m.PID
		}
		if m.UI != nil {
			v.UI, v.UIState = m.UI.Mode, m.UI.State
		}
	}
	for _, l := range s.Legacy {
		v.Legacy = append(v.Legacy, l.Rel)
	}
	for _, c := range RootFirst(s) {
		v.Contexts = append(v.Contexts, c.Name.String())
	}
	v.Domains = domainsOf(s)
	return v
}

// RootFirst returns the contexts of a service, root before the others.
func RootFirst(s *discovery.Service) []discovery.Context {
	var out []discovery.Context
	if c := s.Context(layout.Root); c != nil {
		out = append(out, *c)
	}
	for _, c := range s.Contexts {
		if c.Name != layout.Root {
			out = append(out, c)
		}
	}
	return out
}

// domainsOf returns the domains by name.
func domainsOf(s *discovery.Service) []DomainView {
	byName := map[string]*DomainView{}
	for _, c := range RootFirst(s) {
		for _, d := range c.Domains {
			name := d.Name.String()
			if byName[name] == nil {
				byName[name] = &DomainView{Name: name}
			}
			byName[name].Contexts = append(byName[name].Contexts, c.Name.String())
		}
	}
	if s.Manifest != nil {
		for _, m := range s.Manifest.Domains {
			if d := byName[m.Name]; d != nil {
				d.Title, d.Version, d.Origin = m.Title, m.Version, m.Origin
			}
		}
	}
	out := []DomainView{}
	for _, name := range Sorted(byName) {
		out = append(out, *byName[name])
	}
	return out
}

// Overview returns the headers of all services of a tree. It asks nobody.
func Overview(t *discovery.Tree) []View {
	out := []View{}
	if t == nil {
		return out
	}
	for _, s := range t.Services {
		out = append(out, ViewOf(s))
	}
	return out
}

// Sorted returns the names of m in order.
func Sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
