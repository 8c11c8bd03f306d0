package inspect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

const schemas = `{"openrpc":"1.3.2","info":{"title":"T","version":"1"},"methods":[],"components":{"schemas":{
	"Color":{"type":"string","enum":["red","green"]},
	"Tree":{"type":"object","required":["left","right"],"properties":{"left":{"$ref":"#/components/schemas/Tree"},"right":{"$ref":"#/components/schemas/Tree"}}},
	"Loop":{"$ref":"#/components/schemas/Loop"},
	"Order":{"type":"object","required":["id","at","color"],"properties":{"note":{"type":"string"},"id":{"type":"integer","minimum":1},"at":{"type":"string","format":"date-time"},"color":{"$ref":"#/components/schemas/Color"}}}
}}}`

func TestTypeWordsAndSample(t *testing.T) {
	doc, err := openrpc.Parse([]byte(schemas))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ schema, words, sample string }{
		{`{"type":"string"}`, "string", `""`},
		{`{"type":["null","integer"]}`, "integer", `0`},
		{`{"type":"string","format":"date-time"}`, "string (date-time)", `"2026-01-02T03:04:05Z"`},
		{`{"$ref":"#/components/schemas/Color"}`, `"red" | "green"`, `"red"`},
		{`{"type":"array","items":{"$ref":"#/components/schemas/Order"}}`, "list of Order", `[{"id":1,"at":"2026-01-02T03:04:05Z","color":"red"}]`},
		{`{"type":"object","additionalProperties":{"type":"integer"}}`, "map of integer", `{}`},
		{`{"anyOf":[{"type":"integer"},{"type":"null"}]}`, "integer or null", `0`},
		{`{"$ref":"#/components/schemas/Loop"}`, "Loop", `null`},
		{`{"$ref":"#/components/schemas/None"}`, "None", `null`},
		{`{"$ref":"other.json#/x"}`, "other.json#/x", `null`},
		{`{"type":"number","default":2.5}`, "number", `2.5`},
		{`true`, "any", `null`},
		{`{"type":7,"enum":"x","items":[],"properties":[1]}`, "any", `null`},
		{``, "any", `null`},
	} {
		if got := inspect.TypeWords(doc, json.Value(c.schema)); got != c.words {
			t.Errorf("%s: words %q, want %q", c.schema, got, c.words)
		}
		m := &openrpc.Method{Params: []openrpc.ContentDescriptor{{Name: "p", Required: true, Schema: json.Value(c.schema)}}}
		got := inspect.Sample(doc, m)
		if err := got.Compact(); err != nil || string(got) != `{"p":`+c.sample+`}` {
			t.Errorf("%s: sample %s %v, want %s", c.schema, got, err, c.sample)
		}
	}
}

func TestSampleEnds(t *testing.T) {
	doc, err := openrpc.Parse([]byte(schemas))
	if err != nil {
		t.Fatal(err)
	}
	m := &openrpc.Method{Params: []openrpc.ContentDescriptor{{Name: "p", Required: true, Schema: json.Value(`{"$ref":"#/components/schemas/Tree"}`)}}}
	if got := inspect.Sample(doc, m); !got.IsValid() || len(got) > 10_000 {
		t.Errorf("%d bytes: %.200s", len(got), got)
	}
}

// TestRealDocuments makes a sample of each method of real documents.
func TestRealDocuments(t *testing.T) {
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
		for i := range doc.Methods {
			m := &doc.Methods[i]
			got := inspect.Sample(doc, m)
			if !got.IsValid() {
				t.Errorf("%s %s: sample %s", file, m.Name, got)
			}
			for _, p := range m.Params {
				p = inspect.Descriptor(doc, p)
				if p.Required && !strings.Contains(string(got), `"`+p.Name+`"`) && m.ParamStructure != "by-position" && len(m.Examples) == 0 {
					t.Errorf("%s %s: the sample %s lacks %s", file, m.Name, got, p.Name)
				}
			}
		}
	}
}

// FuzzSchema holds that no schema makes a description or a sample fail.
func FuzzSchema(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#/components/schemas/x"}}}`, `{"x":{"$ref":"#/components/schemas/x"}}`)
	f.Add(`{"anyOf":[{"type":["null"]}],"required":[1]}`, `{}`)
	f.Fuzz(func(t *testing.T, schema, components string) {
		if !json.Value(schema).IsValid() {
			return
		}
		doc := &openrpc.Document{Components: &openrpc.Components{}}
		if json.Unmarshal([]byte(components), &doc.Components.Schemas) != nil {
			doc.Components.Schemas = nil
		}
		inspect.TypeWords(doc, json.Value(schema))
		m := &openrpc.Method{Params: []openrpc.ContentDescriptor{{Name: "p", Required: true, Schema: json.Value(schema)}}}
		if got := inspect.Sample(doc, m); !got.IsValid() {
			t.Errorf("sample %s", got)
		}
	})
}
