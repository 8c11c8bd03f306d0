package jsonrpc

import (
	"reflect"
	"strings"
)

// Param is one parameter of a method: a field of its params struct.
type Param struct {
	Name     string
	Required bool // not a pointer, and neither omitzero nor omitempty
	Index    []int
	Type     reflect.Type
	Field    reflect.StructField
}

// ParamsOf returns the parameters that the struct t (or a pointer to one)
// stands for, in the order of its fields, which is the order of positional
// params. Embedded structs without a name of their own are taken apart, as
// JSON does. Any other type has none.
func ParamsOf(t reflect.Type) []Param {
	if t == nil {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return appendParams(nil, t, nil, map[reflect.Type]bool{})
}

func appendParams(list []Param, t reflect.Type, index []int, above map[reflect.Type]bool) []Param {
	if above[t] {
		return list // an embedded pointer to itself adds no name
	}
	above[t] = true
	defer delete(above, t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" || (!f.IsExported() && !f.Anonymous) {
			continue
		}
		at := append(append([]int(nil), index...), i)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inlined := f.Anonymous && name == "" || hasOption(options, "embed"); inlined && inner.Kind() == reflect.Struct {
			list = appendParams(list, inner, at, above)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		required := f.Type.Kind() != reflect.Pointer && !hasOption(options, "omitzero") && !hasOption(options, "omitempty")
		list = append(list, Param{Name: strings.Trim(name, "'"), Required: required, Index: at, Type: f.Type, Field: f})
	}
	return list
}

func hasOption(options, name string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == name {
			return true
		}
	}
	return false
}
