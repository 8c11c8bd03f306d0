package interp

import (
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// names holds the variables of a function that must be found by name at run
// time: one that uses eval, is_def_var, or calls in its own scope.
type names struct {
	vars   []*variable
	caller bool // the scope of the script is in view as well
}

func (n *names) declare(name string, v value.Value, fixed bool) *variable {
	x := &variable{name: name, v: v, fixed: fixed}
	n.vars = append(n.vars, x)
	return x
}

func (n *names) rewind(mark int) {
	if mark < len(n.vars) {
		clear(n.vars[mark:])
		n.vars = n.vars[:mark]
	}
}

func (n *names) find(name string) *variable {
	if n == nil {
		return nil
	}
	for i := len(n.vars) - 1; i >= 0; i-- {
		if n.vars[i].name == name {
			return n.vars[i]
		}
	}
	return nil
}

// put gives the variable a value that closures sharing it see.
func (x *variable) put(v value.Value) {
	if x.v.Kind() == value.Shared {
		x.v.Cell().V = v
		return
	}
	x.v = v
}

// variable finds a variable by name: of the function, of the scope that the
// script runs in, or a constant of the host.
func (fr *frame) variable(name string) *variable {
	if x := fr.names.find(name); x != nil {
		return x
	}
	if fr.fn == fr.fn.unit.main || fr.names != nil && fr.names.caller {
		if x := fr.vm.scope.find(name); x != nil {
			return x
		}
	}
	return fr.vm.constant(name)
}

// constant finds a constant of the host. Each run has its own, since a closure
// that captures one makes it shared.
func (m *vm) constant(name string) *variable {
	if x := m.consts.find(name); x != nil {
		return x
	}
	v, ok := m.cfg.Constants[name]
	if !ok {
		return nil
	}
	m.consts.Set(name, v.Copy(), true)
	return m.consts.find(name)
}

// byName compiles reading a variable that is not known at compile time.
func (c *compiler) byName(v *syntax.Variable) node {
	name, pos := v.Name, v.Pos
	u := c.unit
	return func(fr *frame) value.Value {
		if x := fr.variable(name); x != nil {
			return fr.vm.read(&x.v, pos)
		}
		if f := u.named(name); f != nil {
			return value.OfFunc(&value.Func{Name: name, Env: fr.inst})
		}
		fr.vm.throw(failure.New("ErrorVariableNotFound", name, "Variable not found: "+name), pos)
		return value.Value{}
	}
}

// read returns the value in a variable's place.
func (m *vm) read(p *value.Value, pos syntax.Pos) value.Value {
	if p.Kind() == value.Shared {
		m.unlocked(p.Cell(), pos)
	}
	return p.Copy()
}

// unlocked ends the script where a method runs on the shared variable.
func (m *vm) unlocked(c *value.Cell, pos syntax.Pos) {
	if c.Locked {
		m.throw(failure.New("ErrorDataRace", c.Variable,
			"Data race detected on variable '"+c.Variable+"'"), pos)
	}
}

// evalCall compiles eval(text): the text runs in the scope of the call.
func (c *compiler) evalCall(s *syntax.Call) node {
	arg := c.expr(s.Args[0])
	pos, at := s.Pos, s.Args[0].Position()
	top := c.atTop && c.depth == 0
	return func(fr *frame) value.Value {
		m := fr.vm
		text := arg(fr)
		if text.Kind() != value.String {
			m.throw(failure.Mismatch("string", text), at)
		}
		m.tick(pos)
		script := strings.TrimSpace(text.Str())
		if script == "" {
			return value.Value{}
		}
		var v value.Value
		err := m.attempt(func() { v = fr.evalText(script, top) })
		if err == nil {
			return v
		}
		if err.Kind != "Exit" {
			err.Calls = append(err.Calls, failure.Call{Name: "eval", Source: c.unit.name, Pos: pos})
		}
		panic(err)
	}
}

// evalText compiles and runs text with the variables of fr; top says that it
// stands at the top level of the script, where constants are global.
func (fr *frame) evalText(text string, top bool) value.Value {
	opts := fr.vm.cfg.Syntax
	opts.Eval = true
	tree, err := syntax.Parse("", text, opts)
	if err != nil {
		panic(failure.FromSyntax(err))
	}
	base := fr.fn.unit
	u := &Unit{cfg: fr.vm.cfg, text: text, tree: tree, base: base}
	u.main = &function{unit: u, byName: true}
	c := newCompiler(u, u.main, true)
	c.atTop = top
	u.main.body = c.wholeBody(tree.Body, true)
	u.main.slots = c.max
	inner := &frame{
		vm: fr.vm, fn: u.main, inst: fr.inst, names: fr.names, this: fr.this, thisConst: fr.thisConst,
		parent: fr, depth: fr.depth + 1, slots: make([]value.Value, c.max),
	}
	inner.names.caller = inner.names.caller || fr.fn == base.main
	fr.vm.top = inner
	v := u.main.body(inner)
	fr.vm.top = fr
	return v
}

// defined compiles is_def_var(name).
func (c *compiler) defined(s *syntax.Call) node {
	arg := c.expr(s.Args[0])
	at := s.Args[0].Position()
	return func(fr *frame) value.Value {
		name := arg(fr)
		if name.Kind() != value.String {
			fr.vm.throw(failure.Mismatch("string", name), at)
		}
		return value.OfBool(fr.variable(name.Str()) != nil)
	}
}

// captured compiles a call that runs in the scope of its caller: name!(…).
func (c *compiler) captured(s *syntax.Call) node {
	args := c.exprs(s.Args)
	base := c.temps(len(args))
	name, pos, u := s.Name, s.Pos, c.unit
	fn := u.lookup(name, len(args), "")
	return func(fr *frame) value.Value {
		for i, a := range args {
			fr.slots[base+i] = a(fr)
		}
		vals := fr.slots[base : base+len(args)]
		if fn == nil {
			return fr.vm.callName(fr.inst, name, nil, append([]value.Value(nil), vals...), pos)
		}
		return fr.within(fn, vals, pos)
	}
}

// capturedPointer compiles call!(f, …): captured with a function pointer.
func (c *compiler) capturedPointer(x *syntax.Call) node {
	f, args, pos, at := c.borrow(x.Args[0]), c.exprs(x.Args[1:]), x.Pos, x.Args[0].Position()
	return func(fr *frame) value.Value {
		v := f(fr)
		fr.vm.want(v, value.Fn, at)
		p := v.Func()
		vals := append(make([]value.Value, 0, len(p.Curry)+len(args)), p.Curry...)
		for _, a := range args {
			vals = append(vals, a(fr))
		}
		if p.Target == nil && p.Env == any(fr.inst) {
			if fn := fr.inst.unit.lookup(p.Name, len(vals), ""); fn != nil {
				return fr.within(fn, vals, pos)
			}
		}
		return fr.vm.callFunc(p, nil, vals[len(p.Curry):], pos)
	}
}

// within runs a function with the variables of fr in view.
func (fr *frame) within(fn *function, args []value.Value, pos syntax.Pos) value.Value {
	callee := fr.enter(fn.byNames(), fr.inst, pos)
	mark := len(fr.names.vars)
	callee.names = fr.names
	outer := fr.names.caller
	fr.names.caller = outer || fr.fn == fr.fn.unit.main
	for i, p := range fn.decl.Params {
		callee.names.declare(p, args[i], false)
	}
	v := callee.invoke()
	fr.names.rewind(mark)
	fr.names.caller = outer
	return v
}

// byNames returns the function compiled to keep its variables by name.
func (fn *function) byNames() *function {
	fn.once.Do(func() {
		fn.dynamic = &function{name: fn.name, params: fn.params, decl: fn.decl, unit: fn.unit}
		compileFunction(fn.unit, fn.dynamic, true)
	})
	return fn.dynamic
}
