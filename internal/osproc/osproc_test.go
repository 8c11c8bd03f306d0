package osproc_test

import (
	"strings"
	"syscall"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
)

func TestParseNotice(t *testing.T) {
	for msg, want := range map[string]osproc.Notice{
		"":                             {},
		"READY=1":                      {Ready: true},
		"READY=0\nWATCHDOG=1":          {Watchdog: true},
		"RELOADING=1\nX=y\nSTATUS=a=b": {Reloading: true, Status: "a=b"},
		"STOPPING=1\n":                 {Stopping: true},
	} {
		if got := osproc.ParseNotice(msg); got != want {
			t.Errorf("%q: %+v", msg, got)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for name, want := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "hup": syscall.SIGHUP, "9": syscall.SIGKILL} {
		if got, ok := osproc.ParseSignal(name); !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "SIGNOTHING", "0", "65", "-1"} {
		if got, ok := osproc.ParseSignal(name); ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestExitInWords(t *testing.T) {
	for want, e := range map[string]osproc.Exit{
		"exit status unknown": {},
		"exit 0":              {Known: true},
		"exit 143 (SIGTERM)":  {Known: true, Signal: syscall.SIGTERM},
		"exit 137 (SIGKILL), killed by the memory limit": {Known: true, Signal: syscall.SIGKILL, OOM: true},
	} {
		if e.String() != want {
			t.Errorf("%+v: %s, want %s", e, e, want)
		}
	}
}

// FuzzParseNotice holds that a process can say nothing that is not read line by
// line.
func FuzzParseNotice(f *testing.F) {
	f.Add("READY=1\nSTATUS=x")
	f.Fuzz(func(t *testing.T, msg string) {
		n := osproc.ParseNotice(msg)
		if strings.Contains(n.Status, "\n") || n.Ready && !strings.Contains(msg, "READY=1") {
			t.Fatalf("%q: %+v", msg, n)
		}
	})
}
