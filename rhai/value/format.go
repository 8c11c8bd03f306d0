package value

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Text returns the value as print shows it.
func (v Value) Text() string {
	switch v.kind {
	case Unit:
		return ""
	case String:
		return v.Str()
	case Char:
		return string(v.Char())
	case Int:
		return strconv.FormatInt(v.n, 10)
	case Float:
		return FloatText(v.Float())
	}
	var b strings.Builder
	v.write(&b, 0)
	return b.String()
}

// Debug returns the value as debug shows it, strings between quotes.
func (v Value) Debug() string {
	var b strings.Builder
	v.write(&b, 0)
	return b.String()
}

// maxShown is how deep nested values are shown.
const maxShown = 64

func (v Value) write(b *strings.Builder, depth int) {
	if depth > maxShown {
		b.WriteString("...")
		return
	}
	switch v.kind {
	case Unit:
		b.WriteString("()")
	case Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case Int:
		b.WriteString(strconv.FormatInt(v.n, 10))
	case Float:
		b.WriteString(floatDebug(v.Float()))
	case Char:
		b.WriteRune(v.Char())
	case String:
		WriteQuoted(b, v.Str())
	case Range:
		writeSpan(b, v.Span())
	case Fn:
		b.WriteString("Fn(" + v.Func().Name + ")")
	case Array:
		b.WriteByte('[')
		for i, x := range v.Items() {
			if i > 0 {
				b.WriteString(", ")
			}
			x.write(b, depth+1)
		}
		b.WriteByte(']')
	case Map:
		writeDict(b, v.Dict(), depth)
	case Blob:
		writeBlob(b, v.Data())
	case Time:
		b.WriteString("<timestamp>")
	case Shared:
		v.Cell().V.write(b, depth+1)
	case Custom:
		writeCustom(b, (*custom)(v.p))
	default:
		b.WriteString(v.TypeName())
	}
}

func writeCustom(b *strings.Builder, c *custom) {
	if s, ok := c.v.(interface{ String() string }); ok {
		b.WriteString(s.String())
		return
	}
	b.WriteString(c.name)
}

func writeSpan(b *strings.Builder, s Span) {
	b.WriteString(strconv.FormatInt(s.From, 10))
	b.WriteString("..")
	if s.Inclusive {
		b.WriteByte('=')
	}
	if s.To != math.MaxInt64 {
		b.WriteString(strconv.FormatInt(s.To, 10))
	}
}

func writeDict(b *strings.Builder, d *Dict, depth int) {
	b.WriteString("#{")
	first := true
	for k, x := range d.All() {
		if !first {
			b.WriteString(", ")
		}
		first = false
		WriteQuoted(b, k)
		b.WriteString(": ")
		x.write(b, depth+1)
	}
	b.WriteByte('}')
}

func writeBlob(b *strings.Builder, data []byte) {
	const hex = "0123456789abcdef"
	b.WriteByte('[')
	for i, c := range data {
		if i > 0 && i%8 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	b.WriteByte(']')
}

// WriteQuoted writes s between quotes, with escapes as Rhai has them.
func WriteQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString("\\n")
		case c == '\r':
			b.WriteString("\\r")
		case c == '\t':
			b.WriteString("\\t")
		case c == 0:
			b.WriteString("\\0")
		case !unicode.IsPrint(c) && !unicode.IsMark(c):
			b.WriteString("\\u{" + strconv.FormatInt(int64(c), 16) + "}")
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}

// FloatText returns a number as print shows it: with a fraction always, with
// an exponent where it is very large or very small.
func FloatText(f float64) string {
	a := math.Abs(f)
	switch {
	case a == 0:
		return "0.0"
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return infText(f)
	case a > 1e13 || a < 1e-13:
		return exponent(f)
	}
	return withFraction(strconv.FormatFloat(f, 'f', -1, 64))
}

func floatDebug(f float64) string {
	a := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return infText(f)
	case a != 0 && (a >= 1e16 || a < 1e-5):
		return exponent(f)
	}
	return withFraction(strconv.FormatFloat(f, 'f', -1, 64))
}

func infText(f float64) string {
	if f < 0 {
		return "-inf"
	}
	return "inf"
}

func withFraction(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}

// exponent writes 1.5e20 and 1e-7, the exponent without padding.
func exponent(f float64) string {
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mant, exp, _ := strings.Cut(s, "e")
	n, err := strconv.Atoi(exp)
	if err != nil {
		return s
	}
	return mant + "e" + strconv.Itoa(n)
}
