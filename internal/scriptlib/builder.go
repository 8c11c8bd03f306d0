package scriptlib

import (
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

// Builder is a definition in the making, as proc.service(name) returns it. Its
// methods return it again; set registers it.
type Builder struct {
	proc *Proc
	unit unit.Unit
	err  error // the first fault, which set tells
}

// define registers a method of a definition that changes it.
func define[T any](l *library, name string, change func(*unit.Unit, T) error, doc string) {
	l.engine.Register(name, func(b *Builder, v T) *Builder {
		if err := change(&b.unit, v); err != nil && b.err == nil {
			b.err = err
		}
		return b
	}, doc)
}

// assign is a change that cannot fail.
func assign[T any](l *library, name string, change func(*unit.Unit, T), doc string) {
	define(l, name, func(u *unit.Unit, v T) error { change(u, v); return nil }, doc)
}

func (l *library) builder() {
	e := l.engine
	e.Register("service", func(p *Proc, name string) *Builder { return &Builder{proc: p, unit: unit.Unit{Name: name}} },
		"(name) Begins the definition of a service. Its methods follow in a chain that ends with set() or start().")
	define(l, "exec", func(u *unit.Unit, cmd string) error { return run(u, cmd, "exec") },
		"(command) The command line. One that needs a shell, for a pipe or a variable, gets one.")
	e.Register("script", func(b *Builder, text, interpreter string) *Builder {
		b.unit.Script, b.unit.Interpreter, b.unit.Command = text, interpreter, nil
		return b
	}, "(text, interpreter) The text of a script, and what runs it: \"bash\", \"python3\".")
	e.Register("env", func(b *Builder, name, value string) *Builder {
		if b.unit.Env == nil {
			b.unit.Env = make(map[string]string)
		}
		b.unit.Env[name] = value
		return b
	}, "(name, value) Sets an environment variable.")
	assign(l, "env_file", func(u *unit.Unit, s string) { u.EnvFiles = append(u.EnvFiles, s) },
		"(path) A file of environment variables, read at each start. With - before it, it may be missing.")
	assign(l, "dir", func(u *unit.Unit, s string) { u.Dir = s }, "(path) The working folder.")
	assign(l, "description", func(u *unit.Unit, s string) { u.Description = s }, "(text) One line for people.")
	assign(l, "label", func(u *unit.Unit, s string) { u.Label = s }, "(label) Groups services for people.")
	assign(l, "user", func(u *unit.Unit, s string) { u.User = s }, "(name) Who it runs as.")
	assign(l, "after", func(u *unit.Unit, s string) { u.After = append(u.After, s) },
		"(name) Names a service that is started before this one, where it is started at all.")
	assign(l, "requires", func(u *unit.Unit, s string) { u.Requires = append(u.Requires, s) },
		"(name) Names a service without which this one does not run.")
	assign(l, "wants", func(u *unit.Unit, s string) { u.Wants = append(u.Wants, s) },
		"(name) Names a service that is started with this one, come what may.")
	assign(l, "restart", func(u *unit.Unit, s string) { u.Restart = unit.Restart(s) },
		"(when) When a process that ended is started again: \"always\", \"on-failure\" or \"never\".")
	assign(l, "max_restarts", func(u *unit.Unit, n int) { u.MaxRestarts = n },
		"(times) How often in a minute it may be restarted before it rests as failed; -1 sets no cap.")
	assign(l, "kind", func(u *unit.Unit, s string) { u.Kind = unit.Kind(s) },
		"(kind) \"service\", or \"oneshot\" for one that runs once and is done.")
	assign(l, "stop_signal", func(u *unit.Unit, s string) { u.StopSignal = s }, "(signal) The signal that asks it to end.")
	assign(l, "grace", func(u *unit.Unit, n int) { u.Grace = unit.Duration(time.Duration(n) * time.Second) },
		"(seconds) Seconds that it has to end before it is killed.")
	define(l, "ready", ready,
		"(by) By what it is known to be ready: \"auto\", \"notify\", \"sockets\", a URL, or \"tcp:host:port\".")
	e.Register("set", func(c *rhai.Context, b *Builder) (*Builder, error) { return b, b.set(c) },
		"() Registers the definition, or changes it; it holds from the next start on.")
	e.Register("start", func(c *rhai.Context, b *Builder) error {
		if err := b.set(c); err != nil {
			return err
		}
		return start(c, b.proc, b.unit.Name)
	}, "() Registers the definition and starts the service.")
}

func (b *Builder) set(c *rhai.Context) error {
	if b.err != nil {
		return b.err
	}
	return b.proc.set(c, b.unit)
}

func ready(u *unit.Unit, by string) error {
	address, tcp := strings.CutPrefix(by, "tcp:")
	switch {
	case strings.HasPrefix(by, "http://"), strings.HasPrefix(by, "https://"):
		u.Ready.Mode, u.Ready.URL = unit.ReadyHTTP, by
	case tcp:
		u.Ready.Mode, u.Ready.Address = unit.ReadyTCP, address
	case by == "auto" || by == "notify" || by == "sockets":
		u.Ready.Mode = unit.Mode(by)
	default:
		return fault.Errorf(fault.Invalid, "ready %q is none of auto, notify, sockets, a URL and tcp:host:port", by)
	}
	return nil
}
