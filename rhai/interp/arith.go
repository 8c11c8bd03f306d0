package interp

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/operator"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// The hot operators have a path of their own for integers, and one more for a
// constant on the right: what most loops consist of.

// arithmetic compiles an operator that is no comparison.
func (c *compiler) arithmetic(op operator.Op, x *syntax.Binary) node {
	a, pos := c.expr(x.X), x.Pos
	if k, ok := intLiteral(x.Y); ok {
		if n := withConstant(op, a, k, pos); n != nil {
			return n
		}
	}
	b := c.expr(x.Y)
	switch op {
	case operator.Add:
		return func(fr *frame) value.Value {
			v, w := a(fr), b(fr)
			if v.Kind() == value.Int && w.Kind() == value.Int {
				i, j := v.Int(), w.Int()
				if s := i + j; (s > i) == (j > 0) {
					return value.OfInt(s)
				}
			}
			return fr.vm.binaryOp(operator.Add, v, w, pos)
		}
	case operator.Sub:
		return func(fr *frame) value.Value {
			v, w := a(fr), b(fr)
			if v.Kind() == value.Int && w.Kind() == value.Int {
				i, j := v.Int(), w.Int()
				if s := i - j; (s < i) == (j > 0) {
					return value.OfInt(s)
				}
			}
			return fr.vm.binaryOp(operator.Sub, v, w, pos)
		}
	case operator.Mod:
		return func(fr *frame) value.Value {
			v, w := a(fr), b(fr)
			if v.Kind() == value.Int && w.Kind() == value.Int && w.Int() > 0 {
				return value.OfInt(v.Int() % w.Int())
			}
			return fr.vm.binaryOp(operator.Mod, v, w, pos)
		}
	}
	return func(fr *frame) value.Value {
		v, w := a(fr), b(fr)
		return fr.vm.binaryOp(op, v, w, pos)
	}
}

func intLiteral(x syntax.Expr) (int64, bool) {
	l, ok := x.(*syntax.Literal)
	if !ok {
		return 0, false
	}
	k, ok := l.Value.(int64)
	return k, ok
}

// withConstant compiles a op k for the operators where that pays; nil else.
func withConstant(op operator.Op, a node, k int64, pos syntax.Pos) node {
	switch op {
	case operator.Add:
		return func(fr *frame) value.Value {
			v := a(fr)
			if v.Kind() == value.Int {
				i := v.Int()
				if s := i + k; (s > i) == (k > 0) {
					return value.OfInt(s)
				}
			}
			return fr.vm.binaryOp(operator.Add, v, value.OfInt(k), pos)
		}
	case operator.Sub:
		return func(fr *frame) value.Value {
			v := a(fr)
			if v.Kind() == value.Int {
				i := v.Int()
				if s := i - k; (s < i) == (k > 0) {
					return value.OfInt(s)
				}
			}
			return fr.vm.binaryOp(operator.Sub, v, value.OfInt(k), pos)
		}
	case operator.Mod:
		if k <= 0 {
			return nil
		}
		return func(fr *frame) value.Value {
			v := a(fr)
			if v.Kind() == value.Int {
				return value.OfInt(v.Int() % k)
			}
			return fr.vm.binaryOp(operator.Mod, v, value.OfInt(k), pos)
		}
	}
	return nil
}

// cond compiles what must be a boolean.
func (c *compiler) cond(x syntax.Expr) func(*frame) bool {
	if b, ok := x.(*syntax.Binary); ok {
		switch b.Op {
		case "&&":
			l, r := c.cond(b.X), c.cond(b.Y)
			return func(fr *frame) bool { return l(fr) && r(fr) }
		case "||":
			l, r := c.cond(b.X), c.cond(b.Y)
			return func(fr *frame) bool { return l(fr) || r(fr) }
		}
		if n := c.comparison(operator.Of(b.Op), b); n != nil {
			return n
		}
	}
	n, pos := c.expr(x), x.Position()
	return func(fr *frame) bool {
		v := n(fr)
		if v.Kind() != value.Bool {
			fr.vm.throw(failure.Mismatch("bool", v), pos)
		}
		return v.Bool()
	}
}

// test is the outcome of a comparison that has no path of its own.
func (m *vm) test(op operator.Op, v, w value.Value, pos syntax.Pos) bool {
	r := m.binaryOp(op, v, w, pos)
	if r.Kind() != value.Bool {
		m.throw(failure.Mismatch("bool", r), pos)
	}
	return r.Bool()
}

// comparison compiles ==, !=, <, <=, > and >=; nil for other operators.
func (c *compiler) comparison(op operator.Op, x *syntax.Binary) func(*frame) bool {
	if op < operator.Eq || op > operator.Ge {
		return nil
	}
	a, pos := c.expr(x.X), x.Pos
	if k, ok := intLiteral(x.Y); ok {
		return compareConstant(op, a, k, pos)
	}
	b := c.expr(x.Y)
	switch op {
	case operator.Lt, operator.Ge:
		less := op == operator.Lt
		return func(fr *frame) bool {
			v, w := a(fr), b(fr)
			if v.Kind() == value.Int && w.Kind() == value.Int {
				return (v.Int() < w.Int()) == less
			}
			return fr.vm.test(op, v, w, pos)
		}
	case operator.Gt, operator.Le:
		more := op == operator.Gt
		return func(fr *frame) bool {
			v, w := a(fr), b(fr)
			if v.Kind() == value.Int && w.Kind() == value.Int {
				return (v.Int() > w.Int()) == more
			}
			return fr.vm.test(op, v, w, pos)
		}
	}
	same := op == operator.Eq
	return func(fr *frame) bool {
		v, w := a(fr), b(fr)
		if v.Kind() == value.Int && w.Kind() == value.Int {
			return (v.Int() == w.Int()) == same
		}
		return fr.vm.test(op, v, w, pos)
	}
}

func compareConstant(op operator.Op, a node, k int64, pos syntax.Pos) func(*frame) bool {
	c := value.OfInt(k)
	switch op {
	case operator.Lt, operator.Ge:
		less := op == operator.Lt
		return func(fr *frame) bool {
			v := a(fr)
			if v.Kind() == value.Int {
				return (v.Int() < k) == less
			}
			return fr.vm.test(op, v, c, pos)
		}
	case operator.Gt, operator.Le:
		more := op == operator.Gt
		return func(fr *frame) bool {
			v := a(fr)
			if v.Kind() == value.Int {
				return (v.Int() > k) == more
			}
			return fr.vm.test(op, v, c, pos)
		}
	}
	same := op == operator.Eq
	return func(fr *frame) bool {
		v := a(fr)
		if v.Kind() == value.Int {
			return (v.Int() == k) == same
		}
		return fr.vm.test(op, v, c, pos)
	}
}
