package stdlib

import (
	"math"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// integer makes a function of one on integers.
func integer(f func(int64) value.Value) native.Func {
	return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return f(self.Int()), nil
	}
}

// number makes a function of one on floating-point numbers.
func number(f func(float64) float64) native.Func {
	return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfFloat(f(self.Float())), nil
	}
}

// numbers2 makes a function of one on two floating-point numbers.
func numbers2(f func(a, b float64) float64) native.Func {
	return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return value.OfFloat(f(self.Float(), args[0].Float())), nil
	}
}

func (l *library) numbers() {
	l.prop("is_zero(int)", integer(func(n int64) value.Value { return value.OfBool(n == 0) }))
	l.prop("is_odd(int)", integer(func(n int64) value.Value { return value.OfBool(n&1 == 1) }))
	l.prop("is_even(int)", integer(func(n int64) value.Value { return value.OfBool(n&1 == 0) }))
	l.fn("sign(int)", integer(func(n int64) value.Value {
		switch {
		case n > 0:
			return value.OfInt(1)
		case n < 0:
			return value.OfInt(-1)
		}
		return value.OfInt(0)
	}))
	l.fn("+(int) to_int(int)", integer(value.OfInt))
	l.fn("to_float(int)", integer(func(n int64) value.Value { return value.OfFloat(float64(n)) }))
	l.fn("to_hex(int)", inBase(16))
	l.fn("to_octal(int)", inBase(8))
	l.fn("to_binary(int)", inBase(2))
	l.fn("-(int)", negate)
	l.fn("abs(int)", func(c native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		if self.Int() >= 0 {
			return *self, nil
		}
		return negate(c, self, nil)
	})
	l.fn("parse_int(string) parse_int(string,int)", parseInt)
	l.fn("max(int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return value.OfInt(max(self.Int(), args[0].Int())), nil
	})
	l.fn("min(int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return value.OfInt(min(self.Int(), args[0].Int())), nil
	})
	l.bitFields()
}

func negate(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
	if self.Int() == math.MinInt64 {
		return value.Value{}, failure.Arithmetic("Negation overflow: -%d", self.Int())
	}
	return value.OfInt(-self.Int()), nil
}

func inBase(base int) native.Func {
	return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(strconv.FormatUint(uint64(self.Int()), base)), nil
	}
}

func parseInt(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	radix := int64(10)
	if len(args) > 0 {
		radix = args[0].Int()
	}
	if radix < 2 || radix > 36 {
		return value.Value{}, failure.Arithmetic("Invalid radix: '%d'", radix)
	}
	s := self.Str()
	n, err := strconv.ParseInt(strings.TrimSpace(s), int(radix), 64)
	if err != nil {
		return value.Value{}, failure.Arithmetic("Error parsing integer number '%s': %s", s, parseFault(s, err))
	}
	return value.OfInt(n), nil
}

func parseFault(s string, err error) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "cannot parse integer from empty string"
	case strings.Contains(err.Error(), "out of range"):
		return "number too large or too small to fit in target type"
	}
	return "invalid digit found in string"
}

func (l *library) floats() {
	for name, f := range map[string]func(float64) float64{
		"sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "sinh": math.Sinh, "cosh": math.Cosh,
		"tanh": math.Tanh, "asin": math.Asin, "acos": math.Acos, "atan": math.Atan,
		"asinh": math.Asinh, "acosh": math.Acosh, "atanh": math.Atanh, "sqrt": math.Sqrt,
		"exp": math.Exp, "ln": math.Log, "log": math.Log10, "abs": math.Abs,
		"to_radians": func(x float64) float64 { return x * (math.Pi / 180) },
		"to_degrees": func(x float64) float64 { return x * (180 / math.Pi) },
		"to_float":   func(x float64) float64 { return x },
		"+":          func(x float64) float64 { return x },
		"-":          func(x float64) float64 { return -x },
	} {
		l.fn(name+"(float)", number(f))
	}
	for name, f := range map[string]func(float64) float64{
		"floor": math.Floor, "ceiling": math.Ceil, "round": math.Round, "int": math.Trunc,
		"fraction": func(x float64) float64 { return x - math.Trunc(x) },
	} {
		l.prop(name+"(float)", number(f))
	}
	for name, f := range map[string]func(float64) bool{
		"is_nan":      math.IsNaN,
		"is_finite":   func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) },
		"is_infinite": func(x float64) bool { return math.IsInf(x, 0) },
		"is_zero":     func(x float64) bool { return x == 0 },
	} {
		l.prop(name+"(float)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
			return value.OfBool(f(self.Float())), nil
		})
	}
	l.fn("atan(float,float)", numbers2(math.Atan2))
	l.fn("hypot(float,float)", numbers2(math.Hypot))
	l.fn("log(float,float)", numbers2(func(x, base float64) float64 { return math.Log(x) / math.Log(base) }))
	l.fn("sign(float)", floatSign)
	l.fn("to_int(float)", floatToInt)
	l.fn("parse_float(string)", parseFloat)
	l.constants()
	l.extremes()
}

func (l *library) constants() {
	for name, f := range map[string]float64{"PI": math.Pi, "E": math.E} {
		l.fn(name+"()", func(native.Caller, *value.Value, []value.Value) (value.Value, error) {
			return value.OfFloat(f), nil
		})
	}
}

func floatSign(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
	switch f := self.Float(); {
	case math.IsNaN(f):
		return value.Value{}, failure.Arithmetic("Sign of NaN is undefined")
	case f > 0:
		return value.OfInt(1), nil
	case f < 0:
		return value.OfInt(-1), nil
	}
	return value.OfInt(0), nil
}

func floatToInt(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
	f := self.Float()
	switch {
	case math.IsNaN(f):
		return value.OfInt(0), nil
	case f > math.MaxInt64 || f < math.MinInt64:
		return value.Value{}, failure.Arithmetic("Integer overflow: to_int(%v)", f)
	case f == math.MaxInt64:
		return value.OfInt(math.MaxInt64), nil
	}
	return value.OfInt(int64(f)), nil
}

func parseFloat(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
	s := strings.TrimSpace(self.Str())
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) || strings.ContainsAny(s, "xX_pP") {
		return value.Value{}, failure.Arithmetic("Error parsing floating-point number '%s': invalid float literal", self.Str())
	}
	return value.OfFloat(f), nil
}

// extremes adds max and min for numbers of which one is a float.
func (l *library) extremes() {
	asFloat := func(v value.Value) float64 {
		if v.Kind() == value.Int {
			return float64(v.Int())
		}
		return v.Float()
	}
	const kinds = "%(float,float) %(int,float) %(float,int)"
	for name, first := range map[string]func(a, b float64) bool{
		"max": func(a, b float64) bool { return a >= b },
		"min": func(a, b float64) bool { return a <= b },
	} {
		l.fn(strings.ReplaceAll(kinds, "%", name), func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			a, b := asFloat(*self), asFloat(args[0])
			if first(a, b) {
				return value.OfFloat(a), nil
			}
			return value.OfFloat(b), nil
		})
		l.fn(name+"(string,string) "+name+"(char,char)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			if c := strings.Compare(self.Text(), args[0].Text()); first(float64(c), 0) {
				return *self, nil
			}
			return args[0], nil
		})
	}
}

func bit(n int64) (uint, error) {
	i, ok := exact(64, n)
	if !ok {
		return 0, failure.Bounds("ErrorBitFieldBounds", 64, n)
	}
	return uint(i), nil
}

// field reads which bits the arguments mean.
func field(args []value.Value) (shift uint, mask uint64, err error) {
	start, n := stretch(args)
	if args[0].Kind() == value.Range && args[0].Span().Inclusive {
		// An inclusive range may be empty here, and must end within.
		s := args[0].Span()
		from := max(s.From, 0)
		to := max(s.To, from-1)
		if to >= 64 {
			return 0, 0, failure.Bounds("ErrorBitFieldBounds", 64, to)
		}
		start, n = from, to-from+1
	}
	if n <= 0 {
		return 0, 0, nil
	}
	if shift, err = bit(start); err != nil {
		return 0, 0, err
	}
	n = min(n, int64(64-shift))
	return shift, 1<<uint(n) - 1, nil
}

func (l *library) bitFields() {
	l.fn("get_bit(int,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		n, err := bit(args[0].Int())
		return value.OfBool(self.Int()>>n&1 == 1), err
	})
	l.method("set_bit(int,int,bool)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		n, err := bit(args[0].Int())
		if err == nil {
			v := self.Int() &^ (1 << n)
			if args[1].Bool() {
				v |= 1 << n
			}
			*self = value.OfInt(v)
		}
		return value.Value{}, err
	})
	l.fn("get_bits(int,int,int) get_bits(int,range)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		shift, mask, err := field(args)
		return value.OfInt(int64(uint64(self.Int()) >> shift & mask)), err
	})
	l.method("set_bits(int,int,int,int) set_bits(int,range,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		shift, mask, err := field(args)
		if err == nil {
			v := uint64(args[len(args)-1].Int()) & mask
			*self = value.OfInt(int64(uint64(self.Int())&^(mask<<shift) | v<<shift))
		}
		return value.Value{}, err
	})
}
