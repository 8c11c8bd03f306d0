package interp

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// local is a variable of the function being compiled.
type local struct {
	name   string
	slot   int
	fixed  bool
	export []string
}

// compiler compiles one function.
type compiler struct {
	unit   *Unit
	fn     *function
	vars   []local
	block  int // where the variables of the present block start in vars
	next   int // the next free slot
	max    int
	names  bool // variables are kept by name
	atTop  bool // in the statements of the script itself
	depth  int  // how deep in blocks
	left   []local
	before []node // index and argument values of the chain being compiled
}

func newCompiler(u *Unit, fn *function, names bool) *compiler {
	return &compiler{unit: u, fn: fn, names: names}
}

// code is a compiled statement: a node where it never leaves the normal flow,
// otherwise an exec.
type code struct {
	n node
	x exec
}

func unit(*frame) value.Value { return value.Value{} }

// exec returns the statement as an exec.
func (c code) exec() exec {
	if c.x != nil {
		return c.x
	}
	n := c.n
	return func(fr *frame) ctl {
		fr.ret = n(fr)
		return goOn
	}
}

// node returns the statement as a node; leaving the normal flow becomes a
// signal.
func (c code) node() node {
	if c.n != nil {
		return c.n
	}
	x := c.x
	return func(fr *frame) value.Value {
		if k := x(fr); k != goOn {
			panic(&signal{k, fr, fr.ret})
		}
		return fr.ret
	}
}

// compileFunction fills in f.
func compileFunction(u *Unit, f *function, names bool) {
	c := newCompiler(u, f, names)
	for _, p := range f.decl.Params {
		c.declare(p, false)
	}
	f.byName = names
	f.body = c.wholeBody(f.decl.Body, false)
	f.slots = c.max
}

// wholeBody compiles the body of a function, or of a script.
func (c *compiler) wholeBody(body syntax.Stmt, script bool) node {
	var co code
	switch b := body.(type) {
	case *syntax.Block:
		if script {
			co = c.statements(b.Stmts)
			c.left = append([]local(nil), c.vars...)
		} else {
			co = c.statements(b.Stmts)
		}
	default:
		co = c.stmt(body)
	}
	n := co.n
	if x := co.x; x != nil {
		n = func(fr *frame) value.Value {
			x(fr)
			v := fr.ret
			fr.ret = value.Value{}
			return v
		}
	}
	if !leavesExpression(body) {
		return n
	}
	return func(fr *frame) value.Value { return fr.catchReturn(n) }
}

// catchReturn runs a body in which a return may stand within an expression.
func (fr *frame) catchReturn(n node) (v value.Value) {
	s := fr.vm.state()
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if sig, ok := r.(*signal); ok && sig.frame == fr && sig.kind == doReturn {
			fr.vm.restore(s, nil)
			v = sig.value
			return
		}
		panic(r)
	}()
	return n(fr)
}

// declare makes a variable and returns its slot; one of the same name in the
// same block is replaced.
func (c *compiler) declare(name string, fixed bool) int {
	for i := len(c.vars) - 1; i >= c.block; i-- {
		if c.vars[i].name == name {
			c.vars[i].fixed = fixed
			return c.vars[i].slot
		}
	}
	slot := c.temp()
	c.vars = append(c.vars, local{name: name, slot: slot, fixed: fixed})
	return slot
}

// temp returns a slot that nothing else uses.
func (c *compiler) temp() int {
	s := c.next
	c.next++
	c.max = max(c.max, c.next)
	return s
}

// temps returns the first of n slots in a row.
func (c *compiler) temps(n int) int {
	s := c.next
	c.next += n
	c.max = max(c.max, c.next)
	return s
}

// find looks a variable up.
func (c *compiler) find(name string) (local, bool) {
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i].name == name {
			return c.vars[i], true
		}
	}
	return local{}, false
}

// scope compiles what stands in a block of its own.
func (c *compiler) scope(compile func() code) code {
	vars, block, next := len(c.vars), c.block, c.next
	c.block = vars
	c.depth++
	co := compile()
	c.depth--
	c.vars, c.block, c.next = c.vars[:vars], block, next
	if !c.names {
		return co
	}
	return rewindNames(co)
}

// rewindNames drops the variables by name that a block made.
func rewindNames(co code) code {
	if n := co.n; n != nil {
		return code{n: func(fr *frame) value.Value {
			mark := len(fr.names.vars)
			v := n(fr)
			fr.names.rewind(mark)
			return v
		}}
	}
	x := co.x
	return code{x: func(fr *frame) ctl {
		mark := len(fr.names.vars)
		k := x(fr)
		fr.names.rewind(mark)
		return k
	}}
}

// fails compiles to raising an error.
func fails(err *failure.Error, pos syntax.Pos) node {
	return func(fr *frame) value.Value {
		e := *err
		fr.vm.throw(&e, pos)
		return value.Value{}
	}
}

func (c *compiler) blockOf(b *syntax.Block) code {
	return c.scope(func() code {
		co := c.statements(b.Stmts)
		if !hasImport(b) {
			return co
		}
		x := co.exec()
		return code{x: func(fr *frame) ctl {
			mark := len(fr.vm.imports)
			k := x(fr)
			fr.vm.imports = fr.vm.imports[:mark]
			return k
		}}
	})
}

func hasImport(b *syntax.Block) bool {
	for _, s := range b.Stmts {
		if _, ok := s.(*syntax.Import); ok {
			return true
		}
	}
	return false
}

// statements compiles a list of statements, whose value is that of the last.
func (c *compiler) statements(list []syntax.Stmt) code {
	codes := make([]code, len(list))
	plain := true
	for i, s := range list {
		codes[i] = c.stmt(s)
		plain = plain && codes[i].n != nil
	}
	if plain {
		return code{n: sequence(codes)}
	}
	xs := make([]exec, len(codes))
	for i, co := range codes {
		xs[i] = co.exec()
	}
	if len(xs) == 1 {
		return code{x: xs[0]}
	}
	return code{x: func(fr *frame) ctl {
		for _, x := range xs {
			if k := x(fr); k != goOn {
				return k
			}
		}
		return goOn
	}}
}

func sequence(codes []code) node {
	switch len(codes) {
	case 0:
		return unit
	case 1:
		return codes[0].n
	case 2:
		a, b := codes[0].n, codes[1].n
		return func(fr *frame) value.Value {
			a(fr)
			return b(fr)
		}
	case 3:
		a, b, c := codes[0].n, codes[1].n, codes[2].n
		return func(fr *frame) value.Value {
			a(fr)
			b(fr)
			return c(fr)
		}
	}
	last := codes[len(codes)-1].n
	init := make([]node, len(codes)-1)
	for i := range init {
		init[i] = codes[i].n
	}
	return func(fr *frame) value.Value {
		for _, n := range init {
			n(fr)
		}
		return last(fr)
	}
}

// needsNames reports whether a body uses what needs variables by name.
func needsNames(body syntax.Stmt) bool {
	found := false
	syntax.Walk(body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Closure:
			return n.Fn.Body == body
		case *syntax.Call:
			if len(n.Path) == 0 && (n.Capture || n.Name == "eval" || n.Name == "is_def_var") {
				found = true
			}
		}
		return !found
	})
	return found
}

// leavesExpression reports whether a break, continue, return stands within an
// expression of the body, where only a signal gets it out.
func leavesExpression(body syntax.Stmt) bool {
	found := false
	syntax.Walk(body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Closure:
			return false
		case *syntax.StmtExpr:
			syntax.Walk(n.S, func(m syntax.Node) bool {
				if _, ok := m.(*syntax.Closure); ok {
					return false
				}
				if j, ok := m.(*syntax.Jump); ok && j.Kind != "throw" {
					found = true
				}
				return !found
			})
		}
		return !found
	})
	return found
}
