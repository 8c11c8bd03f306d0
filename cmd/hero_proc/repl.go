package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

func replCommand() cli.Command {
	var deny []string
	return cli.Command{
		Name: "repl", Args: "[--deny exec,…]", Help: "type a script line by line",
		Flags: func(f *flag.FlagSet) { denyFlag(f, &deny) },
		Run: func(_ context.Context, c cli.Call) error {
			dir, err := os.OpenRoot(".")
			if err != nil {
				return fmt.Errorf("open this folder: %w", err)
			}
			defer dir.Close()
			engine, err := scriptEngine(c.Env, deny, nil, dir.FS())
			if err != nil {
				return err
			}
			s := &repl{env: c.Env, engine: engine, scope: &rhai.Scope{}}
			in, ok := c.Stdin.(*os.File)
			if !ok || !term.IsTerminal(int(in.Fd())) {
				return s.plain(c.Stdin)
			}
			return s.interactive(in)
		},
	}
}

// repl is one session: what was declared stays.
type repl struct {
	env    cli.Env
	engine *rhai.Engine
	scope  *rhai.Scope
	prog   *rhai.Program // holds the functions so far
	failed bool
}

// The prompts of a terminal: for a statement, and for its further lines.
const (
	promptFirst = "> "
	promptMore  = ". "
)

// plain reads statements from a file or a pipe.
func (s *repl) plain(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	text := ""
	for lines.Scan() {
		text = s.feed(text, lines.Text())
	}
	if text != "" {
		s.eval(text)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	if s.failed {
		return scriptFailed
	}
	return nil
}

// interactive reads statements from a terminal, with a history that lasts and
// Tab to complete a name.
func (s *repl) interactive(in *os.File) error {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, s.env.Stdout}, promptFirst)
	t.AutoCompleteCallback = s.complete
	history := s.history()
	for _, line := range history {
		t.History.Add(line)
	}
	fmt.Fprintln(s.env.Stdout, "A script line by line; an empty line ends a statement that goes on. Ctrl-D leaves.")
	text := ""
	for {
		t.SetPrompt(promptFirst)
		if text != "" {
			t.SetPrompt(promptMore)
		}
		// A script runs with the terminal as it was, so that Ctrl-C ends it.
		state, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return fmt.Errorf("read from the terminal: %w", err)
		}
		line, err := t.ReadLine()
		if back := term.Restore(int(in.Fd()), state); back != nil {
			return fmt.Errorf("restore the terminal: %w", back)
		}
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(s.env.Stdout)
			return s.remember(history)
		}
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return fmt.Errorf("read from the terminal: %w", err)
		}
		if strings.TrimSpace(line) != "" {
			history = append(history, line)
		}
		text = s.feed(text, line)
	}
}

// feed adds a line to the text of a statement, and runs it when it is whole.
// It returns what is not run yet.
func (s *repl) feed(text, line string) string {
	goesOn := text != ""
	text = strings.TrimPrefix(text+"\n"+line, "\n")
	if strings.TrimSpace(text) == "" {
		return ""
	}
	if _, err := s.engine.Compile("repl", text); incomplete(err, text) && !(goesOn && strings.TrimSpace(line) == "") {
		return text
	}
	s.eval(text)
	return ""
}

// incomplete reports whether more text could mend what does not parse: the
// fault is at its end, or a string is open that may hold line breaks.
func incomplete(err error, text string) bool {
	e, ok := errors.AsType[*rhai.Error](err)
	if !ok {
		return false
	}
	lines := strings.Split(strings.TrimRight(text, " \t\n"), "\n")
	if n := int(e.Pos.Line); n != len(lines) {
		if n < 1 || n > len(lines) {
			return true
		}
	} else if int(e.Pos.Col) > utf8.RuneCountInString(lines[n-1]) {
		return true
	}
	at := []rune(lines[e.Pos.Line-1])[max(0, int(e.Pos.Col)-1):]
	return strings.Contains(e.Message(), "not terminated") && len(at) > 0 && (at[0] == '`' || at[0] == '#')
}

// eval runs a statement and shows its value.
func (s *repl) eval(text string) {
	prog, err := s.engine.Extend(s.prog, "repl", text)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		var v rhai.Value
		if v, err = prog.Run(ctx, s.scope); err == nil && !v.IsUnit() {
			fmt.Fprintln(s.env.Stdout, v.Debug())
		}
		if len(prog.Functions()) > 0 {
			s.prog = prog
		}
	}
	if err != nil {
		s.failed = true
		_ = complain(s.env, err, scriptFailed) // the session goes on
	}
}

// words are what a name may be completed to: after proc. and service. their
// methods, after another dot any function, else functions and variables.
func (s *repl) words(object string, method bool) []string {
	var out []string
	for _, f := range s.engine.Registered() {
		if object != "" && len(f.Params) > 0 && f.Params[0] == object {
			out = append(out, f.Name)
		}
	}
	if object == "" {
		out = append(out, s.engine.Names()...)
	}
	if !method {
		out = append(out, "proc", "service")
		out = append(out, s.scope.Names()...)
		if s.prog != nil {
			for _, f := range s.prog.Functions() {
				out = append(out, f.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// complete is what Tab does: it completes the name before the cursor as far as
// it is clear.
func (s *repl) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	before := line[:pos]
	from := strings.LastIndexFunc(before, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) + 1
	prefix, object := before[from:], ""
	method := from > 0 && before[from-1] == '.'
	for _, name := range []string{"proc", "service"} {
		if method && strings.HasSuffix(before[:from-1], name) {
			object = name
		}
	}
	common, found := "", false
	for _, w := range s.words(object, method) {
		switch {
		case !strings.HasPrefix(w, prefix):
		case !found:
			common, found = w, true
		default:
			for !strings.HasPrefix(w, common) {
				common = common[:len(common)-1]
			}
		}
	}
	if !found {
		return line, pos, true // Tab inserts nothing
	}
	return before[:from] + common + line[pos:], from + len(common), true
}

// keptHistory is how many lines of history last.
const keptHistory = 500

func (s *repl) historyPath() (string, error) {
	places, err := s.env.Places()
	if err != nil {
		return "", err
	}
	return filepath.Join(places.Home, "var", "repl_history"), nil
}

// history returns the lines of earlier sessions; none where they cannot be read.
func (s *repl) history() []string {
	path, err := s.historyPath()
	if err != nil {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// remember keeps the last lines for the next session, where there is a home.
func (s *repl) remember(lines []string) error {
	path, err := s.historyPath()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil
	}
	lines = lines[max(0, len(lines)-keptHistory):]
	if len(lines) == 0 {
		return nil
	}
	return atomicfile.Write(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}
