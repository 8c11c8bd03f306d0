package stdlib

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/rhai/native"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Strings are counted in characters everywhere.

func (l *library) text() {
	l.prop("len(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(int64(utf8.RuneCountInString(self.Str()))), nil
	})
	l.prop("is_empty(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBool(self.Str() == ""), nil
	})
	l.prop("bytes(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(int64(len(self.Str()))), nil
	})
	l.fn("to_blob(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfBytes([]byte(self.Str())), nil
	})
	l.fn("to_int(char)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfInt(self.Int()), nil
	})
	test := func(f func(s, t string) bool) native.Func {
		return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			return value.OfBool(f(self.Str(), args[0].Text())), nil
		}
	}
	l.fn("contains(string,string) contains(string,char)", test(strings.Contains))
	l.fn("starts_with(string,string) starts_with(string,char)", test(strings.HasPrefix))
	l.fn("ends_with(string,string) ends_with(string,char)", test(strings.HasSuffix))
	l.fn("to_upper(string)", changed(strings.ToUpper))
	l.fn("to_lower(string)", changed(strings.ToLower))
	l.fn("to_upper(char)", changedChar(unicode.ToUpper))
	l.fn("to_lower(char)", changedChar(unicode.ToLower))
	l.fn("index_of(string,string) index_of(string,char) index_of(string,string,int) index_of(string,char,int)", textIndex)
	l.fn("get(string,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		runes := []rune(self.Str())
		if i, ok := exact(len(runes), args[0].Int()); ok {
			return value.OfChar(runes[i]), nil
		}
		return value.Value{}, nil
	})
	l.fn("sub_string(string,int) sub_string(string,int,int) sub_string(string,range)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		return value.OfString(part(self.Str(), args)), nil
	})
}

func changed(f func(string) string) native.Func {
	return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfString(f(self.Str())), nil
	}
}

func changedChar(f func(rune) rune) native.Func {
	return func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		return value.OfChar(f(self.Char())), nil
	}
}

// part returns the part of a string that the arguments mean.
func part(s string, args []value.Value) string {
	start, length := stretch(args)
	runes := []rune(s)
	from, n := clamp(len(runes), start, length)
	return string(runes[from : from+n])
}

func textIndex(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	s := self.Str()
	skip := 0
	if s == "" {
		return value.OfInt(-1), nil
	}
	if len(args) > 1 {
		runes := []rune(s)
		n, ok := place(len(runes), args[1].Int())
		if !ok {
			return value.OfInt(-1), nil
		}
		skip = len(string(runes[:n]))
	}
	i := strings.Index(s[skip:], args[0].Text())
	if i < 0 {
		return value.OfInt(-1), nil
	}
	return value.OfInt(int64(utf8.RuneCountInString(s[:skip+i]))), nil
}

func (l *library) textChanges() {
	// change makes a method that replaces the string.
	change := func(f func(s string, args []value.Value) string) native.Func {
		return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
			*self = value.OfString(f(self.Str(), args))
			return value.Value{}, nil
		}
	}
	l.method("append(string,any)", func(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		more := c.Text(args[0], false)
		if args[0].Kind() == value.Blob {
			more = strings.ToValidUTF8(string(args[0].Data()), "\uFFFD")
		}
		*self = value.OfString(self.Str() + more)
		return value.Value{}, nil
	})
	l.method("remove(string,string) remove(string,char)", change(func(s string, args []value.Value) string {
		t := args[0].Text()
		if t == "" {
			return s
		}
		return strings.ReplaceAll(s, t, "")
	}))
	l.method("replace(string,string,string) replace(string,string,char) replace(string,char,string) replace(string,char,char)",
		change(func(s string, args []value.Value) string {
			return strings.ReplaceAll(s, args[0].Text(), args[1].Text())
		}))
	l.method("clear(string)", change(func(string, []value.Value) string { return "" }))
	l.method("truncate(string,int)", change(func(s string, args []value.Value) string {
		runes := []rune(s)
		return string(runes[:min(max(args[0].Int(), 0), int64(len(runes)))])
	}))
	l.method("trim(string)", change(func(s string, _ []value.Value) string { return strings.TrimSpace(s) }))
	l.method("make_upper(string)", change(func(s string, _ []value.Value) string { return strings.ToUpper(s) }))
	l.method("make_lower(string)", change(func(s string, _ []value.Value) string { return strings.ToLower(s) }))
	l.method("crop(string,int) crop(string,int,int) crop(string,range)", change(part))
	l.method("make_upper(char)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		*self = value.OfChar(unicode.ToUpper(self.Char()))
		return value.Value{}, nil
	})
	l.method("make_lower(char)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		*self = value.OfChar(unicode.ToLower(self.Char()))
		return value.Value{}, nil
	})
	l.method("set(string,int,char)", change(func(s string, args []value.Value) string {
		runes := []rune(s)
		if i, ok := exact(len(runes), args[0].Int()); ok {
			runes[i] = args[1].Char()
		}
		return string(runes)
	}))
	l.method("pop(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		s := self.Str()
		if s == "" {
			return value.Value{}, nil
		}
		c, n := utf8.DecodeLastRuneInString(s)
		*self = value.OfString(s[:len(s)-n])
		return value.OfChar(c), nil
	})
	l.method("pop(string,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		runes := []rune(self.Str())
		n := len(runes) - int(min(max(args[0].Int(), 0), int64(len(runes))))
		*self = value.OfString(string(runes[:n]))
		return value.OfString(string(runes[n:])), nil
	})
	l.method("pad(string,int,string) pad(string,int,char)", padText)
}

func padText(c native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
	with := []rune(args[1].Text())
	size := int64(utf8.RuneCountInString(self.Str()))
	n := args[0].Int()
	if n <= size || len(with) == 0 {
		return value.Value{}, nil
	}
	if err := room(n); err != nil {
		return value.Value{}, err
	}
	if err := c.CheckSize(0, 0, int(n)); err != nil {
		return value.Value{}, err
	}
	var b strings.Builder
	b.WriteString(self.Str())
	for i := range n - size {
		b.WriteRune(with[i%int64(len(with))])
	}
	*self = value.OfString(b.String())
	return value.Value{}, nil
}

func (l *library) splitting() {
	l.fn("to_chars(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		var out []value.Value
		for _, c := range self.Str() {
			out = append(out, value.OfChar(c))
		}
		return value.OfItems(out), nil
	})
	l.fn("split(string)", func(_ native.Caller, self *value.Value, _ []value.Value) (value.Value, error) {
		if self.Str() == "" {
			return texts([]string{""}), nil
		}
		return texts(strings.Fields(self.Str())), nil
	})
	l.fn("split(string,int)", func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		runes := []rune(self.Str())
		n, _ := place(len(runes), args[0].Int())
		if args[0].Int() == 0 {
			n = len(runes)
		}
		return texts([]string{string(runes[:n]), string(runes[n:])}), nil
	})
	l.fn("split(string,string) split(string,char) split(string,string,int) split(string,char,int)", splitter(split))
	l.fn("split_rev(string,string) split_rev(string,char) split_rev(string,string,int) split_rev(string,char,int)", splitter(splitRev))
}

func texts(list []string) value.Value {
	out := make([]value.Value, len(list))
	for i, s := range list {
		out[i] = value.OfString(s)
	}
	return value.OfItems(out)
}

// splitter makes a function that splits into all pieces, or into at most as
// many as its second argument says.
func splitter(f func(s, sep string, n int) []string) native.Func {
	return func(_ native.Caller, self *value.Value, args []value.Value) (value.Value, error) {
		s, sep, n := self.Str(), args[0].Text(), -1
		if len(args) > 1 {
			n = int(min(max(args[1].Int(), 1), 1<<30))
		}
		if s == "" || n == 1 || sep != "" && !strings.Contains(s, sep) {
			return texts([]string{s}), nil
		}
		return texts(f(s, sep, n)), nil
	}
}

func split(s, sep string, n int) []string {
	if sep != "" {
		return strings.SplitN(s, sep, n)
	}
	// As in Rust, nothing stands before the first and after the last character.
	out := append([]string{""}, strings.Split(s, "")...)
	out = append(out, "")
	if n > 0 && len(out) > n {
		out = append(out[:n-1:n-1], strings.Join(out[n-1:], ""))
	}
	return out
}

func splitRev(s, sep string, n int) []string {
	if sep == "" {
		all := split(s, sep, -1)
		for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
			all[i], all[j] = all[j], all[i]
		}
		return all
	}
	var out []string
	for n < 0 || len(out) < n-1 {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out = append(out, s[i+len(sep):])
		s = s[:i]
	}
	return append(out, s)
}
