package rhai

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Context is what a registered function may ask for as its first parameter:
// the context of the run, and a way to call function pointers.
type Context struct {
	context.Context
	caller native.Caller
	engine *Engine
}

// Call calls a function pointer of the script.
func (c *Context) Call(f Value, args ...Value) (v Value, err error) {
	if f.Kind() != value.Fn {
		return Value{}, errors.New(f.TypeName() + " is no function")
	}
	if e := c.caller.Try(func() { v = c.caller.Call(f.Func(), nil, -1, args) }); e != nil {
		return Value{}, e
	}
	return v, nil
}

// Function describes a function that scripts can call.
type Function struct {
	Name   string
	Params []string // the types, as scripts name them
	Doc    string
	Method bool // it changes its first argument
}

// Signature shows the function with the types of its parameters.
func (f Function) Signature() string { return f.Name + "(" + strings.Join(f.Params, ", ") + ")" }

// Register gives scripts a Go function. Its parameters say which arguments it
// takes: int64 and the other integers, float64, string, bool, rune, []byte,
// slices, maps with string keys, time.Time, [Value] for anything, or any type
// of the program. The same name may be registered for several lists of
// parameters.
//
// A first parameter that is a pointer to one of these, such as *string or
// *int64, or to a struct that is registered by value, is the caller's variable
// itself: what the function writes there the script sees. A parameter of type
// *Context before all others receives the run. The function may return
// nothing, a value, an error, or a value and an error.
//
// Register panics where f is no such function: that is a mistake in the
// program.
func (e *Engine) Register(name string, f any, doc ...string) {
	d, err := e.define(name, f)
	if err != nil {
		panic(fmt.Sprintf("rhai: register %s: %v", name, err))
	}
	d.Doc = strings.Join(doc, "\n")
	e.own.Add(d)
}

// Getter makes f, a function of one parameter, what reading the property does.
func (e *Engine) Getter(property string, f any, doc ...string) {
	e.Register(native.Getter+property, f, doc...)
}

// Setter makes f, a function of an object and a value, what writing the
// property does. For a type that is held by value the object must be a
// pointer.
func (e *Engine) Setter(property string, f any, doc ...string) {
	e.Register(native.Setter+property, f, doc...)
}

// Indexer makes get and set, either of which may be nil, what object[index]
// does.
func (e *Engine) Indexer(get, set any) {
	if get != nil {
		e.Register(native.Index, get)
	}
	if set != nil {
		e.Register(native.SetIndex, set)
	}
}

// Registered returns the functions that Go gave to scripts, those of the
// standard library left out.
func (e *Engine) Registered() []Function {
	var out []Function
	e.own.Own(func(d *native.Def) {
		f := Function{Name: d.Name, Doc: d.Doc, Method: d.Method}
		for _, p := range d.Params {
			f.Params = append(f.Params, e.paramName(p))
		}
		out = append(out, f)
	})
	return out
}

// Names returns the names of all functions that scripts can call, in order:
// those of the standard library and those that Go registered.
func (e *Engine) Names() []string {
	names := []string{"print", "debug", "eval", "call", "curry", "type_of", "is_def_var", "is_def_fn", "is_shared", "exit"}
	e.own.All(func(d *native.Def) {
		if syntax.NameFault(d.Name) == "" {
			names = append(names, d.Name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

func (e *Engine) paramName(p native.Param) string {
	switch {
	case p.Any:
		return "any"
	case p.Kind == value.Custom:
		return e.types.of(p.Type)
	}
	return p.Kind.String()
}

// signature is a Go function taken apart.
type signature struct {
	fn      reflect.Value
	context bool
	byRef   bool // the first argument is handed over in its place
	params  []reflect.Type
	value   bool // it returns a value
	err     bool // it returns an error
}

func (e *Engine) define(name string, f any) (*native.Def, error) {
	r := reflect.ValueOf(f)
	if r.Kind() != reflect.Func || r.Type().IsVariadic() {
		return nil, fmt.Errorf("%T is no function with fixed parameters", f)
	}
	s := &signature{fn: r}
	t := r.Type()
	for i := range t.NumIn() {
		p := t.In(i)
		if i == 0 && p == reflect.TypeFor[*Context]() {
			s.context = true
			continue
		}
		s.params = append(s.params, p)
	}
	if err := s.results(t); err != nil {
		return nil, err
	}
	d := &native.Def{Name: name, Params: make([]native.Param, len(s.params))}
	for i, p := range s.params {
		if i == 0 && p.Kind() == reflect.Pointer && e.held(p.Elem()) {
			s.byRef, d.Method = true, true
			p = p.Elem()
		}
		d.Params[i] = paramOf(p)
	}
	d.Fn = e.adapt(s)
	return d, nil
}

// held reports whether scripts hold values of type t themselves, so that a
// pointer to one means the caller's variable.
func (e *Engine) held(t reflect.Type) bool {
	if paramOf(t).Kind != value.Custom {
		return true
	}
	e.types.mu.RLock()
	defer e.types.mu.RUnlock()
	_, named := e.types.names[t]
	return named
}

func (s *signature) results(t reflect.Type) error {
	n := t.NumOut()
	if n > 0 && t.Out(n-1) == reflect.TypeFor[error]() {
		s.err = true
		n--
	}
	s.value = n == 1
	if n > 1 {
		return errors.New("it returns more than a value and an error")
	}
	return nil
}

func paramOf(t reflect.Type) native.Param {
	switch t {
	case reflect.TypeFor[Value](), reflect.TypeFor[any]():
		return native.Param{Any: true}
	case reflect.TypeFor[time.Time]():
		return native.Param{Kind: value.Time}
	case reflect.TypeFor[[]byte]():
		return native.Param{Kind: value.Blob}
	case reflect.TypeFor[rune]():
		return native.Param{Kind: value.Char}
	case reflect.TypeFor[*value.Func]():
		return native.Param{Kind: value.Fn}
	}
	switch t.Kind() {
	case reflect.Bool:
		return native.Param{Kind: value.Bool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return native.Param{Kind: value.Int}
	case reflect.Float32, reflect.Float64:
		return native.Param{Kind: value.Float}
	case reflect.String:
		return native.Param{Kind: value.String}
	case reflect.Slice:
		return native.Param{Kind: value.Array}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return native.Param{Kind: value.Map}
		}
	}
	return native.Param{Kind: value.Custom, Type: t}
}

// adapt makes a native function of a Go one.
func (e *Engine) adapt(s *signature) native.Func {
	return func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		in := make([]reflect.Value, 0, len(s.params)+1)
		if s.context {
			in = append(in, reflect.ValueOf(&Context{c.Context(), c, e}))
		}
		var place reflect.Value
		for i, t := range s.params {
			v := self
			if i > 0 {
				v = &args[i-1]
			}
			if i == 0 && s.byRef {
				place = reflect.New(t.Elem())
				x, err := toGo(v.Flat(), t.Elem())
				if err != nil {
					return value.Value{}, err
				}
				place.Elem().Set(x)
				in = append(in, place)
				continue
			}
			x, err := toGo(v.Flat(), t)
			if err != nil {
				return value.Value{}, err
			}
			in = append(in, x)
		}
		out := s.fn.Call(in)
		if s.byRef {
			*self = e.fromGo(place.Elem())
		}
		return s.result(e, out)
	}
}

func (s *signature) result(e *Engine, out []reflect.Value) (value.Value, error) {
	if s.err {
		if err, ok := out[len(out)-1].Interface().(error); ok && err != nil {
			return value.Value{}, err
		}
	}
	if !s.value {
		return value.Value{}, nil
	}
	return e.fromGo(out[0]), nil
}
