package rhai_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
)

// seed adds the scripts of testdata.
func seed(f *testing.F) {
	files, err := filepath.Glob("testdata/*.rhai")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for chunk := range strings.SplitSeq(string(data), "\n---\n") {
			f.Add(chunk)
		}
	}
	for _, code := range []string{
		"let a=[]; loop { a=[a]; }", "let a=#{}; let f=|x|a; a.f=f; a.to_json()", "`${`${`${", "\"\\u{", "0x", "1e", "'", "/*/*", "a?.b?[c]!.d",
		"switch x { 1..", "fn f(", "|a,b|", "let x = 1; x.y.z[0] += eval(`x`)", "#\"", "blob(1<<40)", "\"x\".pad(1<<40, 'x')", "[].pad(1<<40, 0)",
		"let a = [1]; a.splice(0, 1, a); a.drain(0..1<<62)", "x::y::z!()", "import `x` as y", "call!(f)", "range(0, 10, 0)", "\x00\xff\xfe",
	} {
		f.Add(code)
	}
}

// FuzzParse holds that no text makes the parser panic or hang, and that the
// tree it makes can be walked.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := syntax.Parse("fuzz", text, syntax.Options{})
		if (tree == nil) == (err == nil) {
			t.Fatalf("Parse returns %v and %v", tree, err)
		}
		if err != nil {
			if e, ok := err.(*syntax.Error); !ok || e.Kind == "" || e.Msg == "" {
				t.Errorf("the error is %#v", err)
			}
			return
		}
		nodes := 0
		syntax.Walk(tree.Body, func(syntax.Node) bool { nodes++; return true })
		if nodes == 0 {
			t.Error("there is nothing to walk")
		}
	})
}

// FuzzEval holds that no script panics, runs on, or outgrows its limits, and
// that its errors can be shown.
func FuzzEval(f *testing.F) {
	seed(f)
	engine := rhai.New(rhai.Options{
		Limits: rhai.Limits{Operations: 20000, Time: 2 * time.Second, CallDepth: 32, Variables: 100, Modules: 5, String: 1 << 16, Array: 1 << 12, Map: 1 << 10},
		Print:  func(string) {}, Debug: func(string, string, int, int) {},
	})
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "sleep") {
			return
		}
		since := time.Now()
		v, err := engine.Eval(context.Background(), text)
		if took := time.Since(since); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		if err == nil {
			_, _ = v.Text(), v.Debug()
			return
		}
		e, ok := err.(*rhai.Error)
		if !ok || e.Show() == "" {
			t.Fatalf("the error is %#v", err)
		}
		if e.Kind == "ErrorSystem" {
			t.Errorf("a fault of the evaluator: %v", e)
		}
	})
}
