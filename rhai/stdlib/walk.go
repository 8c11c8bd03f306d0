package stdlib

import (
	"sort"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// pointer returns the function that an argument is: a function pointer, or
// the name of a function.
func pointer(v value.Value) (*value.Func, error) {
	if v.Kind() == value.Fn {
		return v.Func(), nil
	}
	s := v.Str()
	if syntax.NameFault(s) != "" {
		return nil, failure.New("ErrorFunctionNotFound", s, "Function not found: "+s)
	}
	return &value.Func{Name: s}, nil
}

func truth(v value.Value) bool { return v.Kind() == value.Bool && v.Bool() }

// ask calls f for element i of an array.
func ask(c native.Caller, f *value.Func, self *value.Value, i int) value.Value {
	return c.Call(f, &self.Items()[i], 0, nil, value.OfInt(int64(i)))
}

// walk makes a function that calls one it is given for the elements in turn.
// own says that the elements may change.
func walk(own bool, f func(c native.Caller, fn *value.Func, self *value.Value, args []value.Value) value.Value) native.Func {
	return func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		fn, err := pointer(args[0])
		if err != nil {
			return value.Value{}, err
		}
		if own {
			self.MutList()
		}
		return f(c, fn, self, args[1:]), nil
	}
}

// from is where to start: the optional argument of a search.
func from(size int, args []value.Value) int {
	if len(args) == 0 {
		return 0
	}
	n, _ := place(size, args[0].Int())
	return n
}

func (l *library) arrayWalks() {
	l.method("for_each(array,fn)", walk(true, func(c native.Caller, fn *value.Func, self *value.Value, _ []value.Value) value.Value {
		for i := 0; i < len(self.Items()); i++ {
			c.Call(fn, &self.Items()[i], -1, nil, value.OfInt(int64(i)))
		}
		return value.Value{}
	}))
	l.fn("map(array,fn) map(array,string)", walk(false, func(c native.Caller, fn *value.Func, self *value.Value, _ []value.Value) value.Value {
		out := make([]value.Value, 0, len(self.Items()))
		for i := 0; i < len(self.Items()); i++ {
			out = append(out, ask(c, fn, self, i))
		}
		return value.OfItems(out)
	}))
	l.fn("filter(array,fn) filter(array,string)", walk(false, func(c native.Caller, fn *value.Func, self *value.Value, _ []value.Value) value.Value {
		var out []value.Value
		for i := 0; i < len(self.Items()); i++ {
			if truth(ask(c, fn, self, i)) {
				out = append(out, self.Items()[i].Copy())
			}
		}
		return value.OfItems(out)
	}))
	l.fn("some(array,fn) some(array,string)", walk(false, func(c native.Caller, fn *value.Func, self *value.Value, _ []value.Value) value.Value {
		return value.OfBool(search(c, fn, self, 0, true) >= 0)
	}))
	l.fn("all(array,fn) all(array,string)", walk(false, func(c native.Caller, fn *value.Func, self *value.Value, _ []value.Value) value.Value {
		return value.OfBool(search(c, fn, self, 0, false) < 0)
	}))
	l.fn("find(array,fn) find(array,fn,int)", walk(false, func(c native.Caller, fn *value.Func, self *value.Value, args []value.Value) value.Value {
		if i := search(c, fn, self, from(len(self.Items()), args), true); i >= 0 {
			return self.Items()[i].Copy()
		}
		return value.Value{}
	}))
	l.fn("find_map(array,fn) find_map(array,fn,int)", walk(false, func(c native.Caller, fn *value.Func, self *value.Value, args []value.Value) value.Value {
		for i := from(len(self.Items()), args); i < len(self.Items()); i++ {
			if v := ask(c, fn, self, i); !v.IsUnit() {
				return v
			}
		}
		return value.Value{}
	}))
	l.fn("index_of(array,any) index_of(array,any,int)", indexOf)
	l.fn("contains(array,any)", func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		i, err := seek(c, self, args[0], 0)
		return value.OfBool(i >= 0), err
	})
	l.folds()
	l.removals()
}

// search returns the first element for which f says want, or -1.
func search(c native.Caller, f *value.Func, self *value.Value, start int, want bool) int {
	for i := start; i < len(self.Items()); i++ {
		if truth(ask(c, f, self, i)) == want {
			return i
		}
	}
	return -1
}

// seek returns the first element that equals v, or -1.
func seek(c native.Caller, self *value.Value, v value.Value, start int) (int, error) {
	items := self.Items()
	for i := start; i < len(items); i++ {
		equal, err := c.Equal(items[i], v)
		if err != nil && items[i].Kind() == v.Kind() {
			return -1, err
		}
		if equal && err == nil {
			return i, nil
		}
	}
	return -1, nil
}

func indexOf(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	start := from(len(self.Items()), args[1:])
	if args[0].Kind() == value.Fn {
		return value.OfInt(int64(search(c, args[0].Func(), self, start, true))), nil
	}
	if fn, err := pointer(args[0]); err == nil && args[0].Kind() == value.String {
		i := -1
		err := c.Try(func() { i = search(c, fn, self, start, true) })
		e, _ := err.(*failure.Error)
		if err == nil {
			return value.OfInt(int64(i)), nil
		}
		if e == nil || e.Kind != "ErrorFunctionNotFound" || !strings.HasPrefix(e.Subject, fn.Name) {
			return value.Value{}, err
		}
	}
	i, err := seek(c, self, args[0], start)
	return value.OfInt(int64(i)), err
}

func (l *library) folds() {
	fold := func(reverse bool) native.Func {
		return walk(false, func(c native.Caller, fn *value.Func, self *value.Value, args []value.Value) value.Value {
			var result value.Value
			if len(args) > 0 {
				result = args[0]
			}
			n := len(self.Items())
			for i := 0; i < n && i < len(self.Items()); i++ {
				at := i
				if reverse {
					at = n - 1 - i
				}
				item := &self.Items()[at]
				result = c.Call(fn, item, 1, []value.Value{result}, value.OfInt(int64(at)))
			}
			return result
		})
	}
	l.fn("reduce(array,fn) reduce(array,fn,any) reduce(array,string) reduce(array,string,any)", fold(false))
	l.fn("reduce_rev(array,fn) reduce_rev(array,fn,any) reduce_rev(array,string) reduce_rev(array,string,any)", fold(true))
	l.fn("zip(array,array,fn)", func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		a, b := self.Items(), args[0].Items()
		out := make([]value.Value, min(len(a), len(b)))
		for i := range out {
			out[i] = c.Call(args[1].Func(), nil, -1,
				[]value.Value{a[i].Copy(), b[i].Copy()}, value.OfInt(int64(i)))
		}
		return value.OfItems(out), nil
	})
}

func (l *library) removals() {
	part := func(drain bool) native.Func {
		return walk(true, func(c native.Caller, fn *value.Func, self *value.Value, _ []value.Value) value.Value {
			var kept, gone []value.Value
			for i := 0; i < len(self.Items()); i++ {
				yes := truth(ask(c, fn, self, i))
				if item := self.Items()[i]; yes == drain {
					gone = append(gone, item)
				} else {
					kept = append(kept, item)
				}
			}
			self.MutList().Items = kept
			return value.OfItems(gone)
		})
	}
	l.method("drain(array,fn) drain(array,string)", part(true))
	l.method("retain(array,fn) retain(array,string)", part(false))
	l.method("dedup(array) dedup(array,fn) dedup(array,string)", dedup)
}

func dedup(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	same := func(a, b value.Value) bool {
		equal, err := c.Equal(a, b)
		return equal && err == nil
	}
	if len(args) > 0 {
		fn, err := pointer(args[0])
		if err != nil {
			return value.Value{}, err
		}
		same = func(a, b value.Value) bool {
			yes := false
			err := c.Try(func() { yes = truth(c.Call(fn, nil, -1, []value.Value{a.Copy(), b.Copy()})) })
			return err == nil && yes
		}
	}
	m := self.MutList()
	var out []value.Value
	for _, v := range m.Items {
		if len(out) == 0 || !same(out[len(out)-1], v) {
			out = append(out, v)
		}
	}
	m.Items = out
	return value.Value{}, nil
}

func (l *library) sorting() {
	plain := func(desc bool) native.Func {
		return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
			return value.Value{}, sortPlain(self.MutList().Items, desc)
		}
	}
	ordered := func(sorted native.Func) native.Func {
		return func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			out := value.OfItems(copies(self.Items()))
			_, err := sorted(c, &out, args)
			return out, err
		}
	}
	l.method("sort(array)", plain(false))
	l.method("sort_desc(array)", plain(true))
	l.method("sort(array,fn) sort_by(array,fn) sort(array,string)", sortBy)
	l.fn("order(array)", ordered(plain(false)))
	l.fn("order_desc(array)", ordered(plain(true)))
	l.fn("order(array,fn) order_by(array,fn)", ordered(sortBy))
}

// sortPlain sorts elements of one and the same simple type.
func sortPlain(items []value.Value, desc bool) error {
	if len(items) < 2 {
		return nil
	}
	k := items[0].Kind()
	for _, v := range items {
		if v.TypeName() != items[0].TypeName() {
			return failure.New("ErrorFunctionNotFound", "sort",
				"Function not found: elements of different types cannot be sorted")
		}
	}
	less := map[value.Kind]func(a, b value.Value) bool{
		value.Unit:   func(a, b value.Value) bool { return false },
		value.Bool:   func(a, b value.Value) bool { return !a.Bool() && b.Bool() },
		value.Int:    func(a, b value.Value) bool { return a.Int() < b.Int() },
		value.Char:   func(a, b value.Value) bool { return a.Char() < b.Char() },
		value.Float:  func(a, b value.Value) bool { return a.Float() < b.Float() },
		value.String: func(a, b value.Value) bool { return a.Str() < b.Str() },
	}[k]
	if less == nil {
		return failure.New("ErrorFunctionNotFound", "sort",
			"Function not found: elements of "+items[0].TypeName()+" cannot be sorted")
	}
	sort.SliceStable(items, func(i, j int) bool {
		if desc {
			i, j = j, i
		}
		return less(items[i], items[j])
	})
	return nil
}

// sortBy sorts with a function that returns a number below, at or above zero,
// or true for "comes first". Where it fails, the types decide.
func sortBy(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	fn, err := pointer(args[0])
	if err != nil {
		return value.Value{}, err
	}
	items := copies(self.Items())
	sort.SliceStable(items, func(i, j int) bool {
		var v value.Value
		err := c.Try(func() { v = c.Call(fn, nil, -1, []value.Value{items[i].Copy(), items[j].Copy()}) })
		switch {
		case err == nil && v.Kind() == value.Int:
			return v.Int() < 0
		case err == nil && v.Kind() == value.Bool:
			return v.Bool()
		}
		return items[i].Kind() < items[j].Kind()
	})
	self.MutList().Items = items
	return value.Value{}, nil
}
