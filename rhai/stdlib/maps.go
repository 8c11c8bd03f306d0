package stdlib

import (
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

func (l *library) maps() {
	l.fn("len(map)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(int64(self.Dict().Len())), nil
	})
	l.fn("is_empty(map)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBool(self.Dict().Len() == 0), nil
	})
	l.fn("contains(map,string)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		_, ok := self.Dict().Get(args[0].Str())
		return value.OfBool(ok), nil
	})
	l.fn("get(map,string)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		v, _ := self.Dict().Get(args[0].Str())
		return v.Copy(), nil
	})
	l.method("set(map,string,any)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		self.MutDict().Set(args[0].Str(), args[1])
		return value.Value{}, nil
	})
	l.method("clear(map)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		*self = value.OfDict(value.NewDict(0))
		return value.Value{}, nil
	})
	l.method("remove(map,string)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		v, _ := self.MutDict().Delete(args[0].Str())
		return v, nil
	})
	l.method("mixin(map,map)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		d := self.MutDict()
		for k, v := range args[0].Dict().All() {
			d.Set(k, v.Copy())
		}
		return value.Value{}, nil
	})
	l.method("fill_with(map,map)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		d := self.MutDict()
		for k, v := range args[0].Dict().All() {
			if d.Ref(k) == nil {
				d.Set(k, v.Copy())
			}
		}
		return value.Value{}, nil
	})
	l.fn("keys(map)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		var out []value.Value
		for _, k := range self.Dict().Keys() {
			out = append(out, value.OfString(k))
		}
		return value.OfItems(out), nil
	})
	l.fn("values(map)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		var out []value.Value
		for _, v := range self.Dict().All() {
			out = append(out, v.Copy())
		}
		return value.OfItems(out), nil
	})
	l.mapWalks()
	l.json()
}

// about calls f for one property.
func about(c native.Caller, f value.Value, k string, v *value.Value) value.Value {
	return c.Call(f.Func(), v, 1, []value.Value{value.OfString(k)})
}

func (l *library) mapWalks() {
	l.fn("map(map,fn)", func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		out := value.NewDict(self.Dict().Len())
		for k, v := range self.Dict().All() {
			out.Set(k, about(c, args[0], k, &v))
		}
		return value.OfDict(out), nil
	})
	l.fn("filter(map,fn)", func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		out := value.NewDict(0)
		for k, v := range self.Dict().All() {
			if truth(about(c, args[0], k, &v)) {
				out.Set(k, v.Copy())
			}
		}
		return value.OfDict(out), nil
	})
	part := func(drain bool) native.Func {
		return func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			kept, gone := value.NewDict(0), value.NewDict(0)
			for k, v := range self.Copy().Dict().All() {
				if truth(about(c, args[0], k, &v)) == drain {
					gone.Set(k, v)
				} else {
					kept.Set(k, v)
				}
			}
			*self = value.OfDict(kept)
			return value.OfDict(gone), nil
		}
	}
	l.method("drain(map,fn)", part(true))
	l.method("retain(map,fn)", part(false))
}

func (l *library) json() {
	l.fn("to_json(map) to_json(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(JSON(*self)), nil
	})
	l.fn("parse_json(string)", func(c native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		v, err := ParseJSON(self.Str())
		if err == nil {
			err = c.CheckSize(v.Sizes())
		}
		return v, err
	})
}

// JSON shows a value as JSON. What JSON has no form for becomes a string.
func JSON(v value.Value) string {
	var b strings.Builder
	writeJSON(&b, v, 0)
	return b.String()
}

func writeJSON(b *strings.Builder, v value.Value, depth int) {
	if depth > value.MaxNesting {
		b.WriteString("null")
		return
	}
	v = v.Flat()
	switch v.Kind() {
	case value.Unit:
		b.WriteString("null")
	case value.Bool, value.Int:
		b.WriteString(v.Text())
	case value.Float:
		b.WriteString(v.Debug())
	case value.Map:
		b.WriteByte('{')
		first := true
		for k, x := range v.Dict().All() {
			if !first {
				b.WriteByte(',')
			}
			first = false
			writeJSONString(b, k)
			b.WriteByte(':')
			writeJSON(b, x, depth+1)
		}
		b.WriteByte('}')
	case value.Array:
		b.WriteByte('[')
		for i, x := range v.Items() {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, x, depth+1)
		}
		b.WriteByte(']')
	case value.Blob:
		b.WriteByte('[')
		for i, x := range v.Data() {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(int(x)))
		}
		b.WriteByte(']')
	case value.Fn:
		f := v.Func()
		if len(f.Curry) == 0 {
			writeJSONString(b, f.Name)
			break
		}
		b.WriteByte('[')
		writeJSONString(b, f.Name)
		for _, x := range f.Curry {
			b.WriteByte(',')
			if x.Kind() == value.Shared {
				x = value.Value{} // a captured variable may hold the function itself
			}
			writeJSON(b, x, depth+1)
		}
		b.WriteByte(']')
	default:
		writeJSONString(b, v.Text())
	}
}

func writeJSONString(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
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
		case c < ' ':
			b.WriteString("\\u00" + string(hex[c>>4]) + string(hex[c&15]))
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}

func jsonFault(msg string) error {
	return failure.Errorf("ErrorRuntime", "Runtime error: %s", msg)
}
