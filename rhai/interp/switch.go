package interp

import (
	"math"

	"forge.ourworld.tf/lhumina_code/hero/rhai/operator"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// scalar finds the cases of a switch whose constant is no container.
type scalar struct {
	kind value.Kind
	n    int64
	s    string
}

func scalarOf(v value.Value) (scalar, bool) {
	switch v.Kind() {
	case value.Unit, value.Bool:
		return scalar{kind: v.Kind(), n: v.Int()}, true
	case value.Int, value.Char:
		return scalar{kind: v.Kind(), n: v.Int()}, true
	case value.Float:
		return scalar{kind: v.Kind(), n: int64(math.Float64bits(v.Float()))}, true
	case value.String:
		return scalar{kind: v.Kind(), s: v.Str()}, true
	}
	return scalar{}, false
}

// cases is a compiled switch: which cases to try for a value, in order.
type cases struct {
	scalars map[scalar][]int
	others  []valueCase
	ranges  []rangeCase
	guards  []func(*frame) bool
	other   int // the default case, -1 for none
}

type valueCase struct {
	v value.Value
	i int
}

type rangeCase struct {
	s value.Span
	i int
}

func (c *compiler) switchStmt(s *syntax.Switch) code {
	x := c.expr(s.X)
	t := &cases{scalars: make(map[scalar][]int), other: -1}
	bodies := make([]code, len(s.Cases))
	plain := true
	for i, k := range s.Cases {
		for _, v := range k.Values {
			t.add(constant(v), i)
		}
		if len(k.Values) == 0 {
			t.other = i
		}
		var guard func(*frame) bool
		if k.Guard != nil {
			guard = c.cond(k.Guard)
		}
		t.guards = append(t.guards, guard)
		bodies[i] = c.scope(func() code { return c.stmt(k.Body) })
		plain = plain && bodies[i].n != nil
	}
	if plain {
		return code{n: func(fr *frame) value.Value {
			if i := t.choose(fr, x(fr)); i >= 0 {
				return bodies[i].n(fr)
			}
			return value.Value{}
		}}
	}
	xs := make([]exec, len(bodies))
	for i, b := range bodies {
		xs[i] = b.exec()
	}
	return code{x: func(fr *frame) ctl {
		if i := t.choose(fr, x(fr)); i >= 0 {
			return xs[i](fr)
		}
		fr.ret = value.Value{}
		return goOn
	}}
}

func (t *cases) add(v value.Value, i int) {
	if v.Kind() == value.Range {
		t.ranges = append(t.ranges, rangeCase{v.Span(), i})
	}
	if k, ok := scalarOf(v); ok {
		t.scalars[k] = append(t.scalars[k], i)
		return
	}
	t.others = append(t.others, valueCase{v, i})
}

// choose finds the case for a value: exact matches come before ranges.
func (t *cases) choose(fr *frame, v value.Value) int {
	passes := func(i int) bool { return t.guards[i] == nil || t.guards[i](fr) }
	if k, ok := scalarOf(v); ok {
		for _, i := range t.scalars[k] {
			if passes(i) {
				return i
			}
		}
	} else {
		for _, o := range t.others {
			if identical(o.v, v) && passes(o.i) {
				return o.i
			}
		}
	}
	for _, r := range t.ranges {
		if within(r.s, v) && passes(r.i) {
			return r.i
		}
	}
	return t.other
}

// identical compares containers for a switch.
func identical(a, b value.Value) bool {
	equal, err := operator.Equal(a, b)
	return equal && err == nil && a.Kind() == b.Kind()
}

func within(s value.Span, v value.Value) bool {
	switch v.Kind() {
	case value.Int:
		n := v.Int()
		return n >= s.From && (n < s.To || s.Inclusive && n == s.To)
	case value.Float:
		f := v.Float()
		return f >= float64(s.From) && (f < float64(s.To) || s.Inclusive && f == float64(s.To))
	}
	return false
}

// constant returns the value of what the parser found to be one.
func constant(x syntax.Expr) value.Value {
	switch x := x.(type) {
	case *syntax.Literal:
		return literal(x)
	case *syntax.Array:
		items := make([]value.Value, len(x.Items))
		for i, e := range x.Items {
			items[i] = constant(e)
		}
		return value.OfItems(items)
	case *syntax.Map:
		d := value.NewDict(len(x.Keys))
		for i, e := range x.Values {
			d.Set(x.Keys[i], constant(e))
		}
		return value.OfDict(d)
	case *syntax.Interpolated:
		s := ""
		for _, p := range x.Parts {
			s += constant(p).Text()
		}
		return value.OfString(s)
	case *syntax.StmtExpr:
		return constant(x.S.(*syntax.Block).Stmts[0].(*syntax.ExprStmt).X)
	case *syntax.Binary:
		v, _, _ := operator.Binary(operator.Of(x.Op), constant(x.X), constant(x.Y))
		return v
	}
	return value.Value{}
}
