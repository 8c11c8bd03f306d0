package stdlib

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// jsonReader reads JSON text to values: objects to maps, null to ().
type jsonReader struct {
	s     string
	at    int
	depth int
}

const maxJSONDepth = 128

// ParseJSON makes a value of a JSON text: numbers without a fraction become
// integers.
func ParseJSON(s string) (value.Value, error) {
	r := &jsonReader{s: s}
	v, err := r.value()
	if err != nil {
		return value.Value{}, err
	}
	if r.blank(); r.at < len(r.s) {
		return value.Value{}, r.fault("something follows the value")
	}
	return v, nil
}

func (r *jsonReader) fault(msg string) error {
	line := 1 + strings.Count(r.s[:min(r.at, len(r.s))], "\n")
	return jsonFault("invalid JSON at line " + strconv.Itoa(line) + ": " + msg)
}

func (r *jsonReader) blank() {
	for r.at < len(r.s) && strings.IndexByte(" \t\r\n", r.s[r.at]) >= 0 {
		r.at++
	}
}

func (r *jsonReader) accept(c byte) bool {
	r.blank()
	if r.at < len(r.s) && r.s[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *jsonReader) value() (value.Value, error) {
	r.blank()
	if r.at >= len(r.s) {
		return value.Value{}, r.fault("a value is missing")
	}
	if r.depth++; r.depth > maxJSONDepth {
		return value.Value{}, r.fault("it is nested too deep")
	}
	defer func() { r.depth-- }()
	switch c := r.s[r.at]; {
	case c == '{':
		return r.object()
	case c == '[':
		return r.array()
	case c == '"':
		s, err := r.text()
		return value.OfString(s), err
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for word, v := range map[string]value.Value{
		"null": {}, "true": value.OfBool(true), "false": value.OfBool(false),
	} {
		if strings.HasPrefix(r.s[r.at:], word) {
			r.at += len(word)
			return v, nil
		}
	}
	return value.Value{}, r.fault("unexpected text")
}

func (r *jsonReader) object() (value.Value, error) {
	r.at++
	d := value.NewDict(0)
	if r.accept('}') {
		return value.OfDict(d), nil
	}
	for {
		r.blank()
		if r.at >= len(r.s) || r.s[r.at] != '"' {
			return value.Value{}, r.fault("a name between quotes is missing")
		}
		k, err := r.text()
		if err != nil {
			return value.Value{}, err
		}
		if !r.accept(':') {
			return value.Value{}, r.fault("':' is missing")
		}
		v, err := r.value()
		if err != nil {
			return value.Value{}, err
		}
		d.Set(k, v)
		if r.accept('}') {
			return value.OfDict(d), nil
		}
		if !r.accept(',') {
			return value.Value{}, r.fault("',' or '}' is missing")
		}
	}
}

func (r *jsonReader) array() (value.Value, error) {
	r.at++
	var items []value.Value
	if r.accept(']') {
		return value.OfItems(items), nil
	}
	for {
		v, err := r.value()
		if err != nil {
			return value.Value{}, err
		}
		items = append(items, v)
		if r.accept(']') {
			return value.OfItems(items), nil
		}
		if !r.accept(',') {
			return value.Value{}, r.fault("',' or ']' is missing")
		}
	}
}

func (r *jsonReader) number() (value.Value, error) {
	from := r.at
	for r.at < len(r.s) && strings.IndexByte("+-.eE0123456789", r.s[r.at]) >= 0 {
		r.at++
	}
	text := r.s[from:r.at]
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return value.OfInt(n), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return value.Value{}, r.fault("'" + text + "' is no number")
	}
	return value.OfFloat(f), nil
}

func (r *jsonReader) text() (string, error) {
	r.at++
	var b strings.Builder
	for r.at < len(r.s) {
		c := r.s[r.at]
		r.at++
		switch {
		case c == '"':
			return b.String(), nil
		case c < ' ':
			return "", r.fault("a control character within a string")
		case c != '\\':
			b.WriteByte(c)
		case !r.escape(&b):
			return "", r.fault("an unknown escape sequence")
		}
	}
	return "", r.fault("a string has no end")
}

func (r *jsonReader) escape(b *strings.Builder) bool {
	if r.at >= len(r.s) {
		return false
	}
	c := r.s[r.at]
	r.at++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		return true
	}
	if c != 'u' {
		return false
	}
	u, ok := r.hex4()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(u) && strings.HasPrefix(r.s[r.at:], `\u`) {
		r.at += 2
		low, ok := r.hex4()
		if !ok {
			return false
		}
		u = utf16.DecodeRune(u, low)
	}
	if !utf8.ValidRune(u) {
		u = utf8.RuneError
	}
	b.WriteRune(u)
	return true
}

func (r *jsonReader) hex4() (rune, bool) {
	if r.at+4 > len(r.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(r.s[r.at:r.at+4], 16, 32)
	r.at += 4
	return rune(n), err == nil
}
