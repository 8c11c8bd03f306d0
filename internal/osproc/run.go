package osproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// Command is a program that runs to its end while the caller waits.
type Command struct {
	Args []string // the program, by path or found in PATH, and its arguments
	Dir  string   // "" is the caller's own
	Max  int      // bytes of each stream that are kept
}

// Result is what came of a Command.
type Result struct {
	Code           int // exit status; -1 where a signal ended it
	Stdout, Stderr string
}

// Run runs a command to its end, or kills it when ctx ends. An exit status
// other than 0 is no error.
func Run(ctx context.Context, c Command) (Result, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	out, errs := &capped{max: c.Max}, &capped{max: c.Max}
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, out, errs
	cmd.WaitDelay = time.Second // for pipes that a grandchild holds open
	err := cmd.Run()
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("run %s: %w", c.Args[0], context.Cause(ctx))
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && !errors.Is(err, exec.ErrWaitDelay) {
		return Result{}, fmt.Errorf("run %s: %w", c.Args[0], err)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: out.buf.String(), Stderr: errs.buf.String()}, nil
}

// capped keeps the first max bytes. The buffer is no embedded one, whose
// ReadFrom would let all of them in.
type capped struct {
	buf bytes.Buffer
	max int
}

func (c *capped) Write(p []byte) (int, error) {
	c.buf.Write(p[:min(len(p), max(0, c.max-c.buf.Len()))])
	return len(p), nil
}
