package scriptlib_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/scriptlib"
)

var update = flag.Bool("update", false, "write the golden files anew")

// run runs a script and returns what it printed.
func run(t *testing.T, o scriptlib.Options, code string) (string, error) {
	t.Helper()
	var out strings.Builder
	o.Print = func(s string) { out.WriteString(s + "\n") }
	e, err := scriptlib.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Eval(t.Context(), code)
	return out.String(), err
}

func TestReferenceIsCurrent(t *testing.T) {
	const page = "../../docs/reference/rhai.md"
	want, err := scriptlib.Reference()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/reference/rhai.md is not current (%v); write it anew: go test ./internal/scriptlib -update", err)
	}
	for line := range strings.SplitSeq(want, "\n") {
		if strings.HasSuffix(line, "|  |") || strings.Contains(line, "(proc") || strings.Contains(line, "(definition") || strings.Contains(line, "(service,") {
			t.Errorf("no word of what this does: %s", line)
		}
	}
}

func TestMachine(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("short and stout"))
	}))
	defer server.Close()
	o := scriptlib.Options{
		Dir: dir, Args: []string{"one", "two", server.URL},
		Getenv: func(name string) string { return map[string]string{"HOME": "/home/x"}[name] },
	}
	for _, c := range []struct{ code, want, err string }{
		{`print(args()[1]); print(args().len())`, "two\n3\n", ""},
		{`print(env("HOME")); print(env("NONE") ?? "none")`, "/home/x\nnone\n", ""},
		{`write_file("a.txt", "x\n"); print(read_file("a.txt")); print(file_exists("a.txt")); print(file_exists("b.txt"))`, "x\n\ntrue\nfalse\n", ""},
		{`read_file("b.txt")`, "", "no such file"},
		{`let r = exec("echo out; echo err >&2; exit 3"); print(r)`, "#{\"code\": 3, \"stderr\": \"err\\n\", \"stdout\": \"out\\n\"}\n", ""},
		{`print(exec("printf", ["%s-", "a b", "$HOME"]).stdout)`, "a b-$HOME-\n", ""},
		{`exec("/no/such/program", [])`, "", "no such file"},
		{`let r = http_get(args()[2]); print(r.status); print(r.body)`, "418\nshort and stout\n", ""},
		{`http_get(args()[2] + "/away")`, "", "192.0.2.1:80 is not on this machine"},
		{`http_get("http://192.0.2.1/")`, "", "is not on this machine"},
		{`http_get("file:///etc/passwd")`, "", "is no http URL"},
		{`try { read_file("b.txt") } catch (e) { print(type_of(e)) }`, "string\n", ""},
	} {
		got, err := run(t, o, c.code)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s\nprinted %q, %v\nwant    %q, %s", c.code, got, err, c.want, c.err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestDeny(t *testing.T) {
	calls := map[string]string{
		"env": `env("X")`, "exec": `exec("true")`, "file_exists": `file_exists("x")`, "read_file": `read_file("x")`,
		"write_file": `write_file("x", "")`, "http_get": `http_get("http://127.0.0.1/")`, "sleep": `sleep(0)`,
	}
	for _, name := range scriptlib.Deniable() {
		for _, deny := range []string{name, "all"} {
			if _, err := run(t, scriptlib.Options{Deny: []string{deny}}, calls[name]); err == nil || fault.Of(err) != fault.Denied {
				t.Errorf("%s with %s denied: %v", calls[name], deny, err)
			}
		}
	}
	if _, err := run(t, scriptlib.Options{Deny: []string{"exec"}}, `exec("true", [])`); fault.Of(err) != fault.Denied {
		t.Errorf("exec of two arguments is not denied: %v", err)
	}
	// A definition has a method of the same name, which is none of it.
	if _, err := run(t, scriptlib.Options{Deny: []string{"exec"}}, `proc.service("x").exec("true").env("K", "V")`); err != nil {
		t.Error(err)
	}
	if _, err := scriptlib.New(scriptlib.Options{Deny: []string{"print"}}); fault.Of(err) != fault.Invalid {
		t.Errorf("deny what cannot be denied: %v", err)
	}
}

func TestWithoutSupervisor(t *testing.T) {
	places := scriptlib.Options{}.Places
	places.Home, places.Sockets = t.TempDir(), t.TempDir()
	_, err := run(t, scriptlib.Options{Places: places}, `proc.quick_service_start("x")`)
	if err == nil || !strings.Contains(scriptlib.Show(err), "hint: start it: hero_proc up") {
		t.Errorf("error: %v", err)
	}
}

// TestCancel holds that whatever a script waits for, it ends with its context.
func TestCancel(t *testing.T) {
	for _, code := range []string{"loop {}", "sleep(1000)", `exec("sleep 1000")`} {
		e, err := scriptlib.New(scriptlib.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := e.Eval(ctx, code)
			done <- err
		}()
		cancel()
		if err := <-done; err == nil {
			t.Errorf("%s went on", code)
		}
	}
}
