package cli

import (
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Terminal reports whether a person at a terminal reads what w gets.
func (e Env) Terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Paint returns how stdout is coloured: not at all unless it is a terminal,
// and not where NO_COLOR is set (no-color.org) or TERM is dumb.
func (e Env) Paint() Paint {
	return Paint{on: e.Terminal(e.Stdout) && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"}
}

func (e Env) getenv(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// Paint colours text for a terminal. The zero Paint colours nothing.
type Paint struct{ on bool }

func (p Paint) with(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Good colours what is well.
func (p Paint) Good(s string) string { return p.with("32", s) }

// Warn colours what is on its way, or asks to be looked at.
func (p Paint) Warn(s string) string { return p.with("33", s) }

// Bad colours what is wrong.
func (p Paint) Bad(s string) string { return p.with("31", s) }

// Dim colours what matters least.
func (p Paint) Dim(s string) string { return p.with("2", s) }

// Bold makes headings.
func (p Paint) Bold(s string) string { return p.with("1", s) }

// Nth colours the n-th of several things that are told apart.
func (p Paint) Nth(n int, s string) string {
	codes := []string{"36", "35", "34", "33", "32", "96", "95", "94"}
	return p.with(codes[n%len(codes)], s)
}

// Word colours a state or a word of health by what it means.
func (p Paint) Word(s string) string {
	word, _, _ := strings.Cut(s, " ")
	switch word {
	case "running", "healthy", "ok", "add":
		return p.Good(s)
	case "failed", "unhealthy", "remove", "error":
		return p.Bad(s)
	case "starting", "stopping", "ending", "waiting", "backoff", "degraded", "change", "warning":
		return p.Warn(s)
	case "stopped", "asleep", "scheduled", "absent", "unknown", "exited":
		return p.Dim(s)
	}
	return s
}

// Width returns how many columns a text takes, colours left out.
func Width(s string) int {
	n := 0
	for len(s) > 0 {
		if k := sequence(s); k > 0 {
			s = s[k:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if !unicode.Is(unicode.Mn, r) {
			n++
		}
		s = s[size:]
	}
	return n
}

// Cut shortens a text to n columns, colours left in.
func Cut(s string, n int) string {
	if Width(s) <= n {
		return s
	}
	var b strings.Builder
	coloured := false
	for used := 0; len(s) > 0; {
		if k := sequence(s); k > 0 {
			coloured = s[:k] != "\x1b[0m"
			b.WriteString(s[:k])
			s = s[k:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if used == n-1 {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
		used++
		s = s[size:]
	}
	if coloured && !strings.HasSuffix(b.String(), "\x1b[0m") {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// sequence returns the length of a colour's sequence at the start of s, or 0.
func sequence(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

// Clean makes a text that a stranger wrote safe for a terminal: colours stay,
// and whatever else would steer the terminal is shown and not obeyed.
func Clean(s string) string {
	if strings.IndexFunc(s, steers) < 0 {
		return s
	}
	var b strings.Builder
	coloured := false
	for len(s) > 0 {
		if k := sequence(s); k > 0 {
			coloured = true
			b.WriteString(s[:k])
			s = s[k:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if steers(r) {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
		s = s[size:]
	}
	if coloured && !strings.HasSuffix(b.String(), "\x1b[0m") {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// CleanLines is Clean for a text of several lines.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Clean(line)
	}
	return strings.Join(lines, "\n")
}

// steers reports whether a terminal acts on r: controls but the tab, and the
// marks that turn the direction of writing.
func steers(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
