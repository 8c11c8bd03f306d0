package syntax

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The strings of Rhai: "quoted" with escapes, '…' for one character, back-tick
// templates taken as they stand but for "${", and #"raw"# ones.

// tooLong turns t into an error where the string is longer than allowed.
func (s *scanner) tooLong(t *token) bool {
	if s.maxString <= 0 || len(t.text) <= s.maxString {
		return false
	}
	t.kind, t.err = tokError, &Error{
		Kind: "LiteralTooLarge", Pos: t.pos,
		Msg: "Length of string exceeds the maximum limit (" + strconv.Itoa(s.maxString) + ")",
	}
	return true
}

func unterminated(t *token) {
	t.kind, t.err = tokError, badInput(t.pos, "Open string is not terminated")
}

func (s *scanner) quoted(t *token) {
	t.kind = tokString
	if s.escaped(t, '"') {
		s.tooLong(t)
	}
}

func (s *scanner) char(t *token) {
	if !s.escaped(t, '\'') {
		return
	}
	c, n := utf8.DecodeRuneInString(t.text)
	if n == 0 || n != len(t.text) {
		t.kind, t.err = tokError, badInput(t.pos, "Invalid character: '"+t.text+"'")
		return
	}
	t.kind, t.num = tokChar, int64(c)
}

// escaped reads up to the closing quote, which stands for itself when
// doubled, and leaves the text in t; false says that t is an error now.
func (s *scanner) escaped(t *token, quote rune) bool {
	var b strings.Builder
	indent := s.col + 1 // a continued line starts at the column of the text
	skip := int32(0)
	s.take()
	for {
		c := s.take()
		switch {
		case c < 0:
			unterminated(t)
			return false
		case c == '\n':
			unterminated(t)
			return false
		case c == quote:
			if rune(s.peek(0)) != quote || (quote == '\'' && b.Len() == 0) {
				t.text = b.String()
				return true
			}
			s.take()
			b.WriteRune(quote)
			skip = 0
		case c == '\\':
			continued, ok := s.escape(t, &b, quote)
			if !ok {
				return false
			}
			skip = 0
			if continued {
				skip = indent + 1
			}
		case c == '\r' && s.peek(0) == '\n':
		case unicode.IsSpace(c) && s.col < skip:
		default:
			skip = 0
			b.WriteRune(c)
		}
	}
}

// escape reads what follows a backslash. continued says that the line goes on
// below.
func (s *scanner) escape(t *token, b *strings.Builder, quote rune) (continued, ok bool) {
	c := s.take()
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case '\\', quote:
		b.WriteRune(c)
	case 'x':
		return false, s.hexEscape(t, b, "\\x", 2)
	case 'u':
		return false, s.hexEscape(t, b, "\\u", 4)
	case 'U':
		return false, s.hexEscape(t, b, "\\U", 8)
	case '\r':
		if s.peek(0) == '\n' && quote == '"' {
			s.take()
			return true, true
		}
		return false, s.badEscape(t, "\\\r")
	case '\n':
		if quote == '"' {
			return true, true
		}
		unterminated(t)
		return false, false
	case -1:
		unterminated(t)
		return false, false
	default:
		return false, s.badEscape(t, "\\"+string(c))
	}
	return false, true
}

func (s *scanner) badEscape(t *token, seq string) bool {
	t.kind, t.err = tokError, badInput(s.pos(), "Invalid escape sequence: '"+seq+"'")
	return false
}

func (s *scanner) hexEscape(t *token, b *strings.Builder, seq string, digits int) bool {
	value := uint64(0)
	for range digits {
		c := s.take()
		if c < 0 {
			return s.badEscape(t, seq)
		}
		seq += string(c)
		d, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return s.badEscape(t, seq)
		}
		value = value<<4 | d
	}
	if value > unicode.MaxRune || value >= 0xd800 && value < 0xe000 {
		return s.badEscape(t, seq)
	}
	b.WriteRune(rune(value))
	return true
}

// firstNewline passes a line break that directly follows the opening
// back-tick: it is not part of the text.
func (s *scanner) firstNewline() {
	if s.peek(0) == '\r' {
		s.take()
	}
	if s.peek(0) == '\n' {
		s.take()
	}
}

// template reads text up to the closing back-tick (a tokString) or up to "${"
// (a tokTemplate, with the brace left for the block that follows).
func (s *scanner) template(t *token) {
	var b strings.Builder
	for {
		c := s.take()
		switch {
		case c < 0:
			unterminated(t)
			return
		case c == '`' && s.peek(0) == '`':
			s.take()
			b.WriteByte('`')
		case c == '`':
			t.kind, t.text = tokString, b.String()
			s.tooLong(t)
			return
		case c == '$' && s.peek(0) == '{':
			t.kind, t.text = tokTemplate, b.String()
			s.tooLong(t)
			return
		case c == '\\' && s.peek(0) == '$' && s.peek(1) == '{':
			b.WriteRune(s.take())
		case c == '\r' && s.peek(0) == '\n':
		default:
			b.WriteRune(c)
		}
	}
}

// resume returns the token for the rest of a template after an embedded block.
func (s *scanner) resume() token {
	t := token{pos: Pos{s.line, s.col + 1}}
	s.template(&t)
	s.prev = t
	return t
}

// raw reads #"…"#, with as many hashes at the end as at the start.
func (s *scanner) raw(t *token) {
	hashes := 0
	for s.peek(0) == '#' {
		s.take()
		hashes++
	}
	if s.peek(0) != '"' {
		t.kind, t.err = tokError, badInput(t.pos, "Unexpected '#'")
		return
	}
	s.take()
	end := strings.Index(s.src[s.at:], "\""+strings.Repeat("#", hashes))
	if end < 0 {
		for s.take() >= 0 {
		}
		unterminated(t)
		return
	}
	t.kind, t.text = tokString, s.src[s.at:s.at+end]
	for stop := s.at + end + 1 + hashes; s.at < stop; {
		s.take()
	}
	s.tooLong(t)
}
