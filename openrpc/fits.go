package openrpc

import (
	"reflect"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// side is a schema, and the components that it refers to.
type side struct {
	schema     json.Value
	components map[place]json.Value
}

// fits reports whether each value that narrow describes is one that wide
// describes too, as far as that can be told from the schemas: false where it
// cannot. Objects may have members that wide does not name, unless closed.
func fits(narrow, wide side, closed bool) bool {
	f := &fitting{narrow: narrow.components, wide: wide.components, closed: closed, within: map[[2]string]bool{}}
	var n, w any
	if json.Unmarshal(narrow.schema, &n) != nil || json.Unmarshal(wide.schema, &w) != nil {
		return string(narrow.schema) == string(wide.schema)
	}
	return f.fits(n, w)
}

// fitting is one run of fits.
type fitting struct {
	narrow, wide map[place]json.Value
	closed       bool
	within       map[[2]string]bool // the pairs of references that are being compared
	depth, steps int
}

// fits compares two schemas, which may contain themselves: while they are being
// compared, they are taken to fit.
func (f *fitting) fits(n, w any) bool {
	from := n
	n, nref := resolve(n, f.narrow)
	w, wref := resolve(w, f.wide)
	pair := [2]string{nref, wref}
	both := nref != "" && wref != ""
	if both && f.within[pair] {
		return true
	}
	if f.steps++; f.steps > maxSteps || f.depth == maxDepth {
		return false
	}
	f.depth++
	f.within[pair] = both
	ok := f.compare(n, w, from)
	f.within[pair] = false
	f.depth--
	return ok
}

// Schemas that are larger, or contain themselves in a more twisted way, are not
// judged.
const (
	maxSteps = 100_000
	maxDepth = 200
)

// compare compares two schemas that are no references. n was found by way of
// from.
func (f *fitting) compare(n, w, from any) bool {
	if n == false || w == true {
		return true
	}
	if n == true {
		n = map[string]any{}
	}
	no, nok := n.(map[string]any)
	wo, wok := w.(map[string]any)
	if !nok || !wok {
		return false
	}
	if list, ok := no["anyOf"].([]any); ok && bare(no, "anyOf") {
		return !slices.ContainsFunc(list, func(one any) bool { return !f.fits(one, wo) })
	}
	if list, ok := wo["anyOf"].([]any); ok && bare(wo, "anyOf") {
		return slices.ContainsFunc(list, func(one any) bool { return f.fits(from, one) })
	}
	if f.closed {
		mine, _ := no["properties"].(map[string]any)
		theirs, _ := wo["properties"].(map[string]any)
		for name := range mine {
			if _, ok := theirs[name]; !ok && theirs != nil {
				return false
			}
		}
	}
	for keyword, limit := range wo {
		if !annotation(keyword) && !f.keyword(keyword, no, limit) {
			return false
		}
	}
	return true
}

// keyword reports whether what n describes keeps to one keyword of the wider
// schema.
func (f *fitting) keyword(keyword string, n map[string]any, limit any) bool {
	own, has := n[keyword]
	switch keyword {
	case "properties":
		mine, _ := own.(map[string]any)
		theirs, _ := limit.(map[string]any)
		for name, s := range theirs {
			if m, ok := mine[name]; ok && !f.fits(m, s) {
				return false
			}
		}
		return true
	case "required":
		return subset(limit, own)
	}
	if !has {
		return false
	}
	switch keyword {
	case "type":
		return subset(widen(own), append(widen(limit), integerToo(limit)...))
	case "enum":
		return subset(own, limit)
	case "items", "additionalProperties", "propertyNames":
		if _, tuple := limit.([]any); !tuple {
			return f.fits(own, limit)
		}
	case "allOf", "oneOf": // of oneOf, too, though an alternative that takes more may then overlap another
		mine, _ := own.([]any)
		theirs, _ := limit.([]any)
		return slices.EqualFunc(mine, theirs, f.fits)
	case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
		a, aok := own.(float64)
		b, bok := limit.(float64)
		return aok && bok && a >= b
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
		a, aok := own.(float64)
		b, bok := limit.(float64)
		return aok && bok && a <= b
	}
	return !refers(own) && reflect.DeepEqual(own, limit)
}

// resolve follows references to components. ref is the last one followed.
func resolve(v any, components map[place]json.Value) (s any, ref string) {
	for range 100 { // more is a circle
		o, ok := v.(map[string]any)
		if !ok {
			return v, ref
		}
		if list, ok := o["allOf"].([]any); ok && len(list) == 1 && bare(o, "allOf") {
			v = list[0]
			continue
		}
		text, _ := o["$ref"].(string)
		at, rest, ok := cutRef(text)
		var next any
		if !ok || rest != "" || json.Unmarshal(components[at], &next) != nil {
			return v, ref
		}
		v, ref = next, text
	}
	return v, ref
}

// bare reports whether nothing but keyword counts in the schema.
func bare(schema map[string]any, keyword string) bool {
	for name := range schema {
		if name != keyword && !annotation(name) {
			return false
		}
	}
	return true
}

// annotation reports whether a keyword says nothing about values.
func annotation(keyword string) bool {
	switch keyword {
	case "title", "description", "examples", "default", "$comment", "deprecated", "readOnly", "writeOnly":
		return true
	}
	return strings.HasPrefix(keyword, "x-")
}

// refers reports whether there is a reference in v.
func refers(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, refers)
	case map[string]any:
		for name, member := range v {
			if name == "$ref" || refers(member) {
				return true
			}
		}
	}
	return false
}

// widen returns the value of "type" as a list.
func widen(v any) []any {
	if list, ok := v.([]any); ok {
		return slices.Clone(list)
	}
	return []any{v}
}

// integerToo returns integer where numbers are allowed.
func integerToo(limit any) []any {
	if slices.Contains(widen(limit), any("number")) {
		return []any{"integer"}
	}
	return nil
}

// subset reports whether all items of a are in b.
func subset(a, b any) bool {
	as, _ := a.([]any)
	bs, _ := b.([]any)
	return !slices.ContainsFunc(as, func(x any) bool {
		return !slices.ContainsFunc(bs, func(y any) bool { return reflect.DeepEqual(x, y) })
	})
}
