// Package rhai runs scripts in the Rhai language (rhaiscript 1.x) without
// anything but Go.
//
// An [Engine] holds the limits, the functions that Go gives to scripts and
// where print goes. It compiles text to a [Program], which runs as often as
// one likes:
//
//	engine := rhai.New(rhai.Options{Print: func(s string) { fmt.Println(s) }})
//	engine.Register("shout", func(s string) string { return strings.ToUpper(s) + "!" })
//	prog, err := engine.Compile("hello.rhai", `print(shout("hello"))`)
//	…
//	_, err = prog.Run(ctx, nil)
//
// Scripts reach nothing of the machine but what is registered. Every error is
// an [*Error], which knows Rhai's name for it, the place and the calls that
// were under way; Show prints it with the offending line.
package rhai

import (
	"context"
	"io/fs"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/interp"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/stdlib"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Error is why a script does not parse or stops.
type Error = failure.Error

// Value is a value of a script. See [ToGo] and [FromGo].
type Value = value.Value

// Scope holds variables that a script finds and leaves behind. Its zero value
// is empty.
type Scope = interp.Scope

// Limits bounds what a script may use. 0 is no limit, but for CallDepth and
// the depths of expressions, which have defaults.
type Limits struct {
	Operations int64         // calls and rounds of loops
	Time       time.Duration // from the start of a run
	CallDepth  int           // calls within calls: 64
	// ExprDepth and FuncExprDepth limit how deep expressions nest, at the top
	// level and in functions: 64 and 32.
	ExprDepth, FuncExprDepth int
	Variables                int // in one function
	Functions, Modules       int
	// String is in bytes, Array and Map in elements, those of elements
	// included.
	String, Array, Map int
}

// Options says how an Engine works. The zero value has Rhai's own limits, no
// output and no modules.
type Options struct {
	Limits Limits
	// Strict refuses scripts that use variables which they do not declare.
	Strict bool
	// Print and Debug receive what the functions of those names are given,
	// Debug with the name of the script and the place.
	Print func(text string)
	Debug func(text, source string, line, column int)
	// Modules is where import finds scripts, beside the importing one.
	Modules fs.FS
}

// Engine compiles scripts. Functions must be registered before the first
// script is compiled; after that it may be used from several goroutines.
type Engine struct {
	cfg   *interp.Config
	own   *native.Table
	types *typeNames
}

// New returns an engine with Rhai's standard functions.
func New(o Options) *Engine {
	own := native.NewTable(stdlib.Table())
	e := &Engine{own: own, types: newTypeNames()}
	l := o.Limits
	e.cfg = &interp.Config{
		Natives: own,
		Limits: interp.Limits{
			Operations: l.Operations, Calls: l.CallDepth, Variables: l.Variables, Modules: l.Modules,
			String: l.String, Array: l.Array, Dict: l.Map, Time: l.Time,
		},
		Syntax: syntax.Options{
			MaxExprDepth: l.ExprDepth, MaxFuncExprDepth: l.FuncExprDepth, MaxFuncs: l.Functions,
			MaxString: l.String, MaxArray: l.Array, MaxMap: l.Map, Strict: o.Strict,
		},
		Print:     o.Print,
		Modules:   o.Modules,
		Constants: make(map[string]Value),
	}
	e.cfg.Syntax.Known = make(map[string]bool)
	if o.Debug != nil {
		e.cfg.Debug = func(text, source string, pos syntax.Pos) {
			o.Debug(text, source, int(pos.Line), int(pos.Col))
		}
	}
	return e
}

// Constant gives scripts a constant, such as an object with methods that are
// registered for its type. Their functions see it as well.
func (e *Engine) Constant(name string, x any) {
	e.cfg.Constants[name] = e.FromGo(x)
	e.cfg.Syntax.Known[name] = true
}

// Program is a compiled script. It may be run from several goroutines.
type Program struct{ unit *interp.Unit }

// Compile compiles a script. name appears in errors, and modules are looked
// for beside it. The error is an *Error.
func (e *Engine) Compile(name, text string) (*Program, error) { return e.compile(name, text, nil) }

// Extend compiles a script that may call the functions of p: what a
// read-eval-print loop does line by line.
func (e *Engine) Extend(p *Program, name, text string) (*Program, error) {
	return e.compile(name, text, p)
}

func (e *Engine) compile(name, text string, p *Program) (*Program, error) {
	tree, err := syntax.Parse(name, text, e.cfg.Syntax)
	if err != nil {
		f := failure.FromSyntax(err)
		f.Locate(f.Pos, name, text)
		return nil, f
	}
	var base *interp.Unit
	if p != nil {
		base = p.unit
	}
	return &Program{interp.Compile(e.cfg, tree, base)}, nil
}

// Eval compiles and runs a script.
func (e *Engine) Eval(ctx context.Context, text string) (Value, error) {
	p, err := e.Compile("", text)
	if err != nil {
		return Value{}, err
	}
	return p.Run(ctx, nil)
}

// Run runs the script and returns its value: that of its last statement. The
// script finds the variables of scope, which may be nil, and adds those of
// its top level to it. The error is an *Error.
func (p *Program) Run(ctx context.Context, scope *Scope) (Value, error) {
	return p.unit.Run(ctx, scope)
}

// Call runs the script and then the function name of it.
func (p *Program) Call(ctx context.Context, scope *Scope, name string, args ...Value) (Value, error) {
	return p.unit.Call(ctx, scope, true, name, args...)
}

// Functions returns the functions that the script defines.
func (p *Program) Functions() []*syntax.Func { return p.unit.Funcs() }

// Tree returns the syntax tree.
func (p *Program) Tree() *syntax.Script { return p.unit.Tree() }
