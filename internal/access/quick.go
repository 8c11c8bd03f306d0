package access

import "unicode/utf8"

// quick reads the one call of a body, if it is as nearly all are: a single
// envelope, and no name in it that would have to be unescaped to be compared.
// Where ok is false nothing is said of the body: Read says it. Where it is
// true, Read finds the very same call.
func quick(body []byte) (method, id []byte, ok bool) {
	if !utf8.Valid(body) {
		return nil, nil, false
	}
	s := scanner{b: body}
	s.space()
	if !s.next('{') {
		return nil, nil, false
	}
	var version bool
	for first := true; first || !s.next('}'); first = false {
		if !first && !s.next(',') {
			return nil, nil, false
		}
		s.space()
		name, plain := s.text()
		s.space()
		if !plain || !s.next(':') {
			return nil, nil, false
		}
		s.space()
		from := s.i
		if !s.value(1) {
			return nil, nil, false
		}
		value := body[from:s.i]
		switch string(name) {
		case "jsonrpc":
			if version || string(value) != `"2.0"` {
				return nil, nil, false
			}
			version = true
		case "method":
			if method != nil || !plainMethod(value) {
				return nil, nil, false
			}
			method = value[1 : len(value)-1]
		case "params":
			if s.params || value[0] != '{' && value[0] != '[' {
				return nil, nil, false
			}
			s.params = true
		case "id":
			if id != nil || value[0] == '{' || value[0] == '[' || value[0] == 't' || value[0] == 'f' {
				return nil, nil, false
			}
			id = value
		default:
			return nil, nil, false
		}
		s.space()
	}
	s.space()
	return method, id, version && method != nil && s.i == len(body)
}

// maxQuickNames is how many members an object may have for its names to be
// compared each with each.
const maxQuickNames = 16

// scanner stands at a byte of a text that is UTF-8.
type scanner struct {
	b      []byte
	i      int
	params bool // were read
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
}

// next steps over c, if it stands there.
func (s *scanner) next(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// text steps over a string without escapes.
func (s *scanner) text() (content []byte, ok bool) {
	if !s.next('"') {
		return nil, false
	}
	for from := s.i; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from : s.i-1], true
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// value steps over a value that stands so deep.
func (s *scanner) value(depth int) bool {
	if s.i >= len(s.b) {
		return false
	}
	switch s.b[s.i] {
	case '"':
		_, ok := s.text()
		return ok
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) object(depth int) bool {
	if depth > maxDepth {
		return false
	}
	var names [maxQuickNames][]byte
	s.i++
	s.space()
	for n := 0; !s.next('}'); n++ {
		if n > 0 && !s.next(',') || n == maxQuickNames {
			return false
		}
		s.space()
		name, ok := s.text()
		if !ok {
			return false
		}
		for _, before := range names[:n] {
			if string(before) == string(name) {
				return false
			}
		}
		names[n] = name
		s.space()
		if !s.next(':') {
			return false
		}
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
	}
	return true
}

func (s *scanner) array(depth int) bool {
	if depth > maxDepth {
		return false
	}
	s.i++
	s.space()
	for n := 0; !s.next(']'); n++ {
		if n > 0 && !s.next(',') {
			return false
		}
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
	}
	return true
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) number() bool {
	s.next('-')
	if !s.next('0') && !s.digits() {
		return false
	}
	if s.next('.') && !s.digits() {
		return false
	}
	if s.next('e') || s.next('E') {
		if !s.next('+') {
			s.next('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > from
}
