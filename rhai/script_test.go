package rhai_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

var update = flag.Bool("update", false, "write the expectations in testdata anew")

// A file in testdata holds scripts with a line "---" between them. What is
// expected stands at the end of a line, after one of these marks: the value of
// the whole script, as debug shows it; a line that print printed; the error,
// which arises in that line.
const (
	markValue = "//= "
	markPrint = "//> "
	markError = "//! "
)

// outcome is what came of a script.
type outcome struct {
	value   string
	printed []string
	err     *rhai.Error
}

func runScript(t *testing.T, code string) outcome {
	t.Helper()
	var o outcome
	engine := rhai.New(rhai.Options{
		Limits: rhai.Limits{Time: 20 * time.Second},
		Print:  func(s string) { o.printed = append(o.printed, s) },
	})
	v, err := engine.Eval(t.Context(), code)
	if err != nil {
		var ok bool
		if o.err, ok = errors.AsType[*rhai.Error](err); !ok {
			t.Fatalf("%T is no *rhai.Error", err)
		}
		return o
	}
	o.value = v.Debug()
	return o
}

// describe is an error in one line: its kind, its words, and where in the line
// it is.
func describe(e *rhai.Error) string {
	kind := e.Kind
	if e.Parse != "" {
		kind = e.Parse
	}
	return fmt.Sprintf("%s %d: %s", kind, e.Pos.Col, e.Message())
}

// expectation takes a line apart: what runs, and what is expected to be
// printed, where something is.
func expectation(line string) (code, printMark string) {
	for _, mark := range []string{markValue, markError} {
		line, _, _ = strings.Cut(line, "  "+mark)
	}
	if before, _, ok := strings.Cut(line, markPrint); ok {
		return strings.TrimRight(before, " "), before + markPrint
	}
	return line, ""
}

// expect runs a script and returns its lines with what came of it as what is
// expected.
func expect(t *testing.T, lines []string) []string {
	out := make([]string, len(lines))
	code := make([]string, len(lines))
	last := 0
	for i, line := range lines {
		code[i], _ = expectation(line)
		if c := strings.TrimSpace(code[i]); c != "" && !strings.HasPrefix(c, "//") {
			last = i
		}
	}
	got := runScript(t, strings.Join(code, "\n"))
	for i, line := range lines {
		out[i] = code[i]
		if _, mark := expectation(line); mark != "" {
			text := "nothing"
			if len(got.printed) > 0 {
				text, got.printed = got.printed[0], got.printed[1:]
			}
			out[i] = mark + strings.ReplaceAll(text, "\n", "\\n")
		}
	}
	mark, text := markValue, got.value
	if got.err != nil {
		mark, text = markError, describe(got.err)
		last = min(max(int(got.err.Pos.Line)-1, 0), len(out)-1)
	}
	out[last] += "  " + mark + text
	for _, p := range got.printed {
		out = append(out, markPrint+p)
	}
	return out
}

// TestScripts runs the scripts of testdata.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.rhai")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".rhai"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			line := 1
			var anew []string
			for chunk := range strings.SplitSeq(string(data), "\n---\n") {
				lines := strings.Split(strings.TrimSuffix(chunk, "\n"), "\n")
				got := expect(t, lines)
				for i := range max(len(lines), len(got)) {
					want, is := at(lines, i), at(got, i)
					if want != is && !*update {
						t.Errorf("%s:%d:\nwant %s\ngot  %s", file, line+i, want, is)
					}
				}
				anew = append(anew, strings.Join(got, "\n"))
				line += len(lines) + 1
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.Join(anew, "\n---\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// TestModules holds where import looks, what a module shows, and that what it
// hides stays hidden.
func TestModules(t *testing.T) {
	files := fstest.MapFS{
		"main.rhai":        {Data: []byte("")},
		"lib/tools.rhai":   {Data: []byte("import \"more\" as more;\nprivate fn hidden() { 1 }\nfn double(x) { x * 2 }\nfn outer() { hidden() + more::three() }\nconst SEVEN = 7;\nexport SEVEN;\nexport const EIGHT = 8;\nlet inner = 9;\nfn seven() { global::SEVEN }")},
		"lib/more.rhai":    {Data: []byte("fn three() { 3 }")},
		"lib/bad.rhai":     {Data: []byte("let x = ;")},
		"lib/fails.rhai":   {Data: []byte("\nthrow \"no\";")},
		"lib/loop.rhai":    {Data: []byte("import \"loop\" as l;")},
		"lib/prints.rhai":  {Data: []byte("print(\"loaded\");")},
		"../outside.rhai":  {Data: []byte("1")},
		"deep/a/main.rhai": {Data: []byte("")},
	}
	var printed []string
	engine := rhai.New(rhai.Options{Modules: files, Print: func(s string) { printed = append(printed, s) }})
	for _, c := range []struct{ code, want string }{
		{`import "lib/tools" as t; t::double(21)`, "42"},
		{`import "lib/tools" as t; t::outer()`, "4"},
		{`import "lib/tools" as t; t::SEVEN + t::EIGHT`, "15"},
		{`import "lib/tools" as t; t::seven()`, "7"},
		{`import "lib/tools" as t; let f = t::double; f.call(4)`, "ErrorVariableNotFound"},
		{`import "lib/tools" as t; t::hidden()`, "ErrorFunctionNotFound"},
		{`import "lib/tools" as t; t::inner`, "ErrorVariableNotFound"},
		{`import "lib/none" as t;`, "ErrorModuleNotFound"},
		{`import "../outside" as t;`, "ErrorModuleNotFound"},
		{`import "/etc/passwd" as t;`, "ErrorModuleNotFound"},
		{`import "lib/bad" as t;`, "ErrorParsing"},
		{`import "lib/fails" as t;`, "ErrorRuntime"},
		{`import "lib/loop" as t;`, "ErrorInModule"},
		{`import "lib/prints" as a; import "lib/prints" as b;`, "()"},
		{`{ import "lib/tools" as t; } t::double(1)`, "ErrorModuleNotFound"},
	} {
		prog, err := engine.Compile("main.rhai", c.code)
		if err != nil {
			t.Errorf("%s: %v", c.code, err)
			continue
		}
		v, err := prog.Run(t.Context(), nil)
		got := v.Debug()
		if e, ok := errors.AsType[*rhai.Error](err); ok {
			got = e.Kind
		}
		if got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.code, got, err, c.want)
		}
	}
	if !slices.Equal(printed, []string{"loaded"}) {
		t.Errorf("a module that is imported twice ran %d times", len(printed))
	}
}

// TestShow holds how an error is shown: with the script, the line and a caret.
func TestShow(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"let a = 1;\n\tlet b = a + nothing;", "s.rhai\n2: \tlet b = a + nothing;\n   \t            ^ Variable not found: nothing (line 2, position 14)"},
		{"let a = \"é❤\" + ;", "s.rhai\n1: let a = \"é❤\" + ;\n                  ^ Syntax error: Unexpected ';' (line 1, position 16)"},
		{"fn f(x) {\n  x.y.z\n}\nf(1)", "s.rhai\n2:   x.y.z\n       ^ Unknown property 'y' - a getter is not registered for type 'i64' (line 2, position 5)\nin call to function 'f' (from 's.rhai') (line 4, position 1)"},
		{"let x = [1];\r\nx[7]\r\n", "s.rhai\n2: x[7]\n     ^ Array index 7 out of bounds: only 1 element in array (line 2, position 3)"},
	} {
		engine := rhai.New(rhai.Options{})
		prog, err := engine.Compile("s.rhai", c.code)
		if err == nil {
			_, err = prog.Run(context.Background(), nil)
		}
		e, ok := errors.AsType[*rhai.Error](err)
		if !ok || !strings.HasPrefix(e.Show(), c.want) {
			t.Errorf("%q shows\n%v\nwant\n%s", c.code, err, c.want)
			if ok {
				t.Log("\n" + e.Show())
			}
		}
	}
}
