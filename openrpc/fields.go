package openrpc

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// field is a member of the JSON object that a struct is written as.
type field struct {
	name     string
	typ      reflect.Type
	tag      reflect.StructTag
	optional bool // may be missing: a pointer, or omitzero or omitempty
	omit     bool // omitzero or omitempty
	quoted   bool // a number, written as a string
	explicit bool // the tag gives the name
	depth    int  // of embedding
}

// fieldsOf returns the members of the struct t in the order in which they are
// written. Fields of embedded structs count as t's own; of several with one
// name the least deep wins, or else the only one that a tag names.
func fieldsOf(t reflect.Type) ([]field, error) {
	all, err := collect(t, 0, nil)
	if err != nil {
		return nil, err
	}
	var out []field
	for i, f := range all {
		wins := true
		for j, o := range all {
			if i == j || o.name != f.name {
				continue
			}
			if o.depth < f.depth || o.depth == f.depth && (o.explicit || !f.explicit) {
				wins = false
			}
		}
		if wins {
			out = append(out, f)
		}
	}
	return out, nil
}

// collect returns the fields of t and of the structs embedded in it. within are
// the structs that t is embedded in.
func collect(t reflect.Type, depth int, within []reflect.Type) ([]field, error) {
	if slices.Contains(within, t) {
		return nil, fmt.Errorf("%s embeds itself", t)
	}
	within = append(within, t)
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		f, embedded, ok := describe(sf)
		if !ok {
			continue
		}
		if embedded == nil {
			f.depth = depth
			out = append(out, f)
			continue
		}
		inner, err := collect(embedded, depth+1, within)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

// describe reads one field of a struct: as a member, or as a struct that is
// embedded. ok is false where it is neither.
func describe(sf reflect.StructField) (f field, embedded reflect.Type, ok bool) {
	tag, tagged := sf.Tag.Lookup("json")
	if tag == "-" {
		return f, nil, false
	}
	name, rest, _ := strings.Cut(tag, ",")
	options := strings.Split(rest, ",")
	typ := sf.Type
	if typ.Kind() == reflect.Pointer && typ.Name() == "" {
		typ = typ.Elem()
	}
	if name == "" && (sf.Anonymous || slices.Contains(options, "embed")) {
		if typ.Kind() == reflect.Struct {
			return f, typ, true
		}
		if slices.Contains(options, "embed") {
			return f, nil, false // a map or a json.Value that keeps unknown members
		}
	}
	if !sf.IsExported() {
		return f, nil, false
	}
	f = field{name: strings.Trim(name, "'"), typ: sf.Type, tag: sf.Tag, explicit: tagged && name != ""}
	if name == "" {
		f.name = sf.Name
	}
	f.omit = slices.Contains(options, "omitzero") || slices.Contains(options, "omitempty")
	f.optional = f.omit || sf.Type.Kind() == reflect.Pointer
	f.quoted = slices.Contains(options, "string")
	return f, nil, true
}

// field returns the schema of the value of f with the description doc and the
// example of its tag.
func (g *generator) field(f field, doc string) (*schema, error) {
	t := f.typ
	if f.omit && t.Kind() == reflect.Pointer {
		t = t.Elem() // absent, and so never null
	}
	s, err := g.of(t)
	if err != nil {
		return nil, err
	}
	if f.quoted {
		s = &schema{Type: types{"string"}}
	}
	text := f.tag.Get("example")
	if doc == "" && text == "" {
		return s, nil
	}
	if s.Ref != "" || s.raw != nil { // beside a reference, nothing counts
		s = &schema{AllOf: []*schema{s}}
	}
	s.Description = doc
	if text != "" {
		v := json.Value(text)
		if slices.Contains(s.Type, "string") {
			if v, err = json.AppendQuote(nil, text); err != nil {
				return nil, fmt.Errorf("example %q: %w", text, err)
			}
		}
		if !v.IsValid() {
			return nil, fmt.Errorf("example %q is not JSON", text)
		}
		s.Examples = []json.Value{v}
	}
	return s, nil
}
