package openrpc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

func TestLint(t *testing.T) {
	d := parse(t, `{"openrpc":"1.4.1","info":{"title":"a","version":"1"},"methods":[
		{"name":"good","summary":"s","params":[{"name":"p","required":true,"schema":{"$ref":"#/components/schemas/a~1b"}},{"name":"q","schema":{}}],
		 "result":{"name":"r","schema":{}},"errors":[{"code":-32020,"message":"m"},{"code":7,"message":"m"},{"code":-32602,"message":"m"}]},
		{"name":"good","params":[{"name":"p","schema":{}},{"name":"p","required":true,"schema":{"$ref":"#/components/schemas/Gone"}}],
		 "errors":[{"code":-32500,"message":"m"},{"code":-32500,"message":"m"}]}],
		"components":{"schemas":{"a/b":{"items":[{"$ref":"#/components/errors/No"},{"$ref":"#/components/errors/No"}]},"c":{"$ref":"#/components/schemas/c/x"}}}}`)
	want := []string{
		`/methods/1/name: method "good" stands twice (duplicate)`,
		`/methods/1: good does not say what it does (summary)`,
		`/methods/1: good has no result: it can only be notified (result)`,
		`/methods/1/params/1/name: parameter "p" stands twice (duplicate)`,
		`/methods/1/params/1: "p" is required, and comes after "p", which is not (order)`,
		`/methods/1/errors/0/code: -32500 is among the codes that JSON-RPC keeps for itself (code)`,
		`/methods/1/errors/1/code: error -32500 stands twice (duplicate)`,
		`/methods/1/errors/1/code: -32500 is among the codes that JSON-RPC keeps for itself (code)`,
		`/methods/1: #/components/schemas/Gone is not there (reference)`,
		`/components/schemas/a~1b: #/components/errors/No is not there (reference)`,
	}
	var got []string
	for _, f := range openrpc.Lint(d) {
		got = append(got, f.String())
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("found\n%s\nwant\n%s", g, w)
	}
}

// A real document has nothing to find, or what it is known to have.
func TestLintRealDocuments(t *testing.T) {
	for _, name := range []string{"petstore-expanded", "link-example", "simple-math", "rich"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range openrpc.Lint(parse(t, string(data))) {
			if f.Rule != "summary" {
				t.Errorf("%s: %s", name, f)
			}
		}
	}
}
