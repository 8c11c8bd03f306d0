package syntax

import "strconv"

// function parses a function and adds it to the script.
func (p *parser) function() {
	doc, pos := p.tok.doc, p.tok.pos
	f := &Func{Pos: pos, Doc: doc}
	if p.accept("private") {
		f.Private = true
		if t := p.peek(); !t.is("fn") {
			missing(t.pos, "fn", "following 'private'")
		}
	}
	p.next()
	if p.opts.Eval || p.view.blocks > 0 || p.view.inFunc {
		fail(pos, "WrongFnDefinition",
			"Function definitions must be at global level and cannot be inside a block or another function")
	}
	p.funcName(f)
	p.enter(&view{maxDepth: p.opts.MaxFuncExprDepth, inFunc: true}, func() {
		p.params(f)
		if t := p.peek(); !t.is("{") {
			lexical(t)
			fail(t.pos, "FnMissingBody", "Expecting body statement block for function "+f.Name)
		}
		f.Body = p.block()
	})
	p.addFunc(f)
}

// enter parses with v as the view and comes back to the present one.
func (p *parser) enter(v *view, parse func()) {
	outer := p.view
	v.outer = outer
	p.view = v
	parse()
	p.view = outer
}

// funcName parses the name, with the type of the object before it where there
// is one: fn string.shout(), fn "My Type".shout().
func (p *parser) funcName(f *Func) {
	t := p.next()
	if t.kind == tokIdent || t.kind == tokString {
		if p.accept(".") {
			f.This = typeName(t.text)
			t = p.next()
		} else if t.kind == tokString {
			missing(p.peek().pos, ".", "after the type name for 'this'")
		}
	}
	switch t.kind {
	case tokIdent:
		f.Name = t.text
	case tokReserved:
		reserved(t.pos, t.text)
	default:
		lexical(&t)
		fail(t.pos, "FnMissingName", "Expecting function name in function declaration")
	}
}

// typeName maps the names that scripts may use for types to what type_of
// returns.
func typeName(s string) string {
	switch s {
	case "int":
		return "i64"
	case "float":
		return "f64"
	}
	return s
}

func (p *parser) params(f *Func) {
	if p.accept("()") {
		return
	}
	if t := p.peek(); !t.is("(") {
		lexical(t)
		fail(t.pos, "FnMissingParams", "Expecting parameters for function "+f.Name)
	}
	p.next()
	p.paramList(f, ")", "to close the parameters list of function '"+f.Name+"'",
		"to separate the parameters of function '"+f.Name+"'")
}

// paramList parses names up to the closing symbol.
func (p *parser) paramList(f *Func, closing, open, sep string) {
	for !p.accept(closing) {
		t := p.next()
		switch {
		case t.kind == tokIdent:
		case t.kind == tokReserved:
			reserved(t.pos, t.text)
		case t.kind == tokSymbol && isKeyword(t.text):
			fail(t.pos, "VariableExpected", "Expecting name of a variable")
		default:
			lexical(&t)
			missing(t.pos, closing, open)
		}
		for _, other := range f.Params {
			if other == t.text {
				fail(t.pos, "FnDuplicatedParam", "Duplicated parameter "+t.text+" for function "+f.Name)
			}
		}
		f.Params = append(f.Params, t.text)
		p.declare(t.text, false)
		if p.at(closing) {
			continue
		}
		p.expect(",", sep)
	}
}

// closure parses an anonymous function; the variables that it takes from
// around it become its first parameters.
func (p *parser) closure() Expr {
	t := p.next()
	if p.opts.Eval {
		fail(t.pos, "WrongFnDefinition",
			"Function definitions must be at global level and cannot be inside a block or another function")
	}
	f := &Func{Pos: t.pos, Anonymous: true}
	v := &view{maxDepth: p.view.maxDepth, depth: p.view.depth, inFunc: true, closure: true}
	p.enter(v, func() {
		if t.text == "|" {
			p.paramList(f, "|", "to close the parameters list of anonymous function or closure",
				"to separate the parameters of anonymous function")
		}
		p.deeper(t.pos)
		f.Body = p.statement()
		if f.Body == nil {
			f.Body = &Block{Pos: t.pos}
		}
		p.shallower()
	})
	for i, c := range v.captures {
		f.Params = append(f.Params[:i], append([]string{c.Name}, f.Params[i:]...)...)
	}
	for _, c := range v.captures {
		p.use(c)
	}
	f.Name = "anon$" + strconv.FormatInt(int64(len(p.script.Funcs)), 16)
	p.addFunc(f)
	return &Closure{Pos: t.pos, Fn: f, Captures: v.captures}
}
