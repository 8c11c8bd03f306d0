// Package unit holds the definition of what hero_proc runs: a Unit, as it
// stands in a TOML file below etc/services or comes over RPC as JSON, with the
// same names in both. Parse, WithDefaults and Validate are three steps; the
// last two report and change nothing that a reader of the file would not see.
package unit

import (
	"strings"
)

// Kind says what a unit is.
type Kind string

// The kinds of unit.
const (
	Service Kind = "service" // runs until it is stopped
	Oneshot Kind = "oneshot" // runs once, and is done when it exits with 0
	Job     Kind = "job"     // runs at the times of its schedule
)

// Restart says when a process that ended is started again.
type Restart string

// The restart policies.
const (
	Always    Restart = "always"     // whatever it exited with
	OnFailure Restart = "on-failure" // unless it exited with 0
	Never     Restart = "never"
)

// Mode says by what a started process is known to be ready.
type Mode string

// The modes of readiness.
const (
	ReadyAuto    Mode = "auto"    // notify if it comes, else sockets, else a second of being up
	ReadyNotify  Mode = "notify"  // READY=1 on NOTIFY_SOCKET
	ReadySockets Mode = "sockets" // all sockets of the service answer healthy
	ReadyHTTP    Mode = "http"    // GET url answers with a status below 400
	ReadyTCP     Mode = "tcp"     // address takes a connection
	ReadyCommand Mode = "command" // the command exits with 0
	ReadyDelay   Mode = "delay"   // it stayed up for as long
)

// Unit is the definition of one registration: a command and how it is run.
// Only Name and one of Command and Script are needed.
type Unit struct {
	// Name is the registration's name: a service's, or in the older pattern of
	// two registrations a service's with "_server" or "_ui" after it.
	Name string `toml:"name" json:"name"`
	// Description is one line for people.
	Description string `toml:"description,omitempty" json:"description,omitempty"`
	// Label groups units for people and for commands, as "demo" or "system" do.
	Label string `toml:"label,omitempty" json:"label,omitempty"`
	// Kind is Service by default.
	Kind Kind `toml:"kind,omitempty" json:"kind,omitempty"`

	// Schedule says when a Job runs.
	Schedule Schedule `toml:"schedule,omitempty" json:"schedule,omitempty"`

	// Command is the program, by absolute path or found in PATH, and its arguments.
	Command []string `toml:"command,omitempty" json:"command,omitempty"`
	// Interpreter runs Script ("/bin/sh" by default): it gets the script's
	// path as its last argument.
	Interpreter string `toml:"interpreter,omitempty" json:"interpreter,omitempty"`
	// Script is the text of a script, in the place of Command.
	Script string `toml:"script,omitempty" json:"script,omitempty"`
	// Dir is the working folder, the home (HERO_HOME) by default.
	Dir string `toml:"dir,omitempty" json:"dir,omitempty"`
	// Env is set over the supervisor's own environment and over EnvFiles.
	Env map[string]string `toml:"env,omitempty" json:"env,omitempty"`
	// EnvFiles are read at each start; a leading "-" lets one be missing.
	EnvFiles []string `toml:"env_files,omitempty" json:"env_files,omitempty"`
	// User and Group, by name or number, are whom the process runs as.
	User  string `toml:"user,omitempty" json:"user,omitempty"`
	Group string `toml:"group,omitempty" json:"group,omitempty"`
	// Limits bound what the processes of the unit use.
	Limits Limits `toml:"limits,omitempty" json:"limits,omitzero"`

	// After names units that are started before this one, where they are
	// started at all. Requires names units without which this one does not
	// run; Wants names units that are started with it, come what may.
	After    []string `toml:"after,omitempty" json:"after,omitempty"`
	Requires []string `toml:"requires,omitempty" json:"requires,omitempty"`
	Wants    []string `toml:"wants,omitempty" json:"wants,omitempty"`

	// OnDemand has hero_proc hold the service's sockets and start it with the
	// first connection. Sockets are those, relative to the sockets folder: the
	// service's own by default; those that it was seen with are held as well.
	// After Idle without a connection in use the service ends and sleeps again;
	// zero means never.
	OnDemand bool     `toml:"on_demand,omitempty" json:"on_demand,omitempty"`
	Sockets  []string `toml:"sockets,omitempty" json:"sockets,omitempty"`
	Idle     Duration `toml:"idle,omitempty" json:"idle,omitzero"`

	// Restart is Always by default, and Never for a Oneshot and a Job.
	Restart Restart `toml:"restart,omitempty" json:"restart,omitempty"`
	// Backoff is the wait before each restart.
	Backoff Backoff `toml:"backoff,omitempty" json:"backoff,omitzero"`
	// MaxRestarts in Window is how often it may be restarted before it rests
	// as failed: 5 in a minute by default; a negative number sets no cap.
	MaxRestarts int      `toml:"max_restarts,omitempty" json:"max_restarts,omitempty"`
	Window      Duration `toml:"window,omitempty" json:"window,omitzero"`

	// StopSignal asks the process to end ("SIGTERM" by default). What is left
	// of the unit after Grace (10 s by default) is killed.
	StopSignal string   `toml:"stop_signal,omitempty" json:"stop_signal,omitempty"`
	Grace      Duration `toml:"grace,omitempty" json:"grace,omitzero"`

	// Ready says by what it is known to be ready.
	Ready Ready `toml:"ready,omitempty" json:"ready,omitzero"`
	// Watchdog is how long it may be silent (WATCHDOG=1 on NOTIFY_SOCKET)
	// before it is killed and counts as crashed. Zero means for ever.
	Watchdog Duration `toml:"watchdog,omitempty" json:"watchdog,omitzero"`
	// RestartUnhealthy is how long a layer of the service (its socket, its UI,
	// a domain) may be unhealthy before the process is replaced. That counts
	// as a crash, so that MaxRestarts bounds it. Zero means for ever.
	RestartUnhealthy Duration `toml:"restart_unhealthy,omitempty" json:"restart_unhealthy,omitzero"`
	// Logs bound what is kept of its output.
	Logs Logs `toml:"logs,omitempty" json:"logs,omitzero"`
}

// Limits bound what the processes of a unit use together. Zero means no limit.
type Limits struct {
	Memory    Size `toml:"memory,omitempty" json:"memory,omitzero"`
	CPUWeight int  `toml:"cpu_weight,omitempty" json:"cpu_weight,omitempty"` // 1 to 10000, where 100 is the usual share
	OpenFiles int  `toml:"open_files,omitempty" json:"open_files,omitempty"` // for each process
	Processes int  `toml:"processes,omitempty" json:"processes,omitempty"`
}

// Backoff is an exponentially growing wait.
type Backoff struct {
	Initial Duration `toml:"initial,omitempty" json:"initial,omitzero"` // 200 ms by default
	Max     Duration `toml:"max,omitempty" json:"max,omitzero"`         // 30 s by default
	Factor  float64  `toml:"factor,omitempty" json:"factor,omitzero"`   // 2 by default
	Jitter  float64  `toml:"jitter,omitempty" json:"jitter,omitzero"`   // the part of a wait that chance decides: 0.2 by default, -1 for none
}

// Ready says by what a process is known to be ready.
type Ready struct {
	Mode     Mode     `toml:"mode,omitempty" json:"mode,omitempty"`
	URL      string   `toml:"url,omitempty" json:"url,omitempty"`          // of ReadyHTTP
	Address  string   `toml:"address,omitempty" json:"address,omitempty"`  // of ReadyTCP: host:port
	Command  []string `toml:"command,omitempty" json:"command,omitempty"`  // of ReadyCommand
	Delay    Duration `toml:"delay,omitempty" json:"delay,omitzero"`       // of ReadyDelay; in ReadyAuto, how long being up is enough: 1 s
	Interval Duration `toml:"interval,omitempty" json:"interval,omitzero"` // between two checks: 200 ms
	Timeout  Duration `toml:"timeout,omitempty" json:"timeout,omitzero"`   // after which the start counts as failed: 60 s
}

// Logs bound what is kept of a unit's output.
type Logs struct {
	MaxSize  Size     `toml:"max_size,omitempty" json:"max_size,omitzero"`    // of one file: 10 MiB by default
	MaxFiles int      `toml:"max_files,omitempty" json:"max_files,omitempty"` // 5 by default
	MaxAge   Duration `toml:"max_age,omitempty" json:"max_age,omitzero"`      // of a file that is written no more
	Drop     bool     `toml:"drop,omitempty" json:"drop,omitempty"`           // lose lines, and count them, rather than hold the process back
}

// Logical returns the name of the service that the unit is, or is a part of:
// its name without the "_server" or "_ui" of the older pattern.
func (u Unit) Logical() string {
	for _, suffix := range []string{"_server", "_ui"} {
		if s, ok := strings.CutSuffix(u.Name, suffix); ok && s != "" {
			return s
		}
	}
	return u.Name
}
