package osproc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	r, err := osproc.Run(t.Context(), osproc.Command{Args: []string{"sh", "-c", "pwd; echo err >&2; exit 3"}, Dir: dir, Max: 1000})
	if err != nil || r.Code != 3 || strings.TrimSpace(r.Stdout) != dir || r.Stderr != "err\n" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = osproc.Run(t.Context(), osproc.Command{Args: []string{"sh", "-c", "yes | head -c 100000"}, Max: 10})
	if err != nil || r.Code != 0 || len(r.Stdout) != 10 {
		t.Errorf("what is too much: %d bytes, %v", len(r.Stdout), err)
	}
	if r, err = osproc.Run(t.Context(), osproc.Command{Args: []string{"sh", "-c", "kill -9 $$"}}); err != nil || r.Code != -1 {
		t.Errorf("killed: %+v, %v", r, err)
	}
	if _, err = osproc.Run(t.Context(), osproc.Command{Args: []string{"/no/such/program"}}); err == nil {
		t.Error("a program that is none ran")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := osproc.Run(ctx, osproc.Command{Args: []string{"sleep", "1000"}})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
