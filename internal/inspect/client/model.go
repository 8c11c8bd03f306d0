package client

import (
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// kind is what sort of type a typ is.
type kind int

const (
	anyKind kind = iota
	stringKind
	integerKind
	numberKind
	booleanKind
	nullKind
	listKind // of elem
	mapKind  // of elem, by name
	refKind  // to the named type name
)

// typ is a type of the model.
type typ struct {
	kind     kind
	elem     *typ
	name     string
	nullable bool
}

// field is a parameter, or a member of a named type.
type field struct {
	name, doc string
	required  bool
	typ       typ
}

// named is a type with a name: an object, an enumeration of strings, or
// another type under a name of its own.
type named struct {
	name, doc string
	fields    []field
	enum      []string
	alias     *typ
}

// method is a method as a client offers it.
type method struct {
	wire, doc  string
	byPosition bool
	params     []field
	result     typ
}

// domain is the methods of one domain; its name is "" for a service without.
type domain struct {
	name    string
	typ     string // the name of its type
	methods []method
}

// model is a service as clients are written of it.
type model struct {
	service, title, version string
	types                   []named
	domains                 []domain

	doc   *openrpc.Document
	names map[string]string // component → name of its type
	taken map[string]bool   // names of types, in lower case: not every file system and reader tells case
}

// newModel merges the parts of a service and names their types; words are
// names that the language has for something else.
func newModel(s Source, words string) (*model, error) {
	if len(s.Parts) == 0 {
		return nil, fault.Errorf(fault.Invalid, "client of %s: there is no document to write it from", s.Service)
	}
	m := &model{service: s.Service, names: map[string]string{}, taken: map[string]bool{}}
	for _, w := range strings.Fields("any array client error exception literal notrequired options promise record rpcerror typealias typeddict " + words) {
		m.taken[w] = true // names that a client has for something else
	}
	if len(s.Parts) == 1 && s.Parts[0].Name == "" {
		m.doc = s.Parts[0].Document
	} else {
		var err error
		if m.doc, err = openrpc.Merge(openrpc.Info{Title: s.Service, Version: "0"}, s.Parts); err != nil {
			return nil, err
		}
	}
	m.title, m.version = m.doc.Info.Title, s.Parts[0].Document.Info.Version
	types := make([]string, len(s.Parts))
	for i, p := range s.Parts {
		if p.Name != "" {
			types[i] = m.unique(p.Name)
		}
	}
	if m.doc.Components != nil {
		for _, name := range inspect.Sorted(m.doc.Components.Schemas) {
			m.names[name] = m.unique(name)
		}
		for _, name := range inspect.Sorted(m.doc.Components.Schemas) {
			m.define(m.names[name], m.doc.Components.Schemas[name])
		}
	}
	m.breakAliases()
	rest := m.doc.Methods
	for i, p := range s.Parts {
		n := len(p.Document.Methods)
		d := m.domain(p.Name, rest[:n])
		d.typ = types[i]
		m.domains = append(m.domains, d)
		rest = rest[n:]
	}
	return m, nil
}

func (m *model) domain(name string, methods []openrpc.Method) domain {
	out := domain{name: name}
	for i := range methods {
		x := &methods[i]
		wire := x.Name
		if name != "" {
			wire = strings.TrimPrefix(wire, name+".")
		}
		if x.Ref != "" || wire == "" {
			continue
		}
		doc := x.Summary
		if x.Description != "" && x.Description != x.Summary {
			doc = strings.TrimSpace(doc + "\n" + x.Description)
		}
		y := method{wire: wire, doc: doc, byPosition: x.ParamStructure == "by-position", result: typ{kind: anyKind}}
		for _, c := range x.Params {
			c = inspect.Descriptor(m.doc, c)
			if c.Name != "" {
				y.params = append(y.params, field{c.Name, c.Description, c.Required, m.of(c.Schema, name+" "+wire+" "+c.Name)})
			}
		}
		if x.Result != nil {
			y.result = m.of(inspect.Descriptor(m.doc, *x.Result).Schema, name+" "+wire+" result")
		}
		out.methods = append(out.methods, y)
	}
	return out
}

// define adds the type of a schema under a name.
func (m *model) define(name string, schema json.Value) {
	s := inspect.ShapeOf(m.doc, schema)
	n := named{name: name, doc: s.Doc}
	switch {
	case s.Ref == "" && s.Type == "object" && len(s.Properties) > 0:
		at := len(m.types)
		m.types = append(m.types, n) // its place, before those of its members
		for _, p := range s.Properties {
			m.types[at].fields = append(m.types[at].fields, field{p.Name, inspect.ShapeOf(m.doc, p.Schema).Doc, p.Required, m.of(p.Schema, name+" "+p.Name)})
		}
		return
	case s.Ref == "" && s.Type == "string" && len(s.Enum) > 0 && allStrings(s.Enum):
		n.enum = s.Enum
	default:
		t := m.of(schema, name+" value")
		if t.kind == refKind && t.name == name {
			t = typ{kind: anyKind} // it refers to itself and nothing else
		}
		n.alias = &t
	}
	m.types = append(m.types, n)
}

// deepest is how far a schema is followed down: each level is read anew, and
// nobody writes out what lies so deep.
const deepest = 64

// of returns the type of a schema; path is what an object in it is named by.
func (m *model) of(schema json.Value, path string) typ {
	if strings.Count(path, " ") > deepest {
		return typ{kind: anyKind}
	}
	s := inspect.ShapeOf(m.doc, schema)
	nullable := s.Nullable
	if s.Ref != "" {
		if name, ok := m.names[s.Ref]; ok {
			return typ{kind: refKind, name: name, nullable: nullable}
		}
		return typ{kind: anyKind}
	}
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 && allStrings(s.Enum) {
			name := m.unique(path)
			m.types = append(m.types, named{name: name, doc: s.Doc, enum: s.Enum})
			return typ{kind: refKind, name: name, nullable: nullable}
		}
		return typ{kind: stringKind, nullable: nullable}
	case "integer":
		return typ{kind: integerKind, nullable: nullable}
	case "number":
		return typ{kind: numberKind, nullable: nullable}
	case "boolean":
		return typ{kind: booleanKind, nullable: nullable}
	case "null":
		return typ{kind: nullKind}
	case "array":
		elem := typ{kind: anyKind}
		if s.Items != nil {
			elem = m.of(s.Items, path+" item")
		}
		return typ{kind: listKind, elem: &elem, nullable: nullable}
	case "object":
		if len(s.Properties) > 0 {
			name := m.unique(path)
			m.define(name, schema)
			return typ{kind: refKind, name: name, nullable: nullable}
		}
		elem := typ{kind: anyKind}
		if s.Values != nil {
			elem = m.of(s.Values, path+" value")
		}
		return typ{kind: mapKind, elem: &elem, nullable: nullable}
	case "":
		return m.either(s, path)
	}
	return typ{kind: anyKind}
}

func allStrings(list []string) bool {
	return !slices.ContainsFunc(list, func(v string) bool { return !strings.HasPrefix(v, `"`) })
}

// either is the type of "this or null"; any other choice is any.
func (m *model) either(s inspect.Shape, path string) typ {
	var one json.Value
	null := false
	for _, v := range s.Either {
		if inspect.ShapeOf(m.doc, v).Type == "null" {
			null = true
		} else if one == nil {
			one = v
		} else {
			return typ{kind: anyKind}
		}
	}
	if one == nil {
		return typ{kind: anyKind}
	}
	t := m.of(one, path)
	t.nullable = t.nullable || null
	return t
}

// unique returns a type's name made of text that no other type has.
func (m *model) unique(text string) string {
	return unique(pascal(text), m.taken)
}

// unique returns name, or name with a number behind it, and takes it.
func unique(name string, taken map[string]bool) string {
	out := name
	for i := 2; taken[strings.ToLower(out)]; i++ {
		out = name + digits(i)
	}
	taken[strings.ToLower(out)] = true
	return out
}

func digits(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return digits(n/10) + digits(n%10)
}

// words splits text into the words that identifiers are made of.
func words(text string) []string {
	var out []string
	word := strings.Builder{}
	flush := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	lower := false
	for _, r := range text {
		switch {
		case r >= 'A' && r <= 'Z':
			if lower {
				flush()
			}
			word.WriteRune(r)
			lower = false
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			word.WriteRune(r)
			lower = true
		default:
			flush()
			lower = false
		}
	}
	flush()
	return out
}

// pascal returns text as an identifier such as OrderCreate; "X" where nothing
// of it can stand in one.
func pascal(text string) string {
	out := ""
	for _, w := range words(text) {
		out += strings.ToUpper(w[:1]) + w[1:]
	}
	if out == "" || out[0] >= '0' && out[0] <= '9' {
		return "X" + out
	}
	return out
}

// camel returns text as an identifier such as orderCreate.
func camel(text string) string {
	p := pascal(text)
	n := 1
	for n < len(p) && p[n] >= 'A' && p[n] <= 'Z' && (n+1 == len(p) || p[n+1] < 'a' || p[n+1] > 'z') {
		n++ // URLList → urlList
	}
	return strings.ToLower(p[:n]) + p[n:]
}

// snake returns text as an identifier such as order_create.
func snake(text string) string {
	out := strings.ToLower(strings.Join(words(text), "_"))
	if out == "" || out[0] >= '0' && out[0] <= '9' {
		return "x" + out
	}
	return out
}

// quote returns s as a JSON string, which the languages take for theirs.
func quote(s string) string {
	out, err := json.AppendQuote(nil, s)
	if err != nil {
		return `""`
	}
	return strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`, "\x7f", `\u007f`).Replace(string(out))
}

// breakAliases makes aliases that lead back to themselves any: no language has
// a type that is itself and nothing else.
func (m *model) breakAliases() {
	index := map[string]*named{}
	for i := range m.types {
		index[m.types[i].name] = &m.types[i]
	}
	for i := range m.types {
		t := &m.types[i]
		for at, steps := t, 0; at != nil && at.alias != nil && at.alias.kind == refKind; at, steps = index[at.alias.name], steps+1 {
			if steps > len(m.types) {
				t.alias = &typ{kind: anyKind}
				break
			}
		}
	}
}

// loops returns the objects that hold themselves by value, directly or by way
// of others.
func (m *model) loops() map[string]bool {
	holds := map[string][]string{}
	for _, t := range m.types {
		if t.alias != nil && t.alias.kind == refKind && !t.alias.nullable {
			holds[t.name] = append(holds[t.name], t.alias.name)
		}
		for _, f := range t.fields {
			if f.typ.kind == refKind && f.required && !f.typ.nullable {
				holds[t.name] = append(holds[t.name], f.typ.name)
			}
		}
	}
	return reaching(holds)
}

// reaching returns the names from which a way leads back to themselves.
func reaching(holds map[string][]string) map[string]bool {
	out := map[string]bool{}
	for name := range holds {
		seen := map[string]bool{}
		next := slices.Clone(holds[name])
		for len(next) > 0 {
			at := next[len(next)-1]
			next = next[:len(next)-1]
			if at == name {
				out[name] = true
			}
			if !seen[at] {
				seen[at] = true
				next = append(next, holds[at]...)
			}
		}
	}
	return out
}
