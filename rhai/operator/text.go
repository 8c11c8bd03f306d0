package operator

import (
	"strings"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// text calculates where one of the operands is a string, or the left one a
// character.
func text(op Op, a, b value.Value) (value.Value, bool, error) {
	ka, kb := a.Kind(), b.Kind()
	textual := (ka == value.String || ka == value.Char) && (kb == value.String || kb == value.Char)
	switch {
	case op == Add:
		if ka == value.String || kb == value.String || textual {
			return value.OfString(plain(a) + plain(b)), true, nil
		}
	case op == Sub && ka == value.String && textual:
		return value.OfString(minus(a.Str(), b)), true, nil
	case textual && ka == kb && ka == value.Char:
		return compare(op, int(a.Char())-int(b.Char()))
	case textual:
		return compare(op, strings.Compare(head(a, kb), head(b, ka)))
	}
	return value.Value{}, false, nil
}

// plain is what an operand adds to a string: the bytes of a blob as UTF-8,
// anything else as print shows it.
func plain(v value.Value) string {
	if v.Kind() == value.Blob {
		return strings.ToValidUTF8(string(v.Data()), "\uFFFD")
	}
	return v.Text()
}

// head is the text to compare with an operand of kind other: against a
// character only the first two characters of a string count.
func head(v value.Value, other value.Kind) string {
	s := v.Text()
	if v.Kind() != value.String || other != value.Char {
		return s
	}
	_, n := utf8.DecodeRuneInString(s)
	_, m := utf8.DecodeRuneInString(s[n:])
	return s[:n+m]
}

// minus takes every occurrence of b out of s.
func minus(s string, b value.Value) string {
	t := b.Text()
	switch {
	case t == "":
		return s
	case s == "" && b.Kind() == value.String:
		return t
	}
	return strings.ReplaceAll(s, t, "")
}

// Assign calculates what a compound assignment puts into the place, for the
// types that change in place: strings and characters, arrays, maps and blobs.
// ok is false for all others.
func Assign(op Op, place *value.Value, b value.Value) (ok bool) {
	if op != Add {
		return false
	}
	kb := b.Kind()
	switch place.Kind() {
	case value.String:
		*place = value.OfString(place.Str() + plain(b))
	case value.Array:
		l := place.MutList()
		if kb != value.Array {
			l.Items = append(l.Items, b)
			break
		}
		for _, x := range b.Items() {
			l.Items = append(l.Items, x.Copy())
		}
	case value.Map:
		if kb != value.Map {
			return false
		}
		merge(place, b)
	case value.Blob:
		m := place.MutBytes()
		switch kb {
		case value.Int:
			m.Data = append(m.Data, byte(b.Int()))
		case value.Char, value.String:
			m.Data = append(m.Data, b.Text()...)
		case value.Blob:
			m.Data = append(m.Data, b.Data()...)
		default:
			return false
		}
	default:
		return false
	}
	return true
}
