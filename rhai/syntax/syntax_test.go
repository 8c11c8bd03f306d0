package syntax_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
)

func TestScan(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"let x=1;", "let@1:1 x@1:5 =@1:6 1@1:7 ;@1:8"},
		{"a\n  b // c\n/* d\n/* e */ */f", "a@1:1 b@2:3 f@4:11"},
		{"1..2 1..=2 1.5 1.e", "1@1:1 ..@1:2 2@1:4 1@1:6 ..=@1:7 2@1:10 1.5@1:12 1@1:16 .@1:17 e@1:18"},
		{"a?.b ?? c ?[ !in **= <<= =>", "a@1:1 ?.@1:2 b@1:4 ??@1:6 c@1:9 ?[@1:11 !in@1:14 **=@1:18 <<=@1:22 =>@1:26"},
		{"a::b #{ } ()", "a@1:1 ::@1:2 b@1:4 #{@1:6 }@1:9 ()@1:11"},
		{"x\t\"é\" y", "x@1:1 string@1:3 y@1:7"},
		{"#!/bin/x\ny", "y@2:1"},
	} {
		var got []string
		for _, tok := range syntax.Scan(c.text, 100) {
			if !tok.End {
				got = append(got, fmt.Sprintf("%s@%d:%d", tok.Text, tok.Pos.Line, tok.Pos.Col))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q: %s\nwant %s", c.text, s, c.want)
		}
	}
}

// TestWalk holds that every node is visited, in the order of the text.
func TestWalk(t *testing.T) {
	tree, err := syntax.Parse("", "let a = [1, x.y[2]];\nfor (i, n) in a { if i > f(3) { break; } else { a.push(#{k: -4}); } }\n"+
		"switch a { 5 if b => `six ${7}`, _ => try { throw 8; } catch (e) { |z| z + 9 } }", syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	last := syntax.Pos{}
	syntax.Walk(tree.Body, func(n syntax.Node) bool {
		kinds = append(kinds, strings.TrimPrefix(reflect.TypeOf(n).String(), "*syntax."))
		if lit, ok := n.(*syntax.Literal); ok {
			if p := lit.Position(); p.Line < last.Line || p.Line == last.Line && p.Col < last.Col {
				t.Errorf("literal at %v comes after one at %v", p, last)
			}
			last = lit.Position()
		}
		return true
	})
	got := strings.Join(kinds, " ")
	for _, kind := range []string{"Let", "Array", "Index", "Property", "For", "If", "Call", "Jump", "Method", "Map", "Switch", "Case", "Interpolated", "Try", "Closure", "Binary"} {
		if !strings.Contains(got, kind) {
			t.Errorf("no %s was visited: %s", kind, got)
		}
	}
	// A visitor that says no is not led further.
	n := 0
	syntax.Walk(tree.Body, func(syntax.Node) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d nodes were visited by one that stops at the first", n)
	}
}

func TestFunctionsAndDoc(t *testing.T) {
	tree, err := syntax.Parse("", "/// Adds.\n/// Twice.\nfn add(a, b) { a + b }\nprivate fn \"i64\".hide() { this }\n", syntax.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Funcs) != 2 {
		t.Fatalf("%d functions", len(tree.Funcs))
	}
	add, hide := tree.Funcs[0], tree.Funcs[1]
	if add.Name != "add" || strings.Join(add.Params, " ") != "a b" || len(add.Doc) == 0 || !strings.Contains(strings.Join(add.Doc, "\n"), "Twice.") || add.Private {
		t.Errorf("add is %+v", add)
	}
	if hide.Name != "hide" || hide.This != "i64" || !hide.Private {
		t.Errorf("hide is %+v", hide)
	}
}

func TestStrict(t *testing.T) {
	o := syntax.Options{Strict: true, Known: map[string]bool{"given": true}}
	for text, kind := range map[string]string{
		"let x = 1; x": "", "x": "VariableUndefined", "given": "", "fn f() { given }": "", "fn f() { x }": "VariableUndefined",
		"given = 1": "AssignmentToConstant", "let f = |a| a + x;": "VariableUndefined", "fn f() {} f": "",
	} {
		_, err := syntax.Parse("", text, o)
		got := ""
		if e, ok := err.(*syntax.Error); ok {
			got = e.Kind
		}
		if got != kind {
			t.Errorf("%s: %v, want %s", text, err, kind)
		}
	}
}

// FuzzScan holds that scanning ends, and that places never go back.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"let x = `a${1 + `b`}`;", "\"\\u{1F600}\\x41\"", "#\"raw\"#", "/* /* */", "'\\''", "0x_f 1_0.5e-3", "\xff\x00é", "a?.b!in c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens := syntax.Scan(text, 2*len(text)+10)
		if !tokens[len(tokens)-1].End {
			// After a fault the parser stops; a scanner that is asked on must still come to an end.
			t.Fatalf("%d tokens, and no end", len(tokens))
		}
		last := syntax.Pos{}
		for _, tok := range tokens {
			if tok.Pos.Line < last.Line || tok.Pos.Line == last.Line && tok.Pos.Col < last.Col {
				t.Fatalf("a token at %v comes after one at %v", tok.Pos, last)
			}
			last = tok.Pos
		}
	})
}
