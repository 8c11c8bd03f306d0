package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// grant is what the rule gives to whom it allows something.
func (r rule) grant() grant {
	return grant{rule: r.name, methods: r.methods, rate: r.rate, maxBody: r.maxBody, origins: r.origins}
}

// checkOrigins refuses origins that no browser sends.
func checkOrigins(r ruleDocument) error {
	if len(r.Origins) > 0 && len(r.Allow) == 0 {
		return errors.New("origins are of what is allowed")
	}
	for _, o := range r.Origins {
		scheme, host, ok := strings.Cut(o, "://")
		if !ok || scheme != "https" && scheme != "http" || host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:[]") != "" {
			return fmt.Errorf("%q is not an origin: write https://app.example, without a path", o)
		}
	}
	return nil
}

// Origin reports whether some rule lets pages of the origin call.
func (p *Policy) Origin(origin string) bool {
	return p != nil && slices.ContainsFunc(p.rules, func(r rule) bool { return slices.Contains(r.origins, origin) })
}

// From returns the decision on a request that a page of an origin sends: what
// the rules allow that name it.
func (d Decision) From(origin string) Decision {
	if !d.Allowed {
		return d
	}
	out := Decision{}
	for _, g := range d.grants {
		if slices.Contains(g.origins, origin) {
			out.grants = append(out.grants, g)
		}
	}
	if len(out.grants) > 0 {
		out.Allowed, out.Rule = true, out.grants[0].rule
	}
	return out
}
