package interp

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/operator"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// callFunc calls a function pointer.
func (m *vm) callFunc(f *value.Func, this *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	inst, _ := f.Env.(*instance)
	if inst == nil {
		inst = m.top.inst
	}
	if fn, ok := f.Target.(*function); ok && len(f.Curry)+len(args) == fn.params {
		return m.callClosure(fn, inst, f.Curry, this, args, pos)
	}
	all := args
	if len(f.Curry) > 0 {
		all = append(append(make([]value.Value, 0, len(f.Curry)+len(args)), f.Curry...), args...)
	}
	if run, ok := f.Target.(native.Func); ok {
		v, err := run(m, this, all)
		if err != nil {
			m.throw(err, pos)
		}
		return v
	}
	return m.callName(inst, f.Name, this, all, pos)
}

// callClosure calls a function with the arguments bound to it, some of which
// may be shared variables.
func (m *vm) callClosure(fn *function, inst *instance, curry []value.Value, this *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	c := m.top.enter(fn, inst, pos)
	c.this, c.thisConst = this, false
	if fn.byName {
		c.nameParams(fn, append(append([]value.Value(nil), curry...), args...))
	} else {
		copy(c.slots[copy(c.slots, curry):], args)
	}
	return c.invoke()
}

// callName calls a function by its name: one of the script, with this as its
// object, or a registered one, with this as its first argument.
func (m *vm) callName(inst *instance, name string, this *value.Value, args []value.Value, pos syntax.Pos) value.Value {
	if fn := inst.unit.lookup(name, len(args), ""); fn != nil {
		return m.callScript(fn, inst, this, args, pos)
	}
	m.tick(pos)
	if v, ok := m.special(name, this, args); ok {
		return v
	}
	if this != nil {
		return m.callNative(name, this, args, pos)
	}
	if len(args) == 0 {
		return m.callNative(name, nil, nil, pos)
	}
	self := args[0].Copy()
	return m.callNative(name, &self, args[1:], pos)
}

// special runs the functions that are part of the language.
func (m *vm) special(name string, this *value.Value, args []value.Value) (value.Value, bool) {
	if this != nil {
		args = append([]value.Value{*this}, args...)
	}
	switch {
	case name == "type_of" && len(args) == 1:
		return value.OfString(args[0].TypeName()), true
	case (name == "print" || name == "debug") && len(args) == 1:
		m.output(name, args[0], m.top.pos)
		return value.Value{}, true
	}
	return value.Value{}, false
}

// Call calls a function pointer for a native function.
func (m *vm) Call(f *value.Func, this *value.Value, at int, args []value.Value, extra ...value.Value) value.Value {
	pos := m.at
	n, c := len(args), len(f.Curry)
	moved := func(more ...value.Value) []value.Value {
		out := append(append(make([]value.Value, 0, n+len(more)+1), args...), more...)
		out = append(out, value.Value{})
		copy(out[at+1:], out[at:])
		out[at] = this.Copy()
		return out
	}
	accepts := func(k int) bool { return m.takes(f, k+c) }
	switch {
	case accepts(n):
		return m.callFunc(f, this, args, pos)
	case at >= 0 && this != nil && accepts(n+1):
		return m.callFunc(f, nil, moved(), pos)
	case at >= 0 && this != nil && accepts(n+1+len(extra)):
		return m.callFunc(f, nil, moved(extra...), pos)
	case accepts(n + len(extra)):
		return m.callFunc(f, this, append(append([]value.Value(nil), args...), extra...), pos)
	}
	return m.callFunc(f, this, args, pos)
}

// takes reports whether the function has that many parameters, or may be
// called with so many arguments as a registered one.
func (m *vm) takes(f *value.Func, n int) bool {
	if fn, ok := f.Target.(*function); ok {
		return fn.params == n
	}
	if f.Target != nil {
		return true
	}
	inst, _ := f.Env.(*instance)
	if inst == nil {
		inst = m.top.inst
	}
	return inst.unit.lookup(f.Name, n, "") != nil || len(m.cfg.Natives.Named(f.Name, n)) > 0
}

// Try runs f and returns the error that passed through it.
func (m *vm) Try(f func()) error {
	err := m.attempt(f)
	if err == nil {
		return nil
	}
	if !err.Catchable() {
		panic(err)
	}
	return err
}

// Equal compares two values.
func (m *vm) Equal(a, b value.Value) (bool, error) {
	if a.Kind() == value.Custom || b.Kind() == value.Custom {
		if d := m.pick("==", &a, []value.Value{b}); d != nil {
			v, err := d.Fn(m, &a, []value.Value{b})
			return v.Kind() == value.Bool && v.Bool(), err
		}
	}
	return operator.Equal(a, b)
}

// Text shows a value; for Go types, with the function that was registered.
func (m *vm) Text(v value.Value, debug bool) string {
	v = v.Flat()
	if v.Kind() == value.Custom {
		name := "to_string"
		if debug {
			name = "to_debug"
		}
		if d := m.pick(name, &v, nil); d != nil {
			if s, err := d.Fn(m, &v, nil); err == nil && s.Kind() == value.String {
				return s.Str()
			}
		}
	}
	if debug {
		return v.Debug()
	}
	return v.Text()
}

// output runs print and debug.
func (m *vm) output(name string, v value.Value, pos syntax.Pos) {
	if name == "print" {
		if m.cfg.Print != nil {
			m.cfg.Print(m.Text(v, false))
		}
		return
	}
	if m.cfg.Debug != nil {
		m.cfg.Debug(m.Text(v, true), m.top.fn.unit.name, pos)
	}
}

// funcOf makes a function pointer from a name.
func (m *vm) funcOf(name value.Value, inst *instance, pos, at syntax.Pos) value.Value {
	if name.Kind() != value.String {
		m.throw(failure.Mismatch("string", name), at)
	}
	switch s := name.Str(); syntax.NameFault(s) {
	case "Reserved":
		e := failure.Errorf("ErrorParsing", "Syntax error: '%s' is a reserved keyword", s)
		e.Parse = "Reserved"
		m.throw(e, at)
	case "ErrorFunctionNotFound":
		m.throw(failure.New("ErrorFunctionNotFound", s, "Function not found: "+s), at)
	}
	return value.OfFunc(&value.Func{Name: name.Str(), Env: inst})
}

// Context returns the context of the run.
func (m *vm) Context() context.Context { return m.ctx }
