package operator

import (
	"math"
	"math/bits"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Ints calculates with two integers. Every operator takes them.
func Ints(op Op, a, b int64) (value.Value, error) {
	switch op {
	case Add:
		if c := a + b; (c > a) == (b > 0) {
			return value.OfInt(c), nil
		}
		return value.Value{}, failure.Arithmetic("Addition overflow: %d + %d", a, b)
	case Sub:
		if c := a - b; (c < a) == (b > 0) {
			return value.OfInt(c), nil
		}
		return value.Value{}, failure.Arithmetic("Subtraction overflow: %d - %d", a, b)
	case Mul:
		if c, ok := mul(a, b); ok {
			return value.OfInt(c), nil
		}
		return value.Value{}, failure.Arithmetic("Multiplication overflow: %d * %d", a, b)
	case Div, Mod:
		return divide(op, a, b)
	case Pow:
		return power(a, b)
	case Shl:
		return value.OfInt(shift(a, b)), nil
	case Shr:
		return value.OfInt(shift(a, -max(b, -math.MaxInt64))), nil
	case And:
		return value.OfInt(a & b), nil
	case Or:
		return value.OfInt(a | b), nil
	case Xor:
		return value.OfInt(a ^ b), nil
	case Until, Through:
		return value.OfSpan(value.Span{From: a, To: b, Inclusive: op == Through}), nil
	case Lt:
		return value.OfBool(a < b), nil
	case Le:
		return value.OfBool(a <= b), nil
	case Gt:
		return value.OfBool(a > b), nil
	case Ge:
		return value.OfBool(a >= b), nil
	case Ne:
		return value.OfBool(a != b), nil
	default:
		return value.OfBool(a == b), nil
	}
}

func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	// The upper half of the signed product is all sign where it fits.
	h := int64(hi)
	if a < 0 {
		h -= b
	}
	if b < 0 {
		h -= a
	}
	c := int64(lo)
	return c, h == c>>63
}

func divide(op Op, a, b int64) (value.Value, error) {
	overflow := a == math.MinInt64 && b == -1
	switch {
	case op == Mod && (b == 0 || overflow):
		return value.Value{}, failure.Arithmetic("Modulo division by zero or overflow: %d %% %d", a, b)
	case op == Mod:
		return value.OfInt(a % b), nil
	case b == 0:
		return value.Value{}, failure.Arithmetic("Division by zero: %d / %d", a, b)
	case overflow:
		return value.Value{}, failure.Arithmetic("Division overflow: %d / %d", a, b)
	}
	return value.OfInt(a / b), nil
}

func power(a, b int64) (value.Value, error) {
	switch {
	case b < 0:
		return value.Value{}, failure.Arithmetic("Integer raised to a negative power: %d ** %d", a, b)
	case b > math.MaxUint32:
		return value.Value{}, failure.Arithmetic("Exponential overflow: %d ** %d", a, b)
	}
	result, ok := int64(1), true
	for base, n := a, b; n > 0; {
		if n&1 == 1 {
			if result, ok = mul(result, base); !ok {
				return value.Value{}, failure.Arithmetic("Exponential overflow: %d ** %d", a, b)
			}
		}
		if n >>= 1; n == 0 {
			break
		}
		if base, ok = mul(base, base); !ok {
			return value.Value{}, failure.Arithmetic("Exponential overflow: %d ** %d", a, b)
		}
	}
	return value.OfInt(result), nil
}

// shift shifts to the left by n, to the right where n is negative.
func shift(a, n int64) int64 {
	switch {
	case n >= 64:
		return 0
	case n >= 0:
		return a << uint(n)
	case n <= -64:
		return a >> 63
	default:
		return a >> uint(-n)
	}
}

const epsilon = 2.220446049250313e-16

// floats calculates with two floating-point numbers. They compare as equal
// where they differ by less than their precision.
func floats(op Op, a, b float64) (value.Value, bool, error) {
	switch op {
	case Add:
		return value.OfFloat(a + b), true, nil
	case Sub:
		return value.OfFloat(a - b), true, nil
	case Mul:
		return value.OfFloat(a * b), true, nil
	case Div:
		return value.OfFloat(a / b), true, nil
	case Mod:
		return value.OfFloat(math.Mod(a, b)), true, nil
	case Pow:
		return value.OfFloat(math.Pow(a, b)), true, nil
	case Eq, Ne, Lt, Le, Gt, Ge:
		return value.OfBool(compareFloats(op, a, b)), true, nil
	}
	return value.Value{}, false, nil
}

func compareFloats(op Op, a, b float64) bool {
	scale := 1.0
	if a*b != 0 {
		scale = math.Max(math.Abs(a), math.Abs(b))
	}
	if a == b && math.IsInf(a, 0) {
		return op == Eq || op == Le || op == Ge
	}
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		scale = 1
	}
	d := (a - b) / scale
	switch op {
	case Eq:
		return math.Abs(d) <= epsilon
	case Ne:
		return math.Abs(d) > epsilon
	case Gt:
		return d > epsilon
	case Ge:
		return d > -epsilon
	case Lt:
		return -d > epsilon
	default:
		return -d > -epsilon
	}
}

// openRange makes a range with an open end.
func openRange(op Op, a, b value.Value) (value.Value, bool, error) {
	s := value.Span{Inclusive: op == Through}
	switch {
	case a.Kind() == value.Int && b.IsUnit():
		s.From, s.To = a.Int(), math.MaxInt64
	case a.IsUnit() && b.Kind() == value.Int:
		s.To = b.Int()
	default:
		return value.Value{}, false, nil
	}
	return value.OfSpan(s), true, nil
}

// timestamp calculates with a timestamp on the left.
func timestamp(op Op, a, b value.Value) (value.Value, bool, error) {
	t := a.Time()
	switch b.Kind() {
	case value.Time:
		if op == Sub {
			return value.OfFloat(t.Sub(b.Time()).Seconds()), true, nil
		}
		return compare(op, t.Compare(b.Time()))
	case value.Int, value.Float:
		if op != Add && op != Sub {
			return value.Value{}, false, nil
		}
		s := float64(b.Int())
		if b.Kind() == value.Float {
			s = b.Float()
		}
		if op == Sub {
			s = -s
		}
		if math.Abs(s) > math.MaxInt64/float64(time.Second) || math.IsNaN(s) {
			return value.Value{}, true, failure.Arithmetic("Timestamp overflow when adding %v second(s)", s)
		}
		return value.OfTime(t.Add(time.Duration(s * float64(time.Second)))), true, nil
	}
	return value.Value{}, false, nil
}
