package rhai_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing/fstest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

func Example() {
	engine := rhai.New(rhai.Options{Print: func(s string) { fmt.Println(s) }})
	engine.Register("shout", func(s string) string { return strings.ToUpper(s) + "!" })
	prog, err := engine.Compile("hello.rhai", `
		let names = ["ann", "bob"];
		for (name, i) in names { print(`+"`${i + 1}. ${shout(name)}`"+`); }
		names.len()`)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := prog.Run(context.Background(), nil)
	fmt.Println(rhai.ToGo(v), err)
	// Output:
	// 1. ANN!
	// 2. BOB!
	// 2 <nil>
}

// A script's error knows its place, and shows the line.
func ExampleError() {
	engine := rhai.New(rhai.Options{})
	prog, err := engine.Compile("sum.rhai", "let list = [1, 2];\nlist[0] + list[5]")
	if err == nil {
		_, err = prog.Run(context.Background(), nil)
	}
	if e, ok := errors.AsType[*rhai.Error](err); ok {
		fmt.Println(e.Kind)
		fmt.Println(e.Show())
	}
	// Output:
	// ErrorArrayBounds
	// sum.rhai
	// 2: list[0] + list[5]
	//                   ^ Array index 5 out of bounds: only 2 elements in array (line 2, position 16)
}

// Limits end a script that would never end by itself, and so does a context.
func ExampleLimits() {
	engine := rhai.New(rhai.Options{Limits: rhai.Limits{Operations: 1000, Time: time.Second}})
	_, err := engine.Eval(context.Background(), "loop {}")
	fmt.Println(err)
	// Output: Too many operations (line 1, position 1)
}

// The same name may stand for several lists of parameters. A pointer is the
// caller's variable.
func ExampleEngine_Register() {
	engine := rhai.New(rhai.Options{Print: func(s string) { fmt.Println(s) }})
	engine.Register("double", func(n int64) int64 { return 2 * n })
	engine.Register("double", func(s string) string { return s + s })
	engine.Register("add", func(list *[]int64, n int64) { *list = append(*list, n) }, "Appends a number.")
	engine.Register("each", func(c *rhai.Context, list []int64, f rhai.Value) error {
		for _, n := range list {
			if _, err := c.Call(f, engine.FromGo(n)); err != nil {
				return err
			}
		}
		return nil
	})
	_, err := engine.Eval(context.Background(), `
		print(double(21));
		print(double("ab"));
		let list = [1, 2];
		list.add(3);
		list.each(|n| print(n));`)
	fmt.Println(err)
	// Output:
	// 42
	// abab
	// 1
	// 2
	// 3
	// <nil>
}

// A Go type gets properties, an index and methods.
func ExampleEngine_Getter() {
	type shelf struct {
		label string
		books map[string]int64
	}
	engine := rhai.New(rhai.Options{})
	engine.Name(&shelf{}, "Shelf")
	engine.Register("shelf", func(label string) *shelf { return &shelf{label, map[string]int64{}} })
	engine.Getter("label", func(s *shelf) string { return s.label })
	engine.Setter("label", func(s *shelf, label string) { s.label = label })
	engine.Indexer(
		func(s *shelf, title string) int64 { return s.books[title] },
		func(s *shelf, title string, n int64) { s.books[title] = n })
	engine.Register("count", func(s *shelf) int { return len(s.books) })
	v, err := engine.Eval(context.Background(), `
		let s = shelf("top");
		s.label += " left";
		s["Emma"] = 1;
		s["Emma"] += 1;
		[type_of(s), s.label, s["Emma"], s.count()]`)
	fmt.Println(v.Debug(), err)
	// Output: ["Shelf", "top left", 2, 1] <nil>
}

// A constant is there for every script, and for its functions.
func ExampleEngine_Constant() {
	engine := rhai.New(rhai.Options{})
	engine.Constant("LIMIT", 5)
	v, err := engine.Eval(context.Background(), `fn over(n) { n > LIMIT } [over(4), over(6)]`)
	fmt.Println(v.Debug(), err)
	// Output: [false, true] <nil>
}

// A scope keeps variables from one run to the next, and Extend the functions.
func ExampleEngine_Extend() {
	engine := rhai.New(rhai.Options{})
	var scope rhai.Scope
	var prog *rhai.Program
	for _, line := range []string{"let x = 40;", "fn add(n) { n + 2 }", "add(x)"} {
		next, err := engine.Extend(prog, "", line)
		if err != nil {
			fmt.Println(err)
			return
		}
		v, err := next.Run(context.Background(), &scope)
		fmt.Println(v.Debug(), err)
		if len(next.Functions()) > 0 {
			prog = next
		}
	}
	// Output:
	// () <nil>
	// () <nil>
	// 42 <nil>
}

// Modules come from a file system, beside the script that imports them.
func ExampleOptions() {
	engine := rhai.New(rhai.Options{Modules: fstest.MapFS{
		"lib/area.rhai": {Data: []byte("fn square(x) { x * x }")},
	}})
	v, err := engine.Eval(context.Background(), `import "lib/area" as area; area::square(7)`)
	fmt.Println(v.Debug(), err)
	// Output: 49 <nil>
}
