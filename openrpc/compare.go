package openrpc

import (
	"fmt"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Change is one difference between two versions of a document.
type Change struct {
	Method   string `json:"method"`
	Breaking bool   `json:"breaking"` // a client of the older version may fail with the newer
	Message  string `json:"message"`
}

// String returns the change as a line.
func (c Change) String() string {
	kind := "compatible"
	if c.Breaking {
		kind = "breaking"
	}
	return kind + ": " + c.Method + ": " + c.Message
}

// Compare reports how the methods of newer differ from those of older: first
// what has gone or changed, in older's order, then what is new.
//
// Parameters may take more and results may promise more than before. Anything
// else breaks, and so does a schema that changed in a way that Compare cannot
// judge. Words for people (summary, description, title, examples), errors, tags
// and hints are no difference.
func Compare(older, newer *Document) []Change {
	c := &comparison{older: older.Components.places(), newer: newer.Components.places()}
	now, before := map[string]Method{}, map[string]bool{}
	for _, m := range newer.Methods {
		now[m.Name] = m
	}
	for _, m := range older.Methods {
		before[m.Name] = true
		c.method = m.Name
		n, ok := now[m.Name]
		if !ok {
			c.add(true, "is gone")
			continue
		}
		c.params(m, n)
		c.result(m, n)
		if n.Deprecated && !m.Deprecated {
			c.add(false, "is deprecated")
		}
	}
	for _, m := range newer.Methods {
		if !before[m.Name] {
			c.method = m.Name
			c.add(false, "is new")
		}
	}
	return c.changes
}

// comparison is one run of Compare.
type comparison struct {
	older, newer map[place]json.Value // the components
	method       string               // the name of the method at hand
	changes      []Change
}

// add notes a change of the method at hand.
func (c *comparison) add(breaking bool, format string, args ...any) {
	c.changes = append(c.changes, Change{c.method, breaking, fmt.Sprintf(format, args...)})
}

// params compares the parameters of two versions of a method.
func (c *comparison) params(older, newer Method) {
	byPosition := older.ParamStructure != "by-name"
	was, is := descriptors(older.Params, c.older), descriptors(newer.Params, c.newer)
	for i, o := range was {
		at := slices.IndexFunc(is, func(n ContentDescriptor) bool { return n.Name == o.Name })
		if at < 0 {
			c.add(true, "parameter %s is gone", o.Name)
			continue
		}
		n := is[at]
		if n.Required && !o.Required {
			c.add(true, "parameter %s is required", o.Name)
		}
		if o.Required && !n.Required {
			c.add(false, "parameter %s is optional", o.Name)
		}
		if byPosition && at != i {
			c.add(true, "parameter %s is the %d., was the %d.", o.Name, at+1, i+1)
		}
		narrow, wide := side{o.Schema, c.older}, side{n.Schema, c.newer}
		if !fits(narrow, wide, true) {
			c.add(true, "parameter %s does not take all that it took", o.Name)
		} else if !fits(wide, narrow, true) {
			c.add(false, "parameter %s takes more", o.Name)
		}
	}
	for _, n := range is {
		if !slices.ContainsFunc(was, func(o ContentDescriptor) bool { return o.Name == n.Name }) {
			kind := "optional"
			if n.Required {
				kind = "required"
			}
			c.add(n.Required, "parameter %s is new, and %s", n.Name, kind)
		}
	}
	if newer.ParamStructure != older.ParamStructure && newer.ParamStructure != "either" && newer.ParamStructure != "" {
		c.add(true, "takes parameters %s only", newer.ParamStructure)
	}
}

// result compares the results of two versions of a method.
func (c *comparison) result(older, newer Method) {
	switch {
	case older.Result == nil && newer.Result == nil:
		return
	case older.Result == nil:
		c.add(false, "has a result")
		return
	case newer.Result == nil:
		c.add(true, "has no result any more")
		return
	}
	was := side{descriptors([]ContentDescriptor{*older.Result}, c.older)[0].Schema, c.older}
	is := side{descriptors([]ContentDescriptor{*newer.Result}, c.newer)[0].Schema, c.newer}
	if !fits(is, was, false) {
		c.add(true, "the result is not what it was")
	} else if !fits(was, is, true) || !fits(is, was, true) {
		c.add(false, "the result says more than it did")
	}
}

// descriptors returns list with the references in it replaced by what they lead
// to, where that is in components.
func descriptors(list []ContentDescriptor, components map[place]json.Value) []ContentDescriptor {
	out := slices.Clone(list)
	for i, d := range out {
		if at, rest, ok := cutRef(d.Ref); ok && rest == "" {
			var found ContentDescriptor
			if json.Unmarshal(components[at], &found) == nil {
				out[i] = found
			}
		}
	}
	return out
}
