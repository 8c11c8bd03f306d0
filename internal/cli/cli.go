// Package cli is what the command lines share: commands with their flags, help,
// tables, JSON, and how errors are told.
//
// Results go to stdout. Everything else goes to stderr, as
// "program: error: …", "program: warning: …" and "program: hint: …". The exit
// status is 0, 1 where the command was refused or failed, 2 where the command
// line is wrong, and 3 where what it asked about is not well.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Env is the world of a command.
type Env struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	Home   string // the user's home folder; "" where there is none
}

// Process returns the world that this process was given.
func Process() Env {
	home, err := os.UserHomeDir()
	_ = err // Places says what to do where it is needed
	return Env{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Home: home}
}

// Places returns where things are on this machine.
func (e Env) Places() (layout.Places, error) { return layout.PlacesOf(e.Getenv, e.Home) }

// JSON writes a value to stdout, for programs to read.
func (e Env) JSON(v any) error {
	if err := json.MarshalWrite(e.Stdout, v, json.Deterministic(), json.Indent()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	_, err := fmt.Fprintln(e.Stdout)
	return err
}

// Table writes rows in columns to stdout. The first row is the header.
func (e Env) Table(rows [][]string) error {
	p := e.Paint()
	var b strings.Builder
	for i, line := range Columns(rows) {
		if i == 0 {
			line = p.Bold(line)
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(e.Stdout, b.String())
	return err
}

// Columns returns the rows as lines whose cells stand below one another,
// coloured or not. Nothing in a cell but its colours steers the terminal.
func Columns(rows [][]string) []string {
	var widths []int
	clean := make([][]string, len(rows))
	for r, row := range rows {
		for i, cell := range row {
			cell = Clean(cell)
			clean[r] = append(clean[r], cell)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range clean {
		var b strings.Builder
		for j, cell := range row {
			b.WriteString(cell)
			if j < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[j]-Width(cell)+2))
			}
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// Command is one thing that a program does.
type Command struct {
	Name string
	Args string // as the usage shows them, such as "NAME [-f]"
	Help string // one line
	Long string // what the reference says beyond that, in Markdown
	// Complete returns what the next argument may be, for the shell; args are
	// those before it. Nil leaves files to the shell.
	Complete func(ctx context.Context, env Env, args []string) []string
	// Flags declares the command's flags, which may stand before and after the
	// arguments; nil has none.
	Flags func(*flag.FlagSet)
	// Min and Max are how many arguments it takes; Max < 0 is any number.
	Min, Max int
	// Rest says that the command takes what follows "--".
	Rest bool
	Run  func(ctx context.Context, call Call) error
}

// Call is a command as it was called.
type Call struct {
	Env
	Args []string // the arguments, without flags
	Rest []string // what follows "--"
}

// Program is a number of commands under one name.
type Program struct {
	Name     string
	Help     string // what it is for, in a sentence
	Version  string
	Commands []Command
}

// Run runs the command that env names and returns the exit status.
func (p Program) Run(ctx context.Context, env Env) int {
	if len(env.Args) == 0 {
		p.usage(env.Stderr)
		return 2
	}
	switch env.Args[0] {
	case "help", "-h", "--help", "-help":
		p.usage(env.Stdout)
		return 0
	case "version", "--version":
		fmt.Fprintln(env.Stdout, p.Name, p.Version)
		return 0
	}
	if env.Args[0] == completeWord {
		p.complete(ctx, env, env.Args[1:])
		return 0
	}
	commands := p.all()
	i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == env.Args[0] })
	if i < 0 {
		fmt.Fprintf(env.Stderr, "%s: error: there is no command %q\n%s: hint: %s help\n", p.Name, env.Args[0], p.Name, p.Name)
		return 2
	}
	return p.run(ctx, env, commands[i])
}

// flags are the command's flags, as it declares them.
func (c Command) flags() *flag.FlagSet {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if c.Flags != nil {
		c.Flags(flags)
	}
	return flags
}

func (p Program) run(ctx context.Context, env Env, c Command) int {
	call := Call{Env: env}
	args := env.Args[1:]
	if i := slices.Index(args, "--"); i >= 0 && c.Rest {
		args, call.Rest = args[:i], args[i+1:]
	}
	flags := c.flags()
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			p.usageOf(env.Stdout, c, flags)
			return 0
		}
		if err != nil {
			return p.wrong(env, c, err.Error())
		}
		if flags.NArg() == 0 {
			break
		}
		call.Args = append(call.Args, flags.Arg(0))
		args = flags.Args()[1:]
	}
	switch n := len(call.Args); {
	case n < c.Min:
		return p.wrong(env, c, "an argument is missing")
	case c.Max >= 0 && n > c.Max:
		return p.wrong(env, c, fmt.Sprintf("%q is one argument too many", call.Args[c.Max]))
	}
	return p.report(env, c.Run(ctx, call))
}

func (p Program) wrong(env Env, c Command, what string) int {
	fmt.Fprintf(env.Stderr, "%s: error: %s: %s\n%s: hint: usage: %s\n", p.Name, c.Name, what, p.Name, p.line(c))
	return 2
}

func (p Program) line(c Command) string {
	return strings.TrimSpace(p.Name + " " + c.Name + " " + c.Args)
}

// report tells an error and returns the exit status.
func (p Program) report(env Env, err error) int {
	if err == nil {
		return 0
	}
	var status Status
	if errors.As(err, &status) {
		return int(status)
	}
	if fault.Of(err) == fault.Canceled && errors.Is(err, context.Canceled) {
		return 130 // Ctrl-C, as shells count it
	}
	fmt.Fprintf(env.Stderr, "%s: error: %s\n", p.Name, CleanLines(err.Error()))
	if hint := fault.Hint(err); hint != "" {
		fmt.Fprintf(env.Stderr, "%s: hint: %s\n", p.Name, CleanLines(hint))
	}
	return fault.Of(err).Exit()
}

// Unwell is the exit status of a command whose answer is that something is
// not well.
const Unwell Status = 3

// Status is an error that says nothing but its exit status: what is wrong was
// the command's result.
type Status int

// Error returns the status in words.
func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func (p Program) usage(w io.Writer) {
	fmt.Fprintf(w, "%s %s: %s\n\nCommands:\n\n", p.Name, p.Version, p.Help)
	var rows [][]string
	for _, c := range p.all() {
		rows = append(rows, []string{"  " + strings.TrimSpace(c.Name+" "+c.Args), c.Help})
	}
	for _, line := range Columns(rows) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "\n%s COMMAND --help tells a command's flags.\nVariables: HERO_HOME (default ~/hero), HERO_SOCKET_DIR (default $HERO_HOME/var/sockets).\n", p.Name)
}

func (p Program) usageOf(w io.Writer, c Command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", p.line(c), c.Help)
	flags.SetOutput(w)
	fmt.Fprintln(w)
	flags.PrintDefaults()
	if c.Long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.Long))
	}
}
