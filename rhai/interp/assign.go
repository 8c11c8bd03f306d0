package interp

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/operator"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// assign compiles an assignment.
func (c *compiler) assign(s *syntax.Assign) code {
	rhs := c.exprCode(s.Y)
	if rhs.n == nil {
		// The value of a block that may leave the flow waits in a slot.
		slot, x := c.temp(), rhs.x
		rest := c.assignNode(s, func(fr *frame) value.Value { return fr.slots[slot] })
		return code{x: func(fr *frame) ctl {
			if k := x(fr); k != goOn {
				return k
			}
			fr.slots[slot] = fr.ret
			fr.ret = rest(fr)
			return goOn
		}}
	}
	return code{n: c.assignNode(s, rhs.n)}
}

func (c *compiler) assignNode(s *syntax.Assign, rhs node) node {
	op := operator.Of(s.Op)
	switch x := s.X.(type) {
	case *syntax.Variable:
		if slot := c.slot(x); slot >= 0 {
			return c.assignSlot(x, slot, op, rhs, s.Pos)
		}
		return c.assignVariable(x, op, rhs, s.Pos)
	case *syntax.Property:
		return c.assignProperty(x, op, rhs, s.Pos)
	case *syntax.Index:
		return c.assignIndex(x, op, rhs, s.Pos)
	}
	return unit
}

func constantError(name string) *failure.Error {
	return failure.New("ErrorAssignmentToConstant", name, "Cannot modify constant "+name)
}

// assignSlot compiles an assignment to a variable known at compile time.
func (c *compiler) assignSlot(x *syntax.Variable, slot int, op operator.Op, rhs node, pos syntax.Pos) node {
	if l, _ := c.find(x.Name); l.fixed {
		return fails(constantError(x.Name), x.Pos)
	}
	if op == operator.None {
		return func(fr *frame) value.Value {
			v := rhs(fr)
			if p := &fr.slots[slot]; p.Kind() != value.Shared {
				*p = v
				return value.Value{}
			}
			return fr.vm.assignCell(fr.slots[slot].Cell(), op, v, pos)
		}
	}
	return func(fr *frame) value.Value {
		v := rhs(fr)
		p := &fr.slots[slot]
		if op == operator.Add && p.Kind() == value.Int && v.Kind() == value.Int {
			i, j := p.Int(), v.Int()
			if s := i + j; (s > i) == (j > 0) {
				*p = value.OfInt(s)
				return value.Value{}
			}
		}
		if p.Kind() == value.Shared {
			return fr.vm.assignCell(p.Cell(), op, v, pos)
		}
		fr.vm.update(op, p, v, pos)
		return value.Value{}
	}
}

func (m *vm) assignCell(c *value.Cell, op operator.Op, v value.Value, pos syntax.Pos) value.Value {
	m.unlocked(c, pos)
	if c.Const {
		m.throw(constantError(c.Variable), pos)
	}
	m.update(op, &c.V, v, pos)
	return value.Value{}
}

// update puts v, or the outcome of a compound assignment, into the place p.
func (m *vm) update(op operator.Op, p *value.Value, v value.Value, pos syntax.Pos) {
	if op == operator.None {
		*p = v
		return
	}
	if p.Kind() == value.Custom {
		args := []value.Value{v}
		if d := m.pick(op.String()+"=", p, args); d != nil {
			m.runNative(d, p, args, pos)
			return
		}
	}
	if operator.Assign(op, p, v) {
		m.sizeCheck(*p, pos)
		return
	}
	*p = m.binaryOp(op, *p, v, pos)
}

// assignVariable compiles an assignment to this or to a variable by name.
func (c *compiler) assignVariable(x *syntax.Variable, op operator.Op, rhs node, pos syntax.Pos) node {
	at, name := c.variablePlace(x), x.Name
	if len(x.Path) > 0 {
		return fails(constantError(x.Name), x.Pos)
	}
	return func(fr *frame) value.Value {
		v := rhs(fr)
		p, fixed := at(fr)
		if fixed {
			fr.vm.throw(constantError(name), x.Pos)
		}
		fr.vm.update(op, p, v, pos)
		return value.Value{}
	}
}

// root names the variable that a chain starts from.
func root(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.Variable:
		return x.Name
	case *syntax.Property:
		return root(x.X)
	case *syntax.Index:
		return root(x.X)
	}
	return ""
}

func (c *compiler) assignProperty(x *syntax.Property, op operator.Op, rhs node, pos syntax.Pos) node {
	ch := c.chain(x.X, nil)
	name, at, elvis, base := x.Name, x.Pos, x.Elvis, root(x.X)
	getter := c.unit.cfg.Natives.Named(native.Getter+name, 1)
	return func(fr *frame) value.Value {
		m := fr.vm
		v := rhs(fr)
		mark := len(m.back)
		p, fixed := ch.find(fr)
		switch {
		case p == nil || elvis && p.IsUnit():
			m.settle(mark, false)
			return value.Value{}
		case fixed && p.Kind() == value.Map:
			m.throw(constantError(base), at)
		case fixed:
			m.throw(failure.New("ErrorNonPureMethodCallOnConstant", name,
				"Cannot modify property '"+name+"' of constant"), at)
		case p.Kind() == value.Map:
			m.update(op, p.MutDict().Place(name), v, pos)
			m.sizeCheck(*p, pos)
		default:
			if op != operator.None {
				old := m.getMember(p, name, getter, at)
				m.update(op, &old, v, pos)
				v = old
			}
			m.setMember(p, name, v, at)
		}
		m.settle(mark, true)
		return value.Value{}
	}
}

func (c *compiler) assignIndex(x *syntax.Index, op operator.Op, rhs node, pos syntax.Pos) node {
	var idx node
	ch := c.chain(x.X, func() { idx = c.indexValue(x.I) })
	open, at, elvis, base := x.Pos, x.I.Position(), x.Elvis, root(x.X)
	return func(fr *frame) value.Value {
		m := fr.vm
		v := rhs(fr)
		mark := len(m.back)
		p, fixed := ch.find(fr)
		if p == nil || elvis && p.IsUnit() {
			m.settle(mark, false)
			return value.Value{}
		}
		if fixed {
			m.throw(constantError(base), open)
		}
		i := idx(fr)
		switch p.Kind() {
		case value.Array:
			n := m.arrayIndex(i, len(p.Items()), at)
			m.update(op, &p.MutList().Items[n], v, pos)
			m.sizeCheck(*p, pos)
		case value.Map:
			m.update(op, p.MutDict().Place(m.mapKey(i, at)), v, pos)
			m.sizeCheck(*p, pos)
		default:
			if op != operator.None {
				old := m.element(p, i, open, at)
				m.update(op, &old, v, pos)
				v = old
			}
			m.setElement(p, i, v, open, at)
		}
		if len(m.back) > mark {
			m.settle(mark, true)
		}
		return value.Value{}
	}
}
