package inspect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Manual is a document as people read it: what Markdown and the pages are made
// of.
type Manual struct {
	Title, Version, Description string
	Sections                    []Section   // methods by their first tag, those without one first
	Schemas                     []SchemaDoc // the components that objects refer to, by name
}

// Section is the methods that share a tag.
type Section struct {
	Name    string // "" for methods without a tag
	Methods []MethodDoc
}

// MethodDoc is one method of a Manual.
type MethodDoc struct {
	Name, Anchor, Summary, Description string
	Notes                              []string // read-only, destructive, idempotent, deprecated
	Params                             []FieldDoc
	Result                             *FieldDoc // nil: it can only be notified
	Errors                             []openrpc.Error
	Examples                           []ExampleDoc
}

// FieldDoc is a parameter, a result or a member of an object.
type FieldDoc struct {
	Name, Type, Doc string
	Required        bool
}

// ExampleDoc is a call and its result, as JSON.
type ExampleDoc struct {
	Name           string
	Params, Result json.Value
}

// SchemaDoc is a component.
type SchemaDoc struct {
	Name, Type, Doc string
	Fields          []FieldDoc
}

// ManualOf returns a document as people read it.
func ManualOf(d *openrpc.Document) Manual {
	out := Manual{Title: d.Info.Title, Version: d.Info.Version, Description: d.Info.Description}
	if out.Title == "" {
		out.Title = "Untitled"
	}
	index := map[string]int{}
	for i := range d.Methods {
		m := &d.Methods[i]
		if m.Name == "" {
			continue
		}
		tag := ""
		if len(m.Tags) > 0 {
			tag = m.Tags[0].Name
		}
		at, ok := index[tag]
		if !ok {
			at = len(out.Sections)
			index[tag] = at
			out.Sections = append(out.Sections, Section{Name: tag})
		}
		out.Sections[at].Methods = append(out.Sections[at].Methods, methodDoc(d, m, i))
	}
	slices.SortStableFunc(out.Sections, func(a, b Section) int { return boolCompare(a.Name != "", b.Name != "") })
	if d.Components != nil {
		for _, name := range Sorted(d.Components.Schemas) {
			out.Schemas = append(out.Schemas, schemaDoc(d, name))
		}
	}
	return out
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func methodDoc(d *openrpc.Document, m *openrpc.Method, i int) MethodDoc {
	out := MethodDoc{
		Name: m.Name, Anchor: fmt.Sprintf("m%d", i+1), Summary: m.Summary, Description: m.Description, Errors: m.Errors,
	}
	for _, n := range []struct {
		is   bool
		word string
	}{{m.ReadOnly, "read-only"}, {m.Destructive, "destructive"}, {m.Idempotent, "idempotent"}, {m.Deprecated, "deprecated"}} {
		if n.is {
			out.Notes = append(out.Notes, n.word)
		}
	}
	for _, p := range m.Params {
		out.Params = append(out.Params, fieldDoc(d, p))
	}
	if m.Result != nil {
		r := fieldDoc(d, *m.Result)
		out.Result = &r
	}
	for _, e := range m.Examples {
		if e.Ref != "" {
			continue
		}
		x := ExampleDoc{Name: e.Name, Params: ExampleParams(m, e)}
		if e.Result != nil && len(e.Result.Value) > 0 {
			x.Result = pretty(append(json.Value(nil), e.Result.Value...))
		}
		out.Examples = append(out.Examples, x)
	}
	return out
}

func fieldDoc(d *openrpc.Document, p openrpc.ContentDescriptor) FieldDoc {
	p = Descriptor(d, p)
	doc := p.Description
	if doc == "" {
		doc = p.Summary
	}
	if doc == "" {
		doc = ShapeOf(d, p.Schema).Doc
	}
	return FieldDoc{p.Name, TypeWords(d, p.Schema), doc, p.Required}
}

func schemaDoc(d *openrpc.Document, name string) SchemaDoc {
	s := ShapeOf(d, d.Components.Schemas[name])
	out := SchemaDoc{Name: name, Type: s.Type, Doc: s.Doc}
	if len(s.Properties) == 0 {
		out.Type = TypeWords(d, d.Components.Schemas[name])
	}
	for _, p := range s.Properties {
		out.Fields = append(out.Fields, FieldDoc{p.Name, TypeWords(d, p.Schema), ShapeOf(d, p.Schema).Doc, p.Required})
	}
	return out
}

// Markdown returns the manual as one Markdown file.
func (m Manual) Markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", line(m.Title))
	if m.Version != "" {
		fmt.Fprintf(&b, "\nVersion %s\n", line(m.Version))
	}
	paragraph(&b, m.Description)
	for _, s := range m.Sections {
		if s.Name != "" {
			fmt.Fprintf(&b, "\n## %s\n", line(s.Name))
		}
		for _, method := range s.Methods {
			method.markdown(&b)
		}
	}
	if len(m.Schemas) > 0 {
		b.WriteString("\n## Types\n")
	}
	for _, s := range m.Schemas {
		fmt.Fprintf(&b, "\n### %s\n", code(s.Name))
		paragraph(&b, s.Doc)
		if len(s.Fields) == 0 {
			fmt.Fprintf(&b, "\n%s\n", code(s.Type))
		}
		fields(&b, s.Fields)
	}
	return b.Bytes()
}

func (m MethodDoc) markdown(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n### %s\n", code(m.Name))
	paragraph(b, m.Summary)
	if m.Description != m.Summary {
		paragraph(b, m.Description)
	}
	if len(m.Notes) > 0 {
		fmt.Fprintf(b, "\n*%s*\n", strings.Join(m.Notes, ", "))
	}
	fields(b, m.Params)
	if m.Result != nil {
		fmt.Fprintf(b, "\nReturns %s", code(m.Result.Type))
		if m.Result.Doc != "" {
			fmt.Fprintf(b, ": %s", line(m.Result.Doc))
		}
		b.WriteString("\n")
	}
	if len(m.Errors) > 0 {
		b.WriteString("\nErrors:\n\n")
		for _, e := range m.Errors {
			fmt.Fprintf(b, "- %s %s\n", code(fmt.Sprint(e.Code)), line(e.Message))
		}
	}
	for _, e := range m.Examples {
		fmt.Fprintf(b, "\n%s:\n", line(e.Name))
		fence(b, e.Params)
		if e.Result != nil {
			b.WriteString("\nanswers\n")
			fence(b, e.Result)
		}
	}
}

func fields(b *bytes.Buffer, list []FieldDoc) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\n| name | type | |\n|---|---|---|\n")
	for _, f := range list {
		doc := strings.ReplaceAll(line(f.Doc), "|", `\|`)
		if f.Required {
			doc = strings.TrimSpace("required. " + doc)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", strings.ReplaceAll(code(f.Name), "|", `\|`), strings.ReplaceAll(code(f.Type), "|", `\|`), doc)
	}
}

// paragraph writes a stranger's text as text: what could be markup or a new
// block is escaped.
func paragraph(b *bytes.Buffer, text string) {
	for _, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if part = line(part); part != "" {
			fmt.Fprintf(b, "\n%s\n", part)
		}
	}
}

// line returns text on one line, with Markdown's and HTML's signs escaped.
func line(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer("\\", `\\`, "<", "&lt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "#", `\#`).Replace(text)
}

// code returns a code span that holds text, whatever is in it.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return ""
	}
	ticks := "`"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	if len(ticks) > 1 {
		return ticks + " " + text + " " + ticks
	}
	return ticks + text + ticks
}

func fence(b *bytes.Buffer, v json.Value) {
	ticks := "```"
	for bytes.Contains(v, []byte(ticks)) {
		ticks += "`"
	}
	fmt.Fprintf(b, "\n%sjson\n%s\n%s\n", ticks, v, ticks)
}

// Index returns an llms.txt of several manuals: what each is for, and where it
// stands. url tells the address of the manual with that index.
func Index(title, summary string, manuals []Manual, url func(int) string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n> %s\n\n## Services\n\n", line(title), line(summary))
	for i, m := range manuals {
		fmt.Fprintf(&b, "- [%s](<%s>)", line(m.Title), strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "%0A", " ", "%20").Replace(url(i)))
		if m.Description != "" {
			first, _, _ := strings.Cut(m.Description, "\n")
			fmt.Fprintf(&b, ": %s", line(first))
		}
		b.WriteString("\n")
	}
	for _, m := range manuals {
		fmt.Fprintf(&b, "\n## %s\n\n", line(m.Title))
		for _, s := range m.Sections {
			for _, method := range s.Methods {
				var names []string
				for _, p := range method.Params {
					names = append(names, p.Name)
				}
				fmt.Fprintf(&b, "- %s", code(method.Name+"("+strings.Join(names, ", ")+")"))
				if method.Summary != "" {
					fmt.Fprintf(&b, ": %s", line(method.Summary))
				}
				b.WriteString("\n")
			}
		}
	}
	return b.Bytes()
}
