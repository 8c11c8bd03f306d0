package e2e_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// example returns the absolute path of an example script.
func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "examples", "scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Promise: the scripts that people have run unchanged, in the older form and
// the newer, and one upgrades service after service and stops at the first
// that does not become healthy.
func TestScripts(t *testing.T) {
	m := newMachine(t)
	m.start()
	older := filepath.Join(m.home, "older")
	if err := os.Mkdir(older, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hero_food_server", "hero_food_ui"} {
		if err := os.WriteFile(filepath.Join(older, name), []byte("#!/bin/sh\nexec sleep 1000\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want string, args ...string) {
		t.Helper()
		if got := m.do(append([]string{"hero_proc", "run"}, args...)...); got != want {
			t.Errorf("%v printed\n%swant\n%s", args, got, want)
		}
	}
	run("hero_food_server: running\nhero_food_ui: running\n", example(t, "install_and_run.rhai"), older)
	m.do("hero_proc", "remove", "hero_food")

	run("root/delivery: healthy\nroot/identity: healthy\nroot/restaurant: healthy\n",
		example(t, "install_and_run_new.rhai"), os.Getenv(binaries))
	before := m.pid("hero_food")
	run("hero_food: healthy -> healthy\n1 upgraded\n", example(t, "upgrade.rhai"))
	if m.pid("hero_food") == before {
		t.Error("the upgrade left the old process running")
	}

	// One that is broken stops the upgrade before those after it.
	run("", "-e", `proc.service("aaa_broken").exec("/bin/false").max_restarts(1).set();`)
	before = m.pid("hero_food")
	out, err := m.try("hero_proc", "run", example(t, "upgrade.rhai"))
	if err == nil || !strings.Contains(err.Error(), "aaa_broken was not upgraded, and nothing after it") {
		t.Errorf("the upgrade of a broken service: %v\n%s", err, out)
	}
	if m.pid("hero_food") != before {
		t.Error("the upgrade went on after one that failed")
	}
}

// Promise: a script's exit status tells one that failed from one that does not
// parse; print goes to stdout, debug and errors to stderr.
func TestScriptStatus(t *testing.T) {
	m := newMachine(t)
	for _, c := range []struct {
		args        []string
		status      int
		out, stderr string
	}{
		{[]string{"-e", `print("out"); debug("err")`}, 0, "out\n", "-e:1:15: \"err\"\n"},
		{[]string{"-e", `print(args())`, "--", "a", "-b"}, 0, "[\"a\", \"-b\"]\n", ""},
		{[]string{"-e", "let x = 1;\nthrow \"no\";"}, 1, "", "2: throw \"no\";\n   ^ Runtime error: no (line 2, position 1)"},
		{[]string{"-e", "let x = ;"}, 2, "", "Syntax error"},
		{[]string{"--check", "-e", `throw "it is not run"`}, 0, "", ""},
		{[]string{"--check", "-e", "fn f( {"}, 2, "", "Syntax error"},
		{[]string{"-e", "service.list()"}, 1, "", "hero_proc is not running"},
		{[]string{"--deny", "exec", "-e", `exec("true")`}, 1, "", "exec is denied to this script"},
		{[]string{"--deny", "everything", "-e", "1"}, 2, "", "no function that can be denied"},
		{[]string{"/nowhere.rhai"}, 1, "", "read the script"},
	} {
		cmd := m.command(context.Background(), append([]string{"hero_proc", "run"}, c.args...)...)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		status := 0
		if err := cmd.Run(); err != nil {
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok {
				t.Fatal(err)
			}
			status = exit.ExitCode()
		}
		if status != c.status || out.String() != c.out || !strings.Contains(errs.String(), c.stderr) {
			t.Errorf("run %q: status %d\n%s%swant %d\n%s%s", c.args, status, out.String(), errs.String(), c.status, c.out, c.stderr)
		}
	}
}

// Promise: a script runs over RPC with its output streamed, for the owner on
// the socket, and for nobody who comes through the proxy.
func TestScriptOverRPC(t *testing.T) {
	m := newMachine(t)
	m.start()
	call := func(method, params string) string {
		t.Helper()
		return m.do("hero_inspector", "call", "hero_proc", "root/script", method, params)
	}
	if got := call("script.run", `{"code":"print(1); sleep(0.1); print(proc.quick_service_status(\"hero_proxy\")); 42"}`); !strings.Contains(got, `"1"`) {
		t.Fatalf("script.run: %s", got)
	}
	if got := call("script.read", `{"id":"1","wait":10}`); !strings.Contains(got, `"text": "1"`) {
		t.Errorf("the first line: %s", got)
	}
	if got := call("script.read", `{"id":"1","from":1,"wait":10}`); !strings.Contains(got, `"text": "running"`) {
		t.Errorf("the second line: %s", got)
	}
	if got := call("script.read", `{"id":"1","from":2,"wait":10}`); !strings.Contains(got, `"result": "42"`) {
		t.Errorf("the end: %s", got)
	}
	call("script.run", `{"code":"loop {}"}`)
	if got := call("script.stop", `{"id":"2"}`); strings.TrimSpace(got) != "true" {
		t.Errorf("script.stop: %s", got)
	}
	if got := call("script.read", `{"id":"2","wait":10}`); !strings.Contains(got, `"status": 1`) {
		t.Errorf("a script that was stopped: %s", got)
	}
	var id any
	if err := m.rpc("/hero_proc/root/script/rpc", "script.run", map[string]string{"code": "1"}, &id); err == nil {
		t.Error("a script came in through the proxy")
	}
}

// Promise: a session keeps what was declared, runs a statement when it is
// whole, and goes on after an error.
func TestScriptSession(t *testing.T) {
	m := newMachine(t)
	cmd := m.command(context.Background(), "hero_proc", "repl")
	cmd.Stdin = strings.NewReader("let x = 40;\nfn add(a) {\n  a + 2\n}\nx.nope()\nadd(x)\n`a\nb`\nif true {\n\n\"after\"\n")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("a session with an error: %v", err)
	}
	if want := "42\n\"a\\nb\"\n\"after\"\n"; out.String() != want {
		t.Errorf("it printed\n%swant\n%s", out.String(), want)
	}
	if !strings.Contains(errs.String(), "Function not found: nope (i64)") || !strings.Contains(errs.String(), "Expecting '}'") {
		t.Errorf("it complained\n%s", errs.String())
	}
}
