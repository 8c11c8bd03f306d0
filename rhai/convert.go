package rhai

import (
	"fmt"
	"math"
	"reflect"
	"sort"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai/stdlib"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// typeNames holds what scripts call the Go types that they see.
type typeNames struct {
	mu    sync.RWMutex // guards names
	names map[reflect.Type]string
}

func newTypeNames() *typeNames { return &typeNames{names: make(map[reflect.Type]string)} }

func (t *typeNames) of(r reflect.Type) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n, ok := t.names[r]; ok {
		return n
	}
	for r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	if r.Name() != "" {
		return r.Name()
	}
	return r.String()
}

// Name sets what type_of says of values of sample's type.
func (e *Engine) Name(sample any, name string) {
	e.types.mu.Lock()
	defer e.types.mu.Unlock()
	e.types.names[reflect.TypeOf(sample)] = name
}

// FromGo makes a value for scripts of a Go value: numbers, strings, booleans,
// slices and maps become Rhai's own, a rune a character, nil (), and any other
// type a value that scripts can hold and hand to registered functions.
func (e *Engine) FromGo(x any) Value { return e.fromGo(reflect.ValueOf(x)) }

func (e *Engine) fromGo(r reflect.Value) Value {
	if !r.IsValid() {
		return Value{}
	}
	switch x := r.Interface().(type) {
	case Value:
		return x.Copy()
	case time.Time:
		return value.OfTime(x)
	case []byte:
		return value.OfBytes(append([]byte(nil), x...))
	case rune:
		return value.OfChar(x)
	}
	switch r.Kind() {
	case reflect.Bool:
		return value.OfBool(r.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return value.OfInt(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return value.OfInt(int64(min(r.Uint(), math.MaxInt64)))
	case reflect.Float32, reflect.Float64:
		return value.OfFloat(r.Float())
	case reflect.String:
		return value.OfString(r.String())
	case reflect.Slice:
		items := make([]Value, r.Len())
		for i := range items {
			items[i] = e.fromGo(r.Index(i))
		}
		return value.OfItems(items)
	case reflect.Map:
		if r.Type().Key().Kind() == reflect.String {
			d := value.NewDict(r.Len())
			for k, v := range r.Seq2() {
				d.Set(k.String(), e.fromGo(v))
			}
			return value.OfDict(d)
		}
	case reflect.Interface, reflect.Pointer:
		if r.IsNil() {
			return Value{}
		}
		if r.Kind() == reflect.Interface {
			return e.fromGo(r.Elem())
		}
	}
	return value.OfCustom(r.Interface(), e.types.of(r.Type()))
}

// ParseJSON makes a value of a JSON text: numbers without a fraction become
// integers, null ().
func ParseJSON(text string) (Value, error) { return stdlib.ParseJSON(text) }

// JSON shows a value as JSON. What JSON has no form for becomes a string.
func JSON(v Value) string { return stdlib.JSON(v) }

// ToGo makes a Go value of a script's: int64, float64, bool, rune, string,
// []byte, []any, map[string]any, time.Time, nil for (), the Go value where it
// came from Go, and the Value itself for anything else.
func ToGo(v Value) any { return toAny(v, 0) }

func toAny(v Value, depth int) any {
	if depth > value.MaxNesting {
		return nil
	}
	v = v.Flat()
	switch v.Kind() {
	case value.Unit:
		return nil
	case value.Bool:
		return v.Bool()
	case value.Int:
		return v.Int()
	case value.Float:
		return v.Float()
	case value.Char:
		return v.Char()
	case value.String:
		return v.Str()
	case value.Blob:
		return append([]byte(nil), v.Data()...)
	case value.Time:
		return v.Time()
	case value.Custom:
		return v.Custom()
	case value.Array:
		out := make([]any, len(v.Items()))
		for i, x := range v.Items() {
			out[i] = toAny(x, depth+1)
		}
		return out
	case value.Map:
		out := make(map[string]any, v.Dict().Len())
		for k, x := range v.Dict().All() {
			out[k] = toAny(x, depth+1)
		}
		return out
	}
	return v
}

// toGo makes an argument of type t; the kinds have been matched already.
func toGo(v Value, t reflect.Type) (reflect.Value, error) {
	if t == reflect.TypeFor[Value]() {
		return reflect.ValueOf(v), nil
	}
	if v.Kind() == value.Custom {
		r := reflect.ValueOf(v.Custom())
		if r.Type().AssignableTo(t) {
			return r, nil
		}
	}
	x := ToGo(v)
	if x == nil {
		return reflect.Zero(t), nil
	}
	r := reflect.ValueOf(x)
	out := reflect.New(t).Elem()
	switch {
	case r.Type().AssignableTo(t):
		return r, nil
	case r.Kind() == reflect.Int64 && out.CanInt():
		if out.OverflowInt(r.Int()) {
			return out, fmt.Errorf("number %d does not fit the function", r.Int())
		}
		out.SetInt(r.Int())
		return out, nil
	case r.Kind() == reflect.Int64 && out.CanUint():
		if r.Int() < 0 || out.OverflowUint(uint64(r.Int())) {
			return out, fmt.Errorf("number %d does not fit the function", r.Int())
		}
		out.SetUint(uint64(r.Int()))
		return out, nil
	case v.Kind() == value.Array && t.Kind() == reflect.Slice:
		return sliceToGo(v, t)
	case v.Kind() == value.Map && t.Kind() == reflect.Map:
		return mapToGo(v, t)
	case r.Type().ConvertibleTo(t):
		return r.Convert(t), nil
	}
	return out, fmt.Errorf("%s cannot become %s", v.TypeName(), t)
}

func sliceToGo(v Value, t reflect.Type) (reflect.Value, error) {
	out := reflect.MakeSlice(t, len(v.Items()), len(v.Items()))
	for i, x := range v.Items() {
		e, err := toGo(x, t.Elem())
		if err != nil {
			return out, fmt.Errorf("element %d: %w", i, err)
		}
		out.Index(i).Set(e)
	}
	return out, nil
}

func mapToGo(v Value, t reflect.Type) (reflect.Value, error) {
	out := reflect.MakeMapWithSize(t, v.Dict().Len())
	keys := v.Dict().Keys()
	sort.Strings(keys)
	for _, k := range keys {
		x, _ := v.Dict().Get(k)
		e, err := toGo(x, t.Elem())
		if err != nil {
			return out, fmt.Errorf("property %s: %w", k, err)
		}
		out.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), e)
	}
	return out, nil
}
