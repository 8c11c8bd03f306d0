package scriptlib

import (
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

// startWait is how long the start of a service may take, in seconds, before
// the script goes on.
const startWait = 60

// The methods of proc.

func (p *Proc) set(c *rhai.Context, u unit.Unit) error {
	_, err := call[unit.Unit](p.lib, c, procd.Supervisor, "supervisor.set", u)
	return err
}

func quickSet(c *rhai.Context, p *Proc, name, cmd string) error {
	return quickSetFull(c, p, name, cmd, "exec", "")
}

func quickSetWith(c *rhai.Context, p *Proc, name, cmd, interpreter string) error {
	return quickSetFull(c, p, name, cmd, interpreter, "")
}

func quickSetFull(c *rhai.Context, p *Proc, name, cmd, interpreter, dir string) error {
	u := unit.Unit{Name: name, Dir: dir}
	if err := run(&u, cmd, interpreter); err != nil {
		return err
	}
	return p.set(c, u)
}

// run says what a unit runs: a command line, or with an interpreter other than
// "exec" the text of a script.
func run(u *unit.Unit, cmd, interpreter string) error {
	if strings.TrimSpace(cmd) == "" {
		return fault.Errorf(fault.Invalid, "%s: the command is empty", u.Name)
	}
	if interpreter != "" && interpreter != "exec" {
		u.Script, u.Interpreter, u.Command = cmd, interpreter, nil
		return nil
	}
	u.Script, u.Interpreter = "", ""
	if words, ok := split(cmd); ok {
		u.Command = words
	} else {
		u.Command = []string{"/bin/sh", "-c", cmd}
	}
	return nil
}

// split takes a command line apart at blanks, with quotes as a shell has them.
// ok is false where it needs a shell: for variables, pipes and the like.
func split(line string) (words []string, ok bool) {
	var word strings.Builder
	var quote rune
	within, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && !strings.ContainsRune("\"\\$`", r) {
				word.WriteRune('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, within = true, true
		case quote == '"' && strings.ContainsRune("$`", r):
			return nil, false
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, within = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if within {
				words = append(words, word.String())
				word.Reset()
			}
			within = false
		case strings.ContainsRune("$`|&;<>()*?[]{}#~!", r), r == '=' && len(words) == 0:
			return nil, false
		default:
			word.WriteRune(r)
			within = true
		}
	}
	if quote != 0 || escaped {
		return nil, false
	}
	if within {
		words = append(words, word.String())
	}
	return words, len(words) > 0
}

func start(c *rhai.Context, p *Proc, name string) error {
	return p.step(c, "supervisor.start", name)
}

func restart(c *rhai.Context, p *Proc, name string) error {
	return p.step(c, "supervisor.restart", name)
}

// step starts or restarts a service, waits until it is up or rests, and fails
// where it failed.
func (p *Proc) step(c *rhai.Context, method, name string) error {
	s, err := call[procd.ServiceStatus](p.lib, c, procd.Supervisor, method, procd.WaitParams{Name: name, Wait: startWait})
	if err != nil || s.State != "failed" {
		return err
	}
	cause := ""
	for _, r := range s.Processes {
		if r.State == "failed" && r.Cause != "" {
			cause = ": " + r.Cause
		}
	}
	return fault.Errorf(fault.Unavailable, "%s has failed%s", name, cause)
}

func stop(c *rhai.Context, p *Proc, name string) error {
	_, err := call[procd.ServiceStatus](p.lib, c, procd.Supervisor, "supervisor.stop", procd.NameParams{Name: name})
	return err
}

func remove(c *rhai.Context, p *Proc, name string) (bool, error) {
	return call[bool](p.lib, c, procd.Supervisor, "supervisor.remove", procd.NameParams{Name: name})
}

func (l *library) status(c *rhai.Context, name string) (procd.ServiceStatus, error) {
	return call[procd.ServiceStatus](l, c, procd.Supervisor, "supervisor.status", procd.NameParams{Name: name})
}

func status(c *rhai.Context, p *Proc, name string) (string, error) {
	s, err := p.lib.status(c, name)
	return s.State, err
}

// tail is how many lines logs returns where it is not told.
const tail = 100

func logs(c *rhai.Context, p *Proc, name string) (string, error) { return logsTail(c, p, name, tail) }

func logsTail(c *rhai.Context, p *Proc, name string, n int) (string, error) {
	lines, err := call[[]procd.LogLine](p.lib, c, procd.Logs, "logs.read", procd.LogParams{Name: name, Tail: max(n, 1)})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line.Text)
	}
	return b.String(), nil
}

func why(c *rhai.Context, p *Proc, name string) (string, error) {
	return call[string](p.lib, c, procd.Supervisor, "supervisor.why", procd.NameParams{Name: name})
}

// look is how often waitHealthy asks.
const look = 200 * time.Millisecond

// waitHealthy waits until a service is well, and reports whether it became so
// in time. A service that failed is not waited for.
func waitHealthy(c *rhai.Context, p *Proc, name string, seconds rhai.Value) (bool, error) {
	patience, err := duration(seconds)
	if err != nil {
		return false, err
	}
	end := time.Now().Add(patience)
	for {
		s, err := p.lib.status(c, name)
		switch {
		case err != nil:
			return false, err
		case well(s):
			return true, nil
		case s.State == "failed" || s.State == "stopped":
			return false, nil
		}
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		if err := pause(c, min(look, left)); err != nil {
			return false, err
		}
	}
}

// well reports whether a service is up and every layer that it has is healthy.
func well(s procd.ServiceStatus) bool {
	if s.State != "running" && s.State != "exited" && s.State != "asleep" && s.State != "unsupervised" {
		return false
	}
	return s.Health == nil || s.Health.Word == health.Healthy || s.Health.Word == health.Asleep
}

// duration reads a number of seconds, whole or not.
func duration(v rhai.Value) (time.Duration, error) {
	var seconds float64
	switch x := rhai.ToGo(v).(type) {
	case int64:
		seconds = float64(x)
	case float64:
		seconds = x
	default:
		return 0, fault.Errorf(fault.Invalid, "a number of seconds is wanted, not %s", v.TypeName())
	}
	return time.Duration(min(max(seconds, 0), 1e6) * float64(time.Second)), nil
}
