package inspect_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// TestSnippets runs each program against a server at the proxy's address, with
// params that are hard to quote.
func TestSnippets(t *testing.T) {
	m := newMachine(t)
	in := inspect.New(inspect.Options{Places: m.places})
	p := find(t, m.food(), "root", "delivery")
	const hard = `a "b" 'c' \ $(x) ${y} ` + "`z` <é>\u2028"
	params := json.Value(`{"to":` + mustQuote(t, hard) + `}`)
	h := domain(t, "1")
	server := httptest.NewServer(stripTo("/hero_food/root/delivery", h))
	defer server.Close()
	programs := map[string][]string{"Shell": {"sh", "x.sh"}, "Go": {"go", "run", "x.go"}, "TypeScript": {"node", "x.mjs"}, "Python": {"python3", "x.py"}}
	for _, s := range in.Snippets(p, server.URL, "create", params) {
		t.Run(s.Name, func(t *testing.T) {
			args := programs[s.Name]
			if _, err := exec.LookPath(args[0]); err != nil || testing.Short() {
				t.Skipf("left out: there is no %s here, or -short", args[0])
			}
			if _, err := exec.LookPath("curl"); s.Name == "Shell" && err != nil {
				t.Skip("left out: there is no curl here")
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, args[len(args)-1]), []byte(s.Text), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			// What comes back holds what was sent, quoted as each prints it.
			if err != nil || !strings.Contains(string(out), "$(x) ${y} `z` <é>") || !strings.Contains(string(out), "to a ") {
				t.Errorf("%v: %s\n%s", err, out, s.Text)
			}
		})
	}
}

func TestInputs(t *testing.T) {
	text := inspect.InputOf("to", true, "", "string", inspect.Shape{Type: "string"})
	maybe := inspect.InputOf("note", false, "", "string", inspect.Shape{Type: "string"})
	number := inspect.InputOf("n", true, "", "integer", inspect.Shape{Type: "integer"})
	choice := inspect.InputOf("c", false, "", "", inspect.Shape{Type: "string", Enum: []string{`"a"`, `"b"`}})
	other := inspect.InputOf("o", false, "", "", inspect.Shape{Type: "object"})
	all := []inspect.Input{text, maybe, number, choice, other}
	for _, c := range []struct {
		byPosition bool
		typed      []string
		want, err  string
	}{
		{false, []string{`say "hi"`, "", "3", `"b"`, `{"x":[1]}`}, `{"to":"say \"hi\"","n":3,"c":"b","o":{"x":[1]}}`, ""},
		{false, []string{"", "", " 3 ", "", ""}, `{"to":"","n":3}`, ""},
		{true, []string{"a", "", "3", "", ""}, `["a",null,3]`, ""},
		{false, []string{"a", "", "", "", ""}, "", "n is missing"},
		{false, []string{"a", "", "three", "", ""}, "", `"three" is not a number`},
		{false, []string{"a", "", `"3"`, "", ""}, "", "is not a number"},
		{false, []string{"a", "", "3", "", "{"}, "", "is not JSON"},
	} {
		got, err := inspect.FromInputs(c.byPosition, all, c.typed)
		if err == nil {
			if e := got.Compact(); e != nil {
				t.Error(e)
			}
		}
		if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %s %v, want %s %s", c.typed, got, err, c.want, c.err)
		}
	}
}
