// Package tools holds the dashboards of hero_proc and hero_proxy. Each is the UI
// of its program and knows it by its sockets alone.
package tools

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

//go:embed supervisor proxy
var files embed.FS

// Bounds of what one page shows and waits for.
const (
	treeUpTo   = 60 // services whose layers the list asks
	callAtMost = 60 * time.Second
)

// SupervisorOptions is what hero_proc's dashboard is made of. The zero value
// works.
type SupervisorOptions struct {
	Log *slog.Logger // what went wrong on our side; nil discards it
}

// supervisor serves hero_proc's dashboard.
type supervisor struct {
	*page.Board
	seq atomic.Uint64 // grows with every look at the machine
}

// Supervisor returns hero_proc's dashboard. It knows hero_proc by its sockets
// alone, which the contexts of its requests lead to: see sdk.Dial.
func Supervisor(opts SupervisorOptions) http.Handler {
	b, err := page.New("proc", files, "supervisor", opts.Log, page.Crumb{Name: "Services", URL: ""}, page.Crumb{Name: "Graph", URL: "graph"}, page.Crumb{Name: "Events", URL: "history"})
	if err != nil {
		return page.Broken(opts.Log, err)
	}
	s := &supervisor{Board: b}
	b.State = s.seq.Load
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.Page(s.list))
	mux.HandleFunc("GET /graph", s.Page(s.graph))
	mux.HandleFunc("GET /history", s.Page(s.history))
	mux.HandleFunc("GET /s/{service}", s.Page(s.service))
	mux.HandleFunc("GET /s/{service}/history", s.Page(s.serviceHistory))
	mux.HandleFunc("GET /s/{service}/definition", s.Page(s.definition))
	mux.HandleFunc("GET /s/{service}/logs", s.Page(s.logs))
	mux.HandleFunc("GET /s/{service}/logs/stream", func(w http.ResponseWriter, r *http.Request) {
		page.FollowLog(w, r, r.PathValue("service"), r.FormValue("q"))
	})
	mux.HandleFunc("GET /s/{service}/usage.json", s.usage)
	mux.HandleFunc("POST /s/{service}/{action}", s.Act(s.control))
	mux.HandleFunc("GET /assets/{file}", page.Asset)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("/", s.Page(page.Absent))
	return page.Secure(mux)
}

// supervised is a service as hero_proc tells it.
type supervised struct {
	Name      string         `json:"name"`
	State     string         `json:"state"`
	Processes []process      `json:"processes"`
	Health    *health.Report `json:"health"`
}

// process is one registration of a supervised service.
type process struct {
	Name        string    `json:"name"`
	Label       string    `json:"label"`
	Kind        string    `json:"kind"`
	State       string    `json:"state"`
	Desired     string    `json:"desired"`
	PID         int       `json:"pid"`
	Since       time.Time `json:"since"`
	Restarts    int       `json:"restarts"`
	Exit        string    `json:"exit"`
	Cause       string    `json:"cause"`
	Detail      string    `json:"detail"`
	NextAttempt time.Time `json:"next_attempt"`
	Usage       *struct {
		CPUSeconds float64 `json:"cpu_seconds"`
		Memory     int64   `json:"memory"`
		OpenFiles  int     `json:"open_files"`
		Processes  int     `json:"processes"`
	} `json:"usage"`
}

// figures are what a service uses now and used in the last hour.
type figures struct {
	Unit      string  `json:"unit"`
	CPU       float64 `json:"cpu"`
	Memory    int64   `json:"memory"`
	OpenFiles int     `json:"open_files"`
	Hour      []struct {
		At     time.Time `json:"at"`
		CPU    float64   `json:"cpu"`
		Memory int64     `json:"memory"`
	} `json:"hour"`
}

func ofSupervisor[R any](ctx context.Context, method string, params any) (R, error) {
	return page.Ask[R](ctx, page.Supervisor, "supervisor", "supervisor."+method, params)
}

func hourOf(ctx context.Context, name string) ([]figures, error) {
	return page.Ask[[]figures](ctx, page.Supervisor, "stats", "stats.hour", map[string]string{"name": name})
}

// serviceRow is a service as the list shows it.
type serviceRow struct {
	Name, URL, State, Word, Layers, Since, Cause string
	CPU, Memory                                  string
	CPULine, MemoryLine                          string // of a sparkline: points
	Restarts, PID                                int
	Down                                         bool // nobody wants it to run
	Supervised                                   bool
}

// supervisorList is the list of all that hero_proc runs.
type supervisorList struct {
	page.Frame
	Rows  []serviceRow
	Total int
	Well  int
}

func (s *supervisor) list(v *page.Visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "Services", "Services", v.FormValue("q")
	ctx, cancel := context.WithTimeout(v.Context(), callAtMost)
	defer cancel()
	all, err := ofSupervisor[[]supervised](ctx, "list", map[string]bool{"health": false})
	if err == nil && len(all) <= treeUpTo { // asking every layer of a thousand services takes its time
		all, err = ofSupervisor[[]supervised](ctx, "list", map[string]bool{"health": true})
	}
	if err != nil {
		return "", nil, err
	}
	p := supervisorList{Frame: v.Frame, Total: len(all)}
	words := strings.Fields(strings.ToLower(v.Query))
	for _, x := range all {
		row := rowOf(v, x)
		if row.State == "running" || row.State == "exited" || row.State == "stopped" && row.Down {
			p.Well++
		}
		if page.Holds(strings.ToLower(row.Name+" "+row.State+" "+row.Word), words) {
			p.Rows = append(p.Rows, row)
		}
	}
	page.Each(min(len(p.Rows), treeUpTo), func(i int) {
		if f, err := hourOf(ctx, p.Rows[i].Name); err == nil { // who keeps no figures has none to show
			p.Rows[i].draw(f)
		}
	})
	return "list", p, nil
}

func rowOf(v *page.Visit, x supervised) serviceRow {
	row := serviceRow{Name: x.Name, URL: v.To("s", x.Name), State: x.State, Down: true, Supervised: len(x.Processes) > 0}
	var memory int64
	for _, p := range x.Processes {
		row.Restarts += p.Restarts
		row.Down = row.Down && p.Desired != "up"
		if row.PID == 0 {
			row.PID = p.PID
		}
		if p.State == x.State {
			row.Since, row.Cause = page.Ago(p.Since), p.Cause
		}
		if p.Usage != nil {
			memory += p.Usage.Memory
		}
	}
	if memory > 0 {
		row.Memory = page.Bytes(memory)
	}
	if x.Health != nil {
		row.Word = string(x.Health.Word)
		well, all := 0, 0
		for _, c := range x.Health.Contexts {
			for _, d := range c.Domains {
				all++
				if d.Word == health.Healthy {
					well++
				}
			}
		}
		if all > 0 {
			row.Layers = ratio(well, all)
		}
	}
	return row
}

// draw puts the figures of an hour into the row.
func (r *serviceRow) draw(list []figures) {
	cpu, memory := 0.0, int64(0)
	for _, f := range list {
		cpu, memory = cpu+f.CPU, memory+f.Memory
	}
	r.CPU, r.Memory = page.Percent(cpu), page.Bytes(memory)
	at, cpus, memories := sum(list)
	if len(at) > 1 {
		r.CPULine, r.MemoryLine = page.Sparkline(cpus), page.Sparkline(memories)
	}
}

// sum adds the minutes of several registrations.
func sum(list []figures) (at []int64, cpu, memory []float64) {
	minutes := map[int64][2]float64{}
	for _, f := range list {
		for _, p := range f.Hour {
			m := minutes[p.At.Unix()]
			minutes[p.At.Unix()] = [2]float64{m[0] + p.CPU, m[1] + float64(p.Memory)}
		}
	}
	for t := range minutes {
		at = append(at, t)
	}
	slices.Sort(at)
	for _, t := range at {
		cpu, memory = append(cpu, minutes[t][0]), append(memory, minutes[t][1])
	}
	return at, cpu, memory
}

// supervisorPage is what every page of a service has.
type supervisorPage struct {
	page.Frame
	Service struct{ Title string } // for the tabs
	Row     serviceRow
	Tab     string
	Tabs    []page.Tab
}

func (s *supervisor) servicePage(v *page.Visit, name string) (supervisorPage, supervised, error) {
	service := v.PathValue("service")
	x, err := ofSupervisor[supervised](v.Context(), "status", map[string]string{"name": service})
	if err != nil {
		return supervisorPage{}, x, err
	}
	v.Nav, v.Title = "Services", service
	v.Crumbs = append(v.Crumbs, page.Crumb{Name: "Services", URL: v.To()})
	p := supervisorPage{Frame: v.Frame, Row: rowOf(v, x), Tab: name, Tabs: []page.Tab{
		{Name: "overview", Label: "Overview", URL: v.To("s", service)},
		{Name: "logs", Label: "Logs", URL: v.To("s", service, "logs")},
		{Name: "history", Label: "History", URL: v.To("s", service, "history")},
		{Name: "definition", Label: "Definition", URL: v.To("s", service, "definition")},
	}}
	p.Service.Title = service
	return p, x, nil
}

// supervisorService is the first page of a service.
type supervisorService struct {
	supervisorPage
	Why       []string
	Processes []processRow
	Layers    []layerRow
	Columns   []string // contexts
	Matrix    []matrixRow
	Chart     string // address of the figures
	Graph     *graph
}

// matrixRow is a domain with its cells, one for each context.
type matrixRow struct {
	Name  string
	Cells []page.Link // without URL where the context lacks the domain
}

type processRow struct {
	Name, State, Since, Exit, Cause, Detail, Memory, CPU, Next string
	PID, Restarts, Files                                       int
}

type layerRow struct{ Name, Word, Detail, Latency string }

func (s *supervisor) service(v *page.Visit) (string, any, error) {
	base, x, err := s.servicePage(v, "overview")
	if err != nil {
		return "", nil, err
	}
	name := base.Row.Name
	p := supervisorService{supervisorPage: base, Chart: v.To("s", name, "usage.json")}
	if why, err := ofSupervisor[string](v.Context(), "why", map[string]string{"name": name}); err == nil { // an unsupervised one has no reason
		p.Why = strings.Split(strings.TrimSpace(why), "\n")
	}
	if f, err := hourOf(v.Context(), name); err == nil { // who keeps no figures has none to show
		p.Row.draw(f)
	}
	for _, y := range x.Processes {
		row := processRow{Name: y.Name, State: y.State, Since: page.Ago(y.Since), Exit: y.Exit, Cause: y.Cause, Detail: y.Detail, PID: y.PID, Restarts: y.Restarts}
		if y.Usage != nil {
			row.Memory, row.CPU, row.Files = page.Bytes(y.Usage.Memory), page.Plain(y.Usage.CPUSeconds)+" s", y.Usage.OpenFiles
		}
		if !y.NextAttempt.IsZero() {
			row.Next = y.NextAttempt.Local().Format("15:04:05")
		}
		p.Processes = append(p.Processes, row)
	}
	p.layers(x.Health, inspectorAt(v, name))
	if g, err := s.graphOf(v, name); err == nil && len(g.Nodes) > 1 { // one that depends on nothing needs no picture
		p.Graph = g
	}
	return "service", p, nil
}

// inspectorAt returns where the inspector shows a service, "" where no proxy
// leads to it.
func inspectorAt(v *page.Visit, name string) string {
	for _, s := range v.Sisters {
		if s.Name == "inspector" {
			return s.URL + "s/" + url.PathEscape(name)
		}
	}
	return ""
}

// layers fills in how each layer is; links lead to the inspector.
func (p *supervisorService) layers(r *health.Report, inspector string) {
	if r == nil {
		return
	}
	for _, l := range []struct {
		name string
		health.Layer
	}{{"Service", r.Main}, {"UI", r.UI}} {
		if l.Word != "" && l.Word != health.Absent {
			p.Layers = append(p.Layers, layerRow{l.name, string(l.Word), l.Detail, latency(l.Latency)})
		}
	}
	rows := map[string]int{}
	for i, c := range r.Contexts {
		p.Columns = append(p.Columns, c.Name)
		for _, d := range c.Domains {
			at, known := rows[d.Name]
			if !known {
				at = len(p.Matrix)
				rows[d.Name] = at
				p.Matrix = append(p.Matrix, matrixRow{Name: d.Name, Cells: make([]page.Link, len(r.Contexts))})
			}
			cell := page.Link{Name: c.Name, Word: string(d.Word), URL: "-"}
			if inspector != "" {
				cell.URL = inspector + "/" + url.PathEscape(c.Name) + "/" + url.PathEscape(d.Name)
			}
			p.Matrix[at].Cells[i] = cell
		}
	}
}

func latency(ms float64) string {
	if ms == 0 {
		return ""
	}
	return page.Plain(ms) + " ms"
}

// usage answers with the last hour, in the columns that the chart takes.
func (s *supervisor) usage(w http.ResponseWriter, r *http.Request) {
	f, err := hourOf(r.Context(), r.PathValue("service"))
	if err != nil {
		http.Error(w, err.Error(), fault.Of(err).HTTP())
		return
	}
	at, cpu, memory := sum(f)
	text, err := json.Marshal([]any{append([]int64{}, at...), append([]float64{}, cpu...), append([]float64{}, memory...)})
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // a reader that has gone is no fault of ours
}

// supervisorLogs is the page of what a service writes.
type supervisorLogs struct {
	supervisorPage
	page.Log
}

func (s *supervisor) logs(v *page.Visit) (string, any, error) {
	v.Query = v.FormValue("q")
	base, _, err := s.servicePage(v, "logs")
	if err != nil {
		return "", nil, err
	}
	name := base.Row.Name
	return "logs", supervisorLogs{base, page.LogOf(v.Context(), name, v.Query, page.StreamURL(v, name))}, nil
}

// supervisorHistory is the page of what happened, to one service or to all.
type supervisorHistory struct {
	supervisorPage
	Events []page.Event
	All    bool
}

func (s *supervisor) history(v *page.Visit) (string, any, error) {
	v.Nav, v.Title = "Events", "Events"
	events, err := page.HistoryOf(v.Context(), "", page.EventsUpTo)
	if err != nil {
		return "", nil, err
	}
	return "history", supervisorHistory{supervisorPage: supervisorPage{Frame: v.Frame}, Events: events, All: true}, nil
}

func (s *supervisor) serviceHistory(v *page.Visit) (string, any, error) {
	base, x, err := s.servicePage(v, "history")
	if err != nil {
		return "", nil, err
	}
	p := supervisorHistory{supervisorPage: base}
	for _, y := range x.Processes {
		events, err := page.HistoryOf(v.Context(), y.Name, page.EventsUpTo)
		if err != nil {
			return "", nil, err
		}
		p.Events = append(p.Events, events...)
	}
	return "history", p, nil
}

// supervisorDefinition is the page of what hero_proc was told of a service.
type supervisorDefinition struct {
	supervisorPage
	Definitions []definitionEntry
}

type definitionEntry struct {
	Name string
	TOML string       // where hero_proc writes it so
	JSON []page.Token // else
}

func (s *supervisor) definition(v *page.Visit) (string, any, error) {
	base, x, err := s.servicePage(v, "definition")
	if err != nil {
		return "", nil, err
	}
	p := supervisorDefinition{supervisorPage: base}
	for _, y := range x.Processes {
		e := definitionEntry{Name: y.Name}
		if text, err := ofSupervisor[json.Value](v.Context(), "source", map[string]string{"name": y.Name}); err == nil {
			e.TOML = sourceText(text)
		}
		if e.TOML == "" {
			d, err := ofSupervisor[json.Value](v.Context(), "get", map[string]string{"name": y.Name})
			if err != nil {
				return "", nil, err
			}
			e.JSON = page.Tokens(d)
		}
		p.Definitions = append(p.Definitions, e)
	}
	return "definition", p, nil
}

// sourceText returns a definition's text: the answer itself, or its member.
func sourceText(v json.Value) string {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text
	}
	var in struct {
		Text string `json:"text"`
		TOML string `json:"toml"`
	}
	if json.Unmarshal(v, &in) != nil {
		return ""
	}
	return in.Text + in.TOML
}

// settleWithin is how long a page waits for what it was told to do.
const settleWithin = 15

// control starts, stops or restarts a service.
func (s *supervisor) control(v *page.Visit) (string, error) {
	action, name := v.PathValue("action"), v.PathValue("service")
	params := map[string]any{"name": name}
	switch action {
	case "start", "restart":
		params["wait"] = settleWithin
	case "stop":
	default:
		return "", fault.Errorf(fault.NotFound, "a service cannot be told to %q", action)
	}
	ctx, cancel := context.WithTimeout(v.Context(), callAtMost)
	defer cancel()
	if _, err := ofSupervisor[supervised](ctx, action, params); err != nil {
		return "", err
	}
	s.seq.Add(1)
	if v.FormValue("back") == "list" {
		return v.To(), nil
	}
	return v.To("s", name), nil
}

// lookAgain is how often the figures of a page are brought up to date where
// nothing else happens.
const lookAgain = 5 * time.Second

// events tells when there is something new: at once where a state changes, and
// every now and then for the figures.
func (s *supervisor) events(w http.ResponseWriter, r *http.Request) {
	type batch struct {
		Next int64 `json:"next"`
	}
	since := int64(-1)
	page.Pulse(w, r, s.seq.Load(), func(ctx context.Context) (uint64, error) {
		p, err := page.Ask[batch](ctx, page.Supervisor, "events", "events.list", map[string]any{"since": since, "wait": lookAgain.Seconds(), "limit": 1000})
		if err != nil { // it is not running, or an older one: the page will say so
			select {
			case <-time.After(lookAgain):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			since = -1
		} else {
			since = p.Next
		}
		return s.seq.Add(1), nil
	})
}
