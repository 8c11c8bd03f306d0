package procd_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

// machine is a hero_proc with its API on sockets.
type machine struct {
	t      *testing.T
	ctx    context.Context
	places layout.Places
	api    *procd.API
}

func start(t *testing.T) *machine {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes")
	}
	m := &machine{t: t, places: sdktest.Home(t)}
	watcher := discovery.NewWatcher(discovery.Options{Places: m.places})
	watching, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = watcher.Run(watching) }()
	t.Cleanup(func() { stop(); <-done })
	m.api = &procd.API{Tree: watcher.Tree, Places: m.places}
	sup, err := supervisor.Open(t.Context(), supervisor.Options{Places: m.places, Prober: m.api.Ready, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	m.api.Supervisor = sup
	t.Cleanup(func() {
		if err := sup.Shutdown(context.Background(), supervisor.StopAll); err != nil {
			t.Error(err)
		}
	})
	m.ctx = sdktest.Start(t, m.places, sdk.Service{Name: procd.Service, Version: "1", RootOnly: true}, m.api.Parts()...)
	t.Cleanup(m.api.Close) // before the service ends
	return m
}

func call[R any](m *machine, domain, method string, params any) (R, error) {
	var zero R
	c, err := sdk.Dial(m.ctx, procd.Service, "root", domain)
	if err != nil {
		return zero, err
	}
	return sdk.Invoke[R](m.ctx, c, method, params)
}

func must[R any](m *machine, domain, method string, params any) R {
	m.t.Helper()
	r, err := call[R](m, domain, method, params)
	if err != nil {
		m.t.Fatalf("%s: %v", method, err)
	}
	return r
}

func (m *machine) define(name, text string) {
	m.t.Helper()
	dir := m.places.Definitions()
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name+".toml"), []byte(text), 0o600)); err != nil {
		m.t.Fatal(err)
	}
}

func steps(p supervisor.Plan) string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Do+" "+c.Unit)
	}
	return strings.Join(out, ", ")
}

func TestPlanAndApply(t *testing.T) {
	m := start(t)
	const supervisorDomain = procd.Supervisor
	if _, err := call[supervisor.Plan](m, supervisorDomain, "supervisor.plan", nil); fault.Of(cause(err)) != fault.NotFound {
		t.Errorf("plan without a folder: %v", err)
	}
	m.define("one", "command = [\"sleep\", \"1000\"]\nready = {mode = \"delay\", delay = \"1ms\"}\n")
	m.define("two", "command = [\"sleep\", \"1000\"]\nrequires = [\"one\"]\nready = {mode = \"delay\", delay = \"1ms\"}\n")
	plan := must[supervisor.Plan](m, supervisorDomain, "supervisor.plan", nil)
	if steps(plan) != "add one, add two" {
		t.Fatalf("plan: %+v", plan)
	}
	if _, err := call[procd.Applied](m, supervisorDomain, "supervisor.apply", procd.ApplyParams{Plan: "another"}); fault.Of(cause(err)) != fault.Conflict {
		t.Errorf("apply of another plan: %v", err)
	}
	done := must[procd.Applied](m, supervisorDomain, "supervisor.apply", procd.ApplyParams{Plan: plan.ID, Wait: 20})
	if len(done.Services) != 2 || done.Services[0].State != "running" || done.Services[1].State != "running" {
		t.Errorf("applied: %+v", done)
	}
	m.define("two", "command = [\"sleep\", \"1000\"]\nrequirs = [\"one\"]\n[ready]\nmode = \"delayed\"\n")
	_, err := call[supervisor.Plan](m, supervisorDomain, "supervisor.plan", nil)
	for _, want := range []string{"two.toml:2:1: unknown key requirs; did you mean requires?", "two.toml:4:1: ready.mode"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("plan with faults: %v, want %s", err, want)
		}
	}
	os.Remove(filepath.Join(m.places.Definitions(), "two.toml"))
	if done := must[procd.Applied](m, supervisorDomain, "supervisor.apply", procd.ApplyParams{}); steps(done.Plan) != "remove two" {
		t.Errorf("applied: %+v", done)
	}
}

// cause is the service's own error behind the client's.
func cause(err error) error {
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return e.Unwrap()
	}
	return err
}

func TestDefinitionsAsText(t *testing.T) {
	m := start(t)
	must[unit.Unit](m, procd.Supervisor, "supervisor.set", unit.Unit{Name: "clock", Command: []string{"sleep", "1000"}})
	f := must[procd.File](m, procd.Supervisor, "supervisor.source", procd.NameParams{Name: "clock"})
	f.Text += "\ngrace = \"3s\"\n"
	c := must[procd.Checked](m, procd.Supervisor, "supervisor.check", f)
	if !c.Known || len(c.Diff) != 1 || c.Diff[0].Key != "grace" || c.Diff[0].New != `"3s"` || !c.Diff[0].Live {
		t.Errorf("check: %+v", c)
	}
	f.Text += "grce = 1\n"
	if _, err := call[procd.Checked](m, procd.Supervisor, "supervisor.check", f); err == nil || !strings.Contains(err.Error(), "did you mean grace?") {
		t.Errorf("check with a fault: %v", err)
	}
}

func TestEventsAreListedAndWaitedFor(t *testing.T) {
	m := start(t)
	must[unit.Unit](m, procd.Supervisor, "supervisor.set", unit.Unit{Name: "clock", Command: []string{"sleep", "1000"}})
	must[procd.ServiceStatus](m, procd.Supervisor, "supervisor.start", procd.WaitParams{Name: "clock", Wait: 20})
	page := must[procd.EventPage](m, procd.Events, "events.list", procd.EventParams{})
	if n := len(page.Events); n < 3 || page.Events[n-1].To != "running" || page.Next != page.Events[n-1].ID {
		t.Fatalf("events: %+v", page)
	}
	if rest := must[procd.EventPage](m, procd.Events, "events.list", procd.EventParams{Since: page.Next}); len(rest.Events) != 0 || rest.Next != page.Next {
		t.Errorf("events after the last: %+v", rest)
	}
	got := make(chan procd.EventPage, 1)
	go func() {
		p, err := call[procd.EventPage](m, procd.Events, "events.list", procd.EventParams{Since: page.Next, Name: "clock", Wait: 30})
		if err != nil {
			t.Error(err)
		}
		got <- p
	}()
	must[procd.ServiceStatus](m, procd.Supervisor, "supervisor.stop", procd.NameParams{Name: "clock"})
	if p := <-got; len(p.Events) == 0 || p.Events[0].To != "stopping" {
		t.Errorf("events that were waited for: %+v", p)
	}
}

// sse reads a stream until it has n events; it returns their ids and data.
func (m *machine) sse(domain, query, last string, n int) (ids, data []string) {
	m.t.Helper()
	service, err := layout.ParseService(procd.Service)
	if err != nil {
		m.t.Fatal(err)
	}
	d, err := layout.ParseDomain(domain)
	if err != nil {
		m.t.Fatal(err)
	}
	tr := unixsock.Transport(m.places.DomainSocket(service, layout.Root, d))
	defer tr.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(m.ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://hero/stream?"+query, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		body, _ := io.ReadAll(resp.Body)
		return nil, []string{resp.Status, string(body)}
	}
	lines := bufio.NewScanner(resp.Body)
	for len(data) < n && lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
		if d, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			data = append(data, d)
		}
	}
	if err := lines.Err(); err != nil {
		m.t.Fatal(err)
	}
	return ids, data
}

func TestEventStreamResumes(t *testing.T) {
	m := start(t)
	must[unit.Unit](m, procd.Supervisor, "supervisor.set", unit.Unit{Name: "clock", Command: []string{"sleep", "1000"}})
	must[procd.ServiceStatus](m, procd.Supervisor, "supervisor.start", procd.WaitParams{Name: "clock", Wait: 20})
	page := must[procd.EventPage](m, procd.Events, "events.list", procd.EventParams{})
	ids, data := m.sse(procd.Events, "name=clock", strconv.FormatInt(page.Events[0].ID, 10), len(page.Events)-1)
	var first supervisor.Transition
	if err := json.Unmarshal([]byte(data[0]), &first); err != nil || ids[0] != strconv.FormatInt(first.ID, 10) || first != page.Events[1] {
		t.Errorf("the event after the first: id %s, %s, %v", ids[0], data[0], err)
	}
	if _, out := m.sse(procd.Events, "", "x", 1); out[0] != "400 Bad Request" {
		t.Errorf("Last-Event-ID x: %q", out)
	}
}

func TestLogStreamResumesWithinOneMoment(t *testing.T) {
	m := start(t)
	must[unit.Unit](m, procd.Supervisor, "supervisor.set", unit.Unit{Name: "count", Command: []string{"sh", "-c", "seq 1 200; exec sleep 1000"}})
	must[procd.ServiceStatus](m, procd.Supervisor, "supervisor.start", procd.WaitParams{Name: "count", Wait: 20})
	ids, all := m.sse(procd.Logs, "name=count&tail=200", "", 200)
	for _, at := range []int{0, 1, 57, 150, 198} {
		_, next := m.sse(procd.Logs, "name=count", ids[at], 1)
		if next[0] != all[at+1] {
			t.Errorf("after line %d comes %s, want %s", at, next[0], all[at+1])
		}
	}
	if _, out := m.sse(procd.Logs, "", "", 1); out[0] != "400 Bad Request" {
		t.Errorf("a stream of nobody: %q", out)
	}
	if _, out := m.sse(procd.Logs, "name=nobody", "", 1); out[0] != "404 Not Found" {
		t.Errorf("a stream of a service that is not there: %q", out)
	}
}

// TestWhyTellsThatARunningServiceHangs is about a process that is alive, and
// whose socket takes connections and never answers: "status says running when
// the service hangs".
func TestWhyTellsThatARunningServiceHangs(t *testing.T) {
	m := start(t)
	m.define("frozen", `command = ["sleep", "1000"]`)
	must[procd.Applied](m, "supervisor", "supervisor.apply", procd.ApplyParams{Wait: 20})
	if err := os.MkdirAll(m.places.Sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(m.places.Sockets, "frozen.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		why := must[string](m, "supervisor", "supervisor.why", procd.NameParams{Name: "frozen"})
		if strings.Contains(why, "frozen is not well: its layer service is unhealthy: it does not answer within") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("why: %s", why)
		}
	}
}

func TestStatsOfProcesses(t *testing.T) {
	m := start(t)
	for _, name := range []string{"food_server", "food_ui"} {
		must[unit.Unit](m, procd.Supervisor, "supervisor.set", unit.Unit{Name: name, Command: []string{"sleep", "1000"}})
		must[procd.ServiceStatus](m, procd.Supervisor, "supervisor.start", procd.WaitParams{Name: name, Wait: 20})
	}
	now := must[[]procd.ServiceStats](m, procd.Stats, "stats.now", procd.StatsParams{Name: "food", Processes: true})
	if len(now) != 1 || now[0].Name != "food" || now[0].Count != 2 || now[0].Memory <= 0 || now[0].OpenFiles <= 0 || len(now[0].Processes) != 2 {
		t.Fatalf("stats: %+v", now)
	}
	if roles := []string{now[0].Processes[0].Role, now[0].Processes[1].Role}; !slices.Equal(roles, []string{"service", "ui"}) {
		t.Errorf("roles %q", roles)
	}
	all := must[[]procd.ServiceStatus](m, procd.Supervisor, "supervisor.list", procd.ListParams{})
	if len(all) != 1 || all[0].Name != "food" || len(all[0].Processes) != 2 {
		t.Errorf("two registrations are shown as %+v", all)
	}
}

func TestCloseEndsWhatWaits(t *testing.T) {
	m := start(t)
	got := make(chan error, 1)
	go func() {
		_, err := call[procd.EventPage](m, procd.Events, "events.list", procd.EventParams{Since: -1, Wait: 60})
		got <- err
	}()
	m.api.Close()
	select {
	case <-got:
	case <-time.After(20 * time.Second):
		t.Error("a call waits on")
	}
}
