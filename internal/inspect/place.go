package inspect

import (
	"path"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Place is one socket of a service that answers calls: a domain in a context,
// the service itself (both names empty), or a further RPC socket of an older
// service (a domain's name without a context).
type Place struct {
	Service layout.Service    `json:"service"`
	Context string            `json:"context,omitzero"`
	Domain  string            `json:"domain,omitzero"`
	Socket  *discovery.Socket `json:"socket"`
}

// String returns "context/domain", "-/domain" without a context, and "-/-" for
// the service itself. No context and no domain is called "-".
func (p Place) String() string { return dash(p.Context) + "/" + dash(p.Domain) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// PlacesOf returns all places of a service: the service itself first, then its
// further sockets, then its domains by context.
func PlacesOf(s *discovery.Service) []Place {
	var out []Place
	if s.Server != nil {
		out = append(out, Place{Service: s.Name, Socket: s.Server})
	}
	for _, m := range s.More {
		out = append(out, Place{Service: s.Name, Domain: m.Name, Socket: m.Socket})
	}
	for _, c := range RootFirst(s) {
		for _, d := range c.Domains {
			out = append(out, Place{s.Name, c.Name.String(), d.Name.String(), d.Socket})
		}
	}
	return out
}

// Find returns the place of s that has the names; "" and "-" are none.
func Find(s *discovery.Service, context, domain string) (Place, error) {
	for _, p := range PlacesOf(s) {
		if dash(p.Context) == dash(context) && dash(p.Domain) == dash(domain) {
			return p, nil
		}
	}
	want := Place{Context: context, Domain: domain}
	return Place{}, fault.WithHint(fault.Errorf(fault.NotFound, "%s has no %s", s.Name, want),
		"hero_inspector tree "+s.Name.String())
}

// ParsePlace takes "context/domain", or "" for the service itself, apart.
func ParsePlace(text string) (context, domain string, err error) {
	if text == "" || text == "-" {
		return "", "", nil
	}
	context, domain = path.Split(text)
	if context == "" || domain == "" {
		return "", "", fault.WithHint(fault.Errorf(fault.Invalid, "%q is not a place", text),
			"write CONTEXT/DOMAIN, such as root/delivery")
	}
	return path.Clean(context), domain, nil
}

// parts returns one place for each thing that has methods of its own: every
// domain once, in the context where it stands first with root before all, and
// the sockets of a service without domains.
func parts(s *discovery.Service) []Place {
	var out []Place
	if s.Layout != layout.Layers {
		for _, p := range PlacesOf(s) {
			if p.Context == "" {
				out = append(out, p)
			}
		}
	}
	seen := map[string]bool{}
	for _, group := range perDomain(s) {
		if d := group[0].Domain; !seen[d] {
			seen[d] = true
			out = append(out, group[0])
		}
	}
	return out
}

// perDomain returns the places of each domain, root's first.
func perDomain(s *discovery.Service) [][]Place {
	var out [][]Place
	index := map[string]int{}
	for _, c := range RootFirst(s) {
		for _, d := range c.Domains {
			i, ok := index[d.Name.String()]
			if !ok {
				i = len(out)
				index[d.Name.String()] = i
				out = append(out, nil)
			}
			out[i] = append(out[i], Place{s.Name, c.Name.String(), d.Name.String(), d.Socket})
		}
	}
	return out
}
