package stdlib

import (
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// copies returns elements to keep in a second place.
func copies(items []value.Value) []value.Value {
	out := make([]value.Value, len(items))
	for i, v := range items {
		out[i] = v.Copy()
	}
	return out
}

// cut takes elements out of a slice and returns them.
func cut[T any](from *[]T, start, n int) []T {
	out := append([]T(nil), (*from)[start:start+n]...)
	rest := append((*from)[:start], (*from)[start+n:]...)
	clear((*from)[len(rest):])
	*from = rest
	return out
}

// keep takes all but some elements out of a slice and returns them.
func keep[T any](from *[]T, start, n int) []T {
	out := append([]T(nil), (*from)[:start]...)
	out = append(out, (*from)[start+n:]...)
	*from = append([]T(nil), (*from)[start:start+n]...)
	return out
}

// splice puts elements in the place of others.
func splice[T any](into []T, start, n int, with []T) []T {
	out := make([]T, 0, len(into)-n+len(with))
	out = append(out, into[:start]...)
	out = append(out, with...)
	return append(out, into[start+n:]...)
}

func (l *library) arrays() {
	l.prop("len(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(int64(len(self.Items()))), nil
	})
	l.prop("is_empty(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBool(len(self.Items()) == 0), nil
	})
	l.fn("get(array,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		if i, ok := place(len(self.Items()), args[0].Int()); ok {
			return self.Items()[i].Copy(), nil
		}
		return value.Value{}, nil
	})
	l.method("set(array,int,any)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		if i, ok := place(len(self.Items()), args[0].Int()); ok {
			self.MutList().Items[i] = args[1]
		}
		return value.Value{}, nil
	})
	l.method("push(array,any)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutList()
		m.Items = append(m.Items, args[0])
		return value.Value{}, nil
	})
	l.method("append(array,array)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		more := copies(args[0].Items())
		m := self.MutList()
		m.Items = append(m.Items, more...)
		return value.Value{}, nil
	})
	l.method("insert(array,int,any)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutList()
		i, _ := place(len(m.Items), args[0].Int())
		m.Items = splice(m.Items, i, 0, args[1:2])
		return value.Value{}, nil
	})
	l.method("pad(array,int,any)", padArray)
	l.arrayEnds()
	l.arrayParts()
}

func padArray(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	n := args[0].Int()
	size := int64(len(self.Items()))
	if n <= size {
		return value.Value{}, nil
	}
	items, props, bytes := args[1].Sizes()
	more := int(min(n-size, 1<<40))
	if err := c.CheckSize(int(size)+more+items*more, props*more, bytes*more); err != nil {
		return value.Value{}, err
	}
	if err := room(n); err != nil {
		return value.Value{}, err
	}
	m := self.MutList()
	for range more {
		m.Items = append(m.Items, args[1].Copy())
	}
	return value.Value{}, nil
}

func (l *library) arrayEnds() {
	l.method("pop(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		m := self.MutList()
		if len(m.Items) == 0 {
			return value.Value{}, nil
		}
		return cut(&m.Items, len(m.Items)-1, 1)[0], nil
	})
	l.method("shift(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		m := self.MutList()
		if len(m.Items) == 0 {
			return value.Value{}, nil
		}
		return cut(&m.Items, 0, 1)[0], nil
	})
	l.method("remove(array,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		i, ok := exact(len(self.Items()), args[0].Int())
		if !ok {
			return value.Value{}, nil
		}
		return cut(&self.MutList().Items, i, 1)[0], nil
	})
	l.method("clear(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		*self = value.OfItems(nil)
		return value.Value{}, nil
	})
	l.method("truncate(array,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutList()
		n := min(max(args[0].Int(), 0), int64(len(m.Items)))
		clear(m.Items[n:])
		m.Items = m.Items[:n]
		return value.Value{}, nil
	})
	l.method("chop(array,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutList()
		n := min(max(args[0].Int(), 0), int64(len(m.Items)))
		m.Items = append([]value.Value(nil), m.Items[int64(len(m.Items))-n:]...)
		return value.Value{}, nil
	})
	l.method("reverse(array)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		items := self.MutList().Items
		for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
			items[i], items[j] = items[j], items[i]
		}
		return value.Value{}, nil
	})
}

func (l *library) arrayParts() {
	l.fn("extract(array,int,int) extract(array,int) extract(array,range)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		start, length := stretch(args)
		from, n := clamp(len(self.Items()), start, length)
		return value.OfItems(copies(self.Items()[from : from+n])), nil
	})
	l.method("splice(array,int,int,array) splice(array,range,array)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		start, length := stretch(args)
		with := copies(args[len(args)-1].Items())
		m := self.MutList()
		from, n := clamp(len(m.Items), start, length)
		m.Items = splice(m.Items, from, n, with)
		return value.Value{}, nil
	})
	l.method("split(array,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		m := self.MutList()
		from, _ := place(len(m.Items), args[0].Int())
		return value.OfItems(cut(&m.Items, from, len(m.Items)-from)), nil
	})
	l.method("drain(array,int,int) drain(array,range)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		start, length := stretch(args)
		m := self.MutList()
		from, n := clamp(len(m.Items), start, length)
		return value.OfItems(cut(&m.Items, from, n)), nil
	})
	l.method("retain(array,int,int) retain(array,range)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		start, length := stretch(args)
		m := self.MutList()
		from, n := clamp(len(m.Items), start, length)
		if n == 0 {
			return value.OfItems(nil), nil
		}
		return value.OfItems(keep(&m.Items, from, n)), nil
	})
}
