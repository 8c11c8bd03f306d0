package unit

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Problem is one fault of a definition.
type Problem struct {
	Key  string // its place, such as "ready.mode"
	Text string
}

// WithDefaults returns u with every value set that has a default.
func (u Unit) WithDefaults() Unit {
	or(&u.Kind, Service)
	if or(&u.Restart, Always); (u.Kind == Oneshot || u.Kind == Job) && u.Restart == Always {
		u.Restart = Never
	}
	if u.Script != "" {
		or(&u.Interpreter, "/bin/sh")
	}
	or(&u.Backoff.Initial, Duration(200*time.Millisecond))
	or(&u.Backoff.Max, max(u.Backoff.Initial, Duration(30*time.Second)))
	or(&u.Backoff.Factor, 2)
	or(&u.Backoff.Jitter, 0.2)
	or(&u.MaxRestarts, 5)
	or(&u.Window, Duration(time.Minute))
	or(&u.StopSignal, "SIGTERM")
	or(&u.Grace, Duration(10*time.Second))
	or(&u.Ready.Mode, ReadyAuto)
	or(&u.Ready.Delay, Duration(time.Second))
	or(&u.Ready.Interval, Duration(200*time.Millisecond))
	or(&u.Ready.Timeout, Duration(time.Minute))
	or(&u.Logs.MaxSize, 10<<20)
	or(&u.Logs.MaxFiles, 5)
	return u
}

func or[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Validate returns all that is wrong with u as one error of kind
// fault.Invalid, or nil.
func (u Unit) Validate() error {
	var errs []error
	for _, p := range u.Problems() {
		errs = append(errs, fmt.Errorf("%s: %s", p.Key, p.Text))
	}
	return invalid(errs)
}

func invalid(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return fault.Errorf(fault.Invalid, "%w", errors.Join(errs...))
}

// Problems returns all that is wrong with u.
func (u Unit) Problems() []Problem {
	var c checker
	if _, err := layout.ParseService(u.Name); err != nil {
		c.add("name", "%v", err)
	}
	u.checkCommand(&c)
	c.oneOf("kind", string(u.Kind), string(Service), string(Oneshot), string(Job))
	u.checkSchedule(&c)
	c.oneOf("restart", string(u.Restart), string(Always), string(OnFailure), string(Never))
	u.checkDependencies(&c)
	u.checkReady(&c)
	if u.StopSignal != "" && !signalName(u.StopSignal) {
		c.add("stop_signal", "%q is no signal such as \"SIGTERM\"", u.StopSignal)
	}
	if f := u.Backoff.Factor; f != 0 && (f < 1 || f > 100) {
		c.add("backoff.factor", "%v is not between 1 and 100", f)
	}
	if j := u.Backoff.Jitter; j != -1 && (j < 0 || j > 1) {
		c.add("backoff.jitter", "%v is not between 0 and 1, nor -1 for none", j)
	}
	if u.Backoff.Max != 0 && u.Backoff.Max < u.Backoff.Initial {
		c.add("backoff.max", "%v is less than backoff.initial, %v", u.Backoff.Max, u.Backoff.Initial)
	}
	if w := u.Limits.CPUWeight; w < 0 || w > 10000 {
		c.add("limits.cpu_weight", "%d is not between 1 and 10000", w)
	}
	if m := u.Limits.Memory; m != 0 && m < 1<<20 {
		c.add("limits.memory", "%v is less than 1MiB", m)
	}
	u.checkOnDemand(&c)
	c.notNegative("limits.open_files", u.Limits.OpenFiles)
	c.notNegative("limits.processes", u.Limits.Processes)
	c.notNegative("logs.max_files", u.Logs.MaxFiles)
	if s := u.Logs.MaxSize; s != 0 && s < 4096 {
		c.add("logs.max_size", "%v is less than 4KiB", s)
	}
	return c
}

// checker gathers problems.
type checker []Problem

func (c *checker) add(key, format string, args ...any) {
	*c = append(*c, Problem{key, fmt.Sprintf(format, args...)})
}

func (c *checker) oneOf(key, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		c.add(key, "%q is none of %s", value, strings.Join(words, ", "))
	}
}

func (c *checker) notNegative(key string, n int) {
	if n < 0 {
		c.add(key, "%d is negative", n)
	}
}

func (c *checker) noNUL(key string, values ...string) {
	for _, v := range values {
		if strings.IndexByte(v, 0) >= 0 {
			c.add(key, "holds a NUL byte")
			return
		}
	}
}

func (u Unit) checkCommand(c *checker) {
	switch {
	case len(u.Command) == 0 && u.Script == "":
		c.add("command", "is missing: give a command, or a script")
	case len(u.Command) > 0 && u.Script != "":
		c.add("script", "stands beside command: give one of the two")
	case len(u.Command) > 0 && u.Command[0] == "":
		c.add("command", "names no program")
	}
	if u.Interpreter != "" && u.Script == "" {
		c.add("interpreter", "has no script to run")
	}
	c.noNUL("command", u.Command...)
	c.noNUL("script", u.Script, u.Interpreter)
	if u.Dir != "" && !filepath.IsAbs(u.Dir) {
		c.add("dir", "%q is not an absolute path", u.Dir)
	}
	c.noNUL("dir", u.Dir)
	for _, name := range slices.Sorted(maps.Keys(u.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.IndexByte(u.Env[name], 0) >= 0 {
			c.add("env", "%q=%q is no environment variable", name, u.Env[name])
		}
	}
	for _, f := range u.EnvFiles {
		if !filepath.IsAbs(strings.TrimPrefix(f, "-")) {
			c.add("env_files", "%q is not an absolute path", f)
		}
	}
}

func (u Unit) checkSchedule(c *checker) {
	switch {
	case u.Kind == Job && u.Schedule == "":
		c.add("schedule", "is missing, and kind is %q", Job)
	case u.Kind != Job && u.Schedule != "":
		c.add("schedule", "is of use only where kind is %q", Job)
	case u.Schedule != "":
		if err := u.Schedule.check(); err != nil {
			c.add("schedule", "%v", err)
		}
	}
}

func (u Unit) checkDependencies(c *checker) {
	for _, d := range []struct {
		key   string
		names []string
	}{{"after", u.After}, {"requires", u.Requires}, {"wants", u.Wants}} {
		for _, name := range d.names {
			if _, err := layout.ParseService(name); err != nil {
				c.add(d.key, "%v", err)
			} else if name == u.Name {
				c.add(d.key, "names the unit itself")
			}
		}
	}
}

func (u Unit) checkOnDemand(c *checker) {
	switch {
	case !u.OnDemand && len(u.Sockets) > 0:
		c.add("sockets", "are of use only with on_demand = true")
	case !u.OnDemand && u.Idle != 0:
		c.add("idle", "is of use only with on_demand = true")
	case u.OnDemand && u.Kind != "" && u.Kind != Service:
		c.add("on_demand", "is for services, and this is a %s", u.Kind)
	}
	for _, s := range u.Sockets {
		if !filepath.IsLocal(s) || !strings.HasSuffix(s, ".sock") || strings.ContainsAny(s, ":\x00") {
			c.add("sockets", "%q is no path of a socket below the sockets folder, such as \"%s.sock\"", s, u.Name)
		}
	}
}

func (u Unit) checkReady(c *checker) {
	r := u.Ready
	c.oneOf("ready.mode", string(r.Mode), string(ReadyAuto), string(ReadyNotify), string(ReadySockets),
		string(ReadyHTTP), string(ReadyTCP), string(ReadyCommand), string(ReadyDelay))
	for _, n := range []struct {
		mode       Mode
		key, value string
	}{{ReadyHTTP, "ready.url", r.URL}, {ReadyTCP, "ready.address", r.Address}, {ReadyCommand, "ready.command", strings.Join(r.Command, " ")}} {
		switch {
		case r.Mode == n.mode && n.value == "":
			c.add(n.key, "is missing, and ready.mode is %q", n.mode)
		case r.Mode != n.mode && n.value != "":
			c.add(n.key, "is of use only where ready.mode is %q", n.mode)
		}
	}
	if r.URL != "" {
		if v, err := url.Parse(r.URL); err != nil || v.Scheme != "http" && v.Scheme != "https" || v.Host == "" {
			c.add("ready.url", "%q is no URL such as \"http://127.0.0.1:8080/health\"", r.URL)
		}
	}
	if r.Address != "" {
		if _, _, err := net.SplitHostPort(r.Address); err != nil {
			c.add("ready.address", "%q is no address such as \"127.0.0.1:6379\"", r.Address)
		}
	}
}

// signalName reports whether a unit may be stopped with the signal of a name.
func signalName(name string) bool {
	return slices.Contains([]string{"SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGABRT"}, name)
}

// Cycle returns units that come after one another in a circle, the first again
// at the end, or nil where there is none. Names that are in no unit are passed
// over.
func Cycle(units map[string]Unit) []string {
	const onPath, done = 1, 2
	seen := map[string]int{}
	var path []string
	var visit func(string) []string
	visit = func(name string) []string {
		u, ok := units[name]
		if !ok || seen[name] == done {
			return nil
		}
		if seen[name] == onPath {
			return append(slices.Clone(path[slices.Index(path, name):]), name)
		}
		seen[name] = onPath
		path = append(path, name)
		for _, next := range u.Before() {
			if c := visit(next); c != nil {
				return c
			}
		}
		path, seen[name] = path[:len(path)-1], done
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(units)) {
		if c := visit(name); c != nil {
			return c
		}
	}
	return nil
}

// Before returns the units that are started before this one: those of After,
// Requires and Wants.
func (u Unit) Before() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(u.After, u.Requires, u.Wants))))
}
