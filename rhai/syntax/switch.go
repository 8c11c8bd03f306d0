package syntax

func (p *parser) switchStmt() *Switch {
	s := &Switch{Pos: p.next().pos}
	p.deeper(s.Pos)
	defer p.shallower()
	pipe := p.noPipe
	p.noPipe = false
	s.X = p.expr()
	p.expect("{", "to start a switch block")
	ranges, other := false, false
	for !p.accept("}") {
		t := *p.peek()
		switch {
		case t.kind == tokEOF:
			missing(t.pos, "}", "to end this switch block")
		case other:
			fail(t.pos, "WrongSwitchDefaultCase", "Default switch case must be the last")
		}
		c := &Case{Pos: t.pos}
		if p.accept("_") {
			other = true
			if t := p.peek(); t.is("if") {
				fail(t.pos, "WrongSwitchCaseCondition", "This switch case cannot have a condition")
			}
		} else {
			p.caseValues(c, &ranges)
		}
		p.expect("=>", "in this switch case")
		c.Body = p.statement()
		if c.Body == nil {
			c.Body = &Block{Pos: t.pos}
		}
		s.Cases = append(s.Cases, c)
		p.endCase(c.Body)
	}
	p.noPipe = pipe
	return s
}

func (p *parser) endCase(body Stmt) {
	switch t := p.peek(); {
	case t.is(","):
		p.next()
	case t.is("}"):
	case t.kind == tokEOF:
		missing(t.pos, ")", "to end this switch block")
	case !selfEnding(body):
		lexical(t)
		missing(t.pos, ",", "to separate the items in this switch block")
	}
}

// caseValues parses the constants of a case and its guard.
func (p *parser) caseValues(c *Case, ranges *bool) {
	for {
		x := p.caseValue()
		switch {
		case !isConstant(x):
			fail(x.Position(), "ExprExpected", "Expecting a literal expression")
		case isRange(x):
			*ranges = true
		case *ranges && isNumber(x):
			fail(x.Position(), "WrongSwitchIntegerCase", "Numeric switch case cannot follow a range case")
		}
		c.Values = append(c.Values, x)
		if !p.accept("|") {
			break
		}
	}
	if p.accept("if") {
		c.Guard = p.condition()
	}
}

// caseValue parses one constant, with any fault of its text reported as the
// lack of one.
func (p *parser) caseValue() Expr {
	p.noPipe = true
	defer func() {
		p.noPipe = false
		if r := recover(); r != nil {
			if f, ok := r.(fault); ok {
				fail(f.err.Pos, "ExprExpected", "Expecting literal expression")
			}
			panic(r)
		}
	}()
	return p.expr()
}

func isRange(x Expr) bool {
	b, ok := x.(*Binary)
	return ok && (b.Op == ".." || b.Op == "..=")
}

func isNumber(x Expr) bool {
	k := literalKind(x)
	return k == "integer" || k == "float"
}

// isConstant reports whether the value of x is known from the text.
func isConstant(x Expr) bool {
	switch x := x.(type) {
	case *Literal:
		return true
	case *Array:
		return all(x.Items)
	case *Map:
		return all(x.Values)
	case *Interpolated:
		return all(x.Parts)
	case *StmtExpr:
		b, ok := x.S.(*Block)
		if !ok || len(b.Stmts) != 1 {
			return false
		}
		e, ok := b.Stmts[0].(*ExprStmt)
		return ok && isConstant(e.X)
	case *Binary:
		return isRange(x) && intOrUnit(x.X) && intOrUnit(x.Y)
	}
	return false
}

func all(xs []Expr) bool {
	for _, x := range xs {
		if !isConstant(x) {
			return false
		}
	}
	return true
}

func intOrUnit(x Expr) bool {
	k := literalKind(x)
	return k == "integer" || k == "()"
}
