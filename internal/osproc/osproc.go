// Package osproc is the one user of fork, exec and kill. A Host starts
// processes so that everything they ever fork can be found and ended: each in a
// cgroup of its own where cgroup v2 can be written, else by session, descent
// and a mark in the environment. Signals go through pidfds, so a process id
// that was given to somebody else is never hit.
package osproc

import (
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// RunVariable is the environment variable that marks every process of a run.
// Its value is HOST.UNIT.RUN.
const RunVariable = "HERO_RUN"

// Options say what a Host is. Only ID is needed.
type Options struct {
	// ID tells the processes of this host from those of another on the same
	// machine; it is the same for ever: a few letters and digits.
	ID string
	// NotifySocket is where sd_notify messages are received; empty for nowhere.
	NotifySocket string
	// NoCgroups makes do without cgroups even where they could be used.
	NoCgroups bool
	// Log receives what no caller is told. Nil discards it.
	Log *slog.Logger
}

// Spec says what to start.
type Spec struct {
	Unit, Run string   // mark the process; neither may hold a dot
	Args      []string // the program, by path or found in Env's PATH, and its arguments
	Dir       string   // absolute
	Env       []string
	// Output opens the pipes that the process writes to. The files are closed
	// again once it has them.
	Stdout, Stderr string
	// Files are open in the process from 3 on, as sd_listen_fds(3) has it.
	Files       []*os.File
	User, Group string // by name or number; empty for one's own
	Limits      Limits
	// Notify receives the process's sd_notify messages. It must not block.
	Notify func(Notice)
}

// Limits bound what the processes of a run use. Zero means no limit.
type Limits struct {
	Memory    int64
	CPUWeight int
	OpenFiles int
	Processes int
}

// None reports whether nothing is bounded.
func (l Limits) None() bool { return l == Limits{} }

// Notice is one message of sd_notify(3).
type Notice struct {
	Ready, Stopping, Reloading, Watchdog bool
	Status                               string
}

// ID says which process is meant, for ever: a process id alone is reused.
type ID struct {
	PID   int
	Start uint64 // clock ticks since boot
	Boot  string // the boot's id
}

// Found is a run of which processes were found alive.
type Found struct {
	Unit, Run string
	Main      ID    // zero where the main process has ended
	PIDs      []int // all of them
}

// Exit says how a main process ended.
type Exit struct {
	Known  bool // false where the kernel no longer tells
	Code   int
	Signal syscall.Signal // 0 where it exited by itself
	OOM    bool           // something of the run was killed by the memory limit
	At     time.Time
}

// Good reports whether it exited with status 0.
func (e Exit) Good() bool { return e.Known && e.Code == 0 && e.Signal == 0 }

// Status returns the exit status as shells count it: 128 and the signal's
// number where a signal ended it, -1 where it is not known.
func (e Exit) Status() int {
	switch {
	case !e.Known:
		return -1
	case e.Signal != 0:
		return 128 + int(e.Signal)
	}
	return e.Code
}

// String says it in words, such as "exit 137 (SIGKILL)".
func (e Exit) String() string {
	if !e.Known {
		return "exit status unknown"
	}
	s := "exit " + strconv.Itoa(e.Status())
	if e.Signal != 0 {
		s += " (" + SignalName(e.Signal) + ")"
	}
	if e.OOM {
		s += ", killed by the memory limit"
	}
	return s
}

// Usage is what the processes of a run use together.
type Usage struct {
	CPU       time.Duration
	Memory    int64 // bytes, resident
	OpenFiles int
	Processes int
}

// signals are the signals that a definition may name.
func signals() map[string]syscall.Signal {
	return map[string]syscall.Signal{
		"SIGHUP": syscall.SIGHUP, "SIGINT": syscall.SIGINT, "SIGQUIT": syscall.SIGQUIT, "SIGKILL": syscall.SIGKILL,
		"SIGTERM": syscall.SIGTERM, "SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGCONT": syscall.SIGCONT,
		"SIGSTOP": syscall.SIGSTOP, "SIGWINCH": syscall.SIGWINCH, "SIGABRT": syscall.SIGABRT, "SIGALRM": syscall.SIGALRM,
		"SIGSEGV": syscall.SIGSEGV, "SIGBUS": syscall.SIGBUS, "SIGFPE": syscall.SIGFPE, "SIGILL": syscall.SIGILL,
		"SIGPIPE": syscall.SIGPIPE, "SIGTRAP": syscall.SIGTRAP, "SIGSYS": syscall.SIGSYS, "SIGXCPU": syscall.SIGXCPU,
	}
}

// ParseSignal returns the signal of a name such as "SIGTERM", "term" or "15",
// and whether there is one.
func ParseSignal(name string) (syscall.Signal, bool) {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), true
	}
	name = strings.ToUpper(name)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	s, ok := signals()[name]
	return s, ok
}

// SignalName returns a signal's name, such as "SIGTERM".
func SignalName(s syscall.Signal) string {
	for name, v := range signals() {
		if v == s {
			return name
		}
	}
	return "signal " + strconv.Itoa(int(s))
}

// parseNotice reads one message of sd_notify.
func parseNotice(msg string) Notice {
	var n Notice
	for line := range strings.SplitSeq(msg, "\n") {
		switch key, value, _ := strings.Cut(line, "="); key {
		case "READY":
			n.Ready = value == "1"
		case "STOPPING":
			n.Stopping = value == "1"
		case "RELOADING":
			n.Reloading = value == "1"
		case "WATCHDOG":
			n.Watchdog = value == "1"
		case "STATUS":
			n.Status = value
		}
	}
	return n
}

// RoleVariable is the environment variable by which the SDK tells a process
// what part of its service it is: "ui", or nothing for the service itself.
const RoleVariable = "HERO_ROLE"

// Member is one living process of a run, with what it uses.
type Member struct {
	Unit, Run string
	PID       int
	Role      string // the value of RoleVariable
	Command   string // its arguments, with blanks between them
	Usage
}
