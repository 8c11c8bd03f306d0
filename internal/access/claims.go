package access

import (
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// claims are what a caller may do, as the header X-Hero-Claims tells it to a
// service that calls others in the caller's name.
type claims struct {
	Rules []claim `json:"rules"`
}

type claim struct {
	Allow   []string `json:"allow,omitempty"`
	Deny    []string `json:"deny,omitempty"`
	Layers  []string `json:"layers,omitempty"`
	Methods []string `json:"methods,omitempty"`
}

// Claims returns what the caller may do, in one line of ASCII: see Claimed.
func (p *Policy) Claims(c Caller) string {
	out := claims{Rules: []claim{}}
	if p != nil {
		for _, r := range p.rules {
			if matches(r.who, c.Name) {
				out.Rules = append(out.Rules, claim{Allow: r.allow, Deny: r.deny, Layers: r.layers, Methods: r.methods})
			}
		}
	}
	if c.Name == Local && (p == nil || p.local) {
		out.Rules = append(out.Rules, claim{Allow: []string{everything}})
	}
	line, err := json.Marshal(out)
	if err != nil {
		return `{"rules":[]}` // nothing is claimed
	}
	return string(line)
}

// Claimed reports whether claims that the proxy made allow a method of a
// target. What cannot be read allows nothing.
func Claimed(line string, t Target, method string) bool {
	var in claims
	if err := json.Unmarshal([]byte(line), &in, json.RejectUnknown()); err != nil {
		return false
	}
	p := &Policy{}
	for _, r := range in.Rules {
		p.rules = append(p.rules, rule{name: "claim", who: []string{"*"}, allow: r.Allow, deny: r.Deny, layers: r.Layers, methods: r.Methods})
	}
	_, ok := p.Decide(Caller{Name: "claimed"}, t).Method(method)
	return ok
}

// Any reports whether the caller may reach anything at all.
func (p *Policy) Any(c Caller) bool {
	if c.Name == Local && (p == nil || p.local) {
		return true
	}
	return p != nil && slices.ContainsFunc(p.rules, func(r rule) bool { return len(r.allow) > 0 && matches(r.who, c.Name) })
}
