package web_test

import (
	"bufio"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/internal/web"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// trees is a watcher whose tree a test sets.
type trees struct {
	mu   sync.Mutex // guards what follows
	tree *discovery.Tree
	next chan struct{} // closed by the next set
}

func (w *trees) Tree() *discovery.Tree {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tree
}

func (w *trees) set(t *discovery.Tree) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tree = t
	close(w.next)
	w.next = make(chan struct{})
}

func (w *trees) Wait(ctx context.Context, after *discovery.Tree) (*discovery.Tree, error) {
	for {
		w.mu.Lock()
		tree, next := w.tree, w.next
		w.mu.Unlock()
		if tree != after {
			return tree, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// machine is a sockets folder with services in it, and the inspector of it.
type machine struct {
	places layout.Places
	trees  *trees
	server *httptest.Server
}

type orderParams struct {
	Dish   string `json:"dish" doc:"What to bring."`
	Pieces int    `json:"pieces" doc:"How many of it."`
	Note   string `json:"note,omitzero" doc:"For the courier."`
}

type order struct {
	ID      string `json:"id"`
	Dish    string `json:"dish"`
	Context string `json:"context"`
	Urgent  bool   `json:"urgent"`
}

func domain(t *testing.T, title string) http.Handler {
	t.Helper()
	doc, err := openrpc.Build(openrpc.Info{Title: title, Version: "0.2.0", Description: "Orders and who brings them."}, []openrpc.MethodSpec{
		{Name: "order.create", Summary: "Order a dish", Description: "The order is brought by the next free courier.",
			Params: reflect.TypeFor[orderParams](), Result: reflect.TypeFor[order](),
			Errors:   []openrpc.ErrorSpec{{Code: -32020, Message: "closed"}},
			Examples: []openrpc.ExampleSpec{{Name: "Two soups", Params: orderParams{Dish: "soup", Pieces: 2}, Result: order{ID: "o1"}}}},
		{Name: "order.list", Summary: "List the orders", Result: reflect.TypeFor[[]order](), ReadOnly: true},
		{Name: "order.purge", Summary: "Forget all orders", Destructive: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	// A name such as only a hostile service has.
	doc.Methods = append(doc.Methods, openrpc.Method{Name: "odd \"<script>\n", Params: []openrpc.ContentDescriptor{}, Summary: hostile})
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /rpc", &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"order.create": jsonrpc.Func(func(ctx context.Context, p orderParams) (order, error) {
			return order{ID: "o42", Dish: p.Dish, Context: jsonrpc.MetaFrom(ctx).Context}, nil
		}),
		"order.purge": func(context.Context, json.Value) (any, error) {
			return nil, fault.WithHint(fault.Errorf(fault.Conflict, "an order is under way"), "wait for the courier")
		},
		"odd \"<script>\n": func(context.Context, json.Value) (any, error) { return hostile, nil },
	}})
	mux.HandleFunc("GET /openrpc.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
	return mux
}

func must[T any](t *testing.T, parse func(string) (T, error), s string) T {
	t.Helper()
	n, err := parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (m *machine) serve(t *testing.T, rel string, h http.Handler) *discovery.Socket {
	t.Helper()
	path, err := m.places.Socket(rel)
	if err != nil {
		t.Fatal(err)
	}
	if err := unixsock.MkdirAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	l, err := unixsock.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	id, err := unixsock.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return &discovery.Socket{Rel: rel, ID: id, State: discovery.Live}
}

// newMachine serves hero_food in the newest layout and oldsite as a pair.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &machine{places: layout.Places{Home: dir, Sockets: dir}, trees: &trees{next: make(chan struct{})}}
	food := &discovery.Service{
		Name: must(t, layout.ParseService, "hero_food"), Layout: layout.Layers, Server: m.serve(t, "hero_food.sock", domain(t, "Hero Food")),
		Manifest: &manifest.Manifest{
			Name: "hero_food", Title: "Hero Food", Version: "0.1.0", Description: "Restaurants and deliveries", HeroSDK: "0.1.0", PID: 4711,
			StartedAt: "2026-01-02T03:04:05Z", UI: &manifest.UI{Mode: manifest.OnDemand, State: "asleep"},
			Domains: []manifest.Domain{{Name: "delivery", Origin: manifest.Custom, Version: "0.2.0"}, {Name: "identity", Origin: manifest.Shared, Version: "0.1.0"}},
		},
	}
	for _, c := range []string{"org_acme", "root"} {
		at := discovery.Context{Name: must(t, layout.ParseContext, c)}
		for _, d := range []string{"delivery", "identity", "restaurant"} {
			if c == "org_acme" && d == "identity" {
				continue
			}
			at.Domains = append(at.Domains, discovery.Domain{Name: must(t, layout.ParseDomain, d), Socket: m.serve(t, "hero_food_server/"+c+"/"+d+".sock", domain(t, d))})
		}
		food.Contexts = append(food.Contexts, at)
	}
	old := &discovery.Service{Name: must(t, layout.ParseService, "oldsite"), Layout: layout.Pair, Server: m.serve(t, "oldsite_server.sock", domain(t, "Old Site"))}
	dead := &discovery.Service{Name: must(t, layout.ParseService, "weather"), Layout: layout.Single, Server: &discovery.Socket{Rel: "weather.sock", State: discovery.Stale}}
	m.trees.set(&discovery.Tree{Services: []*discovery.Service{food, old, dead}, Strays: []discovery.Stray{{Path: "Notes.sock", Reason: "a plain file, not a socket"}}})
	h := web.Inspector(web.InspectorOptions{
		Inspect: inspect.New(inspect.Options{Places: m.places}), Trees: m.trees, Places: m.places,
		Agents: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "agents at "+r.URL.Path) }),
		Health: func(_ context.Context, s *discovery.Service) web.Health {
			return web.Health{Service: "healthy", UI: "asleep", Domains: map[string]string{
				"root/delivery": "healthy", "root/identity": "healthy", "root/restaurant": "degraded", "org_acme/delivery": "healthy", "org_acme/restaurant": "unhealthy"}}
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/hero_inspector/", http.StripPrefix("/hero_inspector", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Forwarded-Prefix", "/hero_inspector")
		h.ServeHTTP(w, r)
	})))
	m.server = httptest.NewServer(mux)
	t.Cleanup(m.server.Close)
	return m
}

// do sends a request and returns the status and the body.
func (m *machine) do(t *testing.T, method, path, form string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.server.URL+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := m.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s %s: policy %q", method, path, csp)
	}
	return res.StatusCode, string(body)
}

const createPath = "/s/hero_food/org_acme/delivery/method?name=order.create"

func TestPages(t *testing.T) {
	m := newMachine(t)
	odd := "/s/hero_food/root/delivery/method?" + url.Values{"name": {"odd \"<script>\n"}}.Encode()
	for _, c := range []struct {
		path   string
		status int
		want   []string // the body holds
		not    string
	}{
		{"/", 200, []string{`href="/s/hero_food"`, "2 contexts × 3 domains", `href="/s/hero_food/root/identity"`, "oldsite", "pair", "stale", "Notes.sock", `href="/assets/style.css`}, ""},
		{"/?q=deliv", 200, []string{"hero_food"}, ">oldsite<"},
		{"/?q=zzz", 200, []string{"No service matches"}, ">oldsite<"},
		{"/s/hero_food", 200, []string{"Hero Food", "0.1.0", "4711", "on_demand", `href="/s/hero_food/org_acme/delivery"`, "degraded", "shared", `href="/api/hero_food/openrpc.json"`}, `href="/s/hero_food/org_acme/identity"`},
		{"/s/oldsite", 200, []string{`href="/s/oldsite/-/-"`}, "matrix"},
		{"/s/hero_food/root/delivery", 200, []string{"order.create", "Order a dish", "dish, pieces, note?", "list of Order", "read-only", "destructive", `href="/s/hero_food/org_acme/delivery"`}, "<script>\n"},
		{"/s/oldsite/-/-", 200, []string{"order.create"}, ""},
		{"/s/weather/-/-", 200, []string{"nobody listens"}, ""},
		{createPath, 200, []string{"What to bring.", "Two soups", "&#34;pieces&#34;: 2", "curl --unix-socket", "X-Hero-Context: org_acme", "-32020", `method="post"`}, ""},
		{odd, 200, []string{"odd &#34;&lt;script&gt;"}, "<script>\n"},
		{"/methods?q=purge", 200, []string{"order.purge", "hero_food · delivery", "oldsite", "1 did not say"}, "order.list"},
		{"/s/hero_food/methods?q=create+identity", 200, []string{"1 found", "order.create"}, "oldsite"},
		{"/s/hero_food/docs", 200, []string{"delivery.order.create", `href="#m1"`, `id="m1"`, "What to bring.", "Types", `href="/api/hero_food/manual.md"`}, "<script>\n"},
		{"/s/weather/docs", 200, []string{"nobody listens"}, ""},
		{"/s/hero_food/isolation", 200, []string{"hero_food_server/org_acme/delivery.sock", "var/data/hero_food/org_acme/delivery", "/hero_food/root/identity/rpc"}, ""},
		{"/s/hero_food/ui", 404, []string{"open the inspector through hero_proxy"}, ""},
		{"/hero_inspector/s/hero_food/ui", 200, []string{`<iframe class="frame" src="/hero_food/"`}, ""},
		{"/s/hero_food/other", 404, nil, ""},
		{"/api/hero_food/manual.md", 200, []string{"### `delivery.order.create`"}, "<script>alert"},
		{"/api/hero_food/client/go", 200, []string{"package herofood", "func (d Delivery) OrderCreate(ctx context.Context, params DeliveryOrderCreateParams) (Order, error)"}, ""},
		{"/api/hero_food/client/cobol", 501, []string{"typescript"}, ""},
		{"/llms.txt", 200, []string{"[Hero Food](</api/hero_food/manual.md>)", "- `delivery.order.create(dish, pieces, note)`: Order a dish"}, "<script>alert"},
		{"/s/nothing", 404, []string{"no service nothing is running here", "hero_inspector list"}, ""},
		{"/s/hero_food/root/nothing", 404, []string{"hero_food has no root/nothing"}, ""},
		{"/s/hero_food/%2e%2e/delivery", 404, nil, ""},
		{"/s/hero_food/root/delivery/method?name=none", 404, []string{"has no method"}, ""},
		{"/s/%3Cscript%3Ealert(1)", 404, nil, "<script>alert"},
		{"/mcp", 200, []string{"agents at /mcp"}, ""},
		{"/mcp/hero_food/root/delivery", 200, []string{"agents at /mcp/hero_food/root/delivery"}, ""},
		{"/nothing", 404, []string{"no such page"}, ""},
		{"/assets/style.css", 200, []string{"prefers-color-scheme"}, ""},
		{"/assets/frame.html", 404, nil, ""},
	} {
		status, body := m.do(t, "GET", c.path, "")
		if status != c.status {
			t.Errorf("%s: HTTP %d, want %d", c.path, status, c.status)
		}
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", c.path, want)
			}
		}
		if c.not != "" && strings.Contains(body, c.not) {
			t.Errorf("%s holds %q", c.path, c.not)
		}
	}
}

// TestPrefix holds that every address on a page stays below the prefix, and
// that nonsense in the header is no prefix.
func TestPrefix(t *testing.T) {
	m := newMachine(t)
	for _, path := range []string{"/", "/s/hero_food", "/s/hero_food/root/delivery", createPath, "/methods", "/nothing"} {
		_, body := m.do(t, "GET", "/hero_inspector"+path, "")
		for _, attr := range []string{`href="`, `src="`, `action="`} {
			for rest := body; ; {
				_, after, ok := strings.Cut(rest, attr)
				if !ok {
					break
				}
				target, tail, _ := strings.Cut(after, `"`)
				sister := target == "/hero_proc/" || target == "/hero_proxy/"
				if !strings.HasPrefix(target, "/hero_inspector/") && !strings.HasPrefix(target, "#") && !sister {
					t.Errorf("%s: %s%s leaves the prefix", path, attr, target)
				}
				rest = tail
			}
		}
	}
	for _, bad := range []string{"//evil.example", "https://evil.example", "/a/../b", `/"><script>`, "x"} {
		if _, body := m.do(t, "GET", "/", "", "X-Forwarded-Prefix", bad); !strings.Contains(body, `data-base="/"`) || strings.Contains(body, "evil") {
			t.Errorf("prefix %q is believed", bad)
		}
	}
}

func TestCall(t *testing.T) {
	m := newMachine(t)
	post := func(path, params string, headers ...string) (int, string) {
		return m.do(t, "POST", path, url.Values{"params": {params}}.Encode(), headers...)
	}
	status, body := post(createPath, `{"dish":"stew","pieces":1}`)
	if status != 200 || !strings.Contains(body, "Answer") || !strings.Contains(body, "&#34;o42&#34;") || !strings.Contains(body, "&#34;org_acme&#34;") || !strings.Contains(body, "stew") {
		t.Errorf("HTTP %d\n%s", status, body)
	}
	for _, c := range []struct{ path, params, want string }{
		{createPath, `{"dish":"stew"}`, "-32602"},
		{createPath, `{"dish":`, "params are not JSON"},
		{"/s/hero_food/root/delivery/method?name=order.purge", ``, "wait for the courier"},
		{"/s/hero_food/root/delivery/method?name=order.list", ``, "-32601"},
		{"/s/hero_food/root/delivery/method?" + url.Values{"name": {"odd \"<script>\n"}}.Encode(), ``, "&lt;script&gt;alert(1)"},
	} {
		status, body := post(c.path, c.params)
		if status != 200 || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: HTTP %d, lacks %q", c.path, c.params, status, c.want)
		}
		if strings.Contains(body, "<script>alert") {
			t.Errorf("%s lets markup through", c.path)
		}
	}
}

func TestForm(t *testing.T) {
	m := newMachine(t)
	status, body := m.do(t, "GET", createPath+"&as=form", "")
	for _, want := range []string{`name="p0"`, `value="soup"`, `inputmode="decimal"`, `value="2"`, "optional", `action="` + strings.ReplaceAll(createPath, "&", "&amp;") + `&amp;as=form#answer"`} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("HTTP %d, lacks %q", status, want)
		}
	}
	for _, c := range []struct{ dish, pieces, want string }{
		{`a "stew" <b>`, "3", "&#34;o42&#34;"},
		{`a "stew" <b>`, "three", "&#34;three&#34; is not a number"},
		{"", "", "pieces is missing"},
	} {
		_, body := m.do(t, "POST", createPath+"&as=form", url.Values{"p0": {c.dish}, "p1": {c.pieces}, "p2": {""}}.Encode())
		if !strings.Contains(body, c.want) || strings.Contains(body, "<b>") || c.dish != "" && !strings.Contains(body, `value="a &#34;stew&#34; &lt;b&gt;"`) {
			t.Errorf("%q %q: lacks %q, or forgets what was typed", c.dish, c.pieces, c.want)
		}
	}
	_, body = m.do(t, "GET", createPath, "", "X-Forwarded-Host", "box.example:9998", "X-Forwarded-Proto", "https")
	if !strings.Contains(body, "https://box.example:9998/hero_food/org_acme/delivery/rpc") {
		t.Error("the programs do not call where the browser is")
	}
}

func TestOtherOriginsMayNotCall(t *testing.T) {
	m := newMachine(t)
	form := url.Values{"params": {`{"dish":"stew","pieces":1}`}}.Encode()
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Origin", m.server.URL}, 200},
		{[]string{"Origin", "https://box.example", "X-Forwarded-Host", "box.example"}, 200},
		{[]string{"Origin", "https://evil.example", "X-Forwarded-Host", "box.example"}, 403},
	} {
		status, body := m.do(t, "POST", createPath, form, c.headers...)
		if status != c.status || (status == 403) == strings.Contains(body, "o42") {
			t.Errorf("%v: HTTP %d, want %d", c.headers, status, c.status)
		}
	}
}

func TestAPI(t *testing.T) {
	m := newMachine(t)
	_, body := m.do(t, "GET", "/api/services", "")
	var views []inspect.View
	if err := json.Unmarshal([]byte(body), &views); err != nil || len(views) != 3 || views[0].Name != "hero_food" || len(views[0].Domains) != 3 {
		t.Errorf("services: %v %s", err, body)
	}
	_, body = m.do(t, "GET", "/api/hero_food/openrpc.json", "")
	doc, err := openrpc.Parse([]byte(body))
	if err != nil || len(doc.Methods) != 12 || doc.Methods[0].Name != "delivery.order.create" || len(doc.Methods[0].Servers) != 2 {
		t.Errorf("composite: %v %.300s", err, body)
	}
	status, body := m.do(t, "GET", "/api/nothing/openrpc.json", "")
	if status != 404 || !strings.Contains(body, `"status":404`) {
		t.Errorf("of no service: HTTP %d %s", status, body)
	}
}

func TestEvents(t *testing.T) {
	m := newMachine(t)
	req, err := http.NewRequestWithContext(t.Context(), "GET", m.server.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		t.Fatal("the stream ended", lines.Err())
		return ""
	}
	first := next()
	if _, body := m.do(t, "GET", "/", ""); !strings.Contains(body, `data-tree="`+first+`"`) {
		t.Errorf("the page is not of tree %s", first)
	}
	m.trees.set(&discovery.Tree{})
	second := next()
	if second == first {
		t.Errorf("a new tree has the number of the old one: %s", second)
	}
	if _, body := m.do(t, "GET", "/", ""); !strings.Contains(body, `data-tree="`+second+`"`) || !strings.Contains(body, "No service is running here") {
		t.Error("the page does not follow")
	}
}

// TestManualFile holds that the file needs no other, and lets no markup through.
func TestManualFile(t *testing.T) {
	text, err := web.ManualHTML(inspect.Manual{Title: hostile, Description: hostile, Sections: []inspect.Section{{Name: hostile, Methods: []inspect.MethodDoc{{Name: hostile, Anchor: "m1", Summary: hostile}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "src=", "<link", "url(", "ZgotmplZ"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("the file holds %q", bad)
		}
	}
	if !strings.Contains(string(text), "prefers-color-scheme") || !strings.Contains(string(text), `href="#m1"`) {
		t.Errorf("the file is not whole: %.300s", text)
	}
}

// TestSharedCall holds that the address of a call fills the form, in both ways,
// calls nothing, and does no harm whatever stands in it.
func TestSharedCall(t *testing.T) {
	m := newMachine(t)
	params := func(text string) string { return "&" + url.Values{"params": {text}}.Encode() }
	const stew = `{"dish":"stew <b>","pieces":7}`
	_, body := m.do(t, "POST", createPath, url.Values{"params": {stew}}.Encode())
	if want := createPath + params(stew); !strings.Contains(html.UnescapeString(body), `href="`+want+`"`) {
		t.Errorf("the answer does not tell the address %s of its call", want)
	}
	if _, body = m.do(t, "GET", createPath+params(stew), ""); !strings.Contains(body, "stew &lt;b&gt;") || strings.Contains(body, "o42") {
		t.Errorf("the address of a call does not fill the form, or calls")
	}
	if _, body = m.do(t, "GET", createPath+"&as=form"+params(stew), ""); !strings.Contains(body, `value="stew &lt;b&gt;"`) || !strings.Contains(body, `value="7"`) {
		t.Errorf("the address of a call does not fill the fields")
	}
	for _, odd := range []string{"", "{", "[1]", "7", "null", `{"dish":`, hostile} {
		for _, way := range []string{"", "&as=form"} {
			if status, _ := m.do(t, "GET", createPath+way+params(odd), ""); status != http.StatusOK {
				t.Errorf("params %q%s: %d", odd, way, status)
			}
		}
	}
}
