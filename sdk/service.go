package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Version is the version of this package, as manifests name it.
const Version = "0.1.0"

// Service says what a service is. Name and Version are needed.
type Service struct {
	Name        string
	Version     string
	Title       string // the name as people read it; "" makes one of Name
	Description string
	// RootOnly keeps the service in the context root: one that serves the
	// machine and not its tenants.
	RootOnly bool
	// MaxBody is the largest request, in bytes; 0 is 4 MiB.
	MaxBody int64
	// Grace is how long requests in flight may take to end when the service
	// or a context ends; 0 is 10 s.
	Grace time.Duration
}

// Part is what a service is put together from: a [Domain], a [UI] or a [Task].
type Part interface {
	join(*plan) error
}

// Env is the world that a service runs in. [Main] takes it from the process;
// a test makes one.
type Env struct {
	Places layout.Places
	Getenv func(string) string // nil has no variables
	Log    *slog.Logger        // nil discards
	// Command runs this program again, for a UI on demand; nil keeps every UI
	// in this process.
	Command []string
	// Flags holds the names of the flags that were given, of those that the
	// service's tasks declare.
	Flags []string
}

func (e Env) getenv(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// Task is work that a service does beside its domains, from when it serves
// until it ends.
type Task struct {
	Name string
	// Flag, where set, is the command-line flag without which the task does
	// not run, and Usage what --help says of it.
	Flag, Usage string
	// Setup says that the service is ready only when the task has ended: its
	// sockets answer before, for the task itself uses them.
	Setup bool
	// Run does the work. Its context dials in root (see [Dial]) and ends with
	// the service. An error ends the service; nil does not.
	Run func(ctx context.Context) error
}

func (t Task) join(p *plan) error {
	if t.Run == nil || t.Name == "" {
		return fault.Errorf(fault.Internal, "task %q needs a name and a Run", t.Name)
	}
	p.tasks = append(p.tasks, t)
	return nil
}

// plan is a service as its parts describe it, before it runs.
type plan struct {
	Service
	name    layout.Service
	domains []domain
	ui      *UI
	tasks   []Task
}

func newPlan(svc Service, parts []Part) (*plan, error) {
	name, err := layout.ParseNewService(svc.Name)
	if err != nil {
		return nil, err
	}
	if svc.Version == "" {
		return nil, fault.Errorf(fault.Internal, "service %s has no version", name)
	}
	if svc.Title == "" {
		svc.Title = titleOf(svc.Name)
	}
	if svc.Grace == 0 {
		svc.Grace = 10 * time.Second
	}
	p := &plan{Service: svc, name: name}
	for _, part := range parts {
		if jerr := part.join(p); jerr != nil {
			err = errors.Join(err, jerr)
		}
	}
	if err != nil {
		return nil, fault.Errorf(fault.Internal, "service %s: %w", name, err)
	}
	return p, nil
}

func (p *plan) domain(name layout.Domain) domain {
	for _, d := range p.domains {
		if d.name() == name {
			return d
		}
	}
	return nil
}

// titleOf makes words of a name: hero_food is Hero Food.
func titleOf(name string) string {
	out := []byte(name)
	up := true
	for i, c := range out {
		switch {
		case c == '_' || c == '-':
			out[i], up = ' ', true
		case up && c >= 'a' && c <= 'z':
			out[i], up = c-'a'+'A', false
		default:
			up = false
		}
	}
	return string(out)
}

func discard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return l
}
