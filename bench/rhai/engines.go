package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/d5/tengo/v2"
	"github.com/dop251/goja"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

func rhaiEngine() engine {
	return engine{
		name: "hero rhai",
		compile: func(source string) (func() (int64, error), error) {
			prog, err := rhai.New(rhai.Options{}).Compile("bench", source)
			if err != nil {
				return nil, err
			}
			return func() (int64, error) {
				v, err := prog.Run(context.Background(), nil)
				if err != nil {
					return 0, err
				}
				return rhai.ToGo(v).(int64), nil
			}, nil
		},
		sources: map[string]string{
			"fibonacci(27)": `fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(27)`,
			"prime sieve": `
				const MAX = 200000;
				let sieve = []; sieve.pad(MAX + 1, true);
				let count = 0;
				for p in 2..=MAX {
					if !sieve[p] { continue; }
					count += 1;
					let i = p * p;
					while i <= MAX { sieve[i] = false; i += p; }
				}
				count`,
			"string loop": `
				let total = 0;
				for i in 0..20000 {
					let s = "item-" + i;
					s += ":" + (i * 2);
					if s.contains("99") { total += 1; }
					total += s.len();
				}
				total`,
			"map loop": `
				let m = #{};
				for i in 0..20000 { let k = "k" + (i % 1000); if k in m { m[k] += i; } else { m[k] = i; } }
				let total = 0;
				for k in m.keys() { total += m[k]; }
				total`,
		},
	}
}

func gojaEngine() engine {
	return engine{
		name: "goja (JavaScript)",
		compile: func(source string) (func() (int64, error), error) {
			prog, err := goja.Compile("bench", "(function(){"+source+"})()", true)
			if err != nil {
				return nil, err
			}
			return func() (int64, error) {
				v, err := goja.New().RunProgram(prog)
				if err != nil {
					return 0, err
				}
				return v.ToInteger(), nil
			}, nil
		},
		sources: map[string]string{
			"fibonacci(27)": `function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) } return fib(27)`,
			"prime sieve": `
				const MAX = 200000; const sieve = []; for (let i = 0; i <= MAX; i++) sieve.push(true);
				let count = 0;
				for (let p = 2; p <= MAX; p++) {
					if (!sieve[p]) continue;
					count++;
					for (let i = p * p; i <= MAX; i += p) sieve[i] = false;
				}
				return count`,
			"string loop": `
				let total = 0;
				for (let i = 0; i < 20000; i++) {
					let s = "item-" + i;
					s += ":" + (i * 2);
					if (s.includes("99")) total++;
					total += s.length;
				}
				return total`,
			"map loop": `
				const m = {};
				for (let i = 0; i < 20000; i++) { const k = "k" + (i % 1000); if (k in m) m[k] += i; else m[k] = i; }
				let total = 0;
				for (const k of Object.keys(m)) total += m[k];
				return total`,
		},
	}
}

func tengoEngine() engine {
	return engine{
		name: "tengo",
		compile: func(source string) (func() (int64, error), error) {
			s := tengo.NewScript([]byte(source))
			if err := s.Add("contains", &tengo.UserFunction{Name: "contains", Value: func(args ...tengo.Object) (tengo.Object, error) {
				a, _ := tengo.ToString(args[0])
				b, _ := tengo.ToString(args[1])
				if strings.Contains(a, b) {
					return tengo.TrueValue, nil
				}
				return tengo.FalseValue, nil
			}}); err != nil {
				return nil, err
			}
			c, err := s.Compile()
			if err != nil {
				return nil, err
			}
			return func() (int64, error) {
				if err := c.Run(); err != nil {
					return 0, err
				}
				return c.Get("result").Int64(), nil
			}, nil
		},
		sources: map[string]string{
			"fibonacci(27)": "fib := func(n) { if n < 2 { return n }; return fib(n-1) + fib(n-2) }\nresult := fib(27)",
			"prime sieve": `
				run := func() {
					max := 200000; sieve := []; for i := 0; i <= max; i++ { sieve = append(sieve, true) }
					count := 0
					for p := 2; p <= max; p++ {
						if !sieve[p] { continue }
						count++
						for i := p * p; i <= max; i += p { sieve[i] = false }
					}
					return count
				}
				result := run()`,
			"string loop": `
				run := func() {
					total := 0
					for i := 0; i < 20000; i++ {
						s := "item-" + i
						s += ":" + (i * 2)
						if contains(s, "99") { total++ }
						total += len(s)
					}
					return total
				}
				result := run()`,
			"map loop": `
				run := func() {
					m := {}
					for i := 0; i < 20000; i++ { k := "k" + (i % 1000); if m[k] != undefined { m[k] += i } else { m[k] = i } }
					total := 0
					for k, v in m { total += v }
					return total
				}
				result := run()`,
		},
	}
}

func starlarkEngine() engine {
	opts := &syntax.FileOptions{While: true, Recursion: true, GlobalReassign: true, TopLevelControl: true}
	return engine{
		name: "starlark-go",
		compile: func(source string) (func() (int64, error), error) {
			_, prog, err := starlark.SourceProgramOptions(opts, "bench", source, func(string) bool { return false })
			if err != nil {
				return nil, err
			}
			return func() (int64, error) {
				globals, err := prog.Init(&starlark.Thread{}, nil)
				if err != nil {
					return 0, err
				}
				n, ok := globals["result"].(starlark.Int).Int64()
				if !ok {
					return 0, fmt.Errorf("the result is %v", globals["result"])
				}
				return n, nil
			}, nil
		},
		sources: map[string]string{
			"fibonacci(27)": "def fib(n):\n  if n < 2:\n    return n\n  return fib(n-1) + fib(n-2)\nresult = fib(27)",
			"prime sieve": `
def run():
  max = 200000
  sieve = [True] * (max + 1)
  count = 0
  for p in range(2, max + 1):
    if not sieve[p]:
      continue
    count += 1
    for i in range(p * p, max + 1, p):
      sieve[i] = False
  return count
result = run()`,
			"string loop": `
def run():
  total = 0
  for i in range(20000):
    s = "item-" + str(i)
    s += ":" + str(i * 2)
    if "99" in s:
      total += 1
    total += len(s)
  return total
result = run()`,
			"map loop": `
def run():
  m = {}
  for i in range(20000):
    k = "k" + str(i % 1000)
    if k in m:
      m[k] += i
    else:
      m[k] = i
  total = 0
  for k in m.keys():
    total += m[k]
  return total
result = run()`,
		},
	}
}

func luaEngine() engine {
	return engine{
		name: "gopher-lua",
		compile: func(source string) (func() (int64, error), error) {
			chunk, err := parse.Parse(strings.NewReader(source), "bench")
			if err != nil {
				return nil, err
			}
			proto, err := lua.Compile(chunk, "bench")
			if err != nil {
				return nil, err
			}
			return func() (int64, error) {
				l := lua.NewState()
				defer l.Close()
				l.Push(l.NewFunctionFromProto(proto))
				if err := l.PCall(0, 1, nil); err != nil {
					return 0, err
				}
				return int64(lua.LVAsNumber(l.Get(-1))), nil
			}, nil
		},
		sources: map[string]string{
			"fibonacci(27)": `local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end return fib(27)`,
			"prime sieve": `
				local max = 200000; local sieve = {}; for i = 0, max do sieve[i] = true end
				local count = 0
				for p = 2, max do
					if sieve[p] then
						count = count + 1
						for i = p * p, max, p do sieve[i] = false end
					end
				end
				return count`,
			"string loop": `
				local total = 0
				for i = 0, 19999 do
					local s = "item-" .. i
					s = s .. ":" .. (i * 2)
					if string.find(s, "99", 1, true) then total = total + 1 end
					total = total + #s
				end
				return total`,
			"map loop": `
				local m = {}
				for i = 0, 19999 do local k = "k" .. (i % 1000); if m[k] ~= nil then m[k] = m[k] + i else m[k] = i end end
				local total = 0
				for k, v in pairs(m) do total = total + v end
				return total`,
		},
	}
}

// startTime is how long a script of a hundred lines takes from its text to its
// end, a new engine included.
func startTime(rounds int) (time.Duration, error) {
	var b strings.Builder
	for i := range 25 {
		fmt.Fprintf(&b, "fn step_%d(name, n) {\n    if n > %d { `${name}: ${n}` } else { name + \"!\" }\n}\nlet v_%d = step_%d(\"service\", %d);\n", i, i, i, i, i*2)
	}
	var took []time.Duration
	for range rounds * 10 {
		since := time.Now()
		if _, err := rhai.New(rhai.Options{}).Eval(context.Background(), b.String()); err != nil {
			return 0, err
		}
		took = append(took, time.Since(since))
	}
	return median(took), nil
}
