package syntax

// statement parses one statement; nil where there is nothing to run: an empty
// statement or a function.
func (p *parser) statement() Stmt {
	t := p.peek()
	if t.kind != tokSymbol {
		return p.exprStmt()
	}
	pos := t.pos
	switch t.text {
	case ";":
		p.next()
		return nil
	case "{":
		return p.block()
	case "fn", "private":
		p.function()
		return nil
	case "if":
		return p.ifStmt()
	case "switch":
		return p.switchStmt()
	case "while", "loop":
		return p.whileStmt()
	case "do":
		return p.doStmt()
	case "for":
		return p.forStmt()
	case "break", "continue", "return", "throw":
		return p.jump()
	case "try":
		return p.tryStmt()
	case "let", "const":
		return p.let(pos, false)
	case "import":
		return p.importStmt()
	case "export":
		return p.export()
	}
	return p.exprStmt()
}

// block parses statements between braces.
func (p *parser) block() *Block {
	pos := p.expect("{", "to start a statement block")
	p.deeper(pos)
	p.view.blocks++
	vars, pipe := len(p.view.vars), p.noPipe
	p.noPipe = false
	b := &Block{Pos: pos}
	for !p.at("}") {
		if t := p.peek(); t.kind == tokEOF {
			missing(t.pos, "}", "to terminate this block")
		}
		s := p.statement()
		if s == nil {
			continue
		}
		b.Stmts = append(b.Stmts, s)
		p.endStatement(s, false)
	}
	b.End = p.next().pos
	p.noPipe = pipe
	p.view.vars = p.view.vars[:vars]
	p.view.blocks--
	p.shallower()
	return b
}

func (p *parser) exprStmt() Stmt {
	pos := p.peek().pos
	x := p.expr()
	t := *p.peek()
	op, ok := t.assignment()
	if !ok {
		return &ExprStmt{Pos: pos, X: x}
	}
	p.next()
	y := p.expr()
	p.checkTarget(x, t)
	return &Assign{Pos: t.pos, Op: op, X: x, Y: y}
}

// checkTarget refuses to assign to what is no variable or part of one.
func (p *parser) checkTarget(x Expr, op token) {
	switch x := x.(type) {
	case *Variable:
		if b, ok := p.view.lookup(x.Name); ok && b.constant && len(x.Path) == 0 {
			fail(x.Pos, "AssignmentToConstant", "Cannot assign to constant "+x.Name)
		}
		return
	case *Property, *Index:
		if partOfVariable(x) {
			return
		}
	case *Literal, *Array, *Map:
		fail(x.Position(), "AssignmentToConstant", "Cannot assign to a constant value")
	case *Binary:
		if op.text == "=" && (x.Op == "&&" || x.Op == "||" || x.Op == "??") {
			panic(fault{badInput(op.pos, "Possibly a typo of '=='?")})
		}
	}
	fail(x.Position(), "AssignmentToInvalidLHS", "Expression cannot be assigned to")
}

func partOfVariable(x Expr) bool {
	switch x := x.(type) {
	case *Variable:
		return true
	case *Property:
		return partOfVariable(x.X)
	case *Index:
		return partOfVariable(x.X)
	}
	return false
}

// condition parses what an if, while or switch guard tests.
func (p *parser) condition() Expr {
	if t := p.peek(); t.is("{") {
		fail(t.pos, "ExprExpected", "Expecting a boolean expression")
	}
	x := p.expr()
	mustBeBool(x)
	if t := p.peek(); t.is("=") {
		panic(fault{badInput(t.pos, "Possibly a typo of '=='?")})
	}
	return x
}

func (p *parser) ifStmt() *If {
	s := &If{Pos: p.next().pos}
	p.deeper(s.Pos)
	defer p.shallower()
	s.Cond = p.condition()
	s.Then = p.block()
	if p.accept("else") {
		if p.at("if") {
			s.Else = p.ifStmt()
		} else {
			s.Else = p.block()
		}
	}
	return s
}

// body parses the block of a loop.
func (p *parser) body() *Block {
	p.view.loops++
	defer func() { p.view.loops-- }()
	return p.block()
}

func (p *parser) whileStmt() *Loop {
	t := p.next()
	s := &Loop{Pos: t.pos}
	if t.text == "while" {
		s.Cond = p.condition()
	}
	s.Body = p.body()
	return s
}

func (p *parser) doStmt() *Loop {
	s := &Loop{Pos: p.next().pos, After: true}
	s.Body = p.body()
	switch t := p.next(); {
	case t.is("until"):
		s.Until = true
	case !t.is("while"):
		lexical(&t)
		missing(t.pos, "while", "for the do statement")
	}
	s.Cond = p.condition()
	return s
}

func (p *parser) forStmt() *For {
	s := &For{Pos: p.next().pos}
	if p.accept("(") {
		s.Var, _ = p.name()
		p.expect(",", "after the iteration variable name")
		var pos Pos
		s.Counter, pos = p.name()
		if s.Counter == s.Var {
			fail(pos, "DuplicatedVariable", "Duplicated variable name: "+s.Var)
		}
		p.expect(")", "to close the iteration variable")
	} else {
		s.Var, _ = p.name()
	}
	p.expect("in", "after the iteration variable")
	if t := p.peek(); t.is("{") {
		fail(t.pos, "ExprExpected", "Expecting a boolean expression")
	}
	s.X = p.expr()
	mustBeIterable(s.X)
	vars := len(p.view.vars)
	if s.Counter != "" {
		p.declare(s.Counter, false)
	}
	p.declare(s.Var, false)
	s.Body = p.body()
	p.view.vars = p.view.vars[:vars]
	return s
}

func (p *parser) jump() Stmt {
	t := p.next()
	s := &Jump{Pos: t.pos, Kind: t.text}
	if (t.text == "break" || t.text == "continue") && p.view.loops == 0 {
		fail(t.pos, "LoopBreak", "Break statement should only be used inside a loop")
	}
	if t.text == "continue" || !p.startsExpr() {
		return s
	}
	s.X = p.expr()
	return s
}

// startsExpr reports whether what comes next can be an expression.
func (p *parser) startsExpr() bool {
	t := p.peek()
	switch t.kind {
	case tokEOF:
		return false
	case tokSymbol:
		switch t.text {
		case ";", "}", ")", "]", ",", "=>", ":", "else", "in", "let", "const", "fn", "break",
			"continue", "return", "throw", "try", "catch":
			return false
		}
	}
	return true
}

func (p *parser) tryStmt() *Try {
	s := &Try{Pos: p.next().pos}
	s.Body = p.block()
	p.expect("catch", "for the 'try' statement")
	vars := len(p.view.vars)
	if p.accept("(") {
		s.Var, _ = p.name()
		p.expect(")", "to enclose the catch variable")
		p.declare(s.Var, false)
	} else {
		p.accept("()")
	}
	s.Handler = p.block()
	p.view.vars = p.view.vars[:vars]
	return s
}

func (p *parser) let(pos Pos, export bool) *Let {
	s := &Let{Pos: pos, Const: p.next().text == "const", Export: export}
	s.Name, s.NamePos = p.name()
	if p.accept("=") {
		s.X = p.expr()
	}
	p.declare(s.Name, s.Const)
	return s
}

func (p *parser) importStmt() *Import {
	s := &Import{Pos: p.next().pos}
	s.X = p.expr()
	if p.accept("as") {
		s.As, _ = p.name()
	}
	return s
}

func (p *parser) export() Stmt {
	pos := p.next().pos
	if p.view.blocks > 0 || p.view.inFunc {
		fail(pos, "WrongExport", "Export statement can only appear at global level")
	}
	if t := p.peek(); t.is("let") || t.is("const") {
		return p.let(pos, true)
	}
	s := &Export{Pos: pos}
	s.Name, _ = p.name()
	if p.accept("as") {
		s.As, _ = p.name()
	}
	return s
}
