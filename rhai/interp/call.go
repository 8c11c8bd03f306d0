package interp

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// pick finds the registered function that fits the arguments.
func (m *vm) pick(name string, self *value.Value, args []value.Value) *native.Def {
	n := len(args)
	if self != nil {
		n++
	}
	return native.Pick(m.cfg.Natives.Named(name, n), self, args)
}

// runNative runs a registered function.
func (m *vm) runNative(d *native.Def, self *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	outer := m.at
	m.at = pos
	v, err := d.Fn(m, self, args)
	m.at = outer
	if err != nil {
		m.throw(err, pos)
	}
	if m.sized {
		m.sizeCheck(v, pos)
		if d.Method && self != nil {
			m.sizeCheck(*self, pos)
		}
	}
	return v
}

// callNative finds and runs a registered function.
func (m *vm) callNative(name string, self *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	if d := m.pick(name, self, args); d != nil {
		return m.runNative(d, self, args, pos)
	}
	m.throw(failure.NotFound(name, allArgs(self, args)...), pos)
	return value.Value{}
}

func allArgs(self *value.Value, args []value.Value) []value.Value {
	if self == nil {
		return args
	}
	return append([]value.Value{*self}, args...)
}

// callScript runs a function of a script.
func (m *vm) callScript(fn *function, inst *instance, this *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	if inst == nil || inst.unit != fn.unit && !inst.unit.buildsOn(fn.unit) {
		inst = &instance{unit: fn.unit}
	}
	c := m.top.enter(fn, inst, pos)
	c.this = this
	c.thisConst = false
	if fn.byName {
		c.nameParams(fn, args)
	} else {
		copy(c.slots, args)
	}
	return c.invoke()
}

func (u *Unit) buildsOn(base *Unit) bool {
	for ; u != nil; u = u.base {
		if u == base {
			return true
		}
	}
	return false
}

// nameParams gives the parameters to a function that keeps variables by name.
func (fr *frame) nameParams(fn *function, args []value.Value) {
	fr.names = &names{}
	for i, p := range fn.decl.Params {
		fr.names.declare(p, args[i], false)
	}
}

// call compiles a call in function style.
func (c *compiler) call(x *syntax.Call) node {
	if len(x.Path) > 0 {
		return c.qualifiedCall(x)
	}
	if n := c.builtin(x); n != nil {
		return n
	}
	if x.Capture {
		return c.captured(x)
	}
	if fn := c.unit.lookup(x.Name, len(x.Args), ""); fn != nil {
		return c.scriptCall(fn, x)
	}
	return c.nativeCall(x)
}

// scriptCall compiles the call of a function of the script.
func (c *compiler) scriptCall(fn *function, x *syntax.Call) node {
	args, pos := c.exprs(x.Args), x.Pos
	switch len(args) {
	case 0:
		return func(fr *frame) value.Value {
			callee := fr.enter(fn, fr.inst, pos)
			callee.prepare(fn, nil)
			return callee.invoke()
		}
	case 1:
		a := args[0]
		return func(fr *frame) value.Value {
			v := a(fr)
			callee := fr.enter(fn, fr.inst, pos)
			if fn.byName {
				callee.nameParams(fn, []value.Value{v})
			} else {
				callee.slots[0] = v
			}
			return callee.invoke()
		}
	case 2:
		a, b := args[0], args[1]
		return func(fr *frame) value.Value {
			v, w := a(fr), b(fr)
			callee := fr.enter(fn, fr.inst, pos)
			if fn.byName {
				callee.nameParams(fn, []value.Value{v, w})
			} else {
				callee.slots[0], callee.slots[1] = v, w
			}
			return callee.invoke()
		}
	}
	base := c.temps(len(args))
	return func(fr *frame) value.Value {
		vals := fr.slots[base : base+len(args)]
		for i, a := range args {
			vals[i] = a(fr)
		}
		callee := fr.enter(fn, fr.inst, pos)
		callee.prepare(fn, vals)
		return callee.invoke()
	}
}

func (fr *frame) prepare(fn *function, args []value.Value) {
	if fn.byName {
		fr.nameParams(fn, args)
		return
	}
	copy(fr.slots, args)
}

// nativeCall compiles the call of a registered function. One that changes its
// first argument finds a variable there in its place.
func (c *compiler) nativeCall(x *syntax.Call) node {
	name, pos, n := x.Name, x.Pos, len(x.Args)
	defs := c.unit.cfg.Natives.Named(name, n)
	if n == 0 {
		return func(fr *frame) value.Value {
			if len(defs) == 0 {
				fr.vm.throw(failure.NotFound(name), pos)
			}
			fr.vm.tick(pos)
			return fr.vm.runNative(defs[0], nil, nil, pos)
		}
	}
	changes := false
	for _, d := range defs {
		changes = changes || d.Method
	}
	if v, ok := x.Args[0].(*syntax.Variable); ok && changes && len(v.Path) == 0 {
		return c.changingCall(x, v, defs)
	}
	first, rest := c.borrow(x.Args[0]), c.exprs(x.Args[1:])
	if n > 1 {
		first = c.expr(x.Args[0])
	}
	base := c.temps(n)
	return func(fr *frame) value.Value {
		vals := fr.slots[base : base+n]
		vals[0] = first(fr)
		for i, a := range rest {
			vals[i+1] = a(fr)
		}
		return fr.native(name, defs, &vals[0], vals[1:], pos)
	}
}

// native runs the function among defs that fits.
func (fr *frame) native(name string, defs []*native.Def, self *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	fr.vm.tick(pos)
	d := native.Pick(defs, self, args)
	if d == nil {
		fr.vm.throw(failure.NotFound(name, allArgs(self, args)...), pos)
	}
	return fr.vm.runNative(d, self, args, pos)
}

// changingCall compiles a call that may change the variable handed to it. A
// constant and a shared variable are handed over as copies.
func (c *compiler) changingCall(x *syntax.Call, v *syntax.Variable, defs []*native.Def) node {
	name, pos := x.Name, x.Pos
	at, rest := c.variablePlace(v), c.exprs(x.Args[1:])
	base := c.temps(len(x.Args))
	return func(fr *frame) value.Value {
		vals := fr.slots[base : base+len(rest)+1]
		for i, a := range rest {
			vals[i+1] = a(fr)
		}
		m := fr.vm
		m.lockable = nil
		p, fixed := at(fr)
		if fixed || m.lockable != nil {
			vals[0] = p.Copy()
			p = &vals[0]
		}
		return fr.native(name, defs, p, vals[1:], pos)
	}
}

// method compiles a call in method style.
func (c *compiler) method(x *syntax.Method) node {
	if n := c.builtinMethod(x); n != nil {
		return n
	}
	name, pos, elvis, n := x.Name, x.Pos, x.Elvis, len(x.Args)
	t := &target{
		name: name, pos: pos, elvis: elvis,
		fn:    c.unit.lookup(name, n, ""),
		typed: c.unit.forOneType(name),
		defs:  c.unit.cfg.Natives.Named(name, n+1),
		unit:  c.unit,
	}
	if c.readOnly(x.X) && t.fn == nil && !t.typed && !t.changes() {
		if look := c.lookingMethod(x, t); look != nil {
			return look
		}
	}
	return c.placedMethod(x, t)
}

// target is what a call in method style may turn out to call.
type target struct {
	name  string
	pos   syntax.Pos
	elvis bool
	fn    *function
	typed bool // functions for certain types of object exist
	defs  []*native.Def
	unit  *Unit
}

func (t *target) changes() bool {
	for _, d := range t.defs {
		if d.Method {
			return true
		}
	}
	return false
}

// readOnly reports whether x is a variable or properties of one: looking at it
// twice makes no difference.
func (c *compiler) readOnly(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Variable:
		return len(x.Path) == 0
	case *syntax.Property:
		return c.readOnly(x.X)
	}
	return false
}

// lookingMethod compiles a method that changes nothing: its object is only
// looked at, unless it is a map that has a function of that name.
func (c *compiler) lookingMethod(x *syntax.Method, t *target) node {
	args, obj := c.exprs(x.Args), c.borrow(x.X)
	base := c.temps(len(args) + 1)
	placed := c.placedMethod(x, t)
	return func(fr *frame) value.Value {
		v := obj(fr)
		switch {
		case v.Kind() == value.Map && v.Dict().Len() > 0:
			if f, ok := v.Dict().Get(t.name); ok && f.Kind() == value.Fn {
				return placed(fr)
			}
		case t.elvis && v.IsUnit():
			return v
		}
		vals := fr.slots[base : base+len(args)+1]
		for i, a := range args {
			vals[i+1] = a(fr)
		}
		vals[0] = v
		return fr.native(t.name, t.defs, &vals[0], vals[1:], t.pos)
	}
}

func (c *compiler) placedMethod(x *syntax.Method, t *target) node {
	n := len(x.Args)
	base := 0
	ch := c.chain(x.X, func() {
		args := c.exprs(x.Args)
		base = c.temps(n)
		for i, a := range args {
			slot := base + i
			c.before = append(c.before, func(fr *frame) value.Value {
				fr.slots[slot] = a(fr)
				return value.Value{}
			})
		}
	})
	return func(fr *frame) value.Value {
		m := fr.vm
		mark := len(m.back)
		p, fixed := ch.find(fr)
		if p == nil || t.elvis && p.IsUnit() {
			m.settle(mark, false)
			return value.Value{}
		}
		cell := m.lockable
		if cell != nil {
			cell.Locked = true
			m.locked = append(m.locked, cell)
		}
		v, changed := t.call(fr, p, fixed, fr.slots[base:base+n])
		if cell != nil {
			cell.Locked = false
			m.locked = m.locked[:len(m.locked)-1]
		}
		if len(m.back) > mark {
			m.settle(mark, changed && !fixed)
		}
		return v
	}
}

// call runs the method on the object at p; changed says that it may have
// changed the object.
func (t *target) call(fr *frame, p *value.Value, fixed bool, args []value.Value) (v value.Value, changed bool) {
	m := fr.vm
	if p.Kind() == value.Map {
		if f, ok := p.Dict().Get(t.name); ok && f.Kind() == value.Fn {
			return m.callFunc(f.Func(), p, args, t.pos), true
		}
	}
	fn := t.fn
	if t.typed {
		if f := t.unit.lookup(t.name, len(args), p.TypeName()); f != nil {
			fn = f
		}
	}
	if fn != nil {
		c := fr.enter(fn, fr.inst, t.pos)
		c.this, c.thisConst = p, fixed
		c.prepare(fn, args)
		return c.invoke(), true
	}
	m.tick(t.pos)
	d := native.Pick(t.defs, p, args)
	if d == nil {
		m.throw(failure.NotFound(t.name, allArgs(p, args)...), t.pos)
	}
	if d.Method && fixed {
		m.throw(failure.New("ErrorNonPureMethodCallOnConstant", t.name,
			"Non-pure method '"+t.name+"' cannot be called on constant"), t.pos)
	}
	return m.runNative(d, p, args, t.pos), d.Method
}
