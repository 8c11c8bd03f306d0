package inspect

import (
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// deepest is how far samples and descriptions follow a schema down: documents
// of strangers refer to themselves.
const deepest = 4

// Shape is what a reader needs to know of a schema, with references resolved
// as far as its own document goes.
type Shape struct {
	Ref        string   // the component's name, where it is one
	Type       string   // "string", "array", …; "" where anything goes
	Format     string   // of a string or number
	Title      string   // as people read it
	Doc        string   // the description
	Enum       []string // the allowed values, as JSON
	Default    json.Value
	Examples   []json.Value
	Items      json.Value            // of an array
	Values     json.Value            // of an object used as a map
	Properties []Property            // of an object, in the document's order
	Nullable   bool                  // the type may be null besides
	Either     []json.Value          // anyOf and oneOf
	All        []json.Value          // allOf
	raw        map[string]json.Value // the members
}

// Property is a member of an object.
type Property struct {
	Name     string
	Required bool
	Schema   json.Value
}

// ShapeOf reads a schema of the document d. A schema that is no object, or that
// refers to what is not there, has the zero Shape but for Ref.
func ShapeOf(d *openrpc.Document, schema json.Value) Shape {
	s := Shape{}
	for range 16 { // a chain of references
		var ref struct {
			Ref string `json:"$ref"`
		}
		if schema.Kind() != '{' || json.Unmarshal(schema, &ref) != nil || ref.Ref == "" {
			break
		}
		name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/")
		if !ok || d == nil || d.Components == nil {
			return Shape{Ref: ref.Ref}
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		if s.Ref == "" {
			s.Ref = name
		}
		next, ok := d.Components.Schemas[name]
		if !ok {
			return Shape{Ref: name}
		}
		schema = next
	}
	if schema.Kind() != '{' || json.Unmarshal(schema, &s.raw) != nil {
		return Shape{Ref: s.Ref}
	}
	s.read()
	return s
}

// read fills the fields from the members.
func (s *Shape) read() {
	var words []string
	if s.raw["type"].Kind() == '[' {
		_ = json.Unmarshal(s.raw["type"], &words) // a stranger's schema may hold anything
	} else {
		words = []string{textOf(s.raw["type"])}
	}
	for _, w := range words {
		s.Nullable = s.Nullable || w == "null" && len(words) > 1
		if s.Type == "" || s.Type == "null" {
			s.Type = w
		}
	}
	s.Format, s.Title, s.Doc = textOf(s.raw["format"]), textOf(s.raw["title"]), textOf(s.raw["description"])
	for _, v := range listOf(s.raw["enum"]) {
		s.Enum = append(s.Enum, string(v))
	}
	if c := s.raw["const"]; c != nil {
		s.Enum = []string{string(c)}
	}
	s.Default, s.Examples = s.raw["default"], listOf(s.raw["examples"])
	s.Items, s.Values = objectOf(s.raw["items"]), objectOf(s.raw["additionalProperties"])
	s.Either, s.All = append(listOf(s.raw["anyOf"]), listOf(s.raw["oneOf"])...), listOf(s.raw["allOf"])
	required := map[string]bool{}
	for _, v := range listOf(s.raw["required"]) {
		required[textOf(v)] = true
	}
	for _, m := range membersOf(s.raw["properties"]) {
		s.Properties = append(s.Properties, Property{m.name, required[m.name], m.value})
	}
	if s.Type == "" && len(s.Properties) > 0 {
		s.Type = "object"
	}
}

// member is a member of an object, for those whose order counts.
type member struct {
	name  string
	value json.Value
}

// membersOf returns the members of a JSON object in their order.
func membersOf(v json.Value) []member {
	if v.Kind() != '{' {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(v)))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	var out []member
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return out
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return out
		}
		out = append(out, member{text, append(json.Value(nil), value...)})
	}
	return out
}

func textOf(v json.Value) (s string) {
	if v.Kind() == '"' {
		_ = json.Unmarshal(v, &s) // "" where it is none
	}
	return s
}

func listOf(v json.Value) (out []json.Value) {
	if v.Kind() == '[' {
		_ = json.Unmarshal(v, &out) // none where it is none
	}
	return out
}

func objectOf(v json.Value) json.Value {
	if v.Kind() == '{' {
		return v
	}
	return nil
}

// TypeWords says in a few words what a schema of d takes: "string (date-time)",
// "list of Order", "red | green".
func TypeWords(d *openrpc.Document, schema json.Value) string { return typeWords(d, schema, 0) }

func typeWords(d *openrpc.Document, schema json.Value, depth int) string {
	s := ShapeOf(d, schema)
	switch {
	case s.Ref != "" && depth > 0 || s.Ref != "" && s.Type == "object":
		return s.Ref
	case len(s.Enum) > 0 && len(s.Enum) <= 8:
		return strings.Join(s.Enum, " | ")
	case depth > deepest:
		return "…"
	case s.Type == "array" && s.Items != nil:
		return "list of " + typeWords(d, s.Items, depth+1)
	case s.Type == "object" && s.Values != nil && len(s.Properties) == 0:
		return "map of " + typeWords(d, s.Values, depth+1)
	case s.Type == "" && len(s.Either) > 0:
		var words []string
		for _, v := range s.Either {
			words = append(words, typeWords(d, v, depth+1))
		}
		if len(words) > 6 {
			words = append(words[:6], "…")
		}
		return strings.Join(words, " or ")
	case s.Type == "" && s.Ref != "":
		return s.Ref
	case s.Type == "":
		return "any"
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}

// Sample returns params for a first try of a method: those of its first
// example, else a value for each required one.
func Sample(d *openrpc.Document, m *openrpc.Method) json.Value {
	if len(m.Examples) > 0 && m.Examples[0].Ref == "" && len(m.Examples[0].Params) > 0 {
		return ExampleParams(m, m.Examples[0])
	}
	var out []member
	sampled := sampler{doc: d, left: 500}
	for _, p := range m.Params {
		p = Descriptor(d, p)
		if p.Required {
			out = append(out, member{p.Name, sampled.of(p.Schema, 0)})
		}
	}
	return writeParams(m, out)
}

// ExampleParams returns the params of an example, by name unless the method
// takes them only by position.
func ExampleParams(m *openrpc.Method, e openrpc.ExamplePairing) json.Value {
	var out []member
	for i, p := range e.Params {
		name := p.Name
		if i < len(m.Params) && (name == "" || !named(m, name)) && m.Params[i].Name != "" {
			name = m.Params[i].Name
		}
		value := p.Value
		if value == nil {
			value = json.Value("null")
		}
		out = append(out, member{name, value})
	}
	return writeParams(m, out)
}

func named(m *openrpc.Method, name string) bool {
	for _, p := range m.Params {
		if p.Name == name {
			return true
		}
	}
	return false
}

// writeParams writes members as an object, or as an array where the method
// wants that.
func writeParams(m *openrpc.Method, list []member) json.Value {
	if m.ParamStructure == "by-position" {
		out := json.Value("[")
		for i, p := range list {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, p.value...)
		}
		return pretty(append(out, ']'))
	}
	return pretty(writeObject(list))
}

func writeObject(list []member) json.Value {
	out := json.Value("{")
	for i, p := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quoteJSON(p.name)...), ':')
		out = append(out, p.value...)
	}
	return append(out, '}')
}

func pretty(v json.Value) json.Value {
	if v.Indent(json.Indent()) != nil {
		return json.Value("{}")
	}
	return v
}

// Descriptor returns the parameter or result that p refers to, or p itself.
func Descriptor(d *openrpc.Document, p openrpc.ContentDescriptor) openrpc.ContentDescriptor {
	name, ok := strings.CutPrefix(p.Ref, "#/components/contentDescriptors/")
	if !ok || d == nil || d.Components == nil {
		return p
	}
	var out openrpc.ContentDescriptor
	if json.Unmarshal(d.Components.ContentDescriptors[name], &out) != nil {
		return p
	}
	return out
}

// sampler makes values that schemas take, as far as that is easily said.
type sampler struct {
	doc  *openrpc.Document
	left int // schemas to look at: a stranger's may branch without end
}

// of returns a value for a schema.
func (p *sampler) of(schema json.Value, depth int) json.Value {
	if p.left--; p.left < 0 || depth > deepest {
		return json.Value("null")
	}
	s := ShapeOf(p.doc, schema)
	switch {
	case len(s.Default) > 0:
		return s.Default
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return json.Value(s.Enum[0])
	case s.Type == "" && len(s.Either) > 0:
		return p.of(s.Either[0], depth+1)
	case s.Type == "" && len(s.All) > 0:
		return p.of(s.All[0], depth+1)
	}
	switch s.Type {
	case "object":
		var out []member
		for _, m := range s.Properties {
			if m.Required {
				out = append(out, member{m.Name, p.of(m.Schema, depth+1)})
			}
		}
		return writeObject(out)
	case "array":
		if s.Items == nil || depth > 0 {
			return json.Value("[]")
		}
		return append(append(json.Value("["), p.of(s.Items, depth+1)...), ']')
	case "integer", "number":
		if low := s.raw["minimum"]; low != nil {
			return low
		}
		return json.Value("0")
	case "boolean":
		return json.Value("false")
	case "string":
		return json.Value(quoteJSON(sampleText(s.Format)))
	}
	return json.Value("null")
}

func sampleText(format string) string {
	switch format {
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "03:04:05Z"
	case "uri":
		return "https://example.org/"
	case "email":
		return "someone@example.org"
	case "uuid":
		return "00000000-0000-4000-8000-000000000000"
	case "duration":
		return "PT1H"
	}
	return ""
}
