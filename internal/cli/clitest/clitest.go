// Package clitest holds the reference of the command lines to the commands that
// there are.
package clitest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
)

// Reference checks that the program's part of docs/reference/cli.md is what its
// command table makes of it, and with the test's flag -update makes it so. It is
// called by a test in the program's own folder, cmd/NAME.
func Reference(t *testing.T, p cli.Program) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "reference", "cli.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	begin, end := "<!-- "+p.Name+" -->\n", "<!-- /"+p.Name+" -->\n"
	from, to := strings.Index(text, begin), strings.Index(text, end)
	want := begin + "\n" + p.Reference() + "\n" + end
	if from >= 0 && to > from && text[from:to+len(end)] == want {
		return
	}
	if f := flag.Lookup("update"); f == nil || f.Value.String() != "true" {
		t.Fatalf("%s does not show %s as it is: go test ./cmd/%s -update", path, p.Name, p.Name)
	}
	if from < 0 || to < from {
		text = strings.TrimRight(text, "\n") + "\n\n" + want
	} else {
		text = text[:from] + want + text[to+len(end):]
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
