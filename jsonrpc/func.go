package jsonrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Handler answers one call. params is nil when the call has none, else an
// object or an array; it is valid only until the Handler returns. The result
// is marshaled to JSON. An *Error is answered as it is, an error of package
// fault with its kind's code, any other as an internal error whose cause only
// the log sees.
type Handler func(ctx context.Context, params json.Value) (any, error)

// Func makes a Handler of a typed function. P is a struct whose fields are the
// parameters, by name and, in the order of ParamsOf, by position; strictly:
// unknown, missing and ill-typed ones are refused with the field, what it
// wanted and what it got. A P that is no struct takes the params as they are.
func Func[P, R any](f func(context.Context, P) (R, error)) Handler {
	return Bind(func(_ struct{}, ctx context.Context, p P) (R, error) { return f(ctx, p) })(struct{}{})
}

// Bind is Func for a method of T, of which a program has many: what is known of
// P is held once, however many Handlers are made.
func Bind[T, P, R any](f func(T, context.Context, P) (R, error)) func(T) Handler {
	d := newDecoder(reflect.TypeFor[P]())
	return func(t T) Handler {
		return func(ctx context.Context, params json.Value) (any, error) {
			var p P
			if err := d.decode(params, &p); err != nil {
				return nil, err
			}
			return f(t, ctx, p)
		}
	}
}

// paramsDecoder is what is known of a params type before the first call.
type paramsDecoder struct {
	params []Param
	fields bool // a struct: strict names, and positions
	opts   json.Options
}

func newDecoder(t reflect.Type) *paramsDecoder {
	base := t
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	return &paramsDecoder{params: ParamsOf(t), fields: base.Kind() == reflect.Struct, opts: json.RejectUnknown()}
}

func (d *paramsDecoder) decode(params json.Value, p any) error {
	switch {
	case !d.fields && params == nil:
		return nil
	case !d.fields:
		if err := json.Unmarshal(params, p, d.opts); err != nil {
			return d.invalid(err)
		}
		return nil
	case params == nil:
		params = json.Value("{}")
	case params[0] == '[':
		named, err := d.byName(params)
		if err != nil {
			return err
		}
		params = named
	}
	if err := json.Unmarshal(params, p, d.opts); err != nil {
		return d.invalid(err)
	}
	return d.checkRequired(params, reflect.ValueOf(p).Elem())
}

// byName turns positional params into named ones.
func (d *paramsDecoder) byName(params json.Value) (json.Value, error) {
	dec := json.NewDecoder(bytes.NewBuffer(params))
	if _, err := dec.ReadToken(); err != nil {
		return nil, d.invalid(err)
	}
	out := make([]byte, 1, len(params)+16*len(d.params))
	out[0] = '{'
	n := 0
	for ; dec.PeekKind() != ']'; n++ {
		value, err := dec.ReadValue()
		if err != nil {
			return nil, d.invalid(err)
		}
		if n >= len(d.params) {
			continue
		}
		if n > 0 {
			out = append(out, ',')
		}
		out = appendString(out, d.params[n].Name)
		out = append(append(out, ':'), value...)
	}
	if n > len(d.params) {
		return nil, invalidParam(strconv.Itoa(len(d.params)), "at most "+strconv.Itoa(len(d.params))+" params",
			strconv.Itoa(n), "too many params")
	}
	return append(out, '}'), nil
}

// checkRequired refuses a required member that is absent or null. Only a field
// that is still zero can be one, so most calls are not read a second time.
func (d *paramsDecoder) checkRequired(params json.Value, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	var present map[string]byte // the first byte of each member's value
	for i := range d.params {
		p := &d.params[i]
		if !p.Required {
			continue
		}
		field, err := v.FieldByIndexErr(p.Index)
		if err == nil && !field.IsZero() {
			continue
		}
		if present == nil {
			present = firstBytes(params)
		}
		switch first, ok := present[p.Name]; {
		case !ok:
			return invalidParam(p.Name, wantOf(p.Type), "nothing", "required, but missing")
		case first == 'n' && p.Type.Kind() != reflect.Interface && p.Type != reflect.TypeFor[json.Value]():
			return invalidParam(p.Name, wantOf(p.Type), "null", "must not be null")
		}
	}
	return nil
}

func firstBytes(params json.Value) map[string]byte {
	members := map[string]byte{}
	dec := json.NewDecoder(bytes.NewBuffer(params))
	if _, err := dec.ReadToken(); err != nil {
		return members
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return members
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return members
		}
		members[key] = value[0]
	}
	return members
}

// invalid describes an error of the JSON decoder to the caller.
func (d *paramsDecoder) invalid(err error) *Error {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return invalidParam("", "JSON", "", err.Error())
	}
	field := strings.TrimPrefix(string(semantic.JSONPointer), "/")
	got := kindName(byte(semantic.JSONKind))
	if got == "number" && len(semantic.JSONValue) > 0 && len(semantic.JSONValue) <= 40 {
		got += " " + string(semantic.JSONValue)
	}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		want := "a known member"
		if !strings.Contains(field, "/") {
			names := make([]string, len(d.params))
			for i, p := range d.params {
				names[i] = p.Name
			}
			want = "one of: " + strings.Join(names, ", ")
			if len(names) == 0 {
				want = "no params"
			}
		}
		return invalidParam(field, want, "an unknown member", "unknown member")
	case semantic.GoType == nil:
		return invalidParam(field, "another value", got, "not accepted")
	}
	want := wantOf(semantic.GoType)
	why := "want " + want + ", got " + got
	if cause := semantic.Err; cause != nil && !errors.Is(cause, strconv.ErrSyntax) && !errors.Is(cause, strconv.ErrRange) {
		why = cause.Error()
	}
	return invalidParam(field, want, got, why)
}

func invalidParam(field, want, got, why string) *Error {
	message := "invalid params: " + why
	if field != "" {
		message = fmt.Sprintf("invalid params: %s: %s", field, why)
	}
	return &Error{Code: CodeInvalidParams, Message: message, Data: object("field", field, "want", want, "got", got)}
}

// wantOf names a Go type as the author of a request knows it.
func wantOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.Value]() {
		return "any value"
	}
	if _, ok := reflect.PointerTo(t).MethodByName("UnmarshalText"); ok {
		return "string (" + t.Name() + ")"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer, 0 or more"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string (base64)"
		}
		return "array"
	case reflect.Interface:
		return "any value"
	default:
		return "object"
	}
}

func kindName(first byte) string {
	switch first {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case '0':
		return "number"
	default:
		return "nothing"
	}
}
