package interp

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// place finds where a value is kept, so that it can be changed there; fixed
// says that it must not be. A nil place is what lies behind "?." of ().
type place func(fr *frame) (p *value.Value, fixed bool)

// chain is a compiled place with what is computed before it: the indexes and
// arguments, from left to right.
type chain struct {
	before []node
	place  place
}

func (ch *chain) find(fr *frame) (*value.Value, bool) {
	for _, n := range ch.before {
		n(fr)
	}
	fr.vm.lockable = nil
	return ch.place(fr)
}

// chain compiles the place of x; more compiles what else is computed before.
func (c *compiler) chain(x syntax.Expr, more func()) *chain {
	outer := c.before
	c.before = nil
	p := c.place(x)
	if more != nil {
		more()
	}
	ch := &chain{c.before, p}
	c.before = outer
	return ch
}

// store adds the computing of n into a slot to what happens before the chain.
func (c *compiler) store(n node) int {
	slot := c.temp()
	c.before = append(c.before, func(fr *frame) value.Value {
		fr.slots[slot] = n(fr)
		return value.Value{}
	})
	return slot
}

func (c *compiler) place(x syntax.Expr) place {
	switch x := x.(type) {
	case *syntax.Variable:
		return c.variablePlace(x)
	case *syntax.Property:
		base, name, pos, elvis := c.place(x.X), x.Name, x.Pos, x.Elvis
		getter := c.unit.cfg.Natives.Named(native.Getter+name, 1)
		return func(fr *frame) (*value.Value, bool) {
			p, fixed := base(fr)
			if p == nil || elvis && p.IsUnit() {
				return nil, false
			}
			return fr.vm.memberPlace(p, name, getter, pos), fixed
		}
	case *syntax.Index:
		base, pos, elvis, at := c.place(x.X), x.Pos, x.Elvis, x.I.Position()
		idx := c.indexValue(x.I)
		return func(fr *frame) (*value.Value, bool) {
			p, fixed := base(fr)
			if p == nil || elvis && p.IsUnit() {
				return nil, false
			}
			return fr.vm.elementPlace(p, idx(fr), pos, at), fixed
		}
	}
	slot := c.store(c.expr(x))
	return func(fr *frame) (*value.Value, bool) { return &fr.slots[slot], false }
}

// indexValue compiles an index, which is computed before the chain unless
// that makes no difference.
func (c *compiler) indexValue(x syntax.Expr) node {
	if l, ok := x.(*syntax.Literal); ok {
		return c.expr(l)
	}
	if c.slot(x) >= 0 {
		return c.expr(x)
	}
	slot := c.store(c.expr(x))
	return func(fr *frame) value.Value { return fr.slots[slot] }
}

func (c *compiler) variablePlace(v *syntax.Variable) place {
	pos := v.Pos
	switch {
	case len(v.Path) > 0:
		slot := c.store(c.expr(v))
		return func(fr *frame) (*value.Value, bool) { return &fr.slots[slot], true }
	case v.Name == "this":
		return func(fr *frame) (*value.Value, bool) {
			if fr.this == nil {
				fr.vm.throw(failure.Errorf("ErrorUnboundThis", "'this' not bound"), pos)
			}
			return fr.this, fr.thisConst
		}
	}
	if slot := c.slot(v); slot >= 0 {
		l, _ := c.find(v.Name)
		fixed := l.fixed
		return func(fr *frame) (*value.Value, bool) {
			if p := &fr.slots[slot]; p.Kind() != value.Shared {
				return p, fixed
			}
			return fr.vm.open(fr.slots[slot].Cell(), pos)
		}
	}
	n, slot := c.byName(v), c.temp()
	return func(fr *frame) (*value.Value, bool) {
		x := fr.variable(v.Name)
		switch {
		case x == nil:
			fr.slots[slot] = n(fr)
			return &fr.slots[slot], true
		case x.v.Kind() == value.Shared:
			return fr.vm.open(x.v.Cell(), pos)
		}
		return &x.v, x.fixed
	}
}

// open returns the place of a shared variable.
func (m *vm) open(c *value.Cell, pos syntax.Pos) (*value.Value, bool) {
	m.unlocked(c, pos)
	m.lockable = c
	return &c.V, c.Const
}

// writeback brings a changed value back to where it came from, where that is
// no place in memory: a bit, a character, a property of a Go value.
type writeback struct {
	tmp   value.Value
	apply func(m *vm, v value.Value)
}

// away returns a place for v from which changes are brought back by apply.
func (m *vm) away(v value.Value, apply func(m *vm, v value.Value)) *value.Value {
	w := &writeback{v, apply}
	m.back = append(m.back, w)
	return &w.tmp
}

// settle ends the use of places: with changed, what was written into them is
// brought back.
func (m *vm) settle(mark int, changed bool) {
	for len(m.back) > mark {
		last := len(m.back) - 1
		w := m.back[last]
		m.back[last] = nil
		m.back = m.back[:last]
		if changed {
			w.apply(m, w.tmp)
		}
	}
}

// memberPlace finds the place of a property.
func (m *vm) memberPlace(p *value.Value, name string, getter []*native.Def, pos syntax.Pos) *value.Value {
	if p.Kind() == value.Map {
		if q := p.MutDict().Ref(name); q != nil {
			return q
		}
		return new(value.Value)
	}
	return m.away(m.getMember(p, name, getter, pos), func(m *vm, v value.Value) {
		if d := m.pick(native.Setter+name, p, []value.Value{v}); d != nil {
			m.runNative(d, p, []value.Value{v}, pos)
			return
		}
		if d := m.pick(native.SetIndex, p, []value.Value{value.OfString(name), v}); d != nil {
			m.runNative(d, p, []value.Value{value.OfString(name), v}, pos)
		}
	})
}

// getMember reads a property of what is no map.
func (m *vm) getMember(p *value.Value, name string, getter []*native.Def, pos syntax.Pos) value.Value {
	if d := native.Pick(getter, p, nil); d != nil {
		return m.runNative(d, p, nil, pos)
	}
	args := []value.Value{value.OfString(name)}
	if d := m.pick(native.Index, p, args); d != nil {
		return m.runNative(d, p, args, pos)
	}
	m.throw(failure.New("ErrorDotExpr", name,
		"Unknown property '"+name+"' - a getter is not registered for type '"+p.TypeName()+"'"), pos)
	return value.Value{}
}

// setMember writes a property of what is no map.
func (m *vm) setMember(p *value.Value, name string, v value.Value, pos syntax.Pos) {
	args := []value.Value{v}
	if d := m.pick(native.Setter+name, p, args); d != nil {
		m.runNative(d, p, args, pos)
		return
	}
	args = []value.Value{value.OfString(name), v}
	if d := m.pick(native.SetIndex, p, args); d != nil {
		m.runNative(d, p, args, pos)
		return
	}
	m.throw(failure.New("ErrorDotExpr", name, "No writable property '"+name+
		"' - a setter is not registered for type '"+p.TypeName()+"' to handle '"+v.TypeName()+"'"), pos)
}

// borrow compiles an expression whose value is only looked at before anything
// else runs: it need not be the reader's own.
func (c *compiler) borrow(x syntax.Expr) node {
	switch x := x.(type) {
	case *syntax.Variable:
		return c.borrowVariable(x)
	case *syntax.Property:
		return c.readProperty(x, false)
	case *syntax.Index:
		return c.readIndex(x, false)
	}
	return c.expr(x)
}

func (c *compiler) borrowVariable(x *syntax.Variable) node {
	slot, pos := c.slot(x), x.Pos
	switch {
	case slot >= 0:
		return func(fr *frame) value.Value {
			v := fr.slots[slot]
			if v.Kind() == value.Shared {
				fr.vm.unlocked(v.Cell(), pos)
				return v.Flat()
			}
			return v
		}
	case x.Name == "this" && len(x.Path) == 0:
		return func(fr *frame) value.Value {
			if fr.this == nil {
				fr.vm.throw(failure.Errorf("ErrorUnboundThis", "'this' not bound"), pos)
			}
			return *fr.this
		}
	}
	return c.expr(x)
}

func (c *compiler) property(x *syntax.Property) node { return c.readProperty(x, true) }

func (c *compiler) readProperty(x *syntax.Property, own bool) node {
	base, name, pos, elvis := c.borrow(x.X), x.Name, x.Pos, x.Elvis
	getter := c.unit.cfg.Natives.Named(native.Getter+name, 1)
	tmp := c.temp()
	return func(fr *frame) value.Value {
		v := base(fr)
		switch {
		case v.Kind() == value.Map:
			e, _ := v.Dict().Get(name)
			if own {
				return e.Copy()
			}
			return e
		case elvis && v.IsUnit():
			return v
		}
		fr.slots[tmp] = v
		return fr.vm.getMember(&fr.slots[tmp], name, getter, pos)
	}
}

func (c *compiler) index(x *syntax.Index) node { return c.readIndex(x, true) }

func (c *compiler) readIndex(x *syntax.Index, own bool) node {
	base, idx := c.borrow(x.X), c.expr(x.I)
	pos, at, elvis := x.Pos, x.I.Position(), x.Elvis
	tmp := c.temp()
	return func(fr *frame) value.Value {
		v := base(fr)
		if elvis && v.IsUnit() {
			return v
		}
		i := idx(fr)
		if v.Kind() == value.Array && i.Kind() == value.Int {
			items := v.Items()
			if n := i.Int(); n >= 0 && n < int64(len(items)) {
				e := items[n]
				if own && e.Kind() >= value.Array {
					return e.Copy()
				}
				return e
			}
		}
		fr.slots[tmp] = v
		e := fr.vm.element(&fr.slots[tmp], i, pos, at)
		if own {
			return e.Copy()
		}
		return e
	}
}
