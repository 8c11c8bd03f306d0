package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/scriptlib"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

// The exit statuses of scripts.
const (
	scriptFailed cli.Status = 1
	scriptFaulty cli.Status = 2 // it does not parse
)

// denyFlag declares --deny, the functions that a script may not use.
func denyFlag(f *flag.FlagSet, deny *[]string) {
	f.Func("deny", "`functions` that it may not use, with commas between: "+strings.Join(scriptlib.Deniable(), ", ")+"; or all", func(s string) error {
		*deny = append(*deny, strings.Split(s, ",")...)
		return nil
	})
}

func runCommand() cli.Command {
	var code string
	var check bool
	var deny []string
	return cli.Command{
		Name: "run", Args: "FILE.rhai|-e CODE [--check] [--deny exec,…] [ARGS…]", Help: "run a script",
		Max: -1, Rest: true,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&code, "e", "", "the script's `code` itself, in the place of a file")
			f.BoolVar(&check, "check", false, "say whether it parses, and do not run it")
			denyFlag(f, &deny)
		},
		Run: func(ctx context.Context, c cli.Call) error {
			s := script{name: "-e", text: code, args: append(c.Args, c.Rest...)}
			if code == "" {
				if len(c.Args) == 0 {
					return fault.WithHint(fault.Errorf(fault.Invalid, "which script?"), "hero_proc run FILE.rhai")
				}
				s.name, s.args = c.Args[0], s.args[1:]
				text, err := os.ReadFile(s.name)
				if err != nil {
					return fault.Errorf(fault.NotFound, "read the script: %w", err)
				}
				s.text = string(text)
			}
			return s.run(ctx, c.Env, deny, check)
		},
	}
}

// script is a script as it was given on the command line.
type script struct {
	name, text string
	args       []string
}

func (s script) run(ctx context.Context, env cli.Env, deny []string, check bool) error {
	// What leads out of the script's folder, a symbolic link too, is no module.
	dir, err := os.OpenRoot(filepath.Dir(s.name))
	if err != nil {
		return fmt.Errorf("open the script's folder: %w", err)
	}
	defer dir.Close()
	engine, err := scriptEngine(env, deny, s.args, dir.FS())
	if err != nil {
		return err
	}
	prog, err := engine.Compile(filepath.Base(s.name), s.text) // imports start beside it
	if err != nil {
		return complain(env, err, scriptFaulty)
	}
	if check {
		return nil
	}
	if _, err := prog.Run(ctx, nil); err != nil {
		return complain(env, err, scriptFailed)
	}
	return nil
}

// scriptEngine makes the engine of a script: print goes to stdout, debug to
// stderr with its place.
func scriptEngine(env cli.Env, deny, args []string, modules fs.FS) (*rhai.Engine, error) {
	places, err := env.Places()
	if err != nil {
		return nil, err
	}
	return scriptlib.New(scriptlib.Options{
		Places: places, Getenv: env.Getenv, Args: args, Deny: deny, Modules: modules,
		Print: func(text string) { fmt.Fprintln(env.Stdout, text) },
		Debug: func(text, source string, line, column int) {
			fmt.Fprintf(env.Stderr, "%s:%d:%d: %s\n", source, line, column, text)
		},
	})
}

// complain tells a script's error with the line that it is about.
func complain(env cli.Env, err error, status cli.Status) error {
	if e, ok := errors.AsType[*rhai.Error](err); ok && errors.Is(e, context.Canceled) {
		fmt.Fprintln(env.Stderr, "hero_proc: the script was interrupted")
		return status
	}
	fmt.Fprintln(env.Stderr, scriptlib.Show(err))
	return status
}
