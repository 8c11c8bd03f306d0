package openrpc

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Part is one of the documents that Merge puts together.
type Part struct {
	// Name, a domain's as a rule, goes before the names of the part's methods,
	// with a dot, and is a tag of each.
	Name     string
	Document *Document
	// Servers answer the part's methods. A method that names servers itself
	// keeps those.
	Servers []Server
}

// Merge returns one document with the methods of all parts, in their order. The
// parts stay as they are.
//
// Components that are the same in all parts that have them, together with all
// that they refer to, are there once; those that only share a name become
// {part}_{name}, and references follow. References to places outside the
// components stay as they are. Extensions of a part's document as a whole, and
// what it says of itself (info, servers, externalDocs), are left out.
func Merge(info Info, parts []Part) (*Document, error) {
	if err := checkParts(parts); err != nil {
		return nil, fault.Errorf(fault.Invalid, "merge %q: %w", info.Title, err)
	}
	out := &Document{OpenRPC: Version, Info: info, Methods: []Method{}}
	all := make([]map[place]json.Value, len(parts))
	for i, p := range parts {
		all[i] = p.Document.Components.places()
	}
	clash, err := clashes(all)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "merge %q: %w", info.Title, err)
	}
	merged := &Components{}
	taken := map[place]bool{}
	for _, places := range all {
		for at := range places {
			taken[at] = true
		}
	}
	for i, p := range parts {
		d, err := p.apart(all[i], clash, taken)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "merge %q: %s: %w", info.Title, p.Name, err)
		}
		out.Methods = append(out.Methods, d.Methods...)
		for at, v := range d.Components.places() {
			merged.put(at, v)
		}
	}
	if len(merged.places()) > 0 {
		out.Components = merged
	}
	return out, nil
}

// checkParts reports parts without a document or a name of their own.
func checkParts(parts []Part) error {
	seen := map[string]bool{}
	for _, p := range parts {
		if p.Name == "" || p.Document == nil {
			return errors.New("a part needs a name and a document")
		}
		if seen[p.Name] {
			return fmt.Errorf("two parts are called %q", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

// place is where a component stands: #/components/{kind}/{name}.
type place struct{ kind, name string }

// kinds returns the components by kind.
func (c *Components) kinds() map[string]*map[string]json.Value {
	return map[string]*map[string]json.Value{
		"schemas": &c.Schemas, "contentDescriptors": &c.ContentDescriptors, "errors": &c.Errors, "examples": &c.Examples,
		"examplePairings": &c.ExamplePairings, "links": &c.Links, "tags": &c.Tags,
	}
}

// places returns all components. c may be nil.
func (c *Components) places() map[place]json.Value {
	out := map[place]json.Value{}
	if c == nil {
		return out
	}
	for kind, byName := range c.kinds() {
		for name, v := range *byName {
			out[place{kind, name}] = v
		}
	}
	return out
}

// put sets one component.
func (c *Components) put(at place, v json.Value) {
	byName := c.kinds()[at.kind]
	if *byName == nil {
		*byName = map[string]json.Value{}
	}
	(*byName)[at.name] = v
}

// clashes returns the places at which the documents have different things: a
// different text, or one that refers to what is different.
func clashes(all []map[place]json.Value) (map[place]bool, error) {
	first := map[place]string{}
	refs := map[place][]place{}
	clash := map[place]bool{}
	shared := map[place]bool{}
	for _, places := range all {
		for at, v := range places {
			text := slices.Clone(v)
			if err := text.Canonicalize(); err != nil {
				return nil, fmt.Errorf("%s %s: %w", at.kind, at.name, err)
			}
			if before, ok := first[at]; ok {
				shared[at] = true
				clash[at] = clash[at] || before != string(text)
				continue
			}
			first[at] = string(text)
			_, err := rewrite(v, func(ref string) string {
				if to, _, ok := cutRef(ref); ok {
					refs[at] = append(refs[at], to)
				}
				return ref
			})
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", at.kind, at.name, err)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for at := range shared {
			differs := func(to place) bool { return clash[to] || !everywhere(all, at, to) }
			if !clash[at] && slices.ContainsFunc(refs[at], differs) {
				clash[at], changed = true, true
			}
		}
	}
	return clash, nil
}

// everywhere reports whether all documents that have at have to as well, or
// none does.
func everywhere(all []map[place]json.Value, at, to place) bool {
	with, without := 0, 0
	for _, places := range all {
		if _, ok := places[at]; !ok {
			continue
		}
		if _, ok := places[to]; ok {
			with++
		} else {
			without++
		}
	}
	return with == 0 || without == 0
}

// apart returns the part's document with names that are its own: of methods,
// and of the components that clash. Names that it gives are added to taken.
func (p Part) apart(places map[place]json.Value, clash, taken map[place]bool) (*Document, error) {
	names := map[place]string{}
	for _, at := range slices.SortedFunc(maps.Keys(places), func(a, b place) int {
		return strings.Compare(a.kind+"/"+a.name, b.kind+"/"+b.name)
	}) {
		names[at] = at.name
		if clash[at] {
			base := p.Name + "_" + at.name
			names[at] = base
			for n := 2; taken[place{at.kind, names[at]}]; n++ {
				names[at] = base + strconv.Itoa(n)
			}
			taken[place{at.kind, names[at]}] = true
		}
	}
	data, err := p.Document.JSON()
	if err != nil {
		return nil, err
	}
	data, err = rewrite(data, func(ref string) string {
		at, rest, ok := cutRef(ref)
		if !ok || names[at] == at.name || names[at] == "" {
			return ref
		}
		return "#/components/" + at.kind + "/" + escapeRef(names[at]) + rest
	})
	if err != nil {
		return nil, err
	}
	d := &Document{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, err
	}
	renamed := &Components{}
	for at, v := range d.Components.places() {
		if at.kind == "links" {
			if v, err = p.link(v); err != nil {
				return nil, err
			}
		}
		renamed.put(place{at.kind, names[at]}, v)
	}
	d.Components = renamed
	for i := range d.Methods {
		if err := p.method(&d.Methods[i]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// method puts the part's name and servers on m, which is not a reference.
func (p Part) method(m *Method) error {
	if m.Ref != "" {
		return nil
	}
	m.Name = p.Name + "." + m.Name
	if m.Params == nil { // which the specification requires, and not all write
		m.Params = []ContentDescriptor{}
	}
	if !slices.ContainsFunc(m.Tags, func(t Tag) bool { return t.Name == p.Name }) {
		m.Tags = append([]Tag{{Name: p.Name}}, m.Tags...)
	}
	if m.Servers == nil {
		m.Servers = p.Servers
	}
	for i, v := range m.Links {
		var err error
		if m.Links[i], err = p.link(v); err != nil {
			return err
		}
	}
	return nil
}

// link returns the link v, whose method is one of the part's, with that method's
// new name.
func (p Part) link(v json.Value) (json.Value, error) {
	var link map[string]json.Value
	if v.Kind() != '{' {
		return v, nil
	}
	if err := json.Unmarshal(v, &link); err != nil {
		return nil, err
	}
	var name string
	if link["method"].Kind() != '"' {
		return v, nil
	}
	if err := json.Unmarshal(link["method"], &name); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.Document.Methods, func(m Method) bool { return m.Name == name }) {
		return v, nil
	}
	quoted, err := json.AppendQuote(nil, p.Name+"."+name)
	if err != nil {
		return nil, err
	}
	link["method"] = quoted
	return json.Marshal(link, json.Deterministic())
}

// cutRef reads a reference to a component, or to a place within one, which is
// what rest is then.
func cutRef(ref string) (at place, rest string, ok bool) {
	path, ok := strings.CutPrefix(ref, "#/components/")
	if !ok {
		return at, "", false
	}
	kind, path, ok := strings.Cut(path, "/")
	if !ok {
		return at, "", false
	}
	name := path
	if i := strings.IndexByte(path, '/'); i >= 0 {
		name, rest = path[:i], path[i:]
	}
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return place{kind, strings.NewReplacer("~1", "/", "~0", "~").Replace(name)}, rest, true
}

// escapeRef writes a name as a part of a reference.
func escapeRef(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// rewrite returns v with the text of each $ref replaced. All else, the order of
// members and the digits of numbers among it, stays as it is.
func rewrite(v json.Value, ref func(string) string) (json.Value, error) {
	dec := json.NewDecoder(bytes.NewReader(v))
	var out []byte
	var walk func() error
	walk = func() error {
		kind := dec.PeekKind()
		if kind != '{' && kind != '[' {
			value, err := dec.ReadValue()
			out = append(out, value...)
			return err
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		out = append(out, byte(kind))
		for n := 0; dec.PeekKind() != '}' && dec.PeekKind() != ']'; n++ {
			if n > 0 {
				out = append(out, ',')
			}
			if kind == '{' {
				isRef, err := member(dec, &out)
				if err != nil {
					return err
				}
				if isRef && dec.PeekKind() == '"' {
					text, err := dec.ReadToken()
					if err != nil {
						return err
					}
					if out, err = json.AppendQuote(out, ref(text.String())); err != nil {
						return err
					}
					continue
				}
			}
			if err := walk(); err != nil {
				return err
			}
		}
		end, err := dec.ReadToken()
		if err != nil {
			return err
		}
		out = append(out, end.String()...)
		return nil
	}
	if err := walk(); err != nil {
		return nil, err
	}
	return out, nil
}

// member copies a member's name and colon, and reports whether it is $ref.
func member(dec *json.Decoder, out *[]byte) (bool, error) {
	name, err := dec.ReadToken()
	if err != nil {
		return false, err
	}
	text := name.String()
	if *out, err = json.AppendQuote(*out, text); err != nil {
		return false, err
	}
	*out = append(*out, ':')
	return text == "$ref", nil
}
