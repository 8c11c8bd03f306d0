package cli_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
)

func TestColumnsCountNoColours(t *testing.T) {
	p := cli.On()
	got := cli.Columns([][]string{{"NAME", "STATE", "N"}, {"a", p.Good("running"), "1"}, {"größer", p.Bad("failed"), ""}})
	want := []string{
		"NAME    STATE    N",
		"a       \x1b[32mrunning\x1b[0m  1",
		"größer  \x1b[31mfailed\x1b[0m",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: %q, want %q", i, got[i], want[i])
		}
	}
}

// TestWhatAServiceSaysDoesNotSteerTheTerminal is about a manifest or a file's
// name that sets the window's title, moves the cursor or turns the text round.
func TestWhatAServiceSaysDoesNotSteerTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\a1.0\x1b[2J\r\u202e"
	lines := cli.Columns([][]string{{"NAME", "VERSION"}, {"a", evil}, {"b\n", "\x1b[32m1\x1b[0m"}})
	text := strings.Join(lines, "") + cli.CleanLines(evil)
	if strings.ContainsAny(text, "\a\r\n\u202e") || strings.Contains(text, "\x1b]") || strings.Contains(text, "\x1b[2J") {
		t.Errorf("%q", text)
	}
	if want := "one\ntwo"; cli.CleanLines(want) != want {
		t.Errorf("%q", cli.CleanLines(want))
	}
}

func TestColourIsForTerminals(t *testing.T) {
	var out bytes.Buffer
	if got := (cli.Env{Stdout: &out}).Paint().Bad("x"); got != "x" {
		t.Errorf("into a pipe: %q", got)
	}
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := (cli.Env{Stdout: f}).Paint().Bad("x"); got != "x" {
		t.Errorf("into a file: %q", got)
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{"exactly", 7, "exactly"},
		{"too long", 5, "too …"},
		{"\x1b[31mred text\x1b[0m", 5, "\x1b[31mred …\x1b[0m"},
		{"äöüß", 3, "äö…"},
	} {
		if got := cli.Cut(c.in, c.n); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext":      "plain\ttext",
		"\x1b[31mred":      "\x1b[31mred\x1b[0m",
		"\x1b[2Jgone":      `\x1b[2Jgone`,
		"\x1b]0;title\x07": `\x1b]0;title\a`,
		"over\rwritten":    `over\rwritten`,
		"\u202egnp.exe":    `\u202egnp.exe`,
	} {
		if got := cli.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := cli.Clean("\x1b[31mred\x07"); got != "\x1b[31mred\\a\x1b[0m" {
		t.Errorf("a colour that is left on: %q", got)
	}
}

// FuzzClean holds that nothing a stranger writes steers a terminal, and that a
// line that was cut is no wider than it may be.
func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m \x1b[2J \x9b31m \u202e", 4)
	f.Fuzz(func(t *testing.T, s string, n int) {
		c := cli.Clean(s)
		rest := c
		for {
			i := strings.IndexByte(rest, '\x1b')
			if i < 0 {
				break
			}
			end := strings.IndexByte(rest[i:], 'm')
			if end < 0 || strings.Trim(rest[i:i+end+1], "\x1b[0123456789;m") != "" {
				t.Fatalf("Clean(%q) = %q steers the terminal", s, c)
			}
			rest = rest[i+end+1:]
		}
		if strings.ContainsAny(c, "\r\n\a\b\u009b\u202e") {
			t.Fatalf("Clean(%q) = %q holds controls", s, c)
		}
		if n = n&0xff + 1; utf8.ValidString(s) && cli.Width(cli.Cut(c, n)) > n {
			t.Fatalf("Cut(%q, %d) is %d wide", c, n, cli.Width(cli.Cut(c, n)))
		}
	})
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":  "plain",
		"{plain": "{plain",
		`[1,2]`:  "[1,2]",
		`{"time":"2026-01-02T03:04:05Z","level":"warn","msg":"slow","took":"3s","n":4}`: "WARN slow n=4 took=3s",
		`{"message":"hi","a":{"b":[1]}}`:                                                `hi a={"b":[1]}`,
		`{"level":30,"msg":"pino","pid":1}`:                                             "pino level=30 pid=1",
		`  {"severity":"ERROR","error":"disk"} `:                                        "ERROR error=disk",
		`{"msg":"a","msg":"b"}`:                                                         `{"msg":"a","msg":"b"}`,
	} {
		if got := (cli.Paint{}).Line(in); got != want {
			t.Errorf("Line(%s) = %q, want %q", in, got, want)
		}
	}
	if got := cli.On().Line(`{"level":"error","msg":"no"}`); got != "\x1b[31mERROR\x1b[0m no" {
		t.Errorf("coloured: %q", got)
	}
}

func TestComplete(t *testing.T) {
	p := cli.Program{Name: "tool", Commands: []cli.Command{
		{Name: "start", Complete: func(_ context.Context, _ cli.Env, args []string) []string {
			if len(args) > 0 && args[0] == "alpha" {
				return []string{"beta"}
			}
			return []string{"alpha", "beta"}
		}, Flags: func(f *flag.FlagSet) { f.Bool("json", false, ""); f.Bool("f", false, "") }},
		{Name: "stop"},
	}}
	for in, want := range map[string]string{
		"":             "completion help start stop version",
		"st":           "start stop",
		"start|":       "alpha beta",
		"start|a":      "alpha",
		"start|alpha|": "beta",
		"start|--":     "--help --json",
		"start|-":      "--help --json -f",
		"start|--|":    "",
		"stop|":        "",
		"nothing|":     "",
		"completion|f": "fish",
	} {
		var out bytes.Buffer
		args := append([]string{"__complete"}, strings.Split(in, "|")...)
		if status := p.Run(t.Context(), cli.Env{Args: args, Stdout: &out}); status != 0 {
			t.Errorf("%q: status %d", in, status)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); got != want {
			t.Errorf("complete %q: %q, want %q", in, got, want)
		}
	}
}

func TestConfirmNeedsAPerson(t *testing.T) {
	var out bytes.Buffer
	yes, err := (cli.Env{Stdin: strings.NewReader("y\n"), Stdout: &out}).Confirm("Sure?", "--yes")
	if yes || err == nil {
		t.Errorf("a pipe answered: %v, %v", yes, err)
	}
}
