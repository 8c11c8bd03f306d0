package syntax

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner cuts a script into tokens. It never fails: a fault of the text is a
// token of its own, for the parser to report where it meets it.
type scanner struct {
	src       string
	at        int
	line, col int32 // of the last character taken
	prev      token // the last token given out, for the meaning of "-"
	maxString int
}

func newScanner(src string, maxString int) *scanner {
	return &scanner{src: src, line: 1, maxString: maxString}
}

// peek returns the byte n places ahead, 0 at the end.
func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.src) {
		return s.src[s.at+n]
	}
	return 0
}

// take returns the next character and keeps the place; -1 is the end.
func (s *scanner) take() rune {
	if s.at >= len(s.src) {
		return -1
	}
	c, n := rune(s.src[s.at]), 1
	if c >= utf8.RuneSelf {
		c, n = utf8.DecodeRuneInString(s.src[s.at:])
	}
	s.at += n
	if c == '\n' {
		s.line++
		s.col = 0
	} else {
		s.col++
	}
	return c
}

func (s *scanner) pos() Pos { return Pos{s.line, s.col} }

// next returns the next token.
func (s *scanner) next() token {
	doc, bad := s.skipBlanks()
	t := token{pos: Pos{s.line, s.col + 1}, doc: doc}
	switch {
	case bad != nil:
		t.kind, t.err = tokError, bad
	case s.at >= len(s.src):
		t.kind = tokEOF
	default:
		s.scan(&t)
	}
	s.prev = t
	return t
}

// scan fills in t from the text at hand, which is no blank.
func (s *scanner) scan(t *token) {
	c := s.src[s.at]
	switch {
	case isDigit(c):
		s.number(t, false)
	case c == '-' && isDigit(s.peek(1)) && s.prev.beforeUnary():
		s.take()
		s.number(t, true)
	case isLetter(c) || c == '_':
		s.word(t)
	case c == '"':
		s.quoted(t)
	case c == '\'':
		s.char(t)
	case c == '`':
		s.take()
		s.firstNewline()
		s.template(t)
	case c == '#' && (s.peek(1) == '"' || s.peek(1) == '#'):
		s.raw(t)
	default:
		s.symbol(t)
	}
}

// skipBlanks passes white space and comments and returns the doc comments
// among the last of them.
func (s *scanner) skipBlanks() (doc []string, bad *Error) {
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			s.take()
		case c == '#' && s.at == 0 && s.peek(1) == '!':
			s.lineComment()
		case c == '/' && s.peek(1) == '/':
			text := s.lineComment()
			if strings.HasPrefix(text, "///") && !strings.HasPrefix(text, "////") {
				doc = append(doc, text)
			}
		case c == '/' && s.peek(1) == '*':
			text := s.blockComment()
			if strings.HasPrefix(text, "/**") && !strings.HasPrefix(text, "/***") && len(text) > 4 {
				doc = append(doc, text)
			}
		default:
			return doc, nil
		}
	}
	return doc, nil
}

func (s *scanner) lineComment() string {
	from := s.at
	for s.at < len(s.src) && s.src[s.at] != '\n' {
		s.take()
	}
	return strings.TrimSuffix(s.src[from:s.at], "\r")
}

func (s *scanner) blockComment() string {
	from, level := s.at, 0
	for s.at < len(s.src) {
		switch {
		case s.src[s.at] == '/' && s.peek(1) == '*':
			s.take()
			level++
		case s.src[s.at] == '*' && s.peek(1) == '/':
			s.take()
			level--
		}
		s.take()
		if level == 0 {
			break
		}
	}
	return s.src[from:s.at]
}

func (s *scanner) word(t *token) {
	from := s.at
	for s.at < len(s.src) && (isLetter(s.src[s.at]) || isDigit(s.src[s.at]) || s.src[s.at] == '_') {
		s.take()
	}
	t.text = s.src[from:s.at]
	switch {
	case t.text == "_" || isKeyword(t.text):
		t.kind = tokSymbol
	case isReserved(t.text):
		t.kind = tokReserved
	case !isIdentifier(t.text):
		t.kind, t.err = tokError, badInput(t.pos, "Variable name is not proper: '"+t.text+"'")
	default:
		t.kind = tokIdent
	}
}

// digits collects the digits that ok accepts, leaving underscores out.
func (s *scanner) digits(b *strings.Builder, ok func(byte) bool) {
	for s.at < len(s.src) && (ok(s.src[s.at]) || s.src[s.at] == '_') {
		if s.src[s.at] != '_' {
			b.WriteByte(s.src[s.at])
		}
		s.take()
	}
}

func (s *scanner) number(t *token, negative bool) {
	var b strings.Builder
	if negative {
		b.WriteByte('-')
	}
	t.kind = tokInt
	if s.src[s.at] == '0' {
		if radix := radixOf(s.peek(1)); radix != 0 {
			s.take()
			s.take()
			s.radixNumber(t, radix, negative)
			return
		}
	}
	s.digits(&b, isDigit)
	fraction := false
	if s.peek(0) == '.' {
		switch next := s.peek(1); {
		case isDigit(next):
			fraction = true
			s.take()
			b.WriteByte('.')
			s.digits(&b, isDigit)
		case next == '.' || next == '_' || isLetter(next):
		default:
			fraction = true
			s.take()
		}
	}
	if e := s.peek(0); e == 'e' || e == 'E' {
		sign := s.peek(1)
		if isDigit(sign) || sign == '+' || sign == '-' {
			fraction = true
			s.take()
			b.WriteByte('e')
			if !isDigit(sign) {
				b.WriteByte(sign)
				s.take()
			}
			s.digits(&b, isDigit)
		}
	}
	s.decimal(t, b.String(), fraction)
}

// decimal reads the value of a decimal number; what does not fit an integer
// becomes a float.
func (s *scanner) decimal(t *token, text string, fraction bool) {
	t.text = text
	if !fraction {
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			t.num = n
			return
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		t.kind, t.err = tokError, badInput(t.pos, "Invalid number: '"+text+"'")
		return
	}
	t.kind, t.flt = tokFloat, f
}

func radixOf(c byte) int {
	switch c {
	case 'x', 'X':
		return 16
	case 'o', 'O':
		return 8
	case 'b', 'B':
		return 2
	}
	return 0
}

func (s *scanner) radixNumber(t *token, radix int, negative bool) {
	var b strings.Builder
	s.digits(&b, func(c byte) bool {
		switch radix {
		case 16:
			return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
		case 8:
			return c >= '0' && c <= '7'
		default:
			return c == '0' || c == '1'
		}
	})
	n, err := strconv.ParseUint(b.String(), radix, 64)
	if err != nil {
		t.kind, t.err = tokError, badInput(t.pos, "Invalid number: '"+b.String()+"'")
		return
	}
	t.num, t.text = int64(n), b.String()
	if negative {
		t.num = -t.num
	}
}

// symbols holds what more than one character makes, longest first.
func symbolAt(text string) string {
	for n := min(3, len(text)); n > 1; n-- {
		switch text[:n] {
		case "()", "#{", "+=", "-=", "*=", "**", "**=", "/=", "..", "..=", "==", "=>", "::", "<=", "<<",
			"<<=", ">=", ">>", ">>=", "!=", "||", "|=", "&&", "&=", "^=", "%=", "?.", "??", "?[",
			"++", "--", "->", "...", "===", "::<", ":=", ":;", "<-", "<|", "!==", "!.", "|>", "(*", "*)",
			"# {", "#!":
			return text[:n]
		}
	}
	return text[:1]
}

func reservedSymbol(s string) bool {
	switch s {
	case "++", "--", "->", "...", "===", "::<", ":=", ":;", "<-", "<|", "!==", "!.", "|>", "(*", "*)",
		"# {", "#!", "#", "~", "@", "$", "?":
		return true
	}
	return false
}

func (s *scanner) symbol(t *token) {
	c := s.src[s.at]
	if c >= utf8.RuneSelf || c < ' ' || c == '\\' || c == 0x7f {
		t.kind, t.err = tokError, badInput(t.pos, "Unexpected '"+string(s.take())+"'")
		return
	}
	if c == '!' && s.peek(1) == 'i' && s.peek(2) == 'n' && !s.nameByte(3) {
		t.text = "!in"
	} else {
		t.text = symbolAt(s.src[s.at:])
	}
	for range len(t.text) {
		s.take()
	}
	t.kind = tokSymbol
	if reservedSymbol(t.text) {
		t.kind = tokReserved
		if hint := improper(t.text); hint != "" {
			t.kind, t.err = tokError, badInput(t.pos, hint)
		}
	}
}

func (s *scanner) nameByte(n int) bool {
	c := s.peek(n)
	return isLetter(c) || isDigit(c) || c == '_'
}
