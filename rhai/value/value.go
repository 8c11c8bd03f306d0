// Package value holds the values of Rhai scripts.
//
// A [Value] is small and is passed by value. Numbers, booleans, characters
// and strings lie within it. Arrays, maps and blobs are shared until somebody
// writes: [Value.Copy] is cheap and marks them, the Mut methods make an own
// copy of what is marked. This gives scripts the value semantics of Rhai
// without copying at each assignment. Only a [Cell], which closures make, is
// ever shared for writing.
package value

import (
	"math"
	"time"
	"unsafe"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of values. Those from Array on are not copied by assignment in Go
// alone: see [Value.Copy].
const (
	Unit Kind = iota
	Bool
	Int
	Float
	Char
	String
	Range
	Fn
	Time
	Iter
	Custom
	Array
	Map
	Blob
	Shared
)

// Value is one value of a script. The zero Value is ().
type Value struct {
	kind Kind
	tag  int32
	n    int64          // Bool, Int, Char; the bits of a Float; the length of a String
	p    unsafe.Pointer // what the kind says: string data, *List, *Dict, …
}

// List is the storage of an array.
type List struct {
	Items []Value
	cow   bool
}

// Bytes is the storage of a blob.
type Bytes struct {
	Data []byte
	cow  bool
}

// Span is a range of integers. Open ends are the largest integer.
type Span struct {
	From, To  int64
	Inclusive bool
}

// Func is a function pointer: the name of a function and the arguments that
// are bound already. Target and Env belong to the evaluator: the closure's
// code, and where the name is looked up.
type Func struct {
	Name   string
	Curry  []Value
	Target any
	Env    any
}

// Cell is a variable that closures share with the code around them. Locked is
// set while a method runs on it.
type Cell struct {
	V        Value
	Const    bool
	Locked   bool
	Variable string
}

// Seq is something to iterate over that is no value of its own otherwise:
// what chars, bits and range with a step return. Next is called until ok is
// false.
type Seq struct {
	Start func() (next func() (v Value, ok bool))
}

type custom struct {
	v    any
	name string
}

// OfInt returns an integer.
func OfInt(n int64) Value { return Value{kind: Int, n: n} }

// OfFloat returns a floating-point number.
func OfFloat(f float64) Value { return Value{kind: Float, n: int64(math.Float64bits(f))} }

// OfBool returns a boolean.
func OfBool(b bool) Value {
	if b {
		return Value{kind: Bool, n: 1}
	}
	return Value{kind: Bool}
}

// OfChar returns a character.
func OfChar(c rune) Value { return Value{kind: Char, n: int64(c)} }

// OfString returns a string.
func OfString(s string) Value {
	return Value{kind: String, n: int64(len(s)), p: unsafe.Pointer(unsafe.StringData(s))}
}

// OfItems returns an array that takes items over.
func OfItems(items []Value) Value { return Value{kind: Array, p: unsafe.Pointer(&List{Items: items})} }

// OfBytes returns a blob that takes data over.
func OfBytes(data []byte) Value { return Value{kind: Blob, p: unsafe.Pointer(&Bytes{Data: data})} }

// OfDict returns an object map that takes d over.
func OfDict(d *Dict) Value { return Value{kind: Map, p: unsafe.Pointer(d)} }

// OfSpan returns a range.
func OfSpan(s Span) Value { return Value{kind: Range, p: unsafe.Pointer(&s)} }

// OfFunc returns a function pointer.
func OfFunc(f *Func) Value { return Value{kind: Fn, p: unsafe.Pointer(f)} }

// OfTime returns a timestamp.
func OfTime(t time.Time) Value { return Value{kind: Time, p: unsafe.Pointer(&t)} }

// OfSeq returns something to iterate over.
func OfSeq(s *Seq) Value { return Value{kind: Iter, p: unsafe.Pointer(s)} }

// OfCell returns a shared variable.
func OfCell(c *Cell) Value { return Value{kind: Shared, p: unsafe.Pointer(c)} }

// OfCustom returns a value of a Go type that scripts know as name.
func OfCustom(v any, name string) Value {
	return Value{kind: Custom, p: unsafe.Pointer(&custom{v, name})}
}

// Kind returns the kind; of a shared variable, Shared.
func (v Value) Kind() Kind { return v.kind }

// Tag returns the number that scripts may attach to a value.
func (v Value) Tag() int32 { return v.tag }

// SetTag attaches a number to the value.
func (v *Value) SetTag(t int32) { v.tag = t }

// IsUnit reports whether v is ().
func (v Value) IsUnit() bool { return v.kind == Unit }

// Int returns the integer; the kind must be Int.
func (v Value) Int() int64 { return v.n }

// Float returns the number; the kind must be Float.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.n)) }

// Bool returns the boolean; the kind must be Bool.
func (v Value) Bool() bool { return v.n != 0 }

// Char returns the character; the kind must be Char.
func (v Value) Char() rune { return rune(v.n) }

// Str returns the string, "" for any other kind.
func (v Value) Str() string {
	if v.kind != String {
		return ""
	}
	return unsafe.String((*byte)(v.p), int(v.n))
}

// Span returns the range; the kind must be Range.
func (v Value) Span() Span { return *(*Span)(v.p) }

// Func returns the function pointer; the kind must be Fn.
func (v Value) Func() *Func { return (*Func)(v.p) }

// Time returns the timestamp; the kind must be Time.
func (v Value) Time() time.Time { return *(*time.Time)(v.p) }

// Seq returns the iterator; the kind must be Iter.
func (v Value) Seq() *Seq { return (*Seq)(v.p) }

// Cell returns the shared variable; the kind must be Shared.
func (v Value) Cell() *Cell { return (*Cell)(v.p) }

// Custom returns the Go value, nil for any other kind.
func (v Value) Custom() any {
	if v.kind != Custom {
		return nil
	}
	return (*custom)(v.p).v
}

// Items returns the elements of an array, to read; the kind must be Array.
func (v Value) Items() []Value { return (*List)(v.p).Items }

// Data returns the bytes of a blob, to read; the kind must be Blob.
func (v Value) Data() []byte { return (*Bytes)(v.p).Data }

// Dict returns the object map, to read; the kind must be Map.
func (v Value) Dict() *Dict { return (*Dict)(v.p) }

// MutList returns the array's storage to write to, v's own from now on.
func (v *Value) MutList() *List {
	l := (*List)(v.p)
	if l.cow {
		l = &List{Items: copyAll(l.Items)}
		v.p = unsafe.Pointer(l)
	}
	return l
}

// MutBytes returns the blob's storage to write to, v's own from now on.
func (v *Value) MutBytes() *Bytes {
	b := (*Bytes)(v.p)
	if b.cow {
		b = &Bytes{Data: append([]byte(nil), b.Data...)}
		v.p = unsafe.Pointer(b)
	}
	return b
}

// MutDict returns the map's storage to write to, v's own from now on.
func (v *Value) MutDict() *Dict {
	d := (*Dict)(v.p)
	if d.cow {
		d = d.clone()
		v.p = unsafe.Pointer(d)
	}
	return d
}

func copyAll(items []Value) []Value {
	out := make([]Value, len(items), len(items)+len(items)/4+1)
	for i, v := range items {
		out[i] = v.Copy()
	}
	return out
}

// Copy returns the value to keep in a second place; of a shared variable, what
// it holds.
func (v Value) Copy() Value {
	if v.kind < Array {
		return v
	}
	switch v.kind {
	case Array:
		(*List)(v.p).cow = true
	case Map:
		(*Dict)(v.p).cow = true
	case Blob:
		(*Bytes)(v.p).cow = true
	case Shared:
		return (*Cell)(v.p).V.Copy()
	}
	return v
}

// Flat returns v, or what it holds where it is a shared variable.
func (v Value) Flat() Value {
	for v.kind == Shared {
		v = (*Cell)(v.p).V
	}
	return v
}

// TypeName returns what type_of says of the value.
func (v Value) TypeName() string {
	switch v.kind {
	case Custom:
		return (*custom)(v.p).name
	case Shared:
		return v.Flat().TypeName()
	case Range:
		if v.Span().Inclusive {
			return "range="
		}
	}
	return v.kind.String()
}

// String returns the name of the type as scripts know it.
func (k Kind) String() string {
	return [...]string{
		"()", "bool", "i64", "f64", "char", "string", "range", "Fn", "timestamp", "range", "custom",
		"array", "map", "blob", "shared",
	}[k]
}

// MaxNesting is how deep arrays and maps nest where they are walked through;
// what is deeper is left out.
const MaxNesting = 1 << 14

// Sizes counts what data limits speak of: elements of arrays and blobs,
// properties of maps and bytes of strings, within v at any depth.
func (v Value) Sizes() (items, props, bytes int) { return v.sizes(0) }

func (v Value) sizes(depth int) (items, props, bytes int) {
	if depth > MaxNesting {
		return 0, 0, 0
	}
	switch v = v.Flat(); v.kind {
	case String:
		return 0, 0, int(v.n)
	case Blob:
		return len(v.Data()), 0, 0
	case Array:
		for _, x := range v.Items() {
			i, p, b := x.sizes(depth + 1)
			items, props, bytes = items+i+1, props+p, bytes+b
		}
	case Map:
		for _, e := range v.Dict().entries {
			i, p, b := e.val.sizes(depth + 1)
			items, props, bytes = items+i, props+p+1, bytes+b
		}
	}
	return items, props, bytes
}
