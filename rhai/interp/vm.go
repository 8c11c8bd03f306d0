// Package interp compiles the syntax tree of a script to Go closures and runs
// them.
//
// Variables are resolved to slots of a frame at compile time. Only functions
// that use eval, is_def_var or calls in the caller's scope keep their
// variables by name. Errors travel as Go panics from where they arise to the
// next try statement, native function or [Unit.Run], which costs nothing
// where there is none; no panic leaves the package.
package interp

import (
	"context"
	"io/fs"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Limits bounds what a script may use; 0 is no limit except for Calls.
type Limits struct {
	Operations          int64
	Calls               int // depth of calls, 64 where it is 0
	Variables, Modules  int
	String, Array, Dict int
	Time                time.Duration
}

// Config is what compiled scripts run with. It must not change once scripts
// run.
type Config struct {
	Natives *native.Table
	Limits  Limits
	Syntax  syntax.Options
	Print   func(text string)
	Debug   func(text, source string, pos syntax.Pos)
	Modules fs.FS // where import looks, nil for nowhere
	// Constants are what every script finds, in its functions as well.
	Constants map[string]value.Value
}

// node computes the value of an expression, never a shared variable.
type node func(fr *frame) value.Value

// exec runs a statement that may leave the normal flow; its value, if it has
// one, is in fr.ret.
type exec func(fr *frame) ctl

type ctl uint8

const (
	goOn ctl = iota
	doBreak
	doContinue
	doReturn
)

// function is a compiled function.
type function struct {
	name   string
	params int
	slots  int
	decl   *syntax.Func
	unit   *Unit
	body   node
	byName bool

	once    sync.Once // guards dynamic
	dynamic *function // the same compiled to keep its variables by name
}

// frame is the state of one call.
type frame struct {
	vm        *vm
	fn        *function
	inst      *instance
	slots     []value.Value
	buf       []value.Value
	this      *value.Value
	thisConst bool
	ret       value.Value
	names     *names // variables kept by name, nil for most functions
	parent    *frame
	child     *frame
	pos       syntax.Pos // of the call
	depth     int
}

// vm is one run of a script.
type vm struct {
	cfg      *Config
	ctx      context.Context
	top      *frame     // the innermost call under way
	at       syntax.Pos // of the native function that runs
	ops      int64
	check    int64 // the number of operations at which to look at limits again
	maxOps   int64
	maxCalls int
	sized    bool // there are limits on the size of data
	deadline time.Time
	back     []*writeback
	locked   []*value.Cell
	lockable *value.Cell // of the place computed last
	imports  []imported
	modules  map[string]*module
	loading  []string
	loaded   int
	scope    *Scope
	consts   Scope // the constants that were looked at
}

// signal carries a break, continue or return out of the middle of an
// expression.
type signal struct {
	kind  ctl
	frame *frame
	value value.Value
}

const checkEvery = 1 << 12

func newVM(ctx context.Context, cfg *Config, scope *Scope) *vm {
	l := cfg.Limits
	m := &vm{cfg: cfg, ctx: ctx, maxOps: l.Operations, maxCalls: l.Calls, scope: scope}
	if m.maxCalls == 0 {
		m.maxCalls = 64
	}
	m.sized = l.String > 0 || l.Array > 0 || l.Dict > 0
	if l.Time > 0 {
		m.deadline = time.Now().Add(l.Time)
	}
	m.nextCheck()
	return m
}

func (m *vm) nextCheck() {
	m.check = m.ops + checkEvery
	if m.maxOps > 0 {
		m.check = min(m.check, m.maxOps)
	}
}

// tick counts an operation.
func (m *vm) tick(pos syntax.Pos) {
	if m.ops++; m.ops > m.check {
		m.look(pos)
	}
}

// look ends the script where a limit is reached or it was cancelled.
func (m *vm) look(pos syntax.Pos) {
	if m.maxOps > 0 && m.ops > m.maxOps {
		m.throw(failure.Errorf("ErrorTooManyOperations", "Too many operations"), pos)
	}
	err := m.ctx.Err()
	if err == nil && !m.deadline.IsZero() && time.Now().After(m.deadline) {
		err = context.DeadlineExceeded
	}
	if err != nil {
		e := failure.Errorf("ErrorTerminated", "Script terminated: %v", err)
		e.Cause = err
		m.throw(e, pos)
	}
	m.nextCheck()
}

// throw raises an error at a place of the script.
func (m *vm) throw(err error, pos syntax.Pos) {
	e := failure.From(err)
	u := m.top.fn.unit
	e.Locate(pos, u.name, u.text)
	panic(e)
}

// enter starts a call of fn from fr. The caller fills in the parameters.
func (fr *frame) enter(fn *function, inst *instance, pos syntax.Pos) *frame {
	m := fr.vm
	if m.ops++; m.ops > m.check {
		m.look(pos)
	}
	if fr.depth >= m.maxCalls {
		m.throw(failure.Errorf("ErrorStackOverflow", "Stack overflow"), pos)
	}
	c := fr.child
	if c == nil {
		c = &frame{vm: m, parent: fr, depth: fr.depth + 1}
		fr.child = c
	}
	if cap(c.buf) < fn.slots {
		c.buf = make([]value.Value, fn.slots+8)
	}
	c.slots = c.buf[:fn.slots]
	c.fn, c.inst, c.pos = fn, inst, pos
	c.this, c.names = nil, nil
	m.top = c
	return c
}

// leave ends a call.
func (fr *frame) leave() {
	clear(fr.slots)
	fr.this = nil
	fr.vm.top = fr.parent
}

// invoke runs a function whose frame is ready.
func (fr *frame) invoke() value.Value {
	v := fr.fn.body(fr)
	fr.leave()
	return v
}

// state is what is restored where an error is caught.
type state struct {
	top     *frame
	back    int
	locked  int
	imports int
	loading int
	names   int
}

func (m *vm) state() state {
	s := state{m.top, len(m.back), len(m.locked), len(m.imports), len(m.loading), 0}
	if m.top.names != nil {
		s.names = len(m.top.names.vars)
	}
	return s
}

// restore brings the run back to where s was taken and notes in e the calls
// that ended.
func (m *vm) restore(s state, e *failure.Error) {
	for f := m.top; f != s.top && f != nil; f = f.parent {
		if e != nil && e.Catchable() {
			e.Calls = append(e.Calls, failure.Call{Name: f.fn.name, Source: f.fn.unit.name, Pos: f.pos})
		}
		clear(f.slots)
		f.this = nil
	}
	m.top = s.top
	clear(m.back[s.back:])
	m.back = m.back[:s.back]
	for _, c := range m.locked[s.locked:] {
		c.Locked = false
	}
	m.locked = m.locked[:s.locked]
	m.imports = m.imports[:s.imports]
	m.loading = m.loading[:s.loading]
	if n := m.top.names; n != nil {
		n.rewind(s.names)
	}
}

// attempt runs f and returns the error that it raised.
func (m *vm) attempt(f func()) (err *failure.Error) {
	s := m.state()
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if sig, ok := r.(*signal); ok {
			panic(sig)
		}
		err = m.asError(r)
		m.restore(s, err)
	}()
	f()
	return nil
}

// asError makes an error of what was panicked with. A fault of the evaluator
// itself ends the script with an error as well.
func (m *vm) asError(r any) *failure.Error {
	if e, ok := r.(*failure.Error); ok {
		return e
	}
	e := failure.Errorf("ErrorSystem", "internal error: %v", r)
	if err, ok := r.(error); ok {
		e.Cause = err
	}
	return e
}

// sizeCheck ends the script where v is beyond the limits on data.
func (m *vm) sizeCheck(v value.Value, pos syntax.Pos) {
	if !m.sized || v.Kind() < value.Array && v.Kind() != value.String {
		return
	}
	if err := m.CheckSize(v.Sizes()); err != nil {
		m.throw(err, pos)
	}
}

// CheckSize fails where data of that size is beyond the limits.
func (m *vm) CheckSize(items, props, bytes int) error {
	l := m.cfg.Limits
	switch {
	case l.String > 0 && bytes > l.String:
		return failure.TooLarge("Length of string")
	case l.Array > 0 && items > l.Array:
		return failure.TooLarge("Size of array/BLOB")
	case l.Dict > 0 && props > l.Dict:
		return failure.TooLarge("Size of object map")
	}
	return nil
}
