package rhai_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

type point struct{ X, Y int64 }

type account struct {
	owner string
	coins map[string]int64
}

// hosted returns an engine with functions and types of every kind.
func hosted() *rhai.Engine {
	e := rhai.New(rhai.Options{})
	e.Register("twice", func(n int64) int64 { return 2 * n })
	e.Register("twice", func(f float64) float64 { return 2 * f })
	e.Register("twice", func(s string) string { return s + s })
	e.Register("twice", func(v rhai.Value) string { return "any " + v.TypeName() })
	e.Register("kind", func(bool, rune) string { return "bool, char" })
	e.Register("kind", func([]byte) string { return "blob" })
	e.Register("kind", func([]int64) string { return "array" })
	e.Register("kind", func(m map[string]int64) string { return fmt.Sprint(m["a"]) })
	e.Register("kind", func(time.Time) string { return "timestamp" })
	e.Register("small", func(n uint8) uint8 { return n })
	e.Register("grow", func(n *int64, by int64) { *n += by })
	e.Register("shout", func(s *string) { *s = strings.ToUpper(*s) })
	e.Register("add_all", func(list *[]int64, n int64) {
		for i := range *list {
			(*list)[i] += n
		}
	})
	e.Register("fails", func() error { return errors.New("it fails") })
	e.Register("half", func(n int64) (int64, error) {
		if n%2 != 0 {
			return 0, fmt.Errorf("%d is odd", n)
		}
		return n / 2, nil
	})
	e.Register("apply", func(c *rhai.Context, f, v rhai.Value) (rhai.Value, error) { return c.Call(f, v) })
	e.Register("nothing", func() any { return nil })

	e.Name(point{}, "Point")
	e.Register("point", func(x, y int64) point { return point{x, y} })
	e.Getter("x", func(p point) int64 { return p.X })
	e.Setter("x", func(p *point, x int64) { p.X = x })
	e.Register("move", func(p *point, by int64) { p.X += by; p.Y += by })
	e.Register("to_string", func(p point) string { return fmt.Sprintf("(%d, %d)", p.X, p.Y) })
	e.Register("==", func(a, b point) bool { return a == b })
	e.Register("+", func(a, b point) point { return point{a.X + b.X, a.Y + b.Y} })

	e.Name(&account{}, "Account")
	e.Register("account", func(owner string) *account { return &account{owner, map[string]int64{}} })
	e.Getter("owner", func(a *account) string { return a.owner })
	e.Indexer(func(a *account, coin string) int64 { return a.coins[coin] },
		func(a *account, coin string, n int64) { a.coins[coin] = n })
	e.Register("call", func(a *account, what string) string { return a.owner + " is called " + what })
	e.Constant("ORIGIN", point{})
	e.Constant("bank", &account{"the bank", map[string]int64{"gold": 9}})
	return e
}

func TestHost(t *testing.T) {
	e := hosted()
	for _, c := range []struct{ code, want string }{
		// The most exact of several functions is taken.
		{`[twice(2), twice(1.5), twice("ab"), twice(true), twice([1])]`, `[4, 3.0, "abab", "any bool", "any array"]`},
		{`[kind(true, 'c'), kind(blob(1)), kind([1]), kind(#{a: 5}), kind(timestamp())]`, `["bool, char", "blob", "array", "5", "timestamp"]`},
		{`kind(1)`, "Function not found: kind (i64)"},
		{`small(256)`, "number 256 does not fit the function"},
		{`nothing()`, "()"},
		// A pointer is the caller's variable.
		{`let n = 1; n.grow(2); grow(n, 3); n`, "6"},
		{`let a = [1, 2]; a[1].grow(10); a`, "[1, 12]"},
		{`let m = #{s: "x"}; m.s.shout(); m`, `#{"s": "X"}`},
		{`let a = [1, 2]; let b = a; a.add_all(5); [a, b]`, "[[6, 7], [1, 2]]"},
		{`const N = 1; N.grow(2)`, "Non-pure method 'grow' cannot be called on constant"},
		{`let f = |by| { let n = 1; n.grow(by); n }; f.call(4)`, "5"},
		// Errors.
		{`fails()`, "Runtime error: it fails"},
		{`let r = ""; try { half(3) } catch (e) { r = e; } [r, half(4)]`, `["3 is odd", 2]`},
		{`apply(|x| x * 2, 21)`, "42"},
		{`apply(|x| throw "within", 1)`, "Runtime error: within"},
		{`apply(5, 1)`, "i64 is no function"},
		// Types held by value.
		{`let p = point(1, 2); let q = p; p.x += 10; p.move(1); [p.x, q.x, type_of(p), p == q, q == point(1, 2)]`, `[12, 1, "Point", false, true]`},
		{"let p = point(1, 2) + point(3, 4); `${p}`", `"(4, 6)"`},
		{`let list = [point(1, 1)]; list[0].x = 5; list[0].move(1); list[0].x`, "6"},
		{`point(1, 2).y`, "Unknown property 'y' - a getter is not registered for type 'Point'"},
		// Types held by reference.
		{`let a = account("ann"); let b = a; b["gold"] = 3; a["gold"] += 4; [a["gold"], b["gold"], a.owner]`, `[7, 7, "ann"]`},
		{`account("ann").call("Ann")`, `"ann is called Ann"`},
		{`account("ann")[1]`, "Indexer unavailable: Account [i64]"},
		// Constants, in functions as well.
		{`fn f() { [ORIGIN.x, bank.owner, bank["gold"], global::ORIGIN.x] } f()`, `[0, "the bank", 9, 0]`},
		{`let f = || bank.owner; f.call()`, `"the bank"`},
		{`[is_def_var("bank"), is_def_var("till")]`, "[true, false]"},
		{`ORIGIN.x = 5`, "Cannot modify"},
		{`ORIGIN = 5`, "Cannot assign to constant ORIGIN"},
		{`let ORIGIN = 5; ORIGIN`, "5"},
	} {
		v, err := e.Eval(t.Context(), c.code)
		switch {
		case err == nil && v.Debug() != c.want:
			t.Errorf("%s: %s, want %s", c.code, v.Debug(), c.want)
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v, want %s", c.code, err, c.want)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	for name, f := range map[string]any{
		"no function": 5, "variadic": func(...int) {}, "two values": func() (int, int) { return 1, 2 },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was registered", name)
				}
			}()
			rhai.New(rhai.Options{}).Register("f", f)
		}()
	}
}

func TestScope(t *testing.T) {
	e := rhai.New(rhai.Options{})
	var scope rhai.Scope
	scope.Set("x", e.FromGo(40), false)
	scope.Set("LIMIT", e.FromGo("fixed"), true)
	prog, err := e.Compile("", `x += 2; let y = [x]; const Z = 1; { let inner = 1; } y`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prog.Run(t.Context(), &scope); err != nil {
		t.Fatal(err)
	}
	if got := scope.Names(); !slices.Equal(got, []string{"x", "LIMIT", "y", "Z"}) {
		t.Errorf("the scope holds %v", got)
	}
	if x, _ := scope.Get("x"); rhai.ToGo(x) != int64(42) {
		t.Errorf("x is %v", rhai.ToGo(x))
	}
	prog, err = e.Compile("", `LIMIT = "changed"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prog.Run(t.Context(), &scope); err == nil {
		t.Error("a constant of the scope was changed")
	}
}

func TestCallAndExtend(t *testing.T) {
	e := rhai.New(rhai.Options{})
	base, err := e.Compile("base", `const BY = 10; fn scale(x) { x * global::BY } fn later(x) { x }`)
	if err != nil {
		t.Fatal(err)
	}
	v, err := base.Call(t.Context(), nil, "scale", e.FromGo(4))
	if err != nil || rhai.ToGo(v) != int64(40) {
		t.Errorf("scale(4): %v, %v", v.Debug(), err)
	}
	if _, err := base.Call(t.Context(), nil, "nope"); err == nil {
		t.Error("a function that does not exist was called")
	}
	next, err := e.Extend(base, "next", `fn later(x) { x + 1 } later(1)`)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = next.Run(t.Context(), nil); err != nil || rhai.ToGo(v) != int64(2) {
		t.Errorf("later(1): %v, %v", v.Debug(), err)
	}
}

// TestOneProgramManyRuns holds that runs at once share nothing.
func TestOneProgramManyRuns(t *testing.T) {
	e := hosted()
	prog, err := e.Compile("", `
		fn add(n) { x += n; x } fn name() { let f = || bank.owner; f.call() }
		let x = 0; let a = []; let f = |n| { a.push(n); x += n };
		for i in 0..100 { f.call(i); add!(1); eval("x -= 1;"); name(); }
		[x, a.len]`)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	for range 8 {
		go func() {
			v, err := prog.Run(context.Background(), nil)
			done <- fmt.Sprint(v.Debug(), err)
		}()
	}
	for range 8 {
		if got := <-done; got != "[4950, 100]<nil>" {
			t.Error(got)
		}
	}
}

func TestGoValues(t *testing.T) {
	e := rhai.New(rhai.Options{})
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, "()"}, {true, "true"}, {7, "7"}, {uint8(7), "7"}, {1.5, "1.5"}, {float32(0.5), "0.5"}, {'x', "x"}, {"s", `"s"`},
		{[]any{1, "a", nil}, `[1, "a", ()]`}, {map[string]any{"k": []int{1}}, `#{"k": [1]}`}, {[]byte{1, 255}, "[01ff]"},
		{(*int)(nil), "()"},
	} {
		if got := e.FromGo(c.in).Debug(); got != c.want {
			t.Errorf("FromGo(%#v) is %s, want %s", c.in, got, c.want)
		}
	}
	v, err := rhai.ParseJSON(`{"a": [1, 1.0, null, "x"], "b": {}}`)
	if err != nil || v.Debug() != `#{"a": [1, 1.0, (), "x"], "b": #{}}` {
		t.Errorf("ParseJSON: %s, %v", v.Debug(), err)
	}
	if got := rhai.JSON(v); got != `{"a":[1,1.0,null,"x"],"b":{}}` {
		t.Errorf("JSON: %s", got)
	}
	if _, err := rhai.ParseJSON("{"); err == nil {
		t.Error("ParseJSON took half a text")
	}
}

// TestNames holds that what is registered can be listed, for documents and for
// completion.
func TestNames(t *testing.T) {
	e := rhai.New(rhai.Options{})
	e.Name(&account{}, "Account")
	e.Register("pay", func(c *rhai.Context, a *account, n int64, list []string, f rhai.Value) {}, "Pays.")
	e.Getter("owner", func(a *account) string { return a.owner })
	var pay *rhai.Function
	for _, f := range e.Registered() {
		if f.Name == "pay" {
			pay = &f
		}
	}
	if pay == nil || pay.Signature() != "pay(Account, i64, array, any)" || pay.Doc != "Pays." || pay.Method {
		t.Errorf("pay is %+v", pay)
	}
	names := e.Names()
	for _, want := range []string{"pay", "print", "split", "parse_json", "sort"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among the names", want)
		}
	}
	for _, name := range names {
		if strings.ContainsAny(name, "$+-*/=<>!") {
			t.Errorf("%q is no name that scripts write", name)
		}
	}
}
