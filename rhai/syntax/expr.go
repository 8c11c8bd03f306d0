package syntax

// expr parses an expression.
func (p *parser) expr() Expr {
	pos := p.peek().pos
	p.deeper(pos)
	defer p.shallower()
	return p.binary(p.unary(), 1)
}

// binary parses the operators that bind at least as tightly as level after
// their left operand. Each counts as one level of nesting, as in Rhai: the tree
// of a chain grows to the left.
func (p *parser) binary(x Expr, level int) Expr {
	depth := p.view.depth
	defer func() { p.view.depth = depth }()
	for {
		op := *p.peek()
		if p.noPipe && op.is("|") {
			return x
		}
		if op.kind == tokReserved && !isIdentifier(op.text) {
			fail(op.pos, "UnknownOperator", "Unknown operator: '"+op.text+"'")
		}
		prec := op.precedence()
		if prec < level {
			return x
		}
		p.next()
		if p.deeper(op.pos); p.view.depth == p.view.maxDepth {
			fail(op.pos, "ExprTooDeep", "Expression exceeds maximum complexity") // the operand is a level more
		}
		y := p.operand(op)
		for {
			next := p.peek().precedence()
			if p.noPipe && p.at("|") {
				break
			}
			if next > prec || next == prec && op.text == "**" {
				p.deeper(op.pos)
				y = p.binary(y, next)
				p.shallower()
				continue
			}
			break
		}
		if op.text == "&&" || op.text == "||" {
			mustBeBool(x)
			mustBeBool(y)
		}
		x = &Binary{Pos: op.pos, Op: op.text, X: x, Y: y}
	}
}

// operand parses what follows the operator op.
func (p *parser) operand(op token) Expr {
	t := p.peek()
	switch op.text {
	case "??":
		if t.is("break") || t.is("continue") || t.is("return") || t.is("throw") {
			pos := t.pos
			return &StmtExpr{Pos: pos, S: p.statement()}
		}
	case "..", "..=":
		if t.kind == tokSymbol {
			switch t.text {
			case "]", ")", "}", ",", ";", "=>":
				return &Literal{Pos: t.pos}
			}
		}
	}
	return p.unary()
}

func (p *parser) unary() Expr {
	t := *p.peek()
	if t.kind != tokSymbol || t.text != "-" && t.text != "+" && t.text != "!" {
		return p.postfix(p.primary())
	}
	p.next()
	p.deeper(t.pos)
	x := p.unary()
	p.shallower()
	if lit, ok := x.(*Literal); ok && t.text != "!" {
		if folded := foldSign(lit, t); folded != nil {
			return folded
		}
	}
	return &Unary{Pos: t.pos, Op: t.text, X: x}
}

// foldSign applies a sign to a number literal; nil for other literals.
func foldSign(lit *Literal, t token) *Literal {
	switch v := lit.Value.(type) {
	case int64:
		switch {
		case t.text == "+":
			return lit
		case v == -1<<63:
			return &Literal{Pos: t.pos, Value: -float64(v)}
		}
		return &Literal{Pos: t.pos, Value: -v}
	case float64:
		if t.text == "+" {
			return lit
		}
		return &Literal{Pos: t.pos, Value: -v}
	}
	return nil
}

func (p *parser) primary() Expr {
	t := *p.peek()
	switch t.kind {
	case tokInt:
		p.next()
		return &Literal{Pos: t.pos, Value: t.num}
	case tokFloat:
		p.next()
		return &Literal{Pos: t.pos, Value: t.flt}
	case tokChar:
		p.next()
		return &Literal{Pos: t.pos, Value: rune(t.num)}
	case tokString:
		p.next()
		return &Literal{Pos: t.pos, Value: t.text}
	case tokTemplate:
		return p.template()
	case tokIdent, tokReserved:
		return p.nameExpr()
	case tokSymbol:
		return p.symbolExpr(t)
	}
	p.unexpected(&t)
	return nil
}

// symbolExpr parses an expression that starts with a symbol or keyword.
func (p *parser) symbolExpr(t token) Expr {
	switch t.text {
	case "()":
		p.next()
		return &Literal{Pos: t.pos}
	case "true", "false":
		p.next()
		return &Literal{Pos: t.pos, Value: t.text == "true"}
	case "..", "..=":
		return &Literal{Pos: t.pos, Value: int64(0)}
	case "(":
		p.next()
		pipe := p.noPipe
		p.noPipe = false
		x := p.expr()
		p.noPipe = pipe
		p.expect(")", "for a matching ( in this expression")
		return x
	case "[":
		return p.array()
	case "#{":
		return p.mapLiteral()
	case "{":
		return &StmtExpr{Pos: t.pos, S: p.block()}
	case "if":
		return &StmtExpr{Pos: t.pos, S: p.ifStmt()}
	case "switch":
		return &StmtExpr{Pos: t.pos, S: p.switchStmt()}
	case "while", "loop":
		return &StmtExpr{Pos: t.pos, S: p.whileStmt()}
	case "do":
		return &StmtExpr{Pos: t.pos, S: p.doStmt()}
	case "for":
		return &StmtExpr{Pos: t.pos, S: p.forStmt()}
	case "|", "||":
		if !p.noPipe {
			return p.closure()
		}
	}
	p.unexpected(&t)
	return nil
}

// nameExpr parses a variable or a call, with its path of modules.
func (p *parser) nameExpr() Expr {
	t := p.next()
	if t.kind == tokReserved {
		call, _ := callableReserved(t.text)
		switch {
		case call && (p.at("(") || p.at("()") || p.at("!")):
		case t.text == "this" && p.view.inFunc:
		case t.text == "this":
			panic(fault{badInput(t.pos, "'this' can only be used in functions")})
		default:
			reserved(t.pos, t.text)
		}
	}
	v := &Variable{Pos: t.pos, Name: t.text}
	for t.kind == tokIdent && p.accept("::") {
		v.Path = append(v.Path, v.Name)
		v.Name, v.Pos = p.name()
	}
	if t.text != "this" || len(v.Path) > 0 {
		if call := p.callAfter(v); call != nil {
			return call
		}
	}
	p.use(v)
	return v
}

// callAfter parses the arguments where v turns out to be a function's name.
func (p *parser) callAfter(v *Variable) Expr {
	c := &Call{Pos: v.Pos, Path: v.Path, Name: v.Name}
	if p.at("!") {
		bang := p.next()
		switch {
		case len(v.Path) > 0 && (p.at("(") || p.at("()")):
			panic(fault{badInput(bang.pos, "Unexpected '!'")})
		case len(v.Path) > 0:
			panic(fault{badInput(bang.pos, "'!' cannot be used to call module functions")})
		case !p.at("(") && !p.at("()"):
			missing(p.peek().pos, "(", "to start arguments list of function call")
		}
		c.Capture = true
	}
	switch {
	case p.accept("()"):
	case p.accept("("):
		c.Args = p.arguments(v.Name)
	default:
		return nil
	}
	return c
}

// arguments parses up to the closing parenthesis.
func (p *parser) arguments(name string) []Expr {
	pipe := p.noPipe
	p.noPipe = false
	defer func() { p.noPipe = pipe }()
	var args []Expr
	for !p.accept(")") {
		if p.peek().kind == tokEOF {
			missing(p.peek().pos, ")", "to close the arguments list of this function call '"+name+"'")
		}
		args = append(args, p.expr())
		switch t := p.peek(); {
		case t.is(")"):
		case t.is(","):
			p.next()
		case t.kind == tokEOF:
			missing(t.pos, ")", "to close the arguments list of this function call '"+name+"'")
		default:
			lexical(t)
			missing(t.pos, ",", "to separate the arguments to function call '"+name+"'")
		}
	}
	return args
}

// postfix parses the properties, methods and indexes after x.
func (p *parser) postfix(x Expr) Expr {
	levels := 0
	for {
		t := *p.peek()
		switch {
		case t.is(".") || t.is("?."):
			p.next()
			x = p.member(x, t)
		case t.is("[") || t.is("?["):
			p.next()
			x = p.index(x, t)
		case t.is("::"):
			panic(fault{badInput(t.pos, "Invalid symbol encountered: '::'")})
		default:
			p.view.depth -= levels
			return x
		}
		p.deeper(t.pos)
		levels++
	}
}

func (p *parser) member(x Expr, dot token) Expr {
	t := p.next()
	switch t.kind {
	case tokIdent:
	case tokReserved:
		if _, method := callableReserved(t.text); !method {
			reserved(t.pos, t.text)
		}
	default:
		lexical(&t)
		fail(t.pos, "PropertyExpected", "Expecting name of a property")
	}
	elvis := dot.text == "?."
	m := &Method{Pos: t.pos, X: x, Name: t.text, Elvis: elvis}
	switch {
	case p.at("!"):
		fail(t.pos, "MalformedCapture", "method-call style does not support running within the caller's scope")
	case p.at("::"):
		panic(fault{badInput(p.peek().pos, "Invalid symbol encountered: '::'")})
	case p.accept("()"):
	case p.accept("("):
		m.Args = p.arguments(t.text)
	case t.kind == tokReserved:
		reserved(t.pos, t.text)
	default:
		return &Property{Pos: t.pos, X: x, Name: t.text, Elvis: elvis}
	}
	return m
}

func (p *parser) index(x Expr, open token) Expr {
	pipe := p.noPipe
	p.noPipe = false
	i := p.expr()
	p.noPipe = pipe
	checkIndex(x, i)
	p.expect("]", "for a matching [ in this index expression")
	return &Index{Pos: open.pos, X: x, I: i, Elvis: open.text == "?["}
}

// checkIndex refuses an index that can never fit the literal before it.
func checkIndex(x, i Expr) {
	var wants string
	switch x := x.(type) {
	case *Map:
		wants = "string"
	case *Array, *Interpolated:
		wants = "integer"
	case *Literal:
		switch x.Value.(type) {
		case int64, string:
			wants = "integer"
		}
	}
	got := literalKind(i)
	if wants == "" || got == "" || got == wants || got == "array" || got == "map" {
		return
	}
	what := "Object map expects string index, not a "
	if wants == "integer" {
		what = "Array, string or bit-field expects integer index, not a "
	}
	fail(i.Position(), "MalformedIndexExpr", what+got)
}

// literalKind names the type of a literal; "" for anything else.
func literalKind(x Expr) string {
	switch x := x.(type) {
	case *Interpolated:
		return "string"
	case *Array:
		return "array"
	case *Map:
		return "map"
	case *Binary:
		if x.Op == "&&" || x.Op == "||" {
			return "boolean"
		}
	case *Literal:
		switch x.Value.(type) {
		case nil:
			return "()"
		case bool:
			return "boolean"
		case int64:
			return "integer"
		case float64:
			return "float"
		case rune:
			return "character"
		case string:
			return "string"
		}
	}
	return ""
}

func mismatch(x Expr, wants, got string) {
	fail(x.Position(), "MismatchedType", "Expecting "+wants+", not "+got)
}

var kindWords = map[string]string{
	"()": "()", "boolean": "a boolean", "integer": "a number", "float": "a floating-point number",
	"character": "a character", "string": "a string", "array": "an array", "map": "an object map",
}

func mustBeBool(x Expr) {
	if k := literalKind(x); k != "" && k != "boolean" {
		mismatch(x, "a boolean expression", kindWords[k])
	}
}

func mustBeIterable(x Expr) {
	switch k := literalKind(x); k {
	case "()", "boolean", "integer", "float", "character", "map":
		if _, operator := x.(*Binary); !operator {
			mismatch(x, "an iterable value", kindWords[k])
		}
	}
}

func (p *parser) array() Expr {
	a := &Array{Pos: p.next().pos}
	pipe := p.noPipe
	p.noPipe = false
	defer func() { p.noPipe = pipe }()
	for !p.accept("]") {
		t := p.peek()
		if p.opts.MaxArray > 0 && len(a.Items) >= p.opts.MaxArray {
			tooLarge(t.pos, "Size of array literal", p.opts.MaxArray)
		}
		if t.kind == tokEOF {
			missing(t.pos, "]", "to end this array literal")
		}
		a.Items = append(a.Items, p.expr())
		switch t := p.peek(); {
		case t.is("]"):
		case t.is(","):
			p.next()
		case t.kind == tokEOF:
			missing(t.pos, "]", "to end this array literal")
		default:
			lexical(t)
			missing(t.pos, ",", "to separate the items of this array literal")
		}
	}
	return a
}

func (p *parser) mapLiteral() Expr {
	const open = "to end this object map literal"
	m := &Map{Pos: p.next().pos}
	pipe := p.noPipe
	p.noPipe = false
	defer func() { p.noPipe = pipe }()
	seen := make(map[string]bool)
	for !p.accept("}") {
		key, pos := p.mapKey(m)
		if seen[key] {
			fail(pos, "DuplicatedProperty", "Duplicated property for object map literal: "+key)
		}
		seen[key] = true
		p.expect(":", "to follow the property '"+key+"' in this object map literal")
		if p.opts.MaxMap > 0 && len(m.Keys) >= p.opts.MaxMap {
			tooLarge(pos, "Number of properties in object map literal", p.opts.MaxMap)
		}
		m.Keys = append(m.Keys, key)
		m.Values = append(m.Values, p.expr())
		switch t := p.peek(); {
		case t.is("}"):
		case t.is(","):
			p.next()
		case t.kind == tokIdent:
			missing(t.pos, ",", "to separate the items of this object map literal")
		default:
			lexical(t)
			missing(t.pos, "}", open)
		}
	}
	return m
}

func (p *parser) mapKey(m *Map) (string, Pos) {
	t := p.next()
	switch {
	case t.kind == tokIdent || t.kind == tokString:
		return t.text, t.pos
	case t.kind == tokTemplate:
		fail(t.pos, "PropertyExpected", "Expecting name of a property")
	case t.kind == tokReserved && isIdentifier(t.text):
		reserved(t.pos, t.text)
	case t.kind == tokError:
		lexical(&t)
	case t.kind == tokEOF || len(m.Keys) == 0:
		missing(t.pos, "}", "to end this object map literal")
	}
	fail(t.pos, "PropertyExpected", "Expecting name of a property")
	return "", t.pos
}

// template parses a back-tick string with embedded blocks.
func (p *parser) template() Expr {
	t := p.next()
	in := &Interpolated{Pos: t.pos}
	pipe := p.noPipe
	p.noPipe = false
	defer func() { p.noPipe = pipe }()
	for {
		if t.text != "" {
			in.Parts = append(in.Parts, &Literal{Pos: t.pos, Value: t.text})
		}
		if t.kind == tokString {
			return in
		}
		pos := p.peek().pos
		in.Parts = append(in.Parts, &StmtExpr{Pos: pos, S: p.block()})
		t = p.scan.resume()
		lexical(&t)
	}
}
