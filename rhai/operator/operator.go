// Package operator calculates: the operators of Rhai on its built-in types,
// with integers checked for overflow.
package operator

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Op is a binary operator.
type Op uint8

// The operators.
const (
	None Op = iota
	Add
	Sub
	Mul
	Div
	Mod
	Pow
	Shl
	Shr
	And
	Or
	Xor
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	Until
	Through
)

// names is in the order of the constants.
func names() []string {
	return []string{
		"", "+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=",
		"..", "..=",
	}
}

// Of returns the operator that is written s, None for any other text.
func Of(s string) Op {
	for i, n := range names() {
		if n == s {
			return Op(i)
		}
	}
	return None
}

// String returns the operator as it is written.
func (o Op) String() string { return names()[o] }

// Binary calculates a op b. ok is false where no built-in operator takes such
// operands.
func Binary(op Op, a, b value.Value) (v value.Value, ok bool, err error) {
	a, b = a.Flat(), b.Flat()
	ka, kb := a.Kind(), b.Kind()
	switch {
	case ka == value.Int && kb == value.Int:
		v, err = Ints(op, a.Int(), b.Int())
		return v, true, err
	case ka == value.Float && kb == value.Float:
		return floats(op, a.Float(), b.Float())
	case ka == value.Float && kb == value.Int:
		return floats(op, a.Float(), float64(b.Int()))
	case ka == value.Int && kb == value.Float:
		return floats(op, float64(a.Int()), b.Float())
	case ka == value.Bool && kb == value.Bool:
		return bools(op, a, b)
	case ka == value.String || kb == value.String || ka == value.Char:
		if v, ok, err = text(op, a, b); ok {
			return v, ok, err
		}
	case op == Until || op == Through:
		return openRange(op, a, b)
	case ka == kb:
		return same(op, a, b)
	case ka == value.Time:
		if v, ok, err = timestamp(op, a, b); ok {
			return v, ok, err
		}
	case ka == value.Blob && kb == value.Char && op == Add:
		return value.OfBytes(append(clip(a.Data()), string(b.Char())...)), true, nil
	}
	return unlike(op, a, b)
}

// unlike compares values of different types: they are not equal, and neither
// is less. Custom types are left to functions that Go registers.
func unlike(op Op, a, b value.Value) (value.Value, bool, error) {
	if a.Kind() == b.Kind() && a.TypeName() == b.TypeName() {
		return value.Value{}, false, nil
	}
	switch op {
	case Ne:
		return value.OfBool(true), true, nil
	case Eq, Lt, Le, Gt, Ge:
		return value.OfBool(false), true, nil
	}
	return value.Value{}, false, nil
}

// clip returns data with no room behind it, so that append copies.
func clip[T any](data []T) []T { return data[:len(data):len(data)] }

// same calculates with two operands of one kind that is no number, boolean or
// text.
func same(op Op, a, b value.Value) (v value.Value, ok bool, err error) {
	if op == Eq || op == Ne {
		equal, ok, err := equalSame(a, b, 0)
		return value.OfBool(equal == (op == Eq)), ok, err
	}
	switch a.Kind() {
	case value.Unit:
		if op >= Lt && op <= Ge {
			return value.OfBool(false), true, nil
		}
	case value.Time:
		return timestamp(op, a, b)
	case value.Array:
		if op == Add {
			items := append(clip(a.Copy().Items()), b.Copy().Items()...)
			for i := range items {
				items[i] = items[i].Copy()
			}
			return value.OfItems(items), true, nil
		}
	case value.Blob:
		if op == Add {
			return value.OfBytes(append(clip(a.Data()), b.Data()...)), true, nil
		}
	case value.Map:
		if op == Add {
			out := a.Copy()
			merge(&out, b)
			return out, true, nil
		}
	}
	return value.Value{}, false, nil
}

func merge(into *value.Value, from value.Value) {
	d := into.MutDict()
	for k, x := range from.Dict().All() {
		d.Set(k, x.Copy())
	}
}

// equalSame compares two values of one kind, depth levels within others.
func equalSame(a, b value.Value, depth int) (equal, ok bool, err error) {
	switch a.Kind() {
	case value.Unit:
		return true, true, nil
	case value.Range:
		return a.Span() == b.Span(), true, nil
	case value.Blob:
		return string(a.Data()) == string(b.Data()), true, nil
	case value.Time:
		return a.Time().Equal(b.Time()), true, nil
	case value.Array:
		equal, err = equalItems(a.Items(), b.Items(), depth)
		return equal, true, err
	case value.Map:
		equal, err = equalDicts(a.Dict(), b.Dict(), depth)
		return equal, true, err
	}
	return false, a.TypeName() != b.TypeName(), nil
}

// equalWithin compares two elements.
func equalWithin(a, b value.Value, depth int) (bool, error) {
	a, b = a.Flat(), b.Flat()
	if a.Kind() != b.Kind() || a.Kind() != value.Array && a.Kind() != value.Map {
		return Equal(a, b)
	}
	if depth > value.MaxNesting {
		return false, failure.Errorf("ErrorStackOverflow", "Stack overflow")
	}
	equal, _, err := equalSame(a, b, depth)
	return equal, err
}

func equalItems(a, b []value.Value, depth int) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	for i := range a {
		if equal, err := equalWithin(a[i], b[i], depth+1); !equal || err != nil {
			return false, err
		}
	}
	return true, nil
}

func equalDicts(a, b *value.Dict, depth int) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	for k, x := range a.All() {
		y, ok := b.Get(k)
		if !ok {
			return false, nil
		}
		if equal, err := equalWithin(x, y, depth+1); !equal || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Equal compares two values with the built-in operator; it fails where there
// is none for their type.
func Equal(a, b value.Value) (bool, error) {
	v, ok, err := Binary(Eq, a, b)
	if err == nil && !ok {
		err = failure.NotFound("==", a, b)
	}
	return v.Bool() && err == nil, err
}

func bools(op Op, a, b value.Value) (value.Value, bool, error) {
	x, y := a.Bool(), b.Bool()
	switch op {
	case Eq:
		return value.OfBool(x == y), true, nil
	case Ne, Xor:
		return value.OfBool(x != y), true, nil
	case And:
		return value.OfBool(x && y), true, nil
	case Or:
		return value.OfBool(x || y), true, nil
	case Lt:
		return value.OfBool(!x && y), true, nil
	case Le:
		return value.OfBool(!x || y), true, nil
	case Gt:
		return value.OfBool(x && !y), true, nil
	case Ge:
		return value.OfBool(x || !y), true, nil
	}
	return value.Value{}, false, nil
}

// compare turns the outcome of a comparison into the operator's.
func compare(op Op, c int) (value.Value, bool, error) {
	switch op {
	case Eq:
		return value.OfBool(c == 0), true, nil
	case Ne:
		return value.OfBool(c != 0), true, nil
	case Lt:
		return value.OfBool(c < 0), true, nil
	case Le:
		return value.OfBool(c <= 0), true, nil
	case Gt:
		return value.OfBool(c > 0), true, nil
	case Ge:
		return value.OfBool(c >= 0), true, nil
	}
	return value.Value{}, false, nil
}
