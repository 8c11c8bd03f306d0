package page

import (
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Token is a piece of JSON with the class it is shown in.
type Token struct{ Class, Text string }

// Bounds of what is coloured and shown of one JSON value.
const (
	colourUpTo = 64 << 10
	showUpTo   = 1 << 20
)

// Tokens returns JSON as it is shown: indented and coloured, as far as it is
// not too large for that.
func Tokens(v json.Value) []Token {
	if len(v) == 0 {
		return nil
	}
	text := append(json.Value(nil), v...)
	if len(text) <= showUpTo && text.Indent(json.Indent()) != nil {
		return []Token{{"", string(v)}}
	}
	if len(text) > showUpTo {
		return []Token{{"", strings.ToValidUTF8(string(text[:showUpTo]), "") + "\n… " + strconv.Itoa(len(text)-showUpTo) + " bytes more"}}
	}
	if len(text) > colourUpTo {
		return []Token{{"", string(text)}}
	}
	var out []Token
	for s := string(text); s != ""; {
		n, class := lex(s)
		out = append(out, Token{class, s[:n]})
		s = s[n:]
	}
	return out
}

// lex returns the length and class of the first piece of valid JSON text.
func lex(s string) (n int, class string) {
	switch c := s[0]; {
	case c == '"':
		for n = 1; n < len(s) && s[n] != '"'; n++ {
			if s[n] == '\\' {
				n++
			}
		}
		n = min(n+1, len(s))
		if n < len(s) && s[n] == ':' {
			return n, "k"
		}
		return n, "s"
	case c == '-' || c >= '0' && c <= '9':
		for n = 1; n < len(s) && strings.IndexByte("0123456789+-.eE", s[n]) >= 0; n++ {
			continue
		}
		return n, "n"
	case c == 't' || c == 'n':
		return min(4, len(s)), "w"
	case c == 'f':
		return min(5, len(s)), "w"
	}
	for n = 1; n < len(s) && strings.IndexByte("\"-0123456789tfn", s[n]) < 0; n++ {
		continue
	}
	return n, ""
}
