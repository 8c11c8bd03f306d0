package openrpc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// one is a document of one method with one parameter and a result.
func one(t testing.TB, param, result, components string) *openrpc.Document {
	t.Helper()
	return parse(t, fmt.Sprintf(`{"methods":[{"name":"m","params":[{"name":"p","schema":%s}],"result":{"name":"r","schema":%s}}],
		"components":{"schemas":{%s}}}`, param, result, components))
}

// Each pair of schemas is compared as a parameter's and as a result's: "" is
// no change, "+" a compatible one, "!" one that breaks.
func TestCompareSchemas(t *testing.T) {
	const (
		object = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`
		tree   = `"T":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/components/schemas/T"}}}}`
		grown  = `"T":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/components/schemas/T"}},"n":{"type":"integer"}}}`
		ref    = `{"$ref":"#/components/schemas/T"}`
	)
	tests := []struct {
		older, newer   string
		were, are      string // components
		asParam, asOut string
	}{
		{`{"type":"string"}`, `{"type":"string","description":"new words"}`, "", "", "", ""},
		{`{"type":"string"}`, `{"type":"integer"}`, "", "", "!", "!"},
		{`{"type":"integer"}`, `{"type":"number"}`, "", "", "+", "!"},
		{`{"type":"string"}`, `{"type":["string","null"]}`, "", "", "+", "!"},
		{`{"type":"string"}`, `{}`, "", "", "+", "!"},
		{`{"type":"string"}`, `true`, "", "", "+", "!"},
		{`{"enum":["a","b"]}`, `{"enum":["a","b","c"]}`, "", "", "+", "!"},
		{`{"enum":["a","b"]}`, `{"enum":["b","a"]}`, "", "", "", ""},
		{`{"type":"integer","maximum":9}`, `{"type":"integer","maximum":99}`, "", "", "+", "!"},
		{`{"type":"string","minLength":3}`, `{"type":"string"}`, "", "", "+", "!"},
		{`{"type":"string","pattern":"a"}`, `{"type":"string","pattern":"b"}`, "", "", "!", "!"},
		{`{"type":"array","items":{"type":"string"}}`, `{"type":"array","items":{"type":"boolean"}}`, "", "", "!", "!"},
		{object, `{"type":"object","properties":{"a":{"type":"string"},"b":{}},"required":["a"]}`, "", "", "+", "+"},
		{object, `{"type":"object","properties":{"a":{"type":"string"},"b":{}},"required":["b","a"]}`, "", "", "!", "+"},
		{object, `{"type":"object","properties":{"a":{"type":"string"}}}`, "", "", "+", "!"},
		{object, `{"type":"object","properties":{"b":{}}}`, "", "", "!", "!"},
		{`{"oneOf":[{"type":"string"}]}`, `{"oneOf":[{"type":"string"}]}`, "", "", "", ""},
		{ref, ref, tree, tree, "", ""},
		{ref, ref, tree, grown, "+", "+"},
		{ref, ref, grown, tree, "!", "+"},
		{ref, `{"description":"x","allOf":[` + ref + `]}`, tree, tree, "", ""},
		{ref, `{"anyOf":[` + ref + `,{"type":"null"}]}`, tree, tree, "+", "!"},
		{`{"$ref":"#/components/schemas/U"}`, ref, tree + `,"U":{"type":"boolean"}`, tree, "!", "!"},
		{`{"$ref":"#/components/schemas/A"}`, `{"$ref":"#/components/schemas/B"}`, `"A":{"items":{"items":{"$ref":"#/components/schemas/A"}}}`,
			`"B":{"items":{"$ref":"#/components/schemas/C"}},"C":{"items":{"items":{"$ref":"#/components/schemas/C"}}}`, "!", "!"},
		{`{"$ref":"#/components/schemas/L"}`, ref, `"L":{"$ref":"#/components/schemas/L"}`, tree, "!", "!"},
	}
	mark := func(changes []openrpc.Change) string {
		out := ""
		for _, c := range changes {
			out += map[bool]string{true: "!", false: "+"}[c.Breaking]
		}
		return out
	}
	for _, test := range tests {
		for _, as := range []struct {
			name, want string
			older, new *openrpc.Document
		}{
			{"param", test.asParam, one(t, test.older, `{}`, test.were), one(t, test.newer, `{}`, test.are)},
			{"result", test.asOut, one(t, `{}`, test.older, test.were), one(t, `{}`, test.newer, test.are)},
		} {
			if got := mark(openrpc.Compare(as.older, as.new)); got != as.want {
				t.Errorf("%s, %s to %s: %q, want %q", as.name, test.older, test.newer, got, as.want)
			}
		}
	}
}

func TestCompareMethods(t *testing.T) {
	older := parse(t, `{"methods":[
		{"name":"gone","params":[]},
		{"name":"m","params":[{"name":"a","required":true,"schema":{}},{"name":"b","schema":{}},{"name":"c","schema":{}},{"$ref":"#/components/contentDescriptors/D"}],"result":{"name":"r","schema":{}}}],
		"components":{"contentDescriptors":{"D":{"name":"d","schema":{"type":"string"}}}}}`)
	newer := parse(t, `{"methods":[
		{"name":"fresh","params":[]},
		{"name":"m","deprecated":true,"params":[{"name":"a","schema":{}},{"name":"c","required":true,"schema":{}},{"name":"e","schema":{}},{"name":"d","schema":{"type":"string"}},{"name":"f","required":true,"schema":{}}]}]}`)
	want := strings.Join([]string{
		"breaking: gone: is gone",
		"compatible: m: parameter a is optional",
		"breaking: m: parameter b is gone",
		"breaking: m: parameter c is required",
		"breaking: m: parameter c is the 2., was the 3.",
		"compatible: m: parameter e is new, and optional",
		"breaking: m: parameter f is new, and required",
		"breaking: m: has no result any more",
		"compatible: m: is deprecated",
		"compatible: fresh: is new",
	}, "\n")
	var got []string
	for _, c := range openrpc.Compare(older, newer) {
		got = append(got, c.String())
	}
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("found\n%s\nwant\n%s", g, want)
	}
}

// A document does not differ from itself.
func TestCompareRealDocuments(t *testing.T) {
	for _, name := range []string{"petstore-expanded", "link-example", "simple-math", "rich"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		d := parse(t, string(data))
		if changes := openrpc.Compare(d, d); len(changes) > 0 {
			t.Errorf("%s: %v", name, changes)
		}
	}
}
