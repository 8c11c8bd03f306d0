// Package syntax turns the text of a script in the Rhai language into a
// syntax tree that programs can walk.
//
// [Parse] is the door: it scans and parses in one pass, finds the variables
// that closures take from around them, and refuses what Rhai refuses before a
// script runs, such as an assignment to a constant or a break outside a loop.
package syntax

import (
	"slices"
	"strconv"
)

// Options says how to parse. Its zero value is how Rhai parses by default.
type Options struct {
	// Eval parses text that a script hands to eval: it may not define
	// functions.
	Eval bool
	// Strict refuses variables that are not declared in the script.
	Strict bool
	// Known names variables that exist before the script starts, true for a
	// constant.
	Known map[string]bool
	// MaxExprDepth and MaxFuncExprDepth limit how deep expressions nest, at
	// the top level and in functions: 64 and 32 where they are 0.
	MaxExprDepth, MaxFuncExprDepth int
	// MaxFuncs, MaxString, MaxArray and MaxMap limit the number of functions
	// and the size of literals; 0 is no limit.
	MaxFuncs, MaxString, MaxArray, MaxMap int
}

// binding is a variable in view at the place being parsed.
type binding struct {
	name     string
	constant bool
}

// view is what one function body sees: its variables and, in a closure, the
// names it takes from outside.
type view struct {
	vars     []binding
	outer    *view
	closure  bool
	captures []*Variable
	depth    int
	maxDepth int
	blocks   int  // how deep in blocks; 0 is the top level of a script
	loops    int  // how deep in loops
	inFunc   bool // "this" may be used
}

type parser struct {
	scan   *scanner
	tok    token
	peeked bool
	opts   Options
	view   *view
	script *Script
	noPipe bool // in a case of a switch, "|" is no operator
}

// Parse parses a script. The error is an *Error.
func Parse(name, text string, opts Options) (s *Script, err error) {
	if opts.MaxExprDepth == 0 {
		opts.MaxExprDepth = 64
	}
	if opts.MaxFuncExprDepth == 0 {
		opts.MaxFuncExprDepth = 32
	}
	p := &parser{
		scan:   newScanner(text, opts.MaxString),
		opts:   opts,
		view:   &view{maxDepth: opts.MaxExprDepth},
		script: &Script{Name: name, Text: text},
	}
	for known, constant := range opts.Known {
		p.view.vars = append(p.view.vars, binding{known, constant})
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(r)
			}
			s, err = nil, f.err
		}
	}()
	p.parseScript()
	return p.script, nil
}

func (p *parser) peek() *token {
	if !p.peeked {
		p.tok = p.scan.next()
		p.peeked = true
	}
	return &p.tok
}

// next takes the token at hand.
func (p *parser) next() token {
	p.peek()
	p.peeked = false
	return p.tok
}

// at reports whether the symbol s comes next.
func (p *parser) at(s string) bool { return p.peek().is(s) }

// accept takes the symbol s if it comes next.
func (p *parser) accept(s string) bool {
	if p.at(s) {
		p.peeked = false
		return true
	}
	return false
}

// expect takes the symbol s; why completes the sentence about its absence.
func (p *parser) expect(s, why string) Pos {
	t := p.next()
	if !t.is(s) {
		lexical(&t)
		missing(t.pos, s, why)
	}
	return t.pos
}

// lexical fails where the text of t could not be scanned.
func lexical(t *token) {
	if t.kind == tokError {
		panic(fault{t.err})
	}
}

func (p *parser) unexpected(t *token) {
	lexical(t)
	if t.kind == tokEOF {
		fail(t.pos, "UnexpectedEOF", "Script is incomplete")
	}
	panic(fault{badInput(t.pos, "Unexpected '"+t.show()+"'")})
}

// deeper counts a level of nesting; the caller takes it back with shallower.
func (p *parser) deeper(pos Pos) {
	p.view.depth++
	if p.view.depth > p.view.maxDepth {
		fail(pos, "ExprTooDeep", "Expression exceeds maximum complexity")
	}
}

func (p *parser) shallower() { p.view.depth-- }

func (p *parser) parseScript() {
	body := &Block{Pos: Pos{1, 1}}
	for p.peek().kind != tokEOF {
		s := p.statement()
		if s == nil {
			continue
		}
		body.Stmts = append(body.Stmts, s)
		p.endStatement(s, true)
	}
	body.End = p.peek().pos
	p.script.Body = body
}

// endStatement takes the semicolon after s, which may be absent after braces
// and at the end.
func (p *parser) endStatement(s Stmt, top bool) {
	t := p.peek()
	switch {
	case top && t.kind == tokEOF, !top && t.is("}"):
	case t.is(";"):
		p.next()
	case selfEnding(s):
	default:
		lexical(t)
		missing(t.pos, ";", "to terminate this statement")
	}
}

func selfEnding(s Stmt) bool {
	switch s := s.(type) {
	case *If, *Switch, *For, *Block, *Try:
		return true
	case *Loop:
		return !s.After
	}
	return false
}

// name takes the name of a variable.
func (p *parser) name() (string, Pos) {
	t := p.next()
	switch t.kind {
	case tokIdent:
		return t.text, t.pos
	case tokReserved:
		if isIdentifier(t.text) {
			reserved(t.pos, t.text)
		}
	}
	lexical(&t)
	fail(t.pos, "VariableExpected", "Expecting name of a variable")
	return "", t.pos
}

func (p *parser) declare(name string, constant bool) {
	p.view.vars = append(p.view.vars, binding{name, constant})
}

// lookup finds a variable of the function at hand.
func (v *view) lookup(name string) (binding, bool) {
	for _, b := range slices.Backward(v.vars) {
		if b.name == name {
			return b, true
		}
	}
	return binding{}, false
}

// use notes that a variable is read or written: in a closure, one that it
// does not declare is captured from outside.
func (p *parser) use(v *Variable) {
	if _, ok := p.view.lookup(v.Name); ok || len(v.Path) > 0 || v.Name == "this" {
		return
	}
	isFunc := slices.ContainsFunc(p.script.Funcs, func(f *Func) bool { return f.Name == v.Name })
	if isFunc {
		return
	}
	if !p.view.closure {
		if _, known := p.opts.Known[v.Name]; p.opts.Strict && !known {
			fail(v.Pos, "VariableUndefined", "Undefined variable: "+v.Name)
		}
		return
	}
	for _, c := range p.view.captures {
		if c.Name == v.Name {
			return
		}
	}
	p.view.captures = append(p.view.captures, &Variable{Pos: v.Pos, Name: v.Name})
}

func (p *parser) addFunc(f *Func) {
	if p.opts.MaxFuncs > 0 && len(p.script.Funcs) >= p.opts.MaxFuncs {
		fail(f.Pos, "TooManyFunctions", "Number of functions defined exceeds maximum limit")
	}
	for _, g := range p.script.Funcs {
		if g.Name == f.Name && len(g.Params) == len(f.Params) && g.This == f.This {
			duplicateFunc(f)
		}
	}
	p.script.Funcs = append(p.script.Funcs, f)
}

func tooLarge(pos Pos, what string, limit int) {
	fail(pos, "LiteralTooLarge", what+" exceeds the maximum limit ("+strconv.Itoa(limit)+")")
}
