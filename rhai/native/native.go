// Package native is where the functions that Go gives to scripts are kept and
// found: by name, number of arguments and their types.
package native

import (
	"context"
	"reflect"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Caller is what a native function may ask of the evaluator that runs it.
type Caller interface {
	// Call calls a function pointer, with this, if not nil, as the place of
	// its object. The object becomes argument number at, if that is not
	// negative, of a function that has one more parameter instead of using
	// "this"; extra is passed to functions that have parameters for it. An
	// error of the script passes through the native function as a panic that
	// only the evaluator may stop; see Try.
	Call(f *value.Func, this *value.Value, at int, args []value.Value, extra ...value.Value) value.Value
	// Try runs f and returns the error that passed through it.
	Try(f func()) error
	// Context returns the context of the run.
	Context() context.Context
	// Equal compares two values as the operator == does.
	Equal(a, b value.Value) (bool, error)
	// Text shows a value as print does or, with debug, as debug does.
	Text(v value.Value, debug bool) string
	// CheckSize fails where data of that size is beyond the limits.
	CheckSize(items, props, bytes int) error
}

// Func is a native function. self is the place of the first argument, to read
// and, for a Method, to write; it is nil where there is no argument. args are
// the others, for the function to keep.
type Func func(c Caller, self *value.Value, args []value.Value) (value.Value, error)

// Param is the type of a parameter: a kind of value, for Custom a Go type, or
// anything.
type Param struct {
	Kind value.Kind
	Any  bool
	Type reflect.Type
}

// Def is one native function among those of its name. Method says that it
// changes its first argument, which must then be no constant.
type Def struct {
	Name   string
	Params []Param
	Method bool
	Fn     Func
	Doc    string
}

// Table holds functions by name. The zero Table is empty.
type Table struct {
	byName map[string][]*Def
	layers []*Table // searched after this one
}

// Getter and Setter are the names under which the getter and the setter of a
// property are kept; Index and SetIndex those of the indexers.
const (
	Getter   = "get$"
	Setter   = "set$"
	Index    = "index$get$"
	SetIndex = "index$set$"
)

// NewTable returns an empty table that is searched before the others.
func NewTable(others ...*Table) *Table {
	return &Table{byName: make(map[string][]*Def), layers: others}
}

// Add adds a function; it replaces one with the same name and parameters.
func (t *Table) Add(d *Def) {
	list := t.byName[d.Name]
	for i, old := range list {
		if sameParams(old.Params, d.Params) {
			list[i] = d
			return
		}
	}
	t.byName[d.Name] = append(list, d)
}

func sameParams(a, b []Param) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Named returns the functions of that name and number of parameters.
func (t *Table) Named(name string, arity int) []*Def {
	var out []*Def
	for _, d := range t.byName[name] {
		if len(d.Params) == arity {
			out = append(out, d)
		}
	}
	for _, l := range t.layers {
		out = append(out, l.Named(name, arity)...)
	}
	return out
}

// Own calls visit for every function of the table itself, those that are
// searched after it left out.
func (t *Table) Own(visit func(*Def)) {
	names := make([]string, 0, len(t.byName))
	for name := range t.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, d := range t.byName[name] {
			visit(d)
		}
	}
}

// All calls visit for every function.
func (t *Table) All(visit func(*Def)) {
	t.Own(visit)
	for _, l := range t.layers {
		l.All(visit)
	}
}

// Accepts reports whether v fits the parameter.
func (p *Param) Accepts(v *value.Value) bool {
	if p.Any {
		return true
	}
	k := v.Kind()
	if k == value.Shared {
		k = v.Flat().Kind()
	}
	if k != p.Kind {
		return false
	}
	return k != value.Custom || reflect.TypeOf(v.Flat().Custom()) == p.Type
}

// Pick returns the function among candidates that fits the arguments best:
// one with the fewest parameters that take anything. nil is none.
func Pick(candidates []*Def, self *value.Value, args []value.Value) *Def {
	var best *Def
	bestAny := 1 << 30
	for _, d := range candidates {
		anys, ok := 0, true
		for i := range d.Params {
			p := &d.Params[i]
			v := self
			if i > 0 {
				v = &args[i-1]
			}
			if !p.Accepts(v) {
				ok = false
				break
			}
			if p.Any {
				anys++
			}
		}
		if ok && anys < bestAny {
			best, bestAny = d, anys
			if anys == 0 {
				break
			}
		}
	}
	return best
}
