package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Note is what the test's domain keeps.
type Note struct {
	store.Base
	Text string `json:"text" search:"yes"`
}

// notes is a domain whose calls show where they run and for whom.
type notes struct {
	tenant *sdk.Tenant
	notes  *store.Objects[Note]
	sick   error
}

func (n *notes) Check(context.Context) error { return n.sick }

type whoResult struct {
	Context string `json:"context"`
	User    string `json:"user"`
	Request string `json:"request"`
}

func (n *notes) who(ctx context.Context, _ struct{}) (whoResult, error) {
	m := jsonrpc.MetaFrom(ctx)
	return whoResult{m.Context, m.User, m.RequestID}, nil
}

type relayParams struct {
	Context string `json:"context"`
	Cross   bool   `json:"cross,omitzero"`
}

// relay calls who in a context, saying that it crosses only where it is told.
func (n *notes) relay(ctx context.Context, p relayParams) (whoResult, error) {
	c, err := sdk.Dial(ctx, "hero_notes", p.Context, "notes")
	if err != nil {
		return whoResult{}, err
	}
	defer c.Close()
	if p.Cross {
		ctx = sdk.Cross(ctx, p.Context)
	}
	return sdk.Invoke[whoResult](ctx, c, "who", nil)
}

func service() sdk.Service {
	return sdk.Service{Name: "hero_notes", Version: "1.2.3", Description: "Keeps notes"}
}

func domain(sick error) sdk.Part {
	return sdk.Domain[*notes]{
		Name: "notes", Description: "Notes",
		Open: func(ctx context.Context, t *sdk.Tenant) (*notes, error) {
			s, err := t.Store(ctx)
			if err != nil {
				return nil, err
			}
			objects, err := store.ObjectsOf[Note](s, "note")
			if err != nil {
				return nil, err
			}
			return &notes{tenant: t, notes: objects, sick: sick}, nil
		},
		Methods: sdk.Methods(
			sdk.Objects("note", func(n *notes) *store.Objects[Note] { return n.notes }),
			[]sdk.Method[*notes]{
				sdk.Call("who", (*notes).who, sdk.Doc{Summary: "Says who calls."}),
				sdk.Call("relay", (*notes).relay, sdk.Doc{Summary: "Asks who in another context."}),
			}),
	}
}

func ui() sdk.Part {
	return sdk.UI{Inline: true, Handler: func(sdk.Env) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "page %s", r.URL.Path)
		}), nil
	}}
}

// ask sends an HTTP request over a socket of the service.
func ask(t *testing.T, socket, method, path string, header http.Header, body string) (int, string) {
	t.Helper()
	tr := unixsock.Transport(socket)
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://hero"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func name[T any](t *testing.T, parse func(string) (T, error), s string) T {
	t.Helper()
	v, err := parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAllLayersAnswer(t *testing.T) {
	places := sdktest.Home(t)
	sdktest.Start(t, places, service(), domain(nil), ui())
	svc := name(t, layout.ParseService, "hero_notes")
	socket := places.ServiceSocket(svc)
	domainSocket := places.DomainSocket(svc, layout.Root, name(t, layout.ParseDomain, "notes"))

	for _, c := range []struct {
		socket, method, path, body string
		status                     int
		has                        string
	}{
		{socket, "GET", "/health", "", 200, `"status":"ok"`},
		{socket, "GET", manifest.Path, "", 200, `"domains":"hero_notes_server/{context}/{domain}.sock"`},
		{socket, "GET", "/openrpc.json", "", 200, `"openrpc":"1.4.1"`},
		{socket, "GET", "/openrpc.json?version=1.3.2", "", 200, `"openrpc":"1.3.2"`},
		{socket, "GET", "/nothing", "", 404, ""},
		{socket, "GET", "/rpc", "", 405, ""},
		{socket, "POST", "/rpc", `{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}`, 200, `context.create`},
		{socket, "POST", "/rpc", `{"jsonrpc":"2.0","id":1,"method":"service.health"}`, 200, `"domain":"notes"`},
		{domainSocket, "GET", "/health", "", 200, `"context":"root"`},
		{domainSocket, "GET", "/openrpc.json", "", 200, `"note.create"`},
		{domainSocket, "POST", "/rpc", `{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}`, 200, `"note.search"`},
		{domainSocket, "GET", manifest.Path, "", 404, ""},
		{places.UISocket(svc), "GET", "/some/page", "", 200, "page /some/page"},
		{places.UISocket(svc), "GET", "/health", "", 200, `"status":"ok"`},
	} {
		status, body := ask(t, c.socket, c.method, c.path, nil, c.body)
		if status != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s: %d %.200s; want %d with %s", c.method, c.path, status, body, c.status, c.has)
		}
	}
	for _, s := range []string{socket, domainSocket, places.UISocket(svc)} {
		if err := unixsock.CheckSocket(s); err != nil {
			t.Error(err)
		}
	}
}

func TestDocumentsAreValid(t *testing.T) {
	places := sdktest.Home(t)
	sdktest.Start(t, places, service(), domain(nil), ui())
	svc := name(t, layout.ParseService, "hero_notes")
	for _, s := range []string{places.ServiceSocket(svc), places.DomainSocket(svc, layout.Root, name(t, layout.ParseDomain, "notes"))} {
		for _, q := range []string{"", "?version=1.3.2"} {
			_, body := ask(t, s, "GET", "/openrpc.json"+q, nil, "")
			if err := openrpc.Validate([]byte(body)); err != nil {
				t.Errorf("%s%s: %v", s, q, err)
			}
		}
	}
	_, body := ask(t, places.ServiceSocket(svc), "GET", manifest.Path, nil, "")
	m, err := manifest.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
	if !m.IsNew() || m.PID != os.Getpid() || len(m.Contexts) != 1 || m.UI.Mode != manifest.Inline {
		t.Errorf("manifest %s", body)
	}
}

func TestContextHeader(t *testing.T) {
	places := sdktest.Home(t)
	sdktest.Start(t, places, service(), domain(nil))
	svc := name(t, layout.ParseService, "hero_notes")
	socket := places.DomainSocket(svc, layout.Root, name(t, layout.ParseDomain, "notes"))
	const who = `{"jsonrpc":"2.0","id":7,"method":"who"}`
	for _, c := range []struct{ header, has string }{
		{"", `"context":"root"`},
		{"root", `"context":"root"`},
		{"0", `"context":"root"`}, // as older callers say it
		{"org_acme", `-32602`},
		{"1", `-32602`},
	} {
		h := http.Header{"X-Hero-User": {"ann"}, "X-Request-Id": {"r1"}}
		if c.header != "" {
			h["X-Hero-Context"] = []string{c.header}
		}
		_, body := ask(t, socket, "POST", "/rpc", h, who)
		if !strings.Contains(body, c.has) {
			t.Errorf("context header %q: %s; want %s", c.header, body, c.has)
		}
	}
	if status, _ := ask(t, socket, "POST", "/rpc", http.Header{"X-Hero-Context": {"root", "org_acme"}}, who); status != 400 {
		t.Errorf("two context headers: %d; want 400", status)
	}
}

// A context header that got lost on the way once made every tenant read the
// first one's data: who calls, and in whose context, must arrive.
func TestCallsCarryTheirContextAndSayWhereTheyCross(t *testing.T) {
	places := sdktest.Home(t)
	ctx := sdktest.Start(t, places, service(), domain(nil))
	makeContext(t, ctx, "org_acme")
	acme, err := sdk.Dial(ctx, "hero_notes", "org_acme", "notes")
	if err != nil {
		t.Fatal(err)
	}
	defer acme.Close()
	ctx = jsonrpc.WithMeta(ctx, jsonrpc.Meta{User: "ann", RequestID: "r-42"})

	got, err := sdk.Invoke[whoResult](ctx, acme, "relay", relayParams{Context: "org_acme"})
	if want := (whoResult{"org_acme", "ann", "r-42"}); err != nil || got != want {
		t.Errorf("relay within the context: %+v, %v; want %+v", got, err, want)
	}
	_, err = sdk.Invoke[whoResult](ctx, acme, "relay", relayParams{Context: "root"})
	if fault.Of(err) != fault.Denied {
		t.Errorf("relay into root without saying so: %v; want denied", err)
	}
	got, err = sdk.Invoke[whoResult](ctx, acme, "relay", relayParams{Context: "root", Cross: true})
	if want := (whoResult{"root", "ann", "r-42"}); err != nil || got != want {
		t.Errorf("relay across: %+v, %v; want %+v", got, err, want)
	}
}

func makeContext(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	c, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Call(ctx, "context.create", map[string]any{"name": name}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestContextsComeAndGo(t *testing.T) {
	places := sdktest.Home(t)
	env := sdk.Env{Places: places}
	ctx, stop := sdktest.Run(t, env, service(), domain(nil))
	svc := name(t, layout.ParseService, "hero_notes")
	c, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	create := func(p map[string]any) error { return c.Call(ctx, "context.create", p, nil) }

	makeContext(t, ctx, "org_acme")
	if err := create(map[string]any{"name": "org_acme"}); err != nil {
		t.Errorf("create it again: %v", err)
	}
	for _, bad := range []string{"../x", "", "a/b", "Org", "rpc", "x\x00y"} {
		if err := create(map[string]any{"name": bad}); fault.Of(err) != fault.Invalid {
			t.Errorf("create %q: %v; want invalid", bad, err)
		}
	}
	if err := create(map[string]any{"name": "b", "domains": []string{"nothing"}}); fault.Of(err) != fault.Invalid {
		t.Errorf("create with a domain that is not there: %v", err)
	}
	if err := c.Call(ctx, "context.delete", map[string]any{"name": "root"}, nil); fault.Of(err) != fault.Denied {
		t.Errorf("delete root: %v; want denied", err)
	}

	acme, err := sdk.Dial(ctx, "hero_notes", "org_acme", "notes")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := sdk.Invoke[Note](ctx, acme, "note.create", Note{Text: "remember"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	// A new process has the same contexts and their data.
	ctx, stop = sdktest.Run(t, env, service(), domain(nil))
	got, err := sdk.Invoke[Note](ctx, acme, "note.get", store.GetParams{ID: kept.ID})
	if err != nil || got.Text != "remember" {
		t.Fatalf("after a restart: %+v, %v", got, err)
	}
	if err := c.Call(ctx, "context.delete", map[string]any{"name": "org_acme"}, nil); err != nil {
		t.Fatal(err)
	}
	gone := name(t, layout.ParseContext, "org_acme")
	for _, path := range []string{places.ContextFolder(svc, gone), places.DataIn(svc, gone)} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	kepts, err := filepath.Glob(filepath.Join(places.Trash(), "hero_notes", "org_acme@*", "notes", store.FileName))
	if err != nil || len(kepts) != 1 {
		t.Errorf("the trash holds %v, %v; want the deleted store", kepts, err)
	}
	makeContext(t, ctx, "org_acme")
	if _, err := sdk.Invoke[Note](ctx, acme, "note.get", store.GetParams{ID: kept.ID}); fault.Of(err) != fault.NotFound {
		t.Errorf("a context that was made again has the old one's data: %v", err)
	}
	acme.Close()
	c.Close()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(places.Sockets, "[^.]*"))
	if err != nil || len(left) > 0 {
		t.Errorf("after the end: %v, %v", left, err)
	}
}

func TestDeletionThatWasCutOffIsEnded(t *testing.T) {
	places := sdktest.Home(t)
	env := sdk.Env{Places: places}
	svc := name(t, layout.ParseService, "hero_notes")
	ctx, stop := sdktest.Run(t, env, service(), domain(nil))
	makeContext(t, ctx, "org_acme")
	acme, err := sdk.Dial(ctx, "hero_notes", "org_acme", "notes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sdk.Invoke[Note](ctx, acme, "note.create", Note{Text: "x"}); err != nil {
		t.Fatal(err)
	}
	acme.Close()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// What a process leaves that is killed after it marked the context.
	file := places.ContextsFile(svc)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Contexts []map[string]any `json:"contexts"`
	}
	if err := json.Unmarshal(data, &doc); err != nil || len(doc.Contexts) != 2 {
		t.Fatalf("%s: %v", data, err)
	}
	doc.Contexts[1]["deleting"] = "purge"
	if data, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop = sdktest.Run(t, env, service(), domain(nil))
	defer stop()
	if _, err := os.Lstat(places.DataIn(svc, name(t, layout.ParseContext, "org_acme"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data of the deleted context: %v", err)
	}
}

func TestSecondProcessIsRefusedAndToldWho(t *testing.T) {
	places := sdktest.Home(t)
	sdktest.Start(t, places, service(), domain(nil))
	err := sdk.Run(t.Context(), sdk.Env{Places: places}, service(), domain(nil))
	if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("second start: %v; want a conflict that names the process", err)
	}
}

func TestFolderThatLetsOthersInIsRefused(t *testing.T) {
	places := sdktest.Home(t)
	if err := os.MkdirAll(places.Sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(places.Sockets, 0o777); err != nil {
		t.Fatal(err)
	}
	err := sdk.Run(t.Context(), sdk.Env{Places: places}, service(), domain(nil))
	if fault.Of(err) != fault.Denied || !strings.Contains(fault.Hint(err), "chmod 0700") {
		t.Errorf("0777 sockets folder: %v, hint %q", err, fault.Hint(err))
	}
}

func TestSickDomainSaysSo(t *testing.T) {
	places := sdktest.Home(t)
	sdktest.Start(t, places, service(), domain(errors.New("the oven is cold")))
	svc := name(t, layout.ParseService, "hero_notes")
	status, body := ask(t, places.DomainSocket(svc, layout.Root, name(t, layout.ParseDomain, "notes")), "GET", "/health", nil, "")
	if status != 503 || !strings.Contains(body, "the oven is cold") {
		t.Errorf("health of a sick domain: %d %s", status, body)
	}
	if status, body = ask(t, places.ServiceSocket(svc), "GET", "/health", nil, ""); status != 200 {
		t.Errorf("health of its service: %d %s", status, body)
	}
}

func TestRequestInFlightEnds(t *testing.T) {
	places := sdktest.Home(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := sdk.Domain[struct{}]{
		Name: "slow",
		Open: func(context.Context, *sdk.Tenant) (struct{}, error) { return struct{}{}, nil },
		Methods: []sdk.Method[struct{}]{sdk.Call("wait", func(struct{}, context.Context, struct{}) (string, error) {
			close(entered)
			<-leave
			return "done", nil
		}, sdk.Doc{Summary: "Waits."})},
	}
	ctx, stop := sdktest.Run(t, sdk.Env{Places: places}, service(), slow)
	c, err := sdk.Dial(ctx, "hero_notes", "root", "slow")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make(chan error, 1)
	go func() {
		got, err := sdk.Invoke[string](ctx, c, "wait", nil)
		if err == nil && got != "done" {
			err = fmt.Errorf("got %q", got)
		}
		answer <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// The socket is away before the request has ended.
	socket := places.DomainSocket(name(t, layout.ParseService, "hero_notes"), layout.Root, name(t, layout.ParseDomain, "slow"))
	for {
		if _, err := os.Lstat(socket); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	close(leave)
	if err := <-answer; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// What comes before the service is ready reaches its sockets, and keeps it from
// being ready where it fails.
func TestSetup(t *testing.T) {
	places := sdktest.Home(t)
	var got whoResult
	setup := func(fail error) sdk.Task {
		return sdk.Task{Name: "seed", Setup: true, Run: func(ctx context.Context) (err error) {
			c, err := sdk.Dial(ctx, "hero_notes", "root", "notes")
			if err != nil {
				return err
			}
			if got, err = sdk.Invoke[whoResult](ctx, c, "who", nil); err != nil {
				return err
			}
			return fail
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	last := sdk.Task{Name: "last", Run: func(context.Context) error { cancel(); return nil }}
	if err := sdk.Run(ctx, sdk.Env{Places: places}, service(), domain(nil), setup(nil), last); err != nil || got.Context != "root" {
		t.Errorf("Run: %v; setup saw %+v", err, got)
	}
	err := sdk.Run(t.Context(), sdk.Env{Places: places}, service(), domain(nil), setup(errors.New("no seed")))
	if err == nil || !strings.Contains(err.Error(), "task seed: no seed") {
		t.Errorf("Run: %v", err)
	}
}

func TestTaskRunsWithItsFlagAndEndsTheServiceWithItsError(t *testing.T) {
	ran := make(chan struct{})
	task := sdk.Task{Name: "demo", Flag: "demo", Run: func(ctx context.Context) error {
		close(ran)
		return errors.New("no data")
	}}
	env := sdk.Env{Places: sdktest.Home(t), Flags: []string{"demo"}}
	err := sdk.Run(t.Context(), env, service(), domain(nil), task)
	if err == nil || !strings.Contains(err.Error(), "task demo: no data") {
		t.Errorf("Run: %v", err)
	}
	<-ran
}

func TestPlanFaults(t *testing.T) {
	open := func(context.Context, *sdk.Tenant) (int, error) { return 0, nil }
	for name, c := range map[string]struct {
		svc   sdk.Service
		parts []sdk.Part
	}{
		"name of an older socket": {sdk.Service{Name: "x_server", Version: "1"}, nil},
		"no version":              {sdk.Service{Name: "x"}, nil},
		"domain twice":            {service(), []sdk.Part{sdk.Domain[int]{Name: "a", Open: open}, sdk.Domain[int]{Name: "a", Open: open}}},
		"domain without Open":     {service(), []sdk.Part{sdk.Domain[int]{Name: "a"}}},
		"domain with a bad name":  {service(), []sdk.Part{sdk.Domain[int]{Name: "A/b", Open: open}}},
		"reserved domain":         {service(), []sdk.Part{sdk.Domain[int]{Name: "health", Open: open}}},
		"UI without Handler":      {service(), []sdk.Part{sdk.UI{}}},
	} {
		if err := sdk.Run(t.Context(), sdk.Env{Places: sdktest.Home(t)}, c.svc, c.parts...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func unixTransport(socket string) *http.Transport { return unixsock.Transport(socket) }

// A page that waits for news must not keep its service from ending.
func TestStreamOfTheUIEnds(t *testing.T) {
	places := sdktest.Home(t)
	ended := make(chan error, 1)
	stream := sdk.UI{Inline: true, Handler: func(sdk.Env) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			ended <- r.Context().Err()
		}), nil
	}}
	_, stop := sdktest.Run(t, sdk.Env{Places: places}, service(), stream)
	tr := unixTransport(places.UISocket(name(t, layout.ParseService, "hero_notes")))
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://hero/news", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := stop(); err != nil {
		t.Errorf("stop while a stream is open: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the stream did not learn that it ends")
	}
}

// The kernel takes 107 bytes of a socket's path; a home may lie deeper.
func TestPathsOfAnyLength(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a way to longer paths")
	}
	places := sdktest.Home(t)
	places.Home = filepath.Join(places.Home, strings.Repeat("long/", 60))
	places.Sockets = filepath.Join(places.Home, "var", "sockets")
	ctx := sdktest.Start(t, places, service(), domain(nil), ui())
	makeContext(t, ctx, "org_acme")
	c, err := sdk.Dial(ctx, "hero_notes", "org_acme", "notes")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := sdk.Invoke[whoResult](ctx, c, "who", nil); err != nil || got.Context != "org_acme" {
		t.Errorf("over a path of %d bytes: %+v, %v", len(places.Sockets), got, err)
	}
}
