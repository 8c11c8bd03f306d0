package syntax

import "strings"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokInt
	tokFloat
	tokChar
	tokString
	tokTemplate // text of a back-tick string up to "${"
	tokSymbol   // punctuation, operators and keywords; the text says which
	tokReserved
	tokError
)

type token struct {
	kind tokenKind
	text string
	num  int64
	flt  float64
	pos  Pos
	doc  []string // doc comments that stand directly before the token
	err  *Error
}

// is reports whether the token is the symbol or keyword s.
func (t *token) is(s string) bool { return t.kind == tokSymbol && t.text == s }

// show is the token as messages name it.
func (t *token) show() string {
	switch t.kind {
	case tokEOF:
		return "{EOF}"
	case tokString, tokTemplate:
		return "string"
	default:
		return t.text
	}
}

func isKeyword(s string) bool {
	switch s {
	case "true", "false", "let", "const", "if", "else", "switch", "do", "while", "until", "loop",
		"for", "in", "continue", "break", "return", "throw", "try", "catch", "fn", "private",
		"import", "export", "as":
		return true
	}
	return false
}

// callableReserved reports what may be done with a reserved word that names a
// built-in function: call it, and call it in method style.
func callableReserved(s string) (fn, method bool) {
	switch s {
	case "curry", "is_shared", "call", "type_of":
		return true, true
	case "print", "debug", "eval", "Fn", "is_def_var", "is_def_fn":
		return true, false
	}
	return false, false
}

func isReserved(s string) bool {
	if fn, _ := callableReserved(s); fn {
		return true
	}
	switch s {
	case "this", "use", "case", "async", "public", "package", "super", "var", "protected", "spawn",
		"shared", "is", "sync", "static", "default", "thread", "yield", "new", "match", "await",
		"null", "with", "void", "nil", "module", "go", "goto":
		return true
	}
	return false
}

// improper returns the hint for a symbol that other languages have.
func improper(s string) string {
	switch s {
	case "===":
		return "'===' is not a valid operator. Should it be '=='?"
	case "!==":
		return "'!==' is not a valid operator. Should it be '!='?"
	case "->":
		return "'->' is not a valid symbol."
	case "<-":
		return "'<-' is not a valid symbol. Should it be '<='?"
	case ":=":
		return "':=' is not a valid assignment operator. Should it be '='?"
	case ":;", "::<":
		return "'" + s + "' is not a valid symbol. Should it be '::'?"
	case "(*", "*)":
		return "'(* .. *)' is not a valid comment. Should it be '/* .. */'?"
	case "# {":
		return "'#' is not a valid symbol. Should it be '#{'?"
	}
	return ""
}

// precedence returns how tightly a binary operator binds, 0 for none.
func (t *token) precedence() int {
	if t.kind != tokSymbol {
		return 0
	}
	switch t.text {
	case "||", "^", "|":
		return 30
	case "&&", "&":
		return 60
	case "==", "!=":
		return 90
	case "in", "!in":
		return 110
	case "<", "<=", ">", ">=":
		return 130
	case "??":
		return 135
	case "..", "..=":
		return 140
	case "+", "-":
		return 150
	case "/", "*", "%":
		return 180
	case "**":
		return 190
	case "<<", ">>":
		return 210
	}
	return 0
}

// assignment returns the operator of a compound assignment such as "+=".
func (t *token) assignment() (op string, ok bool) {
	if t.kind != tokSymbol {
		return "", false
	}
	switch t.text {
	case "=":
		return "", true
	case "+=", "-=", "*=", "/=", "<<=", ">>=", "%=", "**=", "&=", "|=", "^=":
		return strings.TrimSuffix(t.text, "="), true
	}
	return "", false
}

// beforeUnary reports whether a minus sign after the token belongs to the
// number that follows it.
func (t *token) beforeUnary() bool {
	switch t.kind {
	case tokEOF, tokError:
		return true
	case tokSymbol:
	default:
		return false
	}
	switch t.text {
	case ")", "]", "}", "()", "true", "false", ".", "?.", "#{", "::", "=>", "let", "const", "fn",
		"else", "switch", "do", "loop", "for", "continue", "break", "try", "catch", "private",
		"import", "export", "as":
		return t.text == "=>" || t.text == "switch" || t.text == "break"
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isIdentifier reports whether s has the form of a name: letters, digits and
// underscores, a letter before any digit.
func isIdentifier(s string) bool {
	letter := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_':
		case isLetter(c):
			letter = true
		case isDigit(c) && letter:
		default:
			return false
		}
	}
	return letter
}

// NameFault returns the name of the fault that keeps a function pointer from
// naming s, or "" where a function may have that name.
func NameFault(s string) string {
	switch {
	case isKeyword(s) || isReserved(s):
		return "Reserved"
	case !isIdentifier(s):
		return "ErrorFunctionNotFound"
	}
	return ""
}
