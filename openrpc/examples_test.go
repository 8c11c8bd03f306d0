package openrpc_test

import (
	"os"
	"path/filepath"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Documents that others wrote and published (@open-rpc/examples) are read,
// written again without loss, and merged.
func TestPublishedExamples(t *testing.T) {
	names, err := filepath.Glob("testdata/examples/*.json")
	if err != nil || len(names) < 3 {
		t.Fatalf("examples: %v, %v", names, err)
	}
	var parts []openrpc.Part
	methods := 0
	for i, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openrpc.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := doc.JSON()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		second, err := openrpc.Parse(again)
		if err != nil {
			t.Errorf("%s, written again: %v", name, err)
			continue
		}
		if changes := openrpc.Compare(doc, second); len(changes) > 0 {
			t.Errorf("%s is not what it was: %v", name, changes)
		}
		methods += len(doc.Methods)
		parts = append(parts, openrpc.Part{Name: string(rune('a' + i)), Document: doc})
	}
	all, err := openrpc.Merge(openrpc.Info{Title: "All", Version: "1"}, parts)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Methods) != methods {
		t.Errorf("merged: %d methods of %d", len(all.Methods), methods)
	}
	text, err := all.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := openrpc.Validate(text); err != nil {
		t.Error(err)
	}
}
