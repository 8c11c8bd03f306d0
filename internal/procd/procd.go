// Package procd is hero_proc's API: the supervisor, its logs and the health of
// what it runs, as domains on hero_proc's own sockets. The command line, the
// pages and scripts use nothing else.
package procd

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// Where the API is found.
const (
	Service    = "hero_proc"
	Supervisor = "supervisor" // the domain of what runs
	Logs       = "logs"       // the domain of what it says
	Events     = "events"     // the domain of what happens
	Stats      = "stats"      // the domain of what it uses
)

// API serves hero_proc's domains. Close ends what waits for news.
type API struct {
	Supervisor *supervisor.Supervisor
	// Tree returns the sockets folder as it is now.
	Tree func() *discovery.Tree
	// Health follows how the services are; nil asks them each time.
	Health *health.Tracker
	Places layout.Places
	Log    *slog.Logger
	// Upgrade replaces this process by the program at a path, once the answer
	// is on its way; nil where nothing can. See supervisor.upgrade.
	Upgrade func(path string) error

	mu sync.Mutex // held while a migration is made

	lookMu      sync.Mutex // guards now and before
	now, before survey

	waitMu sync.Mutex // guards the fields below it
	waits  map[int]context.CancelFunc
	count  int
	over   bool
}

// Close ends the streams and the calls that wait, now and from now on, so that
// nobody has to wait for them.
func (a *API) Close() {
	a.waitMu.Lock()
	defer a.waitMu.Unlock()
	a.over = true
	for _, cancel := range a.waits {
		cancel()
	}
}

// waiting returns a context that ends when ctx does, or the API.
func (a *API) waiting(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	a.waitMu.Lock()
	defer a.waitMu.Unlock()
	if a.over {
		cancel()
	}
	if a.waits == nil {
		a.waits = make(map[int]context.CancelFunc)
	}
	a.count++
	id := a.count
	a.waits[id] = cancel
	return ctx, func() {
		cancel()
		a.waitMu.Lock()
		defer a.waitMu.Unlock()
		delete(a.waits, id)
	}
}

// seconds is a duration of a call's parameters, at most a minute.
func seconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), 60) * float64(time.Second))
}

// Parts are the domains, as parts of the service.
func (a *API) Parts() []sdk.Part {
	open := func(context.Context, *sdk.Tenant) (*API, error) { return a, nil }
	return []sdk.Part{
		sdk.Domain[*API]{
			Name: Supervisor, Title: "Supervisor", Description: "What runs, what shall run, and how it is.", Open: open,
			Methods: []sdk.Method[*API]{
				sdk.Call("supervisor.list", (*API).list, sdk.Doc{Summary: "Returns all supervised services with their processes.", ReadOnly: true}),
				sdk.Call("supervisor.status", (*API).status, sdk.Doc{Summary: "Returns one service: its processes and the health of every layer.", ReadOnly: true}),
				sdk.Call("supervisor.get", (*API).get, sdk.Doc{Summary: "Returns a definition.", ReadOnly: true}),
				sdk.Call("supervisor.set", (*API).set, sdk.Doc{Summary: "Registers a definition or changes it. It holds from the next start on.", Idempotent: true}),
				sdk.Call("supervisor.remove", (*API).remove, sdk.Doc{Summary: "Stops a service and forgets its definition. Its logs and its data stay.", Destructive: true, Idempotent: true}),
				sdk.Call("supervisor.start", (*API).start, sdk.Doc{Summary: "Starts a service and what it requires.", Idempotent: true}),
				sdk.Call("supervisor.stop", (*API).stop, sdk.Doc{Summary: "Stops a service and all that it forked.", Idempotent: true}),
				sdk.Call("supervisor.restart", (*API).restart, sdk.Doc{Summary: "Stops a service and starts it anew, or in the other order, or only its UI."}),
				sdk.Call("supervisor.signal", (*API).signal, sdk.Doc{Summary: "Sends a signal to a service's main process."}),
				sdk.Call("supervisor.history", (*API).history, sdk.Doc{Summary: "Returns what happened to a service, the newest last.", ReadOnly: true}),
				sdk.Call("supervisor.plan", (*API).plan, sdk.Doc{Summary: "Tells what is to be done so that what runs is what the files in etc/services say.", ReadOnly: true}),
				sdk.Call("supervisor.apply", (*API).apply, sdk.Doc{Summary: "Makes what runs equal to the files in etc/services.", Destructive: true, Idempotent: true}),
				sdk.Call("supervisor.source", (*API).source, sdk.Doc{Summary: "Returns a definition as a TOML file.", ReadOnly: true}),
				sdk.Call("supervisor.check", (*API).check, sdk.Doc{Summary: "Reads a definition from a TOML file, and tells everything that is wrong by line and column, or what it changes.", ReadOnly: true}),
				sdk.Call("supervisor.migrate", (*API).migrate, sdk.Doc{Summary: "Turns the two registrations of the older pattern into one."}),
				sdk.Call("supervisor.contexts", (*API).contexts, sdk.Doc{Summary: "Returns the contexts of a service with their domains.", ReadOnly: true}),
				sdk.Call("supervisor.domains", (*API).domains, sdk.Doc{Summary: "Returns the domains of a service in every context, and how each is.", ReadOnly: true}),
				sdk.Call("supervisor.health", (*API).health, sdk.Doc{Summary: "Asks every layer of a service how it is.", ReadOnly: true}),
				sdk.Call("supervisor.upgrade", (*API).upgrade, sdk.Doc{Summary: "Replaces the running hero_proc by another program in place. What it supervises runs on."}),
				sdk.Call("supervisor.why", (*API).why, sdk.Doc{Summary: "Tells in plain words why a service is in its state.", ReadOnly: true}),
			},
		},
		sdk.Domain[*API]{
			Name: Logs, Title: "Logs", Description: "What the services write to their standard output and error.", Open: open,
			Methods: []sdk.Method[*API]{
				sdk.Call("logs.read", (*API).readLogs, sdk.Doc{Summary: "Returns lines of a service's output, and waits for some where told to.",
					Description: "GET /stream?name=NAME&grep=TEXT&tail=N on the same socket sends lines as they come, as server-sent events that resume from Last-Event-ID.", ReadOnly: true}),
			},
			Stream: (*API).logStream,
		},
		sdk.Domain[*API]{
			Name: Events, Title: "Events", Description: "What happens to the services.", Open: open,
			Methods: []sdk.Method[*API]{
				sdk.Call("events.list", (*API).listEvents, sdk.Doc{Summary: "Returns the events after the one of an id, and waits for some where told to.",
					Description: "GET /stream?name=NAME on the same socket sends events as they come, as server-sent events that resume from Last-Event-ID.", ReadOnly: true}),
			},
			Stream: (*API).eventStream,
		},
		sdk.Domain[*API]{
			Name: Stats, Title: "Stats", Description: "What the services use of the machine.", Open: open,
			Methods: []sdk.Method[*API]{
				sdk.Call("stats.now", (*API).statsNow, sdk.Doc{Summary: "Returns what each service uses now, process by process.", ReadOnly: true}),
				sdk.Call("stats.hour", (*API).statsHour, sdk.Doc{Summary: "Returns what each registration of a service uses now and used in the last hour, minute by minute.", ReadOnly: true}),
			},
		},
	}
}

// ServiceStatus is one service with its processes: one, or two in the older
// pattern of two registrations.
type ServiceStatus struct {
	Name      string              `json:"name"`
	State     string              `json:"state" doc:"The state of its process, or the one that asks for attention; unsupervised where hero_proc does not run it."`
	Processes []supervisor.Status `json:"processes,omitzero"`
	Health    *health.Report      `json:"health,omitzero" doc:"The health of every layer, where it was asked for."`
}

// down reports whether hero_proc knows that none of the service's processes
// lives, though one should.
func (s ServiceStatus) down() bool {
	return len(s.Processes) > 0 && s.State != "asleep" &&
		!slices.ContainsFunc(s.Processes, func(p supervisor.Status) bool { return p.PID != 0 })
}

// NameParams name a service, or one registration of it.
type NameParams struct {
	Name string `json:"name" doc:"Name of the service."`
}

// WaitParams name a service and say how long to wait for the outcome.
type WaitParams struct {
	Name string  `json:"name" doc:"Name of the service."`
	Wait float64 `json:"wait,omitzero" doc:"Seconds to wait until it is ready; 0 returns at once."`
}

// SignalParams say which signal to send.
type SignalParams struct {
	Name   string `json:"name" doc:"Name of the registration."`
	Signal int    `json:"signal" doc:"The signal's number."`
}

// HistoryParams say whose past to tell.
type HistoryParams struct {
	Name  string `json:"name,omitzero" doc:"Name of the registration; all where empty."`
	Limit int    `json:"limit,omitzero" doc:"How many at most; 50 where empty."`
}

// registrations returns the names of the registrations that a name stands for:
// itself, or the two of the older pattern.
func (a *API) registrations(name string) ([]string, error) {
	var out []string
	for _, u := range a.Supervisor.List() {
		if u.Name == name {
			return []string{name}, nil
		}
		if u.Logical() == name {
			out = append(out, u.Name)
		}
	}
	if len(out) == 0 {
		return nil, fault.WithHint(fault.Errorf(fault.NotFound, "there is no service %q", name), "hero_proc list shows those that there are")
	}
	return out, nil
}

// each does something to every registration of a service.
func (a *API) each(ctx context.Context, name string, do func(context.Context, string) error) error {
	names, err := a.registrations(name)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := do(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) get(_ context.Context, p NameParams) (unit.Unit, error) {
	return a.Supervisor.Get(p.Name)
}

func (a *API) set(ctx context.Context, u unit.Unit) (unit.Unit, error) {
	if err := a.Supervisor.Set(ctx, u); err != nil {
		return unit.Unit{}, err
	}
	return a.Supervisor.Get(u.Name)
}

func (a *API) remove(ctx context.Context, p NameParams) (bool, error) {
	err := a.each(ctx, p.Name, a.Supervisor.Remove)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

func (a *API) start(ctx context.Context, p WaitParams) (ServiceStatus, error) {
	if err := a.each(ctx, p.Name, a.Supervisor.Start); err != nil {
		return ServiceStatus{}, err
	}
	return a.settled(ctx, p)
}

func (a *API) stop(ctx context.Context, p NameParams) (ServiceStatus, error) {
	if err := a.each(ctx, p.Name, a.Supervisor.Stop); err != nil {
		return ServiceStatus{}, err
	}
	return a.one(p.Name)
}

func (a *API) signal(_ context.Context, p SignalParams) (bool, error) {
	if p.Signal < 1 || p.Signal > 64 {
		return false, fault.Errorf(fault.Invalid, "signal: %d is none", p.Signal)
	}
	return true, a.Supervisor.Signal(p.Name, syscall.Signal(p.Signal))
}

// settled waits until the service is up, or rests, or the time is over.
func (a *API) settled(ctx context.Context, p WaitParams) (ServiceStatus, error) {
	if p.Wait <= 0 {
		return a.one(p.Name)
	}
	wait, cancel := context.WithTimeout(ctx, time.Duration(min(p.Wait, 3600)*float64(time.Second)))
	defer cancel()
	err := a.each(wait, p.Name, func(ctx context.Context, name string) error {
		_, err := a.Supervisor.Wait(ctx, name, func(s supervisor.Status) bool { return s.Up() || s.Resting() })
		return err
	})
	if err != nil && wait.Err() == nil {
		return ServiceStatus{}, err
	}
	return a.one(p.Name)
}

func (a *API) history(ctx context.Context, p HistoryParams) ([]supervisor.Transition, error) {
	if p.Limit <= 0 {
		p.Limit = 50
	}
	return a.Supervisor.History(ctx, p.Name, p.Limit)
}

func (a *API) why(ctx context.Context, p NameParams) (string, error) {
	names, err := a.registrations(p.Name)
	if err != nil {
		return "", err
	}
	var lines []string
	runs := false
	for _, n := range names {
		w, err := a.Supervisor.Why(ctx, n)
		if err != nil {
			return "", err
		}
		lines = append(lines, w)
		st, err := a.Supervisor.Status(n)
		runs = runs || err == nil && st.State == "running"
	}
	// A process that runs is not yet a service that answers.
	if s := a.service(p.Name); s != nil && runs {
		if w := a.ails(ctx, s); w != "" {
			lines = append(lines, w)
		}
	}
	return strings.Join(lines, "\n"), nil
}

// one returns a supervised service without its health.
func (a *API) one(name string) (ServiceStatus, error) {
	names, err := a.registrations(name)
	if err != nil {
		return ServiceStatus{}, err
	}
	s := ServiceStatus{Name: name}
	for _, n := range names {
		st, err := a.Supervisor.Status(n)
		if err != nil {
			return ServiceStatus{}, err
		}
		s.Processes = append(s.Processes, st)
	}
	s.State = attention(s.Processes)
	return s, nil
}

// attention returns the state of a service's processes that asks for attention
// most.
func attention(processes []supervisor.Status) string {
	state, best := "", -1
	for _, p := range processes {
		rank := slices.Index([]string{"running", "asleep", "scheduled", "exited", "stopped", "waiting", "starting", "stopping", "ending", "backoff", "failed"}, p.State)
		if rank > best {
			state, best = p.State, rank
		}
	}
	return state
}

func (a *API) status(ctx context.Context, p NameParams) (ServiceStatus, error) {
	s, err := a.one(p.Name)
	found := a.service(p.Name)
	if err != nil {
		if fault.Of(err) != fault.NotFound || found == nil {
			return ServiceStatus{}, err
		}
		s = ServiceStatus{Name: p.Name, State: "unsupervised"}
	}
	if found != nil {
		r := a.asked(ctx, found, s.down())
		s.Health = &r
	}
	return s, nil
}

// service returns a service of the tree, or nil.
func (a *API) service(name string) *discovery.Service {
	n, err := layout.ParseService(name)
	tree := a.Tree()
	if err != nil || tree == nil {
		return nil
	}
	return tree.Service(n)
}

// ListParams say how much of the services to tell.
type ListParams struct {
	Health bool `json:"health,omitzero" doc:"Whether to ask every layer how it is."`
}

// Services returns all supervised services with the health of their layers.
func (a *API) Services(ctx context.Context) ([]ServiceStatus, error) {
	return a.list(ctx, ListParams{Health: true})
}

func (a *API) list(ctx context.Context, p ListParams) ([]ServiceStatus, error) {
	out := a.grouped()
	if p.Health {
		a.probeAll(ctx, out)
	}
	return out, nil
}

// grouped returns all supervised services with the status of their
// registrations, without what they use.
func (a *API) grouped() []ServiceStatus {
	byName := make(map[string]*ServiceStatus)
	for _, st := range a.Supervisor.Statuses() {
		name := unit.Unit{Name: st.Name}.Logical()
		s := byName[name]
		if s == nil {
			s = &ServiceStatus{Name: name}
			byName[name] = s
		}
		s.Processes = append(s.Processes, st)
	}
	out := make([]ServiceStatus, 0, len(byName))
	for _, s := range byName {
		s.State = attention(s.Processes)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(x, y ServiceStatus) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// atOnce is how many services are asked how they are at the same time.
const atOnce = 16

func (a *API) probeAll(ctx context.Context, services []ServiceStatus) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range services {
		found := a.service(services[i].Name)
		if found == nil {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r := a.well(ctx, found, services[i].down())
			services[i].Health = &r
		})
	}
	wg.Wait()
}

// Ready reports whether all sockets of a unit answer, for the supervisor.
func (a *API) Ready(ctx context.Context, name string) (ready, known bool, detail string) {
	found := a.service(name)
	if found == nil {
		return false, false, "no sockets yet"
	}
	r := health.Probe(ctx, a.probing(), found)
	return r.Word == health.Healthy, true, unwell(r)
}

// unwell names the layers that are neither healthy nor asleep.
func unwell(r health.Report) string {
	var out []string
	add := func(name string, l health.Layer) {
		if l.Word == health.Healthy || l.Word == health.Asleep || l.Word == health.Absent {
			return
		}
		text := name + " is " + string(l.Word)
		if l.Detail != "" {
			text += ": " + l.Detail
		}
		out = append(out, text)
	}
	add("service", r.Main)
	add("ui", r.UI)
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			add(c.Name+"/"+d.Name, d.Layer)
		}
	}
	return strings.Join(out, "; ")
}
