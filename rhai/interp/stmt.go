package interp

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// stmt compiles a statement.
func (c *compiler) stmt(s syntax.Stmt) code {
	switch s := s.(type) {
	case *syntax.ExprStmt:
		return c.exprCode(s.X)
	case *syntax.Let:
		return c.let(s)
	case *syntax.Assign:
		return c.assign(s)
	case *syntax.Block:
		return c.blockOf(s)
	case *syntax.If:
		return c.ifStmt(s)
	case *syntax.Switch:
		return c.switchStmt(s)
	case *syntax.Loop:
		return c.loop(s)
	case *syntax.For:
		return c.forLoop(s)
	case *syntax.Jump:
		return c.jump(s)
	case *syntax.Try:
		return c.try(s)
	case *syntax.Import:
		return code{n: c.importStmt(s)}
	case *syntax.Export:
		return code{n: c.export(s)}
	}
	return code{n: unit}
}

// exprCode compiles an expression; a block, if, switch or loop that is the
// whole of it keeps its control flow.
func (c *compiler) exprCode(x syntax.Expr) code {
	if s, ok := x.(*syntax.StmtExpr); ok {
		return c.stmt(s.S)
	}
	return code{n: c.expr(x)}
}

// then compiles what happens with the value of an expression.
func then(co code, use func(fr *frame, v value.Value) value.Value) code {
	if n := co.n; n != nil {
		return code{n: func(fr *frame) value.Value { return use(fr, n(fr)) }}
	}
	x := co.x
	return code{x: func(fr *frame) ctl {
		if k := x(fr); k != goOn {
			return k
		}
		fr.ret = use(fr, fr.ret)
		return goOn
	}}
}

func (c *compiler) let(s *syntax.Let) code {
	value0 := code{n: unit}
	if s.X != nil {
		value0 = c.exprCode(s.X)
	}
	limit := c.unit.cfg.Limits.Variables
	if limit > 0 && len(c.vars) >= limit {
		return code{n: fails(failure.Errorf("ErrorTooManyVariables", "Too many variables defined"), s.Pos)}
	}
	name, fixed := s.Name, s.Const
	global := fixed && c.atTop && c.depth == 0
	slot := c.declare(name, fixed)
	var exported []string
	if s.Export {
		exported = []string{name}
		for i := range c.vars {
			if c.vars[i].slot == slot {
				c.vars[i].export = exported
			}
		}
	}
	if c.names {
		return then(value0, func(fr *frame, v value.Value) value.Value {
			fr.names.declare(name, v, fixed).export = exported
			if limit > 0 && len(fr.names.vars) > limit {
				fr.vm.throw(failure.Errorf("ErrorTooManyVariables", "Too many variables defined"), s.Pos)
			}
			if global {
				fr.inst.setConst(name, v)
			}
			return value.Value{}
		})
	}
	if global {
		return then(value0, func(fr *frame, v value.Value) value.Value {
			fr.slots[slot] = v
			fr.inst.setConst(name, v.Copy())
			return value.Value{}
		})
	}
	if n := value0.n; n != nil {
		return code{n: func(fr *frame) value.Value {
			fr.slots[slot] = n(fr)
			return value.Value{}
		}}
	}
	return then(value0, func(fr *frame, v value.Value) value.Value {
		fr.slots[slot] = v
		return value.Value{}
	})
}

func (i *instance) setConst(name string, v value.Value) {
	if i.consts == nil {
		i.consts = make(map[string]value.Value)
	}
	i.consts[name] = v
}

func (c *compiler) ifStmt(s *syntax.If) code {
	cond := c.cond(s.Cond)
	then := c.blockOf(s.Then)
	other := code{n: unit}
	if s.Else != nil {
		other = c.stmt(s.Else)
	}
	if then.n != nil && other.n != nil {
		a, b := then.n, other.n
		if s.Else == nil {
			return code{n: func(fr *frame) value.Value {
				if cond(fr) {
					return a(fr)
				}
				return value.Value{}
			}}
		}
		return code{n: func(fr *frame) value.Value {
			if cond(fr) {
				return a(fr)
			}
			return b(fr)
		}}
	}
	a, b := then.exec(), other.exec()
	return code{x: func(fr *frame) ctl {
		if cond(fr) {
			return a(fr)
		}
		return b(fr)
	}}
}

func (c *compiler) jump(s *syntax.Jump) code {
	value0 := code{n: unit}
	if s.X != nil {
		value0 = c.exprCode(s.X)
	}
	if s.Kind == "throw" {
		return then(value0, func(fr *frame, v value.Value) value.Value {
			fr.vm.throw(failure.Thrown(v), s.Pos)
			return v
		})
	}
	kind := map[string]ctl{"break": doBreak, "continue": doContinue, "return": doReturn}[s.Kind]
	if n := value0.n; n != nil {
		return code{x: func(fr *frame) ctl {
			fr.ret = n(fr)
			return kind
		}}
	}
	x := value0.x
	return code{x: func(fr *frame) ctl {
		if k := x(fr); k != goOn {
			return k
		}
		return kind
	}}
}

func (c *compiler) try(s *syntax.Try) code {
	body := c.blockOf(s.Body)
	slot := -1
	handler := c.scope(func() code {
		if s.Var != "" {
			slot = c.declare(s.Var, false)
		}
		b := c.blockOf(s.Handler)
		if !c.names || s.Var == "" {
			return b
		}
		x := b.exec()
		return code{x: func(fr *frame) ctl {
			fr.names.declare(s.Var, fr.slots[slot], false)
			return x(fr)
		}}
	})
	run, catch := body.exec(), handler.exec()
	x := func(fr *frame) ctl {
		var k ctl
		err := fr.vm.attempt(func() { k = run(fr) })
		if err == nil {
			return k
		}
		if !err.Catchable() {
			panic(err)
		}
		if slot >= 0 {
			fr.slots[slot] = err.CatchValue().Copy()
		}
		return fr.handle(catch, err)
	}
	if body.n == nil || handler.n == nil {
		return code{x: x}
	}
	return code{n: code{x: x}.node()}
}

// handle runs the catch block; throwing nothing there throws the error again.
func (fr *frame) handle(catch exec, original *failure.Error) ctl {
	var k ctl
	err := fr.vm.attempt(func() { k = catch(fr) })
	switch {
	case err == nil:
		if k == goOn {
			fr.ret = value.Value{}
		}
		return k
	case err.Kind == "ErrorRuntime" && err.Value.IsUnit():
		panic(original)
	}
	panic(err)
}
