package rhai_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limits rhai.Limits
		code   string
		want   string // the error's kind; "" for none
	}{
		{rhai.Limits{Operations: 1000}, "loop {}", "ErrorTooManyOperations"},
		{rhai.Limits{Operations: 1000}, "while true { try { loop {} } catch { } }", "ErrorTooManyOperations"},
		{rhai.Limits{Operations: 1000}, "fn f() { loop {} } [1].map(|x| f())", "ErrorTooManyOperations"},
		{rhai.Limits{Operations: 1000}, `eval("loop {}")`, "ErrorTooManyOperations"},
		{rhai.Limits{Operations: 1000}, "for i in 0..100 {}", ""},
		{rhai.Limits{CallDepth: 10}, "fn f(n) { if n == 0 { 0 } else { f(n - 1) } } f(8)", ""},
		{rhai.Limits{CallDepth: 10}, "fn f(n) { if n == 0 { 0 } else { f(n - 1) } } f(20)", "ErrorStackOverflow"},
		{rhai.Limits{CallDepth: 10}, "let f = || 1; f = |g| g.call(g); f.call(f)", "ErrorStackOverflow"},
		{rhai.Limits{ExprDepth: 5}, "((((((((1))))))))", "ErrorParsing"},
		{rhai.Limits{FuncExprDepth: 5}, "fn f() { ((((((((1)))))))) }", "ErrorParsing"},
		{rhai.Limits{}, strings.Repeat("(", 1000), "ErrorParsing"},
		{rhai.Limits{}, strings.Repeat("[", 100000), "ErrorParsing"},
		{rhai.Limits{}, strings.Repeat("!", 100000) + "true", "ErrorParsing"},
		{rhai.Limits{}, strings.Repeat("{", 100000), "ErrorParsing"},
		{rhai.Limits{}, strings.Repeat("`${", 100000), "ErrorParsing"},
		{rhai.Limits{}, strings.Repeat("if true {", 100000), "ErrorParsing"},
		{rhai.Limits{}, "1" + strings.Repeat("+1", 100000), "ErrorParsing"},
		{rhai.Limits{}, "a" + strings.Repeat(".b", 100000), "ErrorParsing"},
		{rhai.Limits{String: 10}, `"12345678901"`, "ErrorParsing"},
		{rhai.Limits{String: 10}, `let s = "123456"; s += s`, "ErrorDataTooLarge"},
		{rhai.Limits{String: 10}, `let s = "1234"; s.pad(20, "x")`, "ErrorDataTooLarge"},
		{rhai.Limits{String: 10}, "let s = `${123456}${123456}`", "ErrorDataTooLarge"},
		{rhai.Limits{String: 10}, `["123456", "123456"]`, "ErrorDataTooLarge"},
		{rhai.Limits{Array: 5}, "[1, 2, 3, 4, 5, 6]", "ErrorParsing"},
		{rhai.Limits{Array: 5}, "let a = []; loop { a.push(1); }", "ErrorDataTooLarge"},
		{rhai.Limits{Array: 5}, "let a = [1]; loop { a = [a, a]; }", "ErrorDataTooLarge"},
		{rhai.Limits{Array: 5}, "let a = [1, 2, 3]; a += a", "ErrorDataTooLarge"},
		{rhai.Limits{Array: 5}, "let a = []; a.pad(1000000000, 0)", "ErrorDataTooLarge"},
		{rhai.Limits{Array: 5}, "blob(10)", "ErrorDataTooLarge"},
		{rhai.Limits{Array: 5}, `parse_json("[1,2,3,4,5,6]")`, "ErrorDataTooLarge"},
		{rhai.Limits{Map: 2}, "#{a: 1, b: 2, c: 3}", "ErrorParsing"},
		{rhai.Limits{Map: 2}, "let m = #{}; for i in 0..9 { m[`k${i}`] = i; }", "ErrorDataTooLarge"},
		{rhai.Limits{Variables: 3}, "let a = 1; let b = 1; let c = 1; let d = 1;", "ErrorTooManyVariables"},
		{rhai.Limits{Functions: 1}, "fn a() {} fn b() {}", "ErrorParsing"},
		{rhai.Limits{}, "let a = []; a.pad(1 << 62, 0)", "ErrorDataTooLarge"},
		{rhai.Limits{}, "blob(1 << 62)", "ErrorDataTooLarge"},
	} {
		c.limits.Time = 20 * time.Second
		_, err := rhai.New(rhai.Options{Limits: c.limits}).Eval(t.Context(), c.code)
		got := ""
		if e, ok := errors.AsType[*rhai.Error](err); ok {
			got = e.Kind
		}
		if got != c.want {
			t.Errorf("%.60s with %+v: %.200v, want %s", c.code, c.limits, err, c.want)
		}
	}
}

// TestTime holds that wall time is limited, in loops and in sleep.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := rhai.New(rhai.Options{Limits: rhai.Limits{Time: time.Minute}})
		since := time.Now()
		if _, err := e.Eval(t.Context(), "sleep(30); 1"); err != nil {
			t.Errorf("sleep within the limit: %v", err)
		}
		if _, err := e.Eval(t.Context(), "try { sleep(3600); } catch { 1 }"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sleep beyond the limit: %v", err)
		}
		if took := time.Since(since); took < 90*time.Second || took > 91*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	e := rhai.New(rhai.Options{Limits: rhai.Limits{Time: time.Millisecond}})
	if _, err := e.Eval(t.Context(), "loop {}"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an endless loop: %v", err)
	}
}

// TestCancelled holds that a script ends with its context, whatever it does,
// and that it cannot catch that.
func TestCancelled(t *testing.T) {
	for _, code := range []string{
		"loop {}", "while true {}", "for i in 0.. {}", "for i in 0..9223372036854775807 {}",
		"[1].map(|x| loop {})", "loop { try { throw 1; } catch { } }", "sleep(1e9)", `eval("loop {}")`, "do {} while true", "let a = range(0, 1 << 62); for x in a {}",
	} {
		e := rhai.New(rhai.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		started := make(chan struct{})
		go func() {
			close(started)
			_, err := e.Eval(ctx, code)
			done <- err
		}()
		<-started
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "Syntax error") {
			t.Errorf("%s: %v", code, err)
		}
	}
}
