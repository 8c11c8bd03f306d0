package openrpc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// parse reads a document of the test itself.
func parse(t testing.TB, doc string) *openrpc.Document {
	t.Helper()
	d, err := openrpc.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// dangling returns the references in doc to components that it does not have.
func dangling(t testing.TB, doc []byte) []string {
	t.Helper()
	var root any
	if err := json.Unmarshal(doc, &root); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				at := root
				for _, name := range strings.Split(ref, "/")[1:] {
					name = strings.ReplaceAll(name, "~1", "/")
					object, _ := at.(map[string]any)
					at = object[name]
				}
				if at == nil {
					out = append(out, ref)
				}
			}
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(root)
	return out
}

const (
	kitchen = `{"openrpc":"1.4.1","info":{"title":"kitchen","version":"1"},"methods":[
		{"name":"get","params":[],"result":{"name":"r","schema":{"$ref":"#/components/schemas/Dish"}},
		 "links":[{"name":"l","method":"get"},{"name":"o","method":"elsewhere"}]}],
		"components":{"schemas":{
			"Dish":{"properties":{"z":{"type":"number","maximum":9007199254740993},"a":{"$ref":"#/components/schemas/Color"}}},
			"Menu":{"items":{"$ref":"#/components/schemas/Dish/properties/z"}},
			"List":{"items":{"$ref":"#/components/schemas/List"}},
			"a/b":{"type":"null"},
			"Color":{"type":"string"}}}}`
	depot = `{"openrpc":"1.3.2","info":{"title":"depot","version":"2"},"methods":[
		{"name":"get","tags":[{"name":"depot"}],"params":[{"name":"p","schema":{"$ref":"#/components/schemas/a~1b"}}],
		 "result":{"name":"r","schema":{"$ref":"#/components/schemas/Menu"}},"servers":[{"url":"http://own"}]}],
		"components":{"schemas":{
			"Dish":{"properties":{"flat":{"type":"boolean"},"z":{}}},
			"Menu":{"items":{"$ref":"#/components/schemas/Dish/properties/z"}},
			"List":{"items":{"$ref":"#/components/schemas/List"}},
			"a/b":{"type":"boolean"},
			"kitchen_Dish":{},
			"Color":{"type":"string"}}}}`
)

// What is the same is there once; what differs, or refers to what differs, is
// kept apart, and references follow.
func TestMerge(t *testing.T) {
	parts := []openrpc.Part{
		{Name: "kitchen", Document: parse(t, kitchen), Servers: []openrpc.Server{{URL: "http://kitchen"}}},
		{Name: "depot", Document: parse(t, depot), Servers: []openrpc.Server{{URL: "http://depot"}}},
	}
	before := text(t, parts[0].Document)
	d, err := openrpc.Merge(info, parts)
	if err != nil {
		t.Fatal(err)
	}
	data := text(t, d)
	if err := openrpc.Validate(data); err != nil {
		t.Error(err)
	}
	if refs := dangling(t, data); refs != nil {
		t.Errorf("these lead nowhere: %v", refs)
	}
	var names []string
	for name := range d.Components.Schemas {
		names = append(names, name)
	}
	slices.Sort(names)
	want := "Color List depot_Dish depot_Menu depot_a/b kitchen_Dish kitchen_Dish2 kitchen_Menu kitchen_a/b"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("schemas %s, want %s", got, want)
	}
	for name, want := range map[string]string{
		"kitchen_Dish2": `{"properties":{"z":{"type":"number","maximum":9007199254740993},"a":{"$ref":"#/components/schemas/Color"}}}`,
		"kitchen_Menu":  `{"items":{"$ref":"#/components/schemas/kitchen_Dish2/properties/z"}}`,
	} {
		if got := string(d.Components.Schemas[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	get, other := d.Methods[0], d.Methods[1]
	if get.Name != "kitchen.get" || other.Name != "depot.get" {
		t.Errorf("methods %s and %s", get.Name, other.Name)
	}
	if get.Servers[0].URL != "http://kitchen" || other.Servers[0].URL != "http://own" {
		t.Errorf("servers %v and %v", get.Servers, other.Servers)
	}
	if len(get.Tags) != 1 || get.Tags[0].Name != "kitchen" || len(other.Tags) != 1 {
		t.Errorf("tags %v and %v", get.Tags, other.Tags)
	}
	if links := fmt.Sprintf("%s", get.Links); !strings.Contains(links, `"kitchen.get"`) || !strings.Contains(links, `"elsewhere"`) {
		t.Errorf("links %s", links)
	}
	if schema := string(other.Params[0].Schema); schema != `{"$ref":"#/components/schemas/depot_a~1b"}` {
		t.Errorf("the param is %s", schema)
	}
	if !bytes.Equal(before, text(t, parts[0].Document)) {
		t.Error("a part was changed")
	}
	again, err := openrpc.Merge(info, parts)
	if err != nil || !bytes.Equal(data, text(t, again)) {
		t.Errorf("merged twice, it differs (%v)", err)
	}
}

// A document's own parts refer to nothing that is not there, and neither do
// those of the documents merged.
func TestMergeRealDocuments(t *testing.T) {
	var parts []openrpc.Part
	methods := 0
	for _, name := range []string{"petstore-expanded", "link-example", "simple-math", "rich"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		d := parse(t, string(data))
		methods += len(d.Methods)
		parts = append(parts, openrpc.Part{Name: name, Document: d})
	}
	parts = append(parts, openrpc.Part{Name: "twice", Document: parts[0].Document},
		openrpc.Part{Name: "careless", Document: parse(t, `{"methods":[{"name":"calendar.get"}]}`)})
	methods += len(parts[0].Document.Methods) + 1
	d, err := openrpc.Merge(info, parts)
	if err != nil {
		t.Fatal(err)
	}
	data := text(t, d)
	if err := openrpc.Validate(data); err != nil {
		t.Error(err)
	}
	if refs := dangling(t, data); refs != nil {
		t.Errorf("these lead nowhere: %v", refs)
	}
	if len(d.Methods) != methods {
		t.Errorf("%d methods, want %d", len(d.Methods), methods)
	}
}

func TestMergeRefuses(t *testing.T) {
	d := &openrpc.Document{}
	for _, parts := range [][]openrpc.Part{{{Document: d}}, {{Name: "a"}}, {{Name: "a", Document: d}, {Name: "a", Document: d}}} {
		if got, err := openrpc.Merge(info, parts); fault.Of(err) != fault.Invalid {
			t.Errorf("%v: %v, %v", parts, got, err)
		}
	}
}
