package stdlib

import (
	"math"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

func (l *library) iteration() {
	l.fn("range(int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return value.OfSpan(value.Span{From: self.Int(), To: args[0].Int()}), nil
	})
	l.fn("range(int,int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return steps(self.Int(), args[0].Int(), args[1].Int())
	})
	l.fn("range(range,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		s := self.Span()
		return steps(s.From, s.To, args[0].Int())
	})
	l.fn("range(float,float,float)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return floatSteps(self.Float(), args[0].Float(), args[1].Float())
	})
	l.prop("chars(string)", chars)
	l.fn("chars(string,int) chars(string,int,int) chars(string,range)", chars)
	l.prop("bits(int)", bits)
	l.fn("bits(int,int) bits(int,int,int) bits(int,range)", bits)
	l.spans()
}

func noStep() error {
	return failure.Arithmetic("step value cannot be zero")
}

func steps(from, to, step int64) (value.Value, error) {
	if step == 0 {
		return value.Value{}, noStep()
	}
	return value.OfSeq(&value.Seq{Start: func() func() (value.Value, bool) {
		next, done := from, step > 0 && from >= to || step < 0 && from <= to
		return func() (value.Value, bool) {
			if done {
				return value.Value{}, false
			}
			v := next
			next += step
			over := step > 0 && next < v || step < 0 && next > v
			done = over || step > 0 && next >= to || step < 0 && next <= to
			return value.OfInt(v), true
		}
	}}), nil
}

func floatSteps(from, to, step float64) (value.Value, error) {
	if from+step == from {
		return value.Value{}, noStep()
	}
	return value.OfSeq(&value.Seq{Start: func() func() (value.Value, bool) {
		next := from
		return func() (value.Value, bool) {
			if step > 0 && !(next < to) || step < 0 && !(next > to) || math.IsNaN(step) {
				return value.Value{}, false
			}
			v := next
			next += step
			return value.OfFloat(v), true
		}
	}}), nil
}

// chars walks over the characters of a string, or of a part of it.
func chars(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	runes := []rune(self.Str())
	if len(args) > 0 {
		start, length := stretch(args)
		if args[0].Kind() == value.Range && args[0].Span().Inclusive && args[0].Span().To < max(args[0].Span().From, 0) {
			length = 0
		}
		from, n := clamp(len(runes), start, length)
		runes = runes[from : from+n]
	}
	return value.OfSeq(&value.Seq{Start: func() func() (value.Value, bool) {
		i := 0
		return func() (value.Value, bool) {
			if i >= len(runes) {
				return value.Value{}, false
			}
			i++
			return value.OfChar(runes[i-1]), true
		}
	}}), nil
}

// bits walks over the bits of an integer, the lowest first.
func bits(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	n, from, count := self.Int(), uint(0), int64(64)
	if len(args) > 0 {
		start, length := stretch(args)
		var err error
		if from, err = bit(start); err != nil {
			return value.Value{}, err
		}
		count = min(max(length, 0), int64(64-from))
	}
	return value.OfSeq(&value.Seq{Start: func() func() (value.Value, bool) {
		i := int64(0)
		return func() (value.Value, bool) {
			if i >= count {
				return value.Value{}, false
			}
			i++
			return value.OfBool(n>>(from+uint(i-1))&1 == 1), true
		}
	}}), nil
}

// spans adds what can be asked of a range.
func (l *library) spans() {
	ask := func(f func(value.Span) value.Value) native.Func {
		return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
			return f(self.Span()), nil
		}
	}
	l.prop("start(range)", ask(func(s value.Span) value.Value { return value.OfInt(s.From) }))
	l.prop("end(range)", ask(func(s value.Span) value.Value { return value.OfInt(s.To) }))
	l.prop("is_inclusive(range)", ask(func(s value.Span) value.Value { return value.OfBool(s.Inclusive) }))
	l.prop("is_exclusive(range)", ask(func(s value.Span) value.Value { return value.OfBool(!s.Inclusive) }))
	l.prop("is_empty(range)", ask(func(s value.Span) value.Value {
		return value.OfBool(s.From > s.To || !s.Inclusive && s.From == s.To)
	}))
	l.fn("contains(range,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		s, n := self.Span(), args[0].Int()
		return value.OfBool(n >= s.From && (n < s.To || s.Inclusive && n == s.To)), nil
	})
}
