package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// machine is a sockets folder with what serves in it.
type machine struct {
	t      *testing.T
	places layout.Places
	tree   discovery.Tree
}

func newMachine(t *testing.T) *machine {
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &machine{t: t, places: layout.Places{Home: dir, Sockets: dir}}
}

// serve serves h on a socket and returns the socket as discovery describes it.
func (m *machine) serve(rel string, h http.Handler) *discovery.Socket {
	m.t.Helper()
	path, err := m.places.Socket(rel)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := unixsock.MkdirAll(filepath.Dir(path)); err != nil {
		m.t.Fatal(err)
	}
	l, err := unixsock.Listen(path)
	if err != nil {
		m.t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	m.t.Cleanup(func() { s.Close(); <-done })
	return m.socket(rel)
}

func (m *machine) socket(rel string) *discovery.Socket {
	m.t.Helper()
	path, err := m.places.Socket(rel)
	if err != nil {
		m.t.Fatal(err)
	}
	id, err := unixsock.Stat(path)
	if err != nil {
		m.t.Fatal(err)
	}
	return &discovery.Socket{Rel: rel, ID: id, State: discovery.Live}
}

func name[T any](t *testing.T, parse func(string) (T, error), s string) T {
	t.Helper()
	n, err := parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type createParams struct {
	To   string `json:"to"`
	Note string `json:"note,omitzero"`
}

type created struct {
	ID      string `json:"id"`
	Context string `json:"context"`
}

type addParams struct {
	A int `json:"a"`
	B int `json:"b"`
}

// domain is a domain socket as the SDK serves it.
func domain(t *testing.T, version string) http.Handler {
	t.Helper()
	doc, err := openrpc.Build(openrpc.Info{Title: "Delivery", Version: version}, []openrpc.MethodSpec{
		{Name: "create", Summary: "Create a delivery", Params: reflect.TypeFor[createParams](), Result: reflect.TypeFor[created]()},
		{Name: "add", Summary: "Add two numbers", Params: reflect.TypeFor[addParams](), Result: reflect.TypeFor[int](), ReadOnly: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /rpc", &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"create": jsonrpc.Func(func(ctx context.Context, p createParams) (created, error) {
			return created{ID: "to " + p.To, Context: jsonrpc.MetaFrom(ctx).Context}, nil
		}),
		"add": jsonrpc.Func(func(_ context.Context, p addParams) (int, error) { return p.A + p.B, nil }),
		"refuse": func(context.Context, json.Value) (any, error) {
			return nil, &jsonrpc.Error{Code: -32042, Message: "closed on Mondays"}
		},
	}})
	mux.HandleFunc("GET /openrpc.json", func(w http.ResponseWriter, _ *http.Request) { w.Write(text) })
	return mux
}

// food adds a service of the newest layout with two contexts.
func (m *machine) food() *discovery.Service {
	s := &discovery.Service{
		Name: name(m.t, layout.ParseService, "hero_food"), Layout: layout.Layers,
		Manifest: &manifest.Manifest{Name: "hero_food", Title: "Hero Food", Version: "0.1.0", Domains: []manifest.Domain{{Name: "delivery", Origin: manifest.Custom, Version: "0.3.0"}}},
	}
	s.Server = m.serve("hero_food.sock", domain(m.t, "0.1.0"))
	for _, c := range []string{"org_acme", "root"} {
		ctx := discovery.Context{Name: name(m.t, layout.ParseContext, c)}
		for _, d := range []string{"delivery", "restaurant"} {
			version := "1"
			if c == "org_acme" && d == "restaurant" {
				version = "2"
			}
			ctx.Domains = append(ctx.Domains, discovery.Domain{
				Name:   name(m.t, layout.ParseDomain, d),
				Socket: m.serve("hero_food_server/"+c+"/"+d+".sock", domain(m.t, version)),
			})
		}
		s.Contexts = append(s.Contexts, ctx)
	}
	m.tree.Services = append(m.tree.Services, s)
	return s
}

const oldDoc = `{"openrpc":"1.2.6","info":{"title":"Old","version":"9"},"methods":[{"name":"getInfo","params":[],"result":{"name":"r","schema":{"type":"string"}}}]}`

// older answers like services in the field: no /openrpc.json, the document as a
// string out of rpc.discover, health nowhere, at path alone.
func older(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		var call struct {
			ID     json.Value `json:"id"`
			Method string     `json:"method"`
		}
		if err := json.Unmarshal(body, &call); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result := `"context ` + r.Header.Get("X-Hero-Context") + `"`
		if call.Method == "rpc.discover" {
			text, _ := json.Marshal(oldDoc)
			result = string(text)
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s,"error":null}`, call.ID, result)
	})
}

func (m *machine) one(service string, l layout.Layout, rel string, h http.Handler) *discovery.Service {
	s := &discovery.Service{Name: name(m.t, layout.ParseService, service), Layout: l, Server: m.serve(rel, h)}
	m.tree.Services = append(m.tree.Services, s)
	return s
}

func find(t *testing.T, s *discovery.Service, context, domain string) inspect.Place {
	t.Helper()
	p, err := inspect.Find(s, context, domain)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryLayout(t *testing.T) {
	m := newMachine(t)
	food := m.food()
	pair := m.one("oldsite", layout.Pair, "oldsite_server.sock", older("/rpc"))
	folder := m.one("hero_old", layout.Folder, "hero_old/rpc.sock", older("/"))
	single := m.one("lonely", layout.Single, "lonely.sock", domain(t, "4"))
	in := inspect.New(inspect.Options{Places: m.places})
	for _, c := range []struct {
		place   inspect.Place
		method  string
		params  string
		version string
		want    string
	}{
		{find(t, food, "root", "delivery"), "create", `{"to":"Ann"}`, "1", `{"id":"to Ann","context":"root"}`},
		{find(t, food, "org_acme", "delivery"), "create", `["Bob"]`, "1", `{"id":"to Bob","context":"org_acme"}`},
		{find(t, food, "", ""), "add", `{"a":1,"b":2}`, "0.1.0", `3`},
		{find(t, pair, "-", "-"), "getInfo", ``, "9", `"context "`},
		{find(t, folder, "", ""), "getInfo", `{}`, "9", `"context "`},
		{find(t, single, "", ""), "add", `[20,22]`, "4", `42`},
	} {
		doc, err := in.Document(t.Context(), c.place)
		if err != nil {
			t.Errorf("%s %s: %v", c.place.Service, c.place, err)
			continue
		}
		if doc.Info.Version != c.version {
			t.Errorf("%s %s: document of version %s, want %s", c.place.Service, c.place, doc.Info.Version, c.version)
		}
		got, err := in.Call(t.Context(), c.place, c.method, json.Value(c.params))
		if err != nil || string(got) != c.want {
			t.Errorf("%s %s: %s %v, want %s", c.place.Service, c.place, got, err, c.want)
		}
	}
}

func TestCallRefuses(t *testing.T) {
	m := newMachine(t)
	p := find(t, m.food(), "root", "delivery")
	in := inspect.New(inspect.Options{Places: m.places})
	for _, c := range []struct{ method, params, want string }{
		{"create", `{"to":`, "not JSON"},
		{"create", `"x"`, "neither an object nor an array"},
		{"create", `{"to":"a","to":"b"}`, "not JSON"},
		{"", `{}`, "no method"},
	} {
		if _, err := in.Call(t.Context(), p, c.method, json.Value(c.params)); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.method, c.params, err, c.want)
		}
	}
	_, err := in.Call(t.Context(), p, "refuse", nil)
	if e, ok := errors.AsType[*jsonrpc.Error](err); !ok || e.Code != -32042 {
		t.Errorf("refuse: %v", err)
	}
	if _, err := inspect.Find(m.tree.Services[0], "root", "../x"); fault.Of(err) != fault.NotFound {
		t.Errorf("a place out of the tree: %v", err)
	}
}

func TestComposite(t *testing.T) {
	m := newMachine(t)
	s := m.food()
	in := inspect.New(inspect.Options{Places: m.places})
	doc, err := in.Composite(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := openrpc.Validate(text); err != nil {
		t.Errorf("the composite is not valid: %v", err)
	}
	var names []string
	for _, method := range doc.Methods {
		names = append(names, method.Name)
	}
	want := []string{"delivery.create", "delivery.add", "restaurant.create", "restaurant.add"}
	if !slices.Equal(names, want) {
		t.Errorf("methods %v, want %v", names, want)
	}
	servers := doc.Methods[0].Servers
	if len(servers) != 2 || servers[0].URL != "/hero_food/root/delivery/rpc" || servers[1].Name != "org_acme" || doc.Methods[0].Tags[0].Name != "delivery" {
		t.Errorf("servers %+v, tags %+v", servers, doc.Methods[0].Tags)
	}
	if got := string(doc.Unknown["x-hero-versions"]); got != `{"restaurant":{"org_acme":"2","root":"1"}}` {
		t.Errorf("x-hero-versions: %s", got)
	}
	if !strings.Contains(doc.Info.Description, "1 in root") {
		t.Errorf("the description hides that versions differ: %q", doc.Info.Description)
	}

	// A domain that has died is named, not fatal.
	s.Contexts[1].Domains[0].Socket = &discovery.Socket{Rel: "hero_food_server/root/gone.sock"}
	if doc, err = in.Composite(t.Context(), s); err != nil || !strings.Contains(string(doc.Unknown["x-hero-missing"]), "root/delivery") {
		t.Errorf("with a dead domain: %v, x-hero-missing %s", err, doc.Unknown["x-hero-missing"])
	}
}

func TestDocumentIsCachedBySocket(t *testing.T) {
	m := newMachine(t)
	var asked atomic.Int32
	count := func(version string) http.Handler {
		h := domain(t, version)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); h.ServeHTTP(w, r) })
	}
	s := m.one("lonely", layout.Single, "lonely.sock", count("1"))
	in := inspect.New(inspect.Options{Places: m.places, Fresh: time.Hour})
	p := find(t, s, "", "")
	docs, errs := in.Documents(t.Context(), slices.Repeat([]inspect.Place{p}, 50))
	for i := range docs {
		if errs[i] != nil || docs[i].Info.Version != "1" {
			t.Fatalf("%d: %v", i, errs[i])
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the socket was asked %d times for one document", n)
	}
	// Another socket at the same path is another service's.
	path, _ := m.places.Socket("lonely.sock")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.Server = m.serve("lonely.sock", count("2"))
	if doc, err := in.Document(t.Context(), find(t, s, "", "")); err != nil || doc.Info.Version != "2" {
		t.Errorf("after the service came back: %v %v", doc, err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	m := newMachine(t)
	var asked atomic.Int32
	h := domain(t, "1")
	counting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); h.ServeHTTP(w, r) })
	a, b := m.one("aa", layout.Single, "aa.sock", counting), m.one("bb", layout.Single, "bb.sock", counting)
	in := inspect.New(inspect.Options{Places: m.places, Fresh: time.Hour, Keep: 1})
	for _, s := range []*discovery.Service{a, b, a, b} {
		if _, err := in.Document(t.Context(), find(t, s, "", "")); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("asked %d times, want 4: only the last document fits", n)
	}
}

// hanging accepts and never answers.
func (m *machine) hanging(rel string) *discovery.Socket {
	path, _ := m.places.Socket(rel)
	l, err := net.Listen("unix", path)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { l.Close() })
	return m.socket(rel)
}

func TestHangingAndBroken(t *testing.T) {
	m := newMachine(t)
	hang := &discovery.Service{Name: name(t, layout.ParseService, "hang"), Server: m.hanging("hang.sock")}
	big := m.one("big", layout.Single, "big.sock", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 50 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	junk := m.one("junk", layout.Single, "junk.sock", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"jsonrpc":"2.0","error":{}}`) }))
	for _, c := range []struct {
		s    *discovery.Service
		wait time.Duration
		kind fault.Kind
	}{{hang, 200 * time.Millisecond, fault.Canceled}, {big, 20 * time.Second, fault.TooLarge}, {junk, 20 * time.Second, fault.Internal}} {
		in := inspect.New(inspect.Options{Places: m.places, Timeout: c.wait})
		begin := time.Now()
		_, err := in.Document(t.Context(), find(t, c.s, "", ""))
		if err == nil || fault.Of(err) != c.kind {
			t.Errorf("%s: %v (%s), want %s", c.s.Name, err, fault.Of(err), c.kind)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s took %s", c.s.Name, took)
		}
	}
	in := inspect.New(inspect.Options{Places: m.places})
	for _, state := range []discovery.State{discovery.NonRPC, discovery.Stale} {
		hang.Server.State = state
		begin := time.Now()
		if _, err := in.Document(t.Context(), find(t, hang, "", "")); err == nil || time.Since(begin) > 100*time.Millisecond {
			t.Errorf("a socket that is %s was asked: %v", state, err)
		}
	}
}

func TestSearch(t *testing.T) {
	m := newMachine(t)
	food := m.food()
	m.one("oldsite", layout.Pair, "oldsite_server.sock", older("/rpc"))
	m.tree.Services = append(m.tree.Services, &discovery.Service{Name: name(t, layout.ParseService, "zz"), Server: m.hanging("zz.sock")})
	in := inspect.New(inspect.Options{Places: m.places, Timeout: 200 * time.Millisecond})
	for _, c := range []struct {
		query string
		only  *discovery.Service
		want  []string
	}{
		{"create", nil, []string{"hero_food delivery create", "hero_food restaurant create"}},
		{"restaurant ADD", nil, []string{"hero_food restaurant add"}},
		{"two numbers", nil, []string{"hero_food delivery add", "hero_food restaurant add"}},
		{"getinfo", nil, []string{"oldsite  getInfo"}},
		{"getinfo", food, nil},
		{"nothing like it", nil, nil},
		{"", nil, []string{"hero_food delivery create", "hero_food delivery add", "hero_food restaurant create", "hero_food restaurant add", "oldsite  getInfo"}},
	} {
		found := in.Search(t.Context(), &m.tree, c.only, c.query, 10)
		var got []string
		for _, h := range found.Hits {
			got = append(got, h.Service+" "+h.Domain+" "+h.Method)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.query, got, c.want)
		}
		if c.only == nil && !slices.Equal(found.Silent, []string{"zz -/-"}) {
			t.Errorf("%q: silent %q", c.query, found.Silent)
		}
	}
	if found := in.Search(t.Context(), &m.tree, nil, "", 2); len(found.Hits) != 2 || found.Total != 5 {
		t.Errorf("limited: %d of %d", len(found.Hits), found.Total)
	}
}

func TestOverview(t *testing.T) {
	m := newMachine(t)
	m.food()
	views := inspect.Overview(&m.tree)
	v := views[0]
	if v.Title != "Hero Food" || v.Version != "0.1.0" || v.Layout != "layers" || v.State != "live" ||
		!slices.Equal(v.Contexts, []string{"root", "org_acme"}) || len(v.Domains) != 2 || v.Domains[0].Origin != "custom" || len(v.Domains[0].Contexts) != 2 {
		t.Errorf("%+v", v)
	}
	if got := inspect.Overview(nil); got == nil || len(got) != 0 {
		t.Errorf("of no tree: %v", got)
	}
}

func mustQuote(t *testing.T, s string) string {
	t.Helper()
	out, err := json.AppendQuote(nil, s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// stripTo serves h below prefix.
func stripTo(prefix string, h http.Handler) http.Handler { return http.StripPrefix(prefix, h) }
