package interp

import (
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// The functions that are part of the language: what they do depends on where
// they are called.

// builtin compiles a call of such a function; nil for any other.
func (c *compiler) builtin(x *syntax.Call) node {
	n := len(x.Args)
	switch {
	case x.Name == "eval" && n == 1:
		return c.evalCall(x)
	case x.Name == "is_def_var" && n == 1:
		return c.defined(x)
	case x.Name == "is_shared" && n == 1:
		return c.isShared(x.Args[0])
	case x.Name == "Fn" && n == 1:
		name, at, pos := c.expr(x.Args[0]), x.Args[0].Position(), x.Pos
		return func(fr *frame) value.Value { return fr.vm.funcOf(name(fr), fr.inst, pos, at) }
	case x.Name == "call" && n >= 1 && x.Capture:
		return c.capturedPointer(x)
	case x.Name == "call" && n >= 1:
		return c.callPointer(x)
	case x.Name == "curry" && n > 1:
		return c.curry(c.borrow(x.Args[0]), x.Args[1:], x.Args[0].Position())
	case x.Name == "type_of" && n == 1:
		v := c.borrow(x.Args[0])
		return func(fr *frame) value.Value { return value.OfString(v(fr).TypeName()) }
	case x.Name == "is_def_fn" && (n == 2 || n == 3):
		return c.isDefFn(x)
	case (x.Name == "print" || x.Name == "debug") && n <= 1:
		return c.print(x)
	case x.Name == "sleep" && n == 1:
		return c.sleep(x)
	case x.Name == "exit" && n <= 1 && c.unit.lookup("exit", n, "") == nil:
		return c.exit(x)
	case x.Name == "get_fn_metadata_list" && n == 0:
		u := c.unit
		return func(*frame) value.Value { return describe(u) }
	case x.Name == "is_def_var" || x.Name == "is_def_fn" || x.Name == "eval" || x.Name == "Fn":
		return c.misused(x)
	}
	return nil
}

// misused compiles a function of the language with arguments it does not take.
func (c *compiler) misused(x *syntax.Call) node {
	args, name, pos := c.exprs(x.Args), x.Name, x.Pos
	return func(fr *frame) value.Value {
		vals := make([]value.Value, len(args))
		for i, a := range args {
			vals[i] = a(fr)
		}
		fr.vm.throw(failure.NotFound(name, vals...), pos)
		return value.Value{}
	}
}

// builtinMethod is builtin for calls in method style.
func (c *compiler) builtinMethod(x *syntax.Method) node {
	n, pos := len(x.Args), x.Pos
	switch {
	case x.Name == "call":
		return c.callMethod(x)
	case x.Name == "curry":
		return c.curry(c.borrow(x.X), x.Args, pos)
	case x.Name == "is_shared" && n == 0:
		return c.isShared(x.X)
	case x.Name == "type_of" && n == 0:
		v, elvis := c.borrow(x.X), x.Elvis
		return func(fr *frame) value.Value {
			v := v(fr)
			if elvis && v.IsUnit() {
				return v
			}
			return value.OfString(v.TypeName())
		}
	}
	return nil
}

// isShared tells whether the place of a variable is shared with closures.
func (c *compiler) isShared(x syntax.Expr) node {
	if slot := c.slot(x); slot >= 0 {
		return func(fr *frame) value.Value {
			return value.OfBool(fr.slots[slot].Kind() == value.Shared)
		}
	}
	n := c.borrow(x)
	v, variable := x.(*syntax.Variable)
	return func(fr *frame) value.Value {
		if variable && len(v.Path) == 0 && v.Name != "this" {
			if x := fr.variable(v.Name); x != nil {
				return value.OfBool(x.v.Kind() == value.Shared)
			}
		}
		n(fr)
		return value.OfBool(false)
	}
}

// callPointer compiles call(f, …).
func (c *compiler) callPointer(x *syntax.Call) node {
	f, args, pos, at := c.borrow(x.Args[0]), c.exprs(x.Args[1:]), x.Pos, x.Args[0].Position()
	base := c.temps(len(args))
	return func(fr *frame) value.Value {
		v := f(fr)
		fr.vm.want(v, value.Fn, at)
		vals := fr.slots[base : base+len(args)]
		for i, a := range args {
			vals[i] = a(fr)
		}
		return fr.vm.callFunc(v.Func(), nil, vals, pos)
	}
}

// callMethod compiles f.call(…) and object.call(f, …).
func (c *compiler) callMethod(x *syntax.Method) node {
	n, pos, elvis := len(x.Args), x.Pos, x.Elvis
	defs := c.unit.cfg.Natives.Named("call", n+1) // methods of Go types
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
		if p == nil || elvis && p.IsUnit() {
			m.settle(mark, false)
			return value.Value{}
		}
		args := fr.slots[base : base+n]
		if p.Kind() == value.Fn {
			f := p.Func()
			m.settle(mark, false)
			return m.callFunc(f, nil, args, pos)
		}
		if d := native.Pick(defs, p, args); d != nil {
			v := m.runNative(d, p, args, pos)
			m.settle(mark, d.Method && !fixed)
			return v
		}
		if n == 0 {
			m.throw(failure.Mismatch("Fn", *p), pos)
		}
		m.want(args[0], value.Fn, x.Args[0].Position())
		cell := m.lockable
		if cell != nil {
			cell.Locked = true
			m.locked = append(m.locked, cell)
		}
		v := m.callFunc(args[0].Func(), p, args[1:], pos)
		if cell != nil {
			cell.Locked = false
			m.locked = m.locked[:len(m.locked)-1]
		}
		m.settle(mark, !fixed)
		return v
	}
}

func (c *compiler) curry(f node, xs []syntax.Expr, at syntax.Pos) node {
	args := c.exprs(xs)
	return func(fr *frame) value.Value {
		v := f(fr)
		fr.vm.want(v, value.Fn, at)
		g := *v.Func()
		g.Curry = append([]value.Value(nil), g.Curry...)
		for _, a := range args {
			g.Curry = append(g.Curry, a(fr))
		}
		return value.OfFunc(&g)
	}
}

func (c *compiler) isDefFn(x *syntax.Call) node {
	args, u, pos := c.exprs(x.Args), c.unit, x.Pos
	return func(fr *frame) value.Value {
		var text []string
		for _, a := range args[:len(args)-1] {
			v := a(fr)
			fr.vm.want(v, value.String, pos)
			text = append(text, v.Str())
		}
		n := args[len(args)-1](fr)
		fr.vm.want(n, value.Int, pos)
		if n.Int() < 0 || n.Int() > 1<<16 {
			return value.OfBool(false)
		}
		this := ""
		if len(text) == 2 {
			this = text[0]
		}
		return value.OfBool(u.lookup(text[len(text)-1], int(n.Int()), this) != nil)
	}
}

func (c *compiler) print(x *syntax.Call) node {
	if fn := c.unit.lookup(x.Name, len(x.Args), ""); fn != nil {
		return c.scriptCall(fn, x)
	}
	name, pos := x.Name, x.Pos
	v := node(func(*frame) value.Value { return value.OfString("") })
	if len(x.Args) == 1 {
		v = c.borrow(x.Args[0])
	}
	return func(fr *frame) value.Value {
		fr.vm.tick(pos)
		fr.vm.output(name, v(fr), pos)
		return value.Value{}
	}
}

// sleep waits, until the script is cancelled at the latest.
func (c *compiler) sleep(x *syntax.Call) node {
	if fn := c.unit.lookup("sleep", 1, ""); fn != nil {
		return c.scriptCall(fn, x)
	}
	if len(c.unit.cfg.Natives.Named("sleep", 1)) > 0 {
		return c.nativeCall(x)
	}
	n, pos := c.expr(x.Args[0]), x.Pos
	return func(fr *frame) value.Value {
		v := n(fr)
		var seconds float64
		switch v.Kind() {
		case value.Int:
			seconds = float64(v.Int())
		case value.Float:
			seconds = v.Float()
		default:
			fr.vm.throw(failure.NotFound("sleep", v), pos)
		}
		if seconds > 0 {
			fr.vm.pause(seconds, pos)
		}
		return value.Value{}
	}
}

func (m *vm) pause(seconds float64, pos syntax.Pos) {
	d := time.Duration(min(seconds, 1<<33) * float64(time.Second))
	if !m.deadline.IsZero() {
		d = min(d, time.Until(m.deadline)+time.Millisecond)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-m.ctx.Done():
	}
	m.look(pos)
}

// exit ends the script with a value.
func (c *compiler) exit(x *syntax.Call) node {
	v := node(unit)
	if len(x.Args) == 1 {
		v = c.expr(x.Args[0])
	}
	return func(fr *frame) value.Value {
		e := failure.Errorf("Exit", "exit")
		e.Value = v(fr)
		panic(e)
	}
}

// describe lists the functions of a script.
func describe(u *Unit) value.Value {
	var out []value.Value
	for _, f := range u.tree.Funcs {
		d := value.NewDict(5)
		d.Set("name", value.OfString(f.Name))
		access := "public"
		if f.Private {
			access = "private"
		}
		d.Set("access", value.OfString(access))
		d.Set("is_anonymous", value.OfBool(f.Anonymous))
		if f.This != "" {
			d.Set("this_type", value.OfString(f.This))
		}
		d.Set("params", strings2(f.Params))
		if len(f.Doc) > 0 {
			d.Set("comments", strings2(f.Doc))
		}
		out = append(out, value.OfDict(d))
	}
	return value.OfItems(out)
}

func strings2(list []string) value.Value {
	out := make([]value.Value, len(list))
	for i, s := range list {
		out[i] = value.OfString(s)
	}
	return value.OfItems(out)
}
