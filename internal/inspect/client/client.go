// Package client writes typed clients of services from their OpenRPC documents:
// one file that needs nothing but its language.
//
// A document becomes a [model] first, the same for all languages: named types,
// since not every language has nameless ones, and the methods of each domain.
// Whatever a stranger's schema says that the model has no word for is "any":
// a client is then less helpful and still right.
package client

import (
	"fmt"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Source is what a client is written from.
type Source struct {
	Service string         // the service's name
	Parts   []openrpc.Part // its domains; one without a name is the service itself
}

// Languages returns the languages that Write knows.
func Languages() []string { return []string{"go", "python", "rust", "typescript"} }

// Write returns a client in a language, as the text of one file.
func Write(language string, s Source) ([]byte, error) {
	words := ""
	if language == "rust" {
		words = rustWords
	}
	m, err := newModel(s, words)
	if err != nil {
		return nil, err
	}
	switch language {
	case "go":
		return writeGo(m)
	case "typescript":
		return writeTypeScript(m), nil
	case "python":
		return writePython(m), nil
	case "rust":
		return writeRust(m), nil
	}
	return nil, fault.WithHint(fault.Errorf(fault.Unsupported, "no client can be written in %q", language),
		"take one of "+strings.Join(Languages(), ", "))
}

// FileName returns the customary name of the file that Write returns.
func FileName(language, service string) string {
	return service + map[string]string{"go": ".go", "typescript": ".ts", "python": ".py", "rust": ".rs"}[language]
}

// comment writes a stranger's text as line comments.
func comment(b *strings.Builder, indent, sign, text string) {
	text = strings.Map(func(r rune) rune {
		if r == '\u2028' || r == '\u2029' || r == '\r' || r == '\v' || r == '\f' || r == '\u0085' {
			return '\n' // what some language takes for the end of a line
		}
		if r < ' ' && r != '\n' {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
	if text == "" {
		return
	}
	for _, line := range strings.Split(text, "\n") {
		fmt.Fprintln(b, strings.TrimRight(indent+sign+" "+strings.TrimSpace(line), " "))
	}
}
