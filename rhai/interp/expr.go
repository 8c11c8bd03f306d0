package interp

import (
	"math"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/operator"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// expr compiles an expression to a node that computes a value of its own.
func (c *compiler) expr(x syntax.Expr) node {
	switch x := x.(type) {
	case *syntax.Literal:
		v := literal(x)
		return func(*frame) value.Value { return v }
	case *syntax.Variable:
		return c.variable(x)
	case *syntax.Interpolated:
		return c.interpolated(x)
	case *syntax.Array:
		return c.array(x)
	case *syntax.Map:
		return c.mapLiteral(x)
	case *syntax.Unary:
		return c.unary(x)
	case *syntax.Binary:
		return c.binary(x)
	case *syntax.Call:
		return c.call(x)
	case *syntax.Method:
		return c.method(x)
	case *syntax.Property:
		return c.property(x)
	case *syntax.Index:
		return c.index(x)
	case *syntax.Closure:
		return c.closure(x)
	case *syntax.StmtExpr:
		return c.stmt(x.S).node()
	}
	return unit
}

func (c *compiler) exprs(xs []syntax.Expr) []node {
	out := make([]node, len(xs))
	for i, x := range xs {
		out[i] = c.expr(x)
	}
	return out
}

func literal(x *syntax.Literal) value.Value {
	switch v := x.Value.(type) {
	case bool:
		return value.OfBool(v)
	case int64:
		return value.OfInt(v)
	case float64:
		return value.OfFloat(v)
	case rune:
		return value.OfChar(v)
	case string:
		return value.OfString(v)
	}
	return value.Value{}
}

// slot returns the slot of a variable that is known at compile time, or -1.
func (c *compiler) slot(x syntax.Expr) int {
	v, ok := x.(*syntax.Variable)
	if !ok || len(v.Path) > 0 || c.names || v.Name == "this" {
		return -1
	}
	l, ok := c.find(v.Name)
	if !ok {
		return -1
	}
	return l.slot
}

func (c *compiler) variable(v *syntax.Variable) node {
	pos := v.Pos
	if len(v.Path) > 0 {
		return c.qualified(v)
	}
	if v.Name == "this" {
		return func(fr *frame) value.Value {
			if fr.this == nil {
				fr.vm.throw(failure.Errorf("ErrorUnboundThis", "'this' not bound"), pos)
			}
			return fr.this.Copy()
		}
	}
	slot := c.slot(v)
	if slot < 0 {
		return c.byName(v)
	}
	return func(fr *frame) value.Value {
		v := fr.slots[slot]
		if v.Kind() < value.Array {
			return v
		}
		return fr.vm.read(&v, pos)
	}
}

func (c *compiler) interpolated(x *syntax.Interpolated) node {
	parts := c.exprs(x.Parts)
	pos := x.Pos
	return func(fr *frame) value.Value {
		var b strings.Builder
		for _, p := range parts {
			v := p(fr)
			b.WriteString(fr.vm.Text(v, false))
			if fr.vm.sized {
				fr.vm.sizeCheck(value.OfString(b.String()), pos)
			}
		}
		return value.OfString(b.String())
	}
}

func (c *compiler) array(x *syntax.Array) node {
	items := c.exprs(x.Items)
	pos := x.Pos
	return func(fr *frame) value.Value {
		out := make([]value.Value, len(items))
		for i, n := range items {
			out[i] = n(fr)
		}
		v := value.OfItems(out)
		fr.vm.sizeCheck(v, pos)
		return v
	}
}

func (c *compiler) mapLiteral(x *syntax.Map) node {
	values := c.exprs(x.Values)
	keys, pos := x.Keys, x.Pos
	return func(fr *frame) value.Value {
		d := value.NewDict(len(keys))
		for i, n := range values {
			v := n(fr)
			d.Set(keys[i], v)
		}
		v := value.OfDict(d)
		fr.vm.sizeCheck(v, pos)
		return v
	}
}

func (c *compiler) unary(x *syntax.Unary) node {
	n := c.expr(x.X)
	op, pos := x.Op, x.Pos
	if op == "!" {
		return func(fr *frame) value.Value {
			v := n(fr)
			if v.Kind() == value.Bool {
				return value.OfBool(!v.Bool())
			}
			return fr.vm.operatorCall("!", pos, v)
		}
	}
	return func(fr *frame) value.Value {
		v := n(fr)
		switch {
		case v.Kind() == value.Int && op == "+", v.Kind() == value.Float && op == "+":
			return v
		case v.Kind() == value.Float:
			return value.OfFloat(-v.Float())
		case v.Kind() != value.Int:
			return fr.vm.operatorCall(op, pos, v)
		case v.Int() == math.MinInt64:
			fr.vm.throw(failure.Arithmetic("Negation overflow: -%d", v.Int()), pos)
		}
		return value.OfInt(-v.Int())
	}
}

// operatorCall runs an operator that Go registered.
func (m *vm) operatorCall(op string, pos syntax.Pos, args ...value.Value) value.Value {
	return m.callNative(op, &args[0], args[1:], pos)
}

func (c *compiler) binary(x *syntax.Binary) node {
	switch x.Op {
	case "&&", "||":
		cond := c.cond(x)
		return func(fr *frame) value.Value { return value.OfBool(cond(fr)) }
	case "??":
		a, b := c.expr(x.X), c.exprCode(x.Y).node()
		return func(fr *frame) value.Value {
			if v := a(fr); !v.IsUnit() {
				return v
			}
			return b(fr)
		}
	case "in", "!in":
		return c.contains(x)
	}
	op := operator.Of(x.Op)
	if cond := c.comparison(op, x); cond != nil {
		return func(fr *frame) value.Value { return value.OfBool(cond(fr)) }
	}
	return c.arithmetic(op, x)
}

// contains compiles a in b, which calls b.contains(a).
func (c *compiler) contains(x *syntax.Binary) node {
	a, b := c.expr(x.X), c.borrow(x.Y)
	pos, want := x.Pos, x.Op == "in"
	place := c.temps(2)
	fn := c.unit.lookup("contains", 2, "")
	return func(fr *frame) value.Value {
		fr.slots[place] = b(fr)
		fr.slots[place+1] = a(fr)
		var v value.Value
		if fn != nil {
			v = fr.vm.callScript(fn, fr.inst, nil, fr.slots[place:place+2], pos)
		} else {
			v = fr.vm.callNative("contains", &fr.slots[place], fr.slots[place+1:place+2], pos)
		}
		if v.Kind() != value.Bool {
			if want {
				return v
			}
			return fr.vm.operatorCall("!", pos, v)
		}
		return value.OfBool(v.Bool() == want)
	}
}

// binaryOp calculates a op b for any operands.
func (m *vm) binaryOp(op operator.Op, a, b value.Value, pos syntax.Pos) value.Value {
	if a.Kind() != value.Custom && b.Kind() != value.Custom {
		v, ok, err := operator.Binary(op, a, b)
		if err != nil {
			m.throw(err, pos)
		}
		if ok {
			m.sizeCheck(v, pos)
			return v
		}
	}
	args := []value.Value{a, b}
	if d := m.pick(op.String(), &args[0], args[1:]); d != nil {
		return m.runNative(d, &args[0], args[1:], pos)
	}
	v, ok, err := operator.Binary(op, a, b)
	if err == nil && !ok {
		err = failure.NotFound(op.String(), a, b)
	}
	if err != nil {
		m.throw(err, pos)
	}
	return v
}

// closure compiles the making of a closure: the variables that it takes from
// around it become shared.
func (c *compiler) closure(x *syntax.Closure) node {
	fn := c.unit.funcs[funcKey{x.Fn.Name, len(x.Fn.Params), ""}]
	shares := make([]func(*frame) value.Value, len(x.Captures))
	for i, v := range x.Captures {
		shares[i] = c.share(v)
	}
	name := x.Fn.Name
	return func(fr *frame) value.Value {
		f := &value.Func{Name: name, Target: fn, Env: fr.inst}
		if len(shares) > 0 {
			f.Curry = make([]value.Value, len(shares))
			for i, s := range shares {
				f.Curry[i] = s(fr)
			}
		}
		return value.OfFunc(f)
	}
}

// share compiles making a variable shared.
func (c *compiler) share(v *syntax.Variable) node {
	name, pos := v.Name, v.Pos
	if slot := c.slot(v); slot >= 0 {
		l, _ := c.find(name)
		return func(fr *frame) value.Value { return shared(&fr.slots[slot], name, l.fixed) }
	}
	u := c.unit
	return func(fr *frame) value.Value {
		x := fr.variable(name)
		if x == nil {
			if u.named(name) != nil {
				return value.OfFunc(&value.Func{Name: name, Env: fr.inst})
			}
			fr.vm.throw(failure.New("ErrorVariableNotFound", name, "Variable not found: "+name), pos)
		}
		return shared(&x.v, name, x.fixed)
	}
}

func shared(p *value.Value, name string, fixed bool) value.Value {
	if p.Kind() != value.Shared {
		*p = value.OfCell(&value.Cell{V: *p, Const: fixed, Variable: name})
	}
	return *p
}
