package sdk

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Main is a service's main: it reads the command line and the environment,
// runs the service until SIGTERM or an interrupt, and exits with 0, with 1
// where the service failed, or with 2 where the command line is wrong.
func Main(svc Service, parts ...Part) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(start(ctx, svc, parts))
}

// ProcessEnv returns the world as this process was given it: places and
// variables from the environment, and a log on stderr.
func ProcessEnv() (Env, error) {
	home, err := os.UserHomeDir()
	_ = err // PlacesOf says what to do where it is needed and unknown
	places, err := layout.PlacesOf(os.Getenv, home)
	if err != nil {
		return Env{}, err
	}
	env := Env{Places: places, Getenv: os.Getenv, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if exe, err := os.Executable(); err == nil {
		env.Command = []string{exe}
	}
	return env, nil
}

// start is Main without the end of the process.
func start(ctx context.Context, svc Service, parts []Part) int {
	p, err := newPlan(svc, parts)
	if err != nil {
		return report(os.Stderr, svc.Name, err)
	}
	flags := flag.NewFlagSet(svc.Name, flag.ContinueOnError)
	flags.Usage = func() { usage(flags, p) }
	version := flags.Bool("version", false, "print the version and exit")
	facts := flags.Bool("manifest", false, "print the manifest, as it is before the service runs, and exit")
	given := make(map[string]*bool)
	for _, t := range p.tasks {
		if t.Flag != "" {
			given[t.Flag] = flags.Bool(t.Flag, false, t.Usage)
		}
	}
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "%s: error: unexpected argument %q\n", svc.Name, flags.Arg(0))
		return 2
	case *version:
		fmt.Println(svc.Name, svc.Version)
		return 0
	case *facts:
		if err := json.MarshalWrite(os.Stdout, p.manifest(), json.Deterministic(), json.Indent()); err != nil {
			return report(os.Stderr, svc.Name, err)
		}
		fmt.Println()
		return 0
	}
	env, err := ProcessEnv()
	if err != nil {
		return report(os.Stderr, svc.Name, err)
	}
	for name, on := range given {
		if *on {
			env.Flags = append(env.Flags, name)
		}
	}
	name := svc.Name
	if os.Getenv(roleVariable) == roleUI {
		name += " (UI)"
	}
	return report(os.Stderr, name, Run(ctx, env, svc, parts...))
}

func usage(flags *flag.FlagSet, p *plan) {
	w := flags.Output()
	fmt.Fprintf(w, "%s %s: %s\n\nUsage: %s [flags]\n\nRuns the service until it is told to stop (SIGTERM, Ctrl-C). Flags:\n\n",
		p.name, p.Version, p.Description, filepath.Base(os.Args[0]))
	flags.PrintDefaults()
	fmt.Fprint(w, "\nVariables: HERO_HOME (default ~/hero), HERO_SOCKET_DIR (default $HERO_HOME/var/sockets).\n")
}

// report says on w what went wrong and how to mend it, and returns the exit
// status.
func report(w io.Writer, name string, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(w, "%s: error: %v\n", name, err)
	if hint := fault.Hint(err); hint != "" {
		fmt.Fprintf(w, "%s: hint: %s\n", name, hint)
	}
	return fault.Of(err).Exit()
}
