package openrpc

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// MethodSpec is what Build makes a Method from.
type MethodSpec struct {
	Name        string
	Summary     string // one line
	Description string
	// Params is the struct whose fields are the parameters, in their order;
	// nil means that there are none. A field is required unless it is a
	// pointer or has the option omitzero or omitempty.
	Params reflect.Type
	// Result is the type of the result; nil means null.
	Result   reflect.Type
	Errors   []ErrorSpec
	Examples []ExampleSpec
	Tags     []string
	// ReadOnly, Destructive and Idempotent say what a call does, for whoever
	// calls without knowing the method: agents, retries. They are written as
	// x-read-only, x-destructive and x-idempotent.
	ReadOnly    bool
	Destructive bool
	Idempotent  bool
	Deprecated  bool
}

// ErrorSpec is an error that a method answers with.
type ErrorSpec struct {
	Code    int
	Message string
}

// ExampleSpec is a call as it could be. Params is a value of the method's
// Params, Result one of its Result.
type ExampleSpec struct {
	Name        string
	Description string
	Params      any
	Result      any
}

// Build makes the document of methods, in their order. Types that have a name
// become components, whatever number of methods use them. The error names every
// method that cannot be described and says why; it is of kind fault.Internal,
// since it is the program that is wrong.
func Build(info Info, methods []MethodSpec) (*Document, error) {
	d := &Document{OpenRPC: Version, Info: info, Methods: []Method{}}
	g := newGenerator()
	var errs []error
	if info.Title == "" || info.Version == "" {
		errs = append(errs, errors.New("info needs a title and a version"))
	}
	seen := map[string]bool{}
	for _, spec := range methods {
		m, err := g.method(spec)
		if err == nil && seen[spec.Name] {
			err = errors.New("stands twice")
		}
		seen[spec.Name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("method %q: %w", spec.Name, err))
			continue
		}
		d.Methods = append(d.Methods, m)
	}
	schemas, err := g.components()
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, fault.Errorf(fault.Internal, "openrpc document %q: %w", info.Title, errors.Join(errs...))
	}
	if len(schemas) > 0 {
		d.Components = &Components{Schemas: schemas}
	}
	return d, nil
}

// method describes one method.
func (g *generator) method(spec MethodSpec) (Method, error) {
	m := Method{
		Name: spec.Name, Summary: spec.Summary, Description: spec.Description,
		ParamStructure: "either", Params: []ContentDescriptor{}, Deprecated: spec.Deprecated,
		ReadOnly: spec.ReadOnly, Destructive: spec.Destructive, Idempotent: spec.Idempotent,
	}
	if spec.Name == "" {
		return m, errors.New("has no name")
	}
	var err error
	if m.Params, err = g.params(spec.Params); err != nil {
		return m, err
	}
	if m.Result, err = g.result(spec.Result); err != nil {
		return m, err
	}
	for _, name := range spec.Tags {
		m.Tags = append(m.Tags, Tag{Name: name})
	}
	for _, e := range spec.Errors {
		if slices.ContainsFunc(m.Errors, func(o Error) bool { return o.Code == e.Code }) {
			return m, fmt.Errorf("error %d stands twice", e.Code)
		}
		if e.Code == 0 || e.Message == "" {
			return m, fmt.Errorf("error %d %q needs a code and a message", e.Code, e.Message)
		}
		m.Errors = append(m.Errors, Error{Code: e.Code, Message: e.Message})
	}
	for _, e := range spec.Examples {
		pairing, err := example(e, m.Params)
		if err != nil {
			return m, fmt.Errorf("example %q: %w", e.Name, err)
		}
		m.Examples = append(m.Examples, pairing)
	}
	return m, nil
}

// params describes the fields of t as parameters.
func (g *generator) params(t reflect.Type) ([]ContentDescriptor, error) {
	out := []ContentDescriptor{}
	if t == nil {
		return out, nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("params: %s is not a struct", t)
	}
	fields, err := fieldsOf(t)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	for _, f := range fields {
		s, err := g.field(f, "") // the descriptor has its description
		if err != nil {
			return nil, fmt.Errorf("param %s: %w", f.name, err)
		}
		descriptor := ContentDescriptor{Name: f.name, Description: f.tag.Get("doc"), Required: !f.optional}
		if descriptor.Schema, err = json.Marshal(s); err != nil {
			return nil, fmt.Errorf("param %s: %w", f.name, err)
		}
		out = append(out, descriptor)
	}
	return out, nil
}

// result describes t as a result.
func (g *generator) result(t reflect.Type) (*ContentDescriptor, error) {
	s := &schema{Type: types{"null"}}
	if t != nil {
		var err error
		if s, err = g.of(t); err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return &ContentDescriptor{Name: "result", Schema: data}, nil
}

// example writes the Go values of e as an example of a method with params.
func example(e ExampleSpec, params []ContentDescriptor) (ExamplePairing, error) {
	out := ExamplePairing{Name: e.Name, Description: e.Description, Params: []Example{}}
	if e.Name == "" {
		return out, errors.New("has no name")
	}
	members := map[string]json.Value{}
	if e.Params != nil {
		data, err := json.Marshal(e.Params, json.Deterministic())
		if err != nil {
			return out, fmt.Errorf("params: %w", err)
		}
		if err := json.Unmarshal(data, &members); err != nil {
			return out, fmt.Errorf("params: %w", err)
		}
	}
	for _, p := range params {
		value, ok := members[p.Name]
		if !ok && p.Required {
			return out, fmt.Errorf("param %s is missing", p.Name)
		}
		if ok {
			out.Params = append(out.Params, Example{Name: p.Name, Value: value})
		}
		delete(members, p.Name)
	}
	for name := range members {
		return out, fmt.Errorf("there is no param %s", name)
	}
	value, err := json.Marshal(e.Result, json.Deterministic())
	if err != nil {
		return out, fmt.Errorf("result: %w", err)
	}
	out.Result = &Example{Name: "result", Value: value}
	return out, nil
}
