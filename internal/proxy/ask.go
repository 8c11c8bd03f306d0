package proxy

import (
	"cmp"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
)

// Ask is a request that is only asked about.
type Ask struct {
	Caller string // the name of a token, or access.Local
	Path   string // of the URL
	Method string // of a call; "" where none is meant
}

// Verdict is what would become of it.
type Verdict struct {
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule,omitzero"`   // which rule decided
	Detail  string `json:"detail,omitzero"` // why, where no rule decided
	Socket  string `json:"socket,omitzero"` // what would be asked
}

// String says it in words.
func (v Verdict) String() string {
	word := "denied"
	if v.Allowed {
		word = "allowed"
	}
	if v.Rule != "" {
		word += " by " + v.Rule
	}
	if v.Detail != "" {
		word += ": " + v.Detail
	}
	return word
}

// Check says what would become of a request, by the decision that a request
// itself meets.
func Check(policy *access.Policy, tree *discovery.Tree, ask Ask) Verdict {
	path, _, _ := strings.Cut(ask.Path, "?")
	to, refusal := route.Resolve(tree, path)
	if refusal != nil {
		return Verdict{Detail: refusal.Detail}
	}
	caller := access.Caller{Name: ask.Caller}
	if to.Layer == route.Machine && policy.Any(caller) {
		return Verdict{Allowed: true, Rule: "claims", Detail: "and there what the caller's rules allow"}
	}
	d := policy.Decide(caller, targetOf(to))
	v := Verdict{Allowed: d.Allowed, Rule: d.Rule}
	if to.Socket != nil {
		v.Socket = to.Socket.Rel
	}
	switch {
	case !d.Allowed && d.Rule == "":
		v.Detail = "no rule allows it"
	case d.Allowed && !d.AllMethods() && !judgeable(to):
		v.Allowed, v.Detail = false, "its rules are of methods, and what is asked for is no call that could be judged"
	case d.Allowed && ask.Method == discover && !d.AllMethods():
		v.Detail = "and the answer is cut down to what may be called"
	case d.Allowed && ask.Method != "":
		if v.Rule, v.Allowed = d.Method(ask.Method); !v.Allowed {
			v.Detail = "no rule allows the method"
		}
	}
	return v
}

// Listed is one address that the proxy answers.
type Listed struct {
	URL    string `json:"url"`
	Layer  string `json:"layer"`
	Layout string `json:"layout"`
	State  string `json:"state"` // of the socket, as far as it was asked
	Socket string `json:"socket"`
}

// Routes lists the addresses of all that a tree holds, by service.
func Routes(tree *discovery.Tree) []Listed {
	out := []Listed{}
	for _, s := range tree.Services {
		base := "/" + s.Name.String()
		add := func(layer route.Layer, url string, socket *discovery.Socket) {
			if socket != nil {
				out = append(out, Listed{URL: url, Layer: layer.String(), Layout: s.Layout.String(), State: socket.State.String(), Socket: socket.Rel})
			}
		}
		add(route.UI, base+"/", s.UI)
		add(route.Service, base+"/rpc", s.Server)
		add(route.Admin, base+"/admin/", s.Admin)
		for _, w := range s.Web {
			add(route.Web, base+"/"+w.Name+"/", w.Socket)
		}
		for _, c := range s.Contexts {
			for _, d := range c.Domains {
				add(route.Domain, base+"/"+c.Name.String()+"/"+d.Name.String()+"/rpc", d.Socket)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Listed) int { return cmp.Compare(service(a.URL), service(b.URL)) })
	return out
}

func service(url string) string {
	name, _, _ := strings.Cut(url[1:], "/")
	return name
}
