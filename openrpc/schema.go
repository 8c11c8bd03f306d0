package openrpc

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Enumerator is a type that has a few values only. Enum is called on a zero
// value and returns them as they stand in JSON strings.
type Enumerator interface{ Enum() []string }

// Schemer is a type that knows its JSON Schema (draft 7) better than reflection
// does. JSONSchema is called on a zero value.
type Schemer interface{ JSONSchema() []byte }

// SchemaOf returns the JSON Schema of the values of t as they are written in
// JSON, and the schemas that it refers to as #/components/schemas/{name}.
//
//   - A type that is a Schemer or an Enumerator says itself what it is.
//   - time.Time is a date-time; a type with MarshalText is a string, one with
//     MarshalJSON may be anything.
//   - Bytes, in a slice or an array, are a string in base64. Other slices and
//     arrays are arrays, an array with its length.
//   - Integers have the limits of their size, but for the 64-bit ones, which
//     have none but, unsigned, zero.
//   - A pointer is its element or null; in a field that is omitted when empty,
//     its element.
//   - Structs, slices, arrays and maps that have a name are components, so that
//     they can contain themselves. Two types of one name are kept apart by
//     their packages' names. A generic type is named after its arguments too:
//     Page[Dish] is PageDish.
//   - The fields of a struct are its members by the rules of its json tags, and
//     are required unless they are pointers, omitzero or omitempty. The tag doc
//     is the description, the tag example an example: text for strings, JSON
//     for all else. The tag doc of a field named _ describes the struct.
//   - Interfaces may be anything. Functions, channels and complex numbers are an
//     error; so is time.Duration, which JSON has no form for.
func SchemaOf(t reflect.Type) (schema json.Value, components map[string]json.Value, err error) {
	g := newGenerator()
	s, err := g.of(t)
	if err != nil {
		return nil, nil, fault.Errorf(fault.Internal, "schema of %s: %w", t, err)
	}
	if schema, err = json.Marshal(s); err != nil {
		return nil, nil, fault.Errorf(fault.Internal, "schema of %s: %w", t, err)
	}
	if components, err = g.components(); err != nil {
		return nil, nil, err
	}
	return schema, components, nil
}

// schema is a JSON Schema as the generator makes it.
type schema struct {
	raw json.Value // a Schemer's own; nothing else is set

	Ref                  string       `json:"$ref,omitzero"`
	Description          string       `json:"description,omitzero"`
	Type                 types        `json:"type,omitzero"`
	Format               string       `json:"format,omitzero"`
	ContentEncoding      string       `json:"contentEncoding,omitzero"`
	Enum                 []string     `json:"enum,omitzero"`
	Minimum              json.Value   `json:"minimum,omitzero"`
	Maximum              json.Value   `json:"maximum,omitzero"`
	Items                *schema      `json:"items,omitzero"`
	MinItems             int          `json:"minItems,omitzero"`
	MaxItems             *int         `json:"maxItems,omitzero"`
	Properties           properties   `json:"properties,omitzero"`
	Required             []string     `json:"required,omitzero"`
	AdditionalProperties *schema      `json:"additionalProperties,omitzero"`
	AllOf                []*schema    `json:"allOf,omitzero"`
	AnyOf                []*schema    `json:"anyOf,omitzero"`
	Examples             []json.Value `json:"examples,omitzero"`
}

// MarshalJSON writes the schema.
func (s *schema) MarshalJSON() ([]byte, error) {
	if s.raw != nil {
		return s.raw, nil
	}
	type plain schema // without this method
	return json.Marshal((*plain)(s))
}

// types are the JSON types that a schema allows: one is written as a string.
type types []string

// MarshalJSON writes the types.
func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// properties are the members of an object in the order of the struct's fields.
type properties []property

// property is one member of an object.
type property struct {
	name   string
	schema *schema
}

// MarshalJSON writes the properties, in their order.
func (p properties) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, member := range p {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = json.AppendQuote(out, member.name); err != nil {
			return nil, err
		}
		value, err := json.Marshal(member.schema)
		if err != nil {
			return nil, err
		}
		out = append(append(out, ':'), value...)
	}
	return append(out, '}'), nil
}

// generator makes schemas that share components.
type generator struct {
	schemas map[string]*schema      // the components
	names   map[reflect.Type]string // what the components are called
}

func newGenerator() *generator {
	return &generator{schemas: map[string]*schema{}, names: map[reflect.Type]string{}}
}

// components returns the components made so far.
func (g *generator) components() (map[string]json.Value, error) {
	out := map[string]json.Value{}
	for _, name := range slices.Sorted(maps.Keys(g.schemas)) {
		data, err := json.Marshal(g.schemas[name])
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		out[name] = data
	}
	return out, nil
}

// of returns the schema of t, a reference where t is a component.
func (g *generator) of(t reflect.Type) (*schema, error) {
	if t.Kind() == reflect.Pointer {
		return g.nullable(t.Elem())
	}
	if s, err := special(t); s != nil || err != nil {
		return s, err
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		if t.Name() == "" || isBytes(t) {
			return g.composite(t)
		}
		return g.component(t)
	}
	return scalar(t)
}

// component returns a reference to the schema of the named type t.
func (g *generator) component(t reflect.Type) (*schema, error) {
	name, ok := g.names[t]
	if !ok {
		name = g.name(t)
		g.names[t] = name
		g.schemas[name] = &schema{} // taken, so that t can contain itself
		s, err := g.composite(t)
		if err != nil {
			return nil, err
		}
		g.schemas[name] = s
	}
	return &schema{Ref: "#/components/schemas/" + name}, nil
}

// nullable returns the schema of t or null.
func (g *generator) nullable(t reflect.Type) (*schema, error) {
	s, err := g.of(t)
	switch {
	case err != nil:
		return nil, err
	case len(s.Type) > 0 && s.Enum == nil:
		if !slices.Contains(s.Type, "null") {
			s.Type = append(slices.Clone(s.Type), "null")
		}
		return s, nil
	case s.raw == nil && s.Ref == "" && s.Enum == nil && s.AnyOf == nil:
		return s, nil // anything, null too
	}
	return &schema{AnyOf: []*schema{s, {Type: types{"null"}}}}, nil
}

// special returns the schema of a type whose methods decide on its form, nil
// for all others.
func special(t reflect.Type) (*schema, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &schema{Type: types{"string"}, Format: "date-time"}, nil
	case reflect.TypeFor[time.Duration]():
		return nil, fmt.Errorf("%s has no form in JSON: use a number or a string", t)
	}
	if t.Kind() == reflect.Interface {
		return &schema{}, nil
	}
	zero := reflect.New(t)
	switch v := zero.Interface().(type) {
	case Schemer:
		raw := json.Value(v.JSONSchema())
		if kind := raw.Kind(); !raw.IsValid() || kind != '{' && kind != 't' && kind != 'f' {
			return nil, fmt.Errorf("the schema that %s has is none", t)
		}
		return &schema{raw: raw}, nil
	case Enumerator:
		return &schema{Type: types{"string"}, Enum: v.Enum()}, nil
	case interface{ MarshalJSON() ([]byte, error) }:
		return &schema{}, nil
	}
	if _, ok := zero.Type().MethodByName("MarshalJSONTo"); ok {
		return &schema{}, nil
	}
	switch zero.Interface().(type) {
	case encoding.TextMarshaler, encoding.TextAppender:
		return &schema{Type: types{"string"}}, nil
	}
	return nil, nil
}

// isBytes reports whether t is written in base64.
func isBytes(t reflect.Type) bool {
	kind := t.Kind()
	return (kind == reflect.Slice || kind == reflect.Array) && t.Elem() == reflect.TypeFor[byte]()
}

// composite returns the schema of a type that is made of others.
func (g *generator) composite(t reflect.Type) (*schema, error) {
	switch {
	case isBytes(t):
		return &schema{Type: types{"string"}, ContentEncoding: "base64"}, nil
	case t.Kind() == reflect.Struct:
		return g.object(t)
	case t.Kind() == reflect.Map:
		if err := key(t.Key()); err != nil {
			return nil, err
		}
		s, err := g.of(t.Elem())
		if err != nil {
			return nil, err
		}
		return &schema{Type: types{"object"}, AdditionalProperties: s}, nil
	}
	s, err := g.of(t.Elem())
	if err != nil {
		return nil, err
	}
	out := &schema{Type: types{"array"}, Items: s}
	if t.Kind() == reflect.Array {
		n := t.Len()
		out.MinItems, out.MaxItems = n, &n
	}
	return out, nil
}

// key reports why t cannot be the key of a map.
func key(t reflect.Type) error {
	s, err := special(t)
	if err == nil && s == nil {
		s, err = scalar(t)
	}
	if err != nil {
		return fmt.Errorf("key of a map: %w", err)
	}
	for _, allowed := range []string{"string", "integer", "number"} {
		if slices.Contains(s.Type, allowed) {
			return nil
		}
	}
	return fmt.Errorf("key of a map: %s is no string", t)
}

// object returns the schema of the struct t.
func (g *generator) object(t reflect.Type) (*schema, error) {
	fields, err := fieldsOf(t)
	if err != nil {
		return nil, err
	}
	out := &schema{Type: types{"object"}}
	if blank, ok := t.FieldByName("_"); ok {
		out.Description = blank.Tag.Get("doc")
	}
	for _, f := range fields {
		s, err := g.field(f, f.tag.Get("doc"))
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.name, t, err)
		}
		out.Properties = append(out.Properties, property{f.name, s})
		if !f.optional {
			out.Required = append(out.Required, f.name)
		}
	}
	return out, nil
}

// scalar returns the schema of a type of a basic kind.
func scalar(t reflect.Type) (*schema, error) {
	integer := &schema{Type: types{"integer"}}
	switch t.Kind() {
	case reflect.String:
		return &schema{Type: types{"string"}}, nil
	case reflect.Bool:
		return &schema{Type: types{"boolean"}}, nil
	case reflect.Float32, reflect.Float64:
		return &schema{Type: types{"number"}}, nil
	case reflect.Int, reflect.Int64:
		return integer, nil
	case reflect.Int8, reflect.Int16, reflect.Int32:
		limit := int64(1) << (t.Bits() - 1)
		integer.Minimum = strconv.AppendInt(nil, -limit, 10)
		integer.Maximum = strconv.AppendInt(nil, limit-1, 10)
		return integer, nil
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		integer.Minimum = json.Value("0")
		return integer, nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		integer.Minimum = json.Value("0")
		integer.Maximum = strconv.AppendUint(nil, 1<<t.Bits()-1, 10)
		return integer, nil
	}
	return nil, fmt.Errorf("%s has no form in JSON", t)
}

// name returns what the component of t is called: a name that no other has.
func (g *generator) name(t reflect.Type) string {
	base := clean(t.Name())
	pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
	for i, name := 1, base; ; i++ {
		if _, taken := g.schemas[name]; !taken {
			return name
		}
		name = clean(pkg) + base
		if i > 1 {
			name += strconv.Itoa(i)
		}
	}
}

// clean makes a name of letters and digits, each word with a capital, of a Go
// type's: main.Page[forge.example/food.Dish] is PageDish.
func clean(name string) string {
	name = strings.ReplaceAll(name, "[]", "ListOf[")
	name = regexp.MustCompile(`[^\[\],*]*[./]|·[0-9]+`).ReplaceAllString(name, "")
	upper := true
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			upper = true
			return -1
		}
		if upper {
			r, upper = unicode.ToUpper(r), false
		}
		return r
	}, name)
}
