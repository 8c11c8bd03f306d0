package cli

import (
	"flag"
	"fmt"
	"strings"
)

// Reference returns the program's page of the reference, in Markdown, made of
// the command table.
func (p Program) Reference() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n`%s` %s.\n", p.Name, p.Name, p.Help)
	for _, c := range p.all() {
		fmt.Fprintf(&b, "\n### %s %s\n\n```\n%s\n```\n\n%s.\n", p.Name, c.Name, p.line(c), upper(c.Help))
		if c.Long != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Long))
		}
		flags := c.flags()
		rows := ""
		flags.VisitAll(func(f *flag.Flag) {
			kind, usage := flag.UnquoteUsage(f)
			name := "`" + dashes(f.Name) + f.Name
			if kind != "" {
				name += " " + kind
			}
			if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" && f.DefValue != "0s" {
				usage += fmt.Sprintf(" (default `%s`)", f.DefValue)
			}
			rows += fmt.Sprintf("| %s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
		})
		if rows != "" {
			fmt.Fprintf(&b, "\n| flag | does |\n|---|---|\n%s", rows)
		}
	}
	return b.String()
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
