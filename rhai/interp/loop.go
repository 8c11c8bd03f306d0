package interp

import (
	"math"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

func always(*frame) bool { return true }

// loop compiles while, loop and do.
func (c *compiler) loop(s *syntax.Loop) code {
	cond := always
	if s.Cond != nil {
		cond = c.cond(s.Cond)
	}
	co := c.blockOf(s.Body)
	if s.Until {
		inner := cond
		cond = func(fr *frame) bool { return !inner(fr) }
	}
	pos, first := s.Pos, s.After
	if body := co.n; body != nil && !leavesExpression(s.Body) {
		return code{n: func(fr *frame) value.Value {
			for go1 := first; go1 || cond(fr); go1 = false {
				body(fr)
				fr.vm.tick(pos)
			}
			return value.Value{}
		}}
	}
	body := breakable(co, s.Body)
	return loopCode(s.Body, func(fr *frame) ctl {
		for go1 := first; go1 || cond(fr); {
			k := body(fr)
			fr.vm.tick(pos)
			switch k {
			case doBreak:
				return goOn
			case doReturn:
				return doReturn
			case doContinue:
				// In do … while, continue goes on without testing.
				go1 = first
			default:
				go1 = false
			}
		}
		fr.ret = value.Value{}
		return goOn
	})
}

// loopCode makes a node of a loop that no return leaves.
func loopCode(body *syntax.Block, x exec) code {
	returns := false
	syntax.Walk(body, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.Closure); ok {
			return false
		}
		if j, ok := n.(*syntax.Jump); ok && j.Kind == "return" {
			returns = true
		}
		return !returns
	})
	if returns {
		return code{x: x}
	}
	return code{n: func(fr *frame) value.Value {
		x(fr)
		return fr.ret
	}}
}

// breakable makes the body of a loop, in which a break may stand within an
// expression, an exec.
func breakable(co code, body *syntax.Block) exec {
	x := co.exec()
	if !leavesExpression(body) {
		return x
	}
	return func(fr *frame) (k ctl) {
		s := fr.vm.state()
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if sig, ok := r.(*signal); ok && sig.frame == fr {
				fr.vm.restore(s, nil)
				k, fr.ret = sig.kind, sig.value
				return
			}
			panic(r)
		}()
		return x(fr)
	}
}

// forVars holds where a for statement puts its variables.
type forVars struct {
	item, count         int // slots, count -1 for none
	itemName, countName string
	byName              bool
}

// set gives the variables their values for one round; closures that share the
// variable see the change.
func (v *forVars) set(fr *frame, item value.Value, n int64) {
	if v.byName {
		if v.countName != "" {
			fr.names.find(v.countName).put(value.OfInt(n))
		}
		fr.names.find(v.itemName).put(item)
		return
	}
	if p := &fr.slots[v.item]; p.Kind() != value.Shared {
		*p = item
	} else {
		p.Cell().V = item
	}
	if v.count >= 0 {
		if p := &fr.slots[v.count]; p.Kind() != value.Shared {
			*p = value.OfInt(n)
		} else {
			p.Cell().V = value.OfInt(n)
		}
	}
}

func (c *compiler) forLoop(s *syntax.For) code {
	over := c.expr(s.X)
	vars := &forVars{count: -1, itemName: s.Var, countName: s.Counter, byName: c.names}
	var body code
	whole := c.scope(func() code {
		if s.Counter != "" {
			vars.count = c.declare(s.Counter, false)
		}
		vars.item = c.declare(s.Var, false)
		body = c.blockOf(s.Body)
		pos := s.Pos
		if n := body.n; n != nil && !leavesExpression(s.Body) {
			return code{n: func(fr *frame) value.Value {
				fr.reset(vars)
				each(fr, over(fr), s.X.Position(), func(item value.Value, i int64) bool {
					vars.set(fr, item, i)
					n(fr)
					fr.vm.tick(pos)
					return true
				})
				return value.Value{}
			}}
		}
		x := breakable(body, s.Body)
		return loopCode(s.Body, func(fr *frame) ctl {
			fr.reset(vars)
			out, broken := goOn, false
			each(fr, over(fr), s.X.Position(), func(item value.Value, i int64) bool {
				vars.set(fr, item, i)
				k := x(fr)
				fr.vm.tick(pos)
				if k == doReturn {
					out = k
				}
				broken = k == doBreak || k == doReturn
				return !broken
			})
			if !broken {
				fr.ret = value.Value{}
			}
			return out
		})
	})
	return whole
}

// reset makes the variables of a for statement new ones.
func (fr *frame) reset(v *forVars) {
	if v.byName {
		if v.countName != "" {
			fr.names.declare(v.countName, value.Value{}, false)
		}
		fr.names.declare(v.itemName, value.Value{}, false)
		return
	}
	fr.slots[v.item] = value.Value{}
	if v.count >= 0 {
		fr.slots[v.count] = value.Value{}
	}
}

// each calls f for what v yields, with a count from zero, until it returns
// false.
func each(fr *frame, v value.Value, pos syntax.Pos, f func(value.Value, int64) bool) {
	switch v.Kind() {
	case value.Range:
		eachInt(v.Span(), f)
	case value.Array:
		for i, x := range v.Items() {
			if !f(x.Copy(), int64(i)) {
				return
			}
		}
	case value.String:
		eachChar(v.Str(), f)
	case value.Blob:
		for i, b := range v.Data() {
			if !f(value.OfInt(int64(b)), int64(i)) {
				return
			}
		}
	case value.Iter:
		next := v.Seq().Start()
		for i := int64(0); ; i++ {
			x, ok := next()
			if !ok || !f(x, i) {
				return
			}
		}
	default:
		fr.vm.throw(failure.Errorf("ErrorFor", "For loop expects iterable type"), pos)
	}
}

func eachInt(s value.Span, f func(value.Value, int64) bool) {
	last := s.To
	if !s.Inclusive {
		if last == math.MinInt64 {
			return
		}
		last--
	}
	if last < s.From {
		return
	}
	for i, n := s.From, int64(0); f(value.OfInt(i), n) && i < last; i, n = i+1, n+1 {
	}
}

func eachChar(s string, f func(value.Value, int64) bool) {
	for n := int64(0); len(s) > 0; n++ {
		c, size := utf8.DecodeRuneInString(s)
		if !f(value.OfChar(c), n) {
			return
		}
		s = s[size:]
	}
}
