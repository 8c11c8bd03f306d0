package scriptlib

import (
	"fmt"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

// Reference is the page of all functions that scripts find beside those of the
// language, made of what is registered.
func Reference() (string, error) {
	e, err := New(Options{})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# What scripts can do\n\n" +
		"<!-- Generated: go test ./internal/scriptlib -update -->\n\n" +
		"Beside the [functions of the language](../howto/rhai.md) a script finds these. " +
		"They reach hero_proc by its sockets, as the command line does. A call that is refused is an error that `try … catch` takes; " +
		"what it catches is the reason as text.\n")
	sections := []struct{ title, text, object string }{
		{"proc", "What hero_proc runs: `proc.NAME(…)`.", "proc"},
		{"A definition", "What `proc.service(name)` returns. Every method returns it again, so that they stand in a chain: " +
			"`proc.service(\"x\").exec(\"/bin/x\").after(\"y\").env(\"K\", \"V\").restart(\"on-failure\").set()`.", "definition"},
		{"service", "What the services say: `service.NAME(…)`.", "service"},
		{"The machine", "Functions by themselves. All but `args` can be denied: `hero_proc run --deny exec,http_get FILE`.", ""},
	}
	all := e.Registered()
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| function | does |\n|---|---|\n", s.title, s.text)
		for _, f := range all {
			if object(f) == s.object {
				call, does := usage(f)
				fmt.Fprintf(&b, "| `%s` | %s |\n", call, does)
			}
		}
	}
	b.WriteString("\n`sleep(seconds)` belongs to the language, and can be denied all the same.\n")
	return b.String(), nil
}

// object is the name of the object that a function is a method of, or "".
func object(f rhai.Function) string {
	if len(f.Params) > 0 && slices.Contains([]string{"proc", "service", "definition"}, f.Params[0]) {
		return f.Params[0]
	}
	return ""
}

// usage is a function with the names of its parameters, which its words begin
// with, and what it does.
func usage(f rhai.Function) (call, does string) {
	names, does, ok := strings.Cut(f.Doc, ") ")
	if !ok {
		return f.Signature(), f.Doc
	}
	return f.Name + names + ")", does
}
