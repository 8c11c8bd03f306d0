package osproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Foreground runs a program on this process's own terminal, as an editor needs
// it, and waits until it ends.
func Foreground(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// Output runs a program and returns what it writes. The error of one that
// fails holds what it wrote to its standard error.
func Output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return "", fault.Errorf(fault.NotFound, "run %s: %w", name, err)
	case err != nil:
		return string(out), fmt.Errorf("run %s: %w: %.500s", name, err, strings.TrimSpace(errs.String()))
	}
	return string(out), nil
}
