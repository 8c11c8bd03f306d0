package interp

import (
	"math"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// position turns an index, negative from the end, into a place in length
// elements.
func position(i int64, length int) (int, bool) {
	if i < 0 {
		i += int64(length)
	}
	return int(i), i >= 0 && i < int64(length)
}

// element reads an element: of an array, map, blob or string, a bit of an
// integer, or what Go registered an indexer for.
func (m *vm) element(p *value.Value, i value.Value, pos, at syntax.Pos) value.Value {
	switch p.Kind() {
	case value.Array:
		items := p.Items()
		return items[m.arrayIndex(i, len(items), at)]
	case value.Blob:
		data := p.Data()
		return value.OfInt(int64(data[m.arrayIndex(i, len(data), at)]))
	case value.Map:
		v, _ := p.Dict().Get(m.mapKey(i, at))
		return v
	case value.String:
		return m.stringPart(p.Str(), i, at).value()
	case value.Int:
		return m.bits(p.Int(), i, at).value(p.Int())
	}
	args := []value.Value{i}
	if d := m.pick(native.Index, p, args); d != nil {
		return m.runNative(d, p, args, pos)
	}
	m.throw(notIndexable(p, i), pos)
	return value.Value{}
}

func notIndexable(p *value.Value, i value.Value) error {
	what := p.TypeName() + " [" + i.TypeName() + "]"
	return failure.New("ErrorIndexingType", what, "Indexer unavailable: "+what)
}

func (m *vm) arrayIndex(i value.Value, length int, at syntax.Pos) int {
	if i.Kind() != value.Int {
		m.throw(failure.Mismatch("i64", i), at)
	}
	n, ok := position(i.Int(), length)
	if !ok {
		m.throw(failure.Bounds("ErrorArrayBounds", length, i.Int()), at)
	}
	return n
}

func (m *vm) mapKey(i value.Value, at syntax.Pos) string {
	if i.Kind() != value.String {
		m.throw(failure.Mismatch("string", i), at)
	}
	return i.Str()
}

// elementPlace finds the place of an element.
func (m *vm) elementPlace(p *value.Value, i value.Value, pos, at syntax.Pos) *value.Value {
	switch p.Kind() {
	case value.Array:
		n := m.arrayIndex(i, len(p.Items()), at)
		return &p.MutList().Items[n]
	case value.Map:
		if q := p.MutDict().Ref(m.mapKey(i, at)); q != nil {
			return q
		}
		return new(value.Value)
	}
	return m.away(m.element(p, i, pos, at), func(m *vm, v value.Value) {
		if p.Kind() == value.Custom && m.pick(native.SetIndex, p, []value.Value{i, v}) == nil {
			return
		}
		m.setElement(p, i, v, pos, at)
	})
}

// setElement writes an element.
func (m *vm) setElement(p *value.Value, i, v value.Value, pos, at syntax.Pos) {
	switch p.Kind() {
	case value.Array:
		n := m.arrayIndex(i, len(p.Items()), at)
		p.MutList().Items[n] = v
	case value.Map:
		p.MutDict().Set(m.mapKey(i, at), v)
	case value.Blob:
		n := m.arrayIndex(i, len(p.Data()), at)
		m.want(v, value.Int, pos)
		p.MutBytes().Data[n] = byte(v.Int())
	case value.String:
		m.setStringPart(p, i, v, pos, at)
	case value.Int:
		b := m.bits(p.Int(), i, at)
		if b.single {
			m.want(v, value.Bool, pos)
		} else {
			m.want(v, value.Int, pos)
		}
		*p = value.OfInt(b.set(p.Int(), v))
	default:
		args := []value.Value{i, v}
		d := m.pick(native.SetIndex, p, args)
		if d == nil {
			m.throw(notIndexable(p, i), pos)
		}
		m.runNative(d, p, args, pos)
	}
}

func (m *vm) want(v value.Value, k value.Kind, pos syntax.Pos) {
	if v.Kind() != k {
		m.throw(failure.Mismatch(k.String(), v), pos)
	}
}

// bitField is some bits of an integer.
type bitField struct {
	shift  uint
	mask   uint64
	single bool
}

func (b bitField) value(n int64) value.Value {
	if b.single {
		return value.OfBool(uint64(n)&b.mask != 0)
	}
	return value.OfInt(int64(uint64(n)&b.mask) >> b.shift)
}

func (b bitField) set(n int64, v value.Value) int64 {
	bits := uint64(v.Int()) << b.shift
	return int64(uint64(n)&^b.mask | bits&b.mask)
}

// bits finds the bits that an index of an integer means: one, or a range.
func (m *vm) bits(n int64, i value.Value, at syntax.Pos) bitField {
	if i.Kind() == value.Int {
		bit, ok := position(i.Int(), 64)
		if !ok {
			m.throw(failure.Bounds("ErrorBitFieldBounds", 64, i.Int()), at)
		}
		return bitField{uint(bit), 1 << uint(bit), true}
	}
	if i.Kind() != value.Range {
		m.throw(failure.Mismatch("i64", i), at)
	}
	s := i.Span()
	from, to := s.From, s.To
	switch {
	case to == math.MaxInt64:
		to = 64
	case s.Inclusive:
		to++
	}
	if from < 0 || from >= 64 {
		m.throw(failure.Bounds("ErrorBitFieldBounds", 64, from), at)
	}
	if to < 0 || to > 64 || s.Inclusive && to == 0 {
		m.throw(failure.Bounds("ErrorBitFieldBounds", 64, s.To), at)
	}
	if to <= from {
		return bitField{}
	}
	return bitField{shift: uint(from), mask: (1<<uint(to-from) - 1) << uint(from)}
}

// stringSlice is the part of a string, in bytes, that an index means.
type stringSlice struct {
	s        string
	from, to int
	char     bool
	none     bool
}

func (p stringSlice) value() value.Value {
	if p.char {
		c, _ := utf8.DecodeRuneInString(p.s[p.from:])
		return value.OfChar(c)
	}
	if p.none {
		return value.OfString("")
	}
	return value.OfString(p.s[p.from:p.to])
}

// offset returns where character n of s starts, len(s) beyond its end.
func offset(s string, n int64) int {
	for i := range s {
		if n <= 0 {
			return i
		}
		n--
	}
	return len(s)
}

// stringPart finds the character or, for a range, the part of a string that
// an index means. Positions count characters.
func (m *vm) stringPart(s string, i value.Value, at syntax.Pos) stringSlice {
	if i.Kind() == value.Int {
		n := i.Int()
		if n < 0 {
			n += int64(utf8.RuneCountInString(s))
		}
		from := len(s)
		if n >= 0 {
			from = offset(s, n)
		}
		if from == len(s) {
			m.throw(failure.Bounds("ErrorStringBounds", utf8.RuneCountInString(s), i.Int()), at)
		}
		_, size := utf8.DecodeRuneInString(s[from:])
		return stringSlice{s: s, from: from, to: from + size, char: true}
	}
	if i.Kind() != value.Range {
		m.throw(failure.Mismatch("i64", i), at)
	}
	if s == "" {
		return stringSlice{}
	}
	span, count := i.Span(), int64(utf8.RuneCountInString(s))
	from, to := span.From, span.To
	if from < 0 {
		if from += count; from < 0 {
			m.throw(failure.Bounds("ErrorStringBounds", int(count), span.From), at)
		}
	}
	if to < 0 {
		to = max(to+count, 0)
	}
	// As in Rhai, a range of one that includes its end reads as nothing.
	none := span.Inclusive && to == from && count > 1
	if span.Inclusive && to != math.MaxInt64 && to >= from {
		to++
	}
	a := offset(s, from)
	return stringSlice{s: s, from: a, to: max(a, offset(s, to)), none: none}
}

func (m *vm) setStringPart(p *value.Value, i, v value.Value, pos, at syntax.Pos) {
	part := m.stringPart(p.Str(), i, at)
	if part.char {
		m.want(v, value.Char, pos)
	}
	*p = value.OfString(part.s[:part.from] + v.Text() + part.s[part.to:])
}
