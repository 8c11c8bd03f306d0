// Package stdlib holds the functions that every script finds: Rhai's default
// packages for numbers, text, arrays, maps, blobs, ranges and time.
//
// Those that belong to the language itself, such as print, eval and call, are
// part of the evaluator.
package stdlib

import (
	"math"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Table returns a new table of all functions.
func Table() *native.Table {
	l := &library{native.NewTable()}
	l.core()
	l.numbers()
	l.floats()
	l.text()
	l.textChanges()
	l.splitting()
	l.arrays()
	l.arrayWalks()
	l.sorting()
	l.maps()
	l.blobs()
	l.blobNumbers()
	l.iteration()
	return l.t
}

// library adds functions by signatures such as "len(array)".
type library struct{ t *native.Table }

// fn adds functions that change nothing, each under the signatures separated
// by spaces.
func (l *library) fn(sigs string, f native.Func) { l.add(sigs, false, f) }

// method adds functions that change their first argument.
func (l *library) method(sigs string, f native.Func) { l.add(sigs, true, f) }

// prop adds functions that may be written as a property as well.
func (l *library) prop(sigs string, f native.Func) {
	l.add(sigs, false, f)
	for sig := range strings.FieldsSeq(sigs) {
		l.add(native.Getter+sig, false, f)
	}
}

func (l *library) add(sigs string, method bool, f native.Func) {
	for sig := range strings.FieldsSeq(sigs) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(sig, ")"), "(")
		d := &native.Def{Name: name, Method: method, Fn: f}
		if rest != "" {
			for p := range strings.SplitSeq(rest, ",") {
				d.Params = append(d.Params, param(p))
			}
		}
		l.t.Add(d)
	}
}

func param(s string) native.Param {
	switch s {
	case "any":
		return native.Param{Any: true}
	case "int":
		return native.Param{Kind: value.Int}
	case "float":
		return native.Param{Kind: value.Float}
	case "unit":
		return native.Param{Kind: value.Unit}
	case "fn":
		return native.Param{Kind: value.Fn}
	case "time":
		return native.Param{Kind: value.Time}
	}
	for k := value.Unit; k <= value.Blob; k++ {
		if k.String() == s {
			return native.Param{Kind: k}
		}
	}
	panic("stdlib: no such type: " + s)
}

// stretch reads the arguments of functions that take a range, or a start and
// a length; without a length it is all that follows.
func stretch(args []value.Value) (start, length int64) {
	if args[0].Kind() != value.Range {
		if len(args) > 1 && args[1].Kind() == value.Int {
			return args[0].Int(), args[1].Int()
		}
		return args[0].Int(), math.MaxInt64
	}
	s := args[0].Span()
	start = max(s.From, 0)
	end := max(s.To, start)
	if s.Inclusive {
		return start, min(end, math.MaxInt64-1) - start + 1
	}
	return start, end - start
}

// clamp fits a start, negative from the end, and a length into size elements.
func clamp(size int, start, length int64) (from, n int) {
	switch {
	case start < 0:
		from = int(max(start+int64(size), 0))
	case start >= int64(size):
		return size, 0
	default:
		from = int(start)
	}
	return from, int(min(max(length, 0), int64(size-from)))
}

// place is clamp for a single element; ok is false beyond the end.
func place(size int, i int64) (int, bool) {
	n, _ := clamp(size, i, 0)
	return n, n < size
}

// exact finds an element, negative from the end, and takes nothing else.
func exact(size int, i int64) (int, bool) {
	if i < 0 {
		i += int64(size)
	}
	return int(i), i >= 0 && i < int64(size)
}

func (l *library) core() {
	l.method("take(any)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		v := *self
		*self = value.Value{}
		return v, nil
	})
	l.prop("tag(any)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(int64(self.Tag())), nil
	})
	l.method("set_tag(any,int) "+native.Setter+"tag(any,int)", setTag)
	l.fn("to_string(any)", func(c native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(c.Text(*self, false)), nil
	})
	l.fn("to_debug(any)", func(c native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(c.Text(*self, true)), nil
	})
	l.fn("!(bool)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBool(!self.Bool()), nil
	})
	l.prop("name(fn)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(self.Func().Name), nil
	})
	l.prop("is_anonymous(fn)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBool(strings.HasPrefix(self.Func().Name, "anon$")), nil
	})
	l.operators()
	l.time()
}

func setTag(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	n := args[0].Int()
	if n < math.MinInt32 || n > math.MaxInt32 {
		return value.Value{}, failure.Arithmetic("%d is too small or too large to fit into a tag", n)
	}
	self.SetTag(int32(n))
	return value.Value{}, nil
}

// room refuses to make something so large that no machine has room for it,
// for scripts that run without limits.
func room(n int64) error {
	if n > 1<<26 {
		return failure.TooLarge("Size of array/BLOB")
	}
	return nil
}
