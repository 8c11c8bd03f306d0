package interp

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// funcKey finds a function of a script: this is the type of object for which
// alone it is, if any.
type funcKey struct {
	name  string
	arity int
	this  string
}

// Unit is a compiled script. It may run many times, also at once.
type Unit struct {
	cfg   *Config
	name  string
	text  string
	tree  *syntax.Script
	base  *Unit // its functions are in view as well
	funcs map[funcKey]*function
	typed map[string]bool // names of functions that are for one type of object
	main  *function
	vars  []local // the variables that the script leaves behind
}

// instance is a unit as it runs: its constants and, for a module, what it
// imported.
type instance struct {
	unit    *Unit
	consts  map[string]value.Value
	imports []imported
}

// Scope holds the variables that a script finds when it starts and leaves
// behind when it ends.
type Scope struct{ vars []*variable }

// variable is a variable kept by name.
type variable struct {
	name   string
	v      value.Value
	fixed  bool
	export []string
}

// Set gives a variable of the scope a value, fixed for a constant.
func (s *Scope) Set(name string, v value.Value, fixed bool) {
	if x := s.find(name); x != nil {
		x.v, x.fixed = v, fixed
		return
	}
	s.vars = append(s.vars, &variable{name: name, v: v, fixed: fixed})
}

// Get returns the value of a variable.
func (s *Scope) Get(name string) (value.Value, bool) {
	if x := s.find(name); x != nil {
		return x.v.Copy(), true
	}
	return value.Value{}, false
}

// Names returns the names of the variables in the order of their making.
func (s *Scope) Names() []string {
	out := make([]string, len(s.vars))
	for i, x := range s.vars {
		out[i] = x.name
	}
	return out
}

func (s *Scope) find(name string) *variable {
	if s == nil {
		return nil
	}
	for i := len(s.vars) - 1; i >= 0; i-- {
		if s.vars[i].name == name {
			return s.vars[i]
		}
	}
	return nil
}

// Compile compiles a script. The functions of base, which may be nil, are in
// view.
func Compile(cfg *Config, tree *syntax.Script, base *Unit) *Unit {
	u := &Unit{
		cfg: cfg, name: tree.Name, text: tree.Text, tree: tree, base: base,
		funcs: make(map[funcKey]*function, len(tree.Funcs)),
		typed: make(map[string]bool),
	}
	for _, d := range tree.Funcs {
		f := &function{name: d.Name, params: len(d.Params), decl: d, unit: u}
		u.funcs[funcKey{d.Name, len(d.Params), d.This}] = f
		if d.This != "" {
			u.typed[d.Name] = true
		}
	}
	for _, f := range u.funcs {
		compileFunction(u, f, needsNames(f.decl.Body))
	}
	u.main = &function{name: "", unit: u}
	c := newCompiler(u, u.main, needsNames(tree.Body))
	c.atTop = true
	u.main.body = c.wholeBody(tree.Body, true)
	u.main.slots = c.max
	u.main.byName = c.names
	u.vars = c.left
	return u
}

// lookup finds a function of the script or of those it builds on.
func (u *Unit) lookup(name string, arity int, this string) *function {
	for ; u != nil; u = u.base {
		if f := u.funcs[funcKey{name, arity, this}]; f != nil {
			return f
		}
	}
	return nil
}

// named returns some function of that name.
func (u *Unit) named(name string) *function {
	for ; u != nil; u = u.base {
		var best *function
		for k, f := range u.funcs {
			if k.name == name && (best == nil || f.params < best.params) {
				best = f
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// forOneType reports whether functions of that name exist for certain types.
func (u *Unit) forOneType(name string) bool {
	for ; u != nil; u = u.base {
		if u.typed[name] {
			return true
		}
	}
	return false
}

// Funcs returns the functions of the script, without closures.
func (u *Unit) Funcs() []*syntax.Func {
	var out []*syntax.Func
	for _, f := range u.tree.Funcs {
		if !f.Anonymous {
			out = append(out, f)
		}
	}
	return out
}

// Run runs the script and returns its value. Variables of scope, which may be
// nil, are in view, and those that the script declares at its top level are
// added to it. The error is a *failure.Error.
func (u *Unit) Run(ctx context.Context, scope *Scope) (value.Value, error) {
	m := newVM(ctx, u.cfg, scope)
	return m.start(u, &instance{unit: u})
}

// Call runs a function of the script, after the script itself where first is
// set, so that its constants and imports exist.
func (u *Unit) Call(ctx context.Context, scope *Scope, first bool, name string, args ...value.Value) (value.Value, error) {
	m := newVM(ctx, u.cfg, scope)
	inst := &instance{unit: u}
	if first {
		if _, err := m.start(u, inst); err != nil {
			return value.Value{}, err
		}
	}
	var out value.Value
	root := &frame{vm: m, fn: u.main, inst: inst}
	m.top = root
	err := m.attempt(func() {
		out = m.callFunc(&value.Func{Name: name, Env: inst}, nil, args, syntax.Pos{})
	})
	if err != nil && err.Kind == "Exit" {
		return err.Value, nil
	}
	if err != nil {
		return value.Value{}, err
	}
	return out, nil
}

// run runs the statements of a unit and returns the frame they ran in.
func (m *vm) run(u *Unit, inst *instance) (root *frame, v value.Value, failed *failure.Error) {
	root = &frame{vm: m, fn: u.main, inst: inst, buf: make([]value.Value, u.main.slots), parent: m.top}
	root.slots = root.buf
	if u.main.byName {
		root.names = &names{}
	}
	outer := m.top
	if outer != nil {
		root.depth = outer.depth + 1
	}
	m.top = root
	failed = m.attempt(func() { v = u.main.body(root) })
	m.top = outer
	if failed != nil && failed.Kind == "Exit" && outer == nil {
		v, failed = failed.Value, nil
	}
	return root, v, failed
}

// remaining returns the variables that the top level of a script declared.
func (u *Unit) remaining(root *frame) []*variable {
	if root.names != nil {
		return root.names.vars
	}
	out := make([]*variable, len(u.vars))
	for i, l := range u.vars {
		out[i] = &variable{name: l.name, v: root.slots[l.slot], fixed: l.fixed, export: l.export}
	}
	return out
}

// start runs a script from Go.
func (m *vm) start(u *Unit, inst *instance) (value.Value, error) {
	root, v, failed := m.run(u, inst)
	if m.scope != nil {
		for _, x := range u.remaining(root) {
			m.scope.Set(x.name, x.v, x.fixed)
		}
	}
	if failed != nil {
		return value.Value{}, failed
	}
	return v.Copy(), nil
}

// Tree returns the syntax tree that was compiled.
func (u *Unit) Tree() *syntax.Script { return u.tree }
