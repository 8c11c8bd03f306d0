package inspect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

func TestMarkdown(t *testing.T) {
	m := newMachine(t)
	s := m.food()
	in := inspect.New(inspect.Options{Places: m.places})
	doc, err := in.Composite(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	manual := inspect.ManualOf(doc)
	text := string(manual.Markdown())
	for _, want := range []string{"# Hero Food\n", "Version 0.1.0", "\n## delivery\n", "\n### `delivery.create`\n", "Create a delivery", "| `to` | `string` | required. |", "| `note` | `string` |  |", "Returns `Created`", "*read-only*", "\n## Types\n", "\n### `Created`\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q\n%s", want, text)
		}
	}
	index := string(inspect.Index("This machine", "What runs here.", []inspect.Manual{manual}, func(int) string { return "hero_food.md" }))
	for _, want := range []string{"# This machine\n\n> What runs here.\n", "- [Hero Food](<hero_food.md>)", "- `delivery.create(to, note)`: Create a delivery"} {
		if !strings.Contains(index, want) {
			t.Errorf("llms.txt lacks %q\n%s", want, index)
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	doc := &openrpc.Document{Info: openrpc.Info{Title: "<script>\n# x", Description: "a\n\n# not a heading <b> [x](y)"}, Methods: []openrpc.Method{
		{Name: "a`b\n## c", Summary: "| x | <i>", Params: []openrpc.ContentDescriptor{{Name: "p|q", Description: "1 | 2\n3"}}},
	}}
	text := string(inspect.ManualOf(doc).Markdown())
	for _, bad := range []string{"<script>", "<b>", "<i>", "\n# not", "\n## c", "[x](y)", "`p|q`"} {
		if strings.Contains(text, bad) {
			t.Errorf("lets %q through:\n%s", bad, text)
		}
	}
	if !strings.Contains(text, "### `` a`b ## c ``") {
		t.Errorf("a name with a backtick is not whole:\n%s", text)
	}
}

func TestManualOfRealDocuments(t *testing.T) {
	files, err := filepath.Glob("../../openrpc/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openrpc.Parse(text)
		if err != nil {
			t.Fatal(file, err)
		}
		page := string(inspect.ManualOf(doc).Markdown())
		for _, m := range doc.Methods {
			if !strings.Contains(page, "### `"+m.Name+"`") {
				t.Errorf("%s: %s is missing", file, m.Name)
			}
		}
	}
}
