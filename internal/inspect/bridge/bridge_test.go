package bridge_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/bridge"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

type params struct {
	Dish string `json:"dish"`
}

type order struct {
	Dish    string `json:"dish"`
	Context string `json:"context"`
	User    string `json:"user"`
}

// serve serves a domain on a socket.
func serve(t *testing.T, places layout.Places, rel string) *discovery.Socket {
	t.Helper()
	doc, err := openrpc.Build(openrpc.Info{Title: "Orders", Version: "1"}, []openrpc.MethodSpec{
		{Name: "order.create", Summary: "Order a dish", Params: reflect.TypeFor[params](), Result: reflect.TypeFor[order]()},
		{Name: "order.purge", Summary: "Forget all orders", Destructive: true},
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
		"order.create": jsonrpc.Func(func(ctx context.Context, p params) (order, error) {
			m := jsonrpc.MetaFrom(ctx)
			return order{p.Dish, m.Context, m.User}, nil
		}),
	}})
	mux.HandleFunc("GET /openrpc.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
	return listen(t, places, rel, mux)
}

// listen serves h on a socket.
func listen(t *testing.T, places layout.Places, rel string, h http.Handler) *discovery.Socket {
	t.Helper()
	path, err := places.Socket(rel)
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

func must[T any](t *testing.T, parse func(string) (T, error), s string) T {
	t.Helper()
	n, err := parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// machine returns the options of a bridge of hero_food, with two contexts, and
// oldsite, of an older layout.
func machine(t *testing.T) bridge.Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	places := layout.Places{Home: dir, Sockets: dir}
	food := &discovery.Service{Name: must(t, layout.ParseService, "hero_food"), Layout: layout.Layers}
	for _, c := range []string{"org_acme", "root"} {
		food.Contexts = append(food.Contexts, discovery.Context{Name: must(t, layout.ParseContext, c), Domains: []discovery.Domain{
			{Name: must(t, layout.ParseDomain, "delivery"), Socket: serve(t, places, "hero_food_server/"+c+"/delivery.sock")}}})
	}
	old := &discovery.Service{Name: must(t, layout.ParseService, "oldsite"), Layout: layout.Pair, Server: serve(t, places, "oldsite_server.sock")}
	tree := &discovery.Tree{Services: []*discovery.Service{food, old}}
	return bridge.Options{Inspect: inspect.New(inspect.Options{Places: places}), Tree: func() *discovery.Tree { return tree }}
}

// as adds headers to what a client sends.
type as http.Header

func (h as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range h {
		r.Header[name] = values
	}
	return http.DefaultTransport.RoundTrip(r)
}

func connect(t *testing.T, url string, headers http.Header) *sdk.ClientSession {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	s, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: as(headers)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func text(t *testing.T, s *sdk.ClientSession, tool string, arguments map[string]any) string {
	t.Helper()
	res, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return "refused: " + err.Error()
	}
	out := res.Content[0].(*sdk.TextContent).Text
	if res.IsError {
		return "error: " + out
	}
	return out
}

func names(t *testing.T, s *sdk.ClientSession) []string {
	t.Helper()
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range list.Tools {
		out = append(out, x.Name)
	}
	slices.Sort(out)
	return out
}

func TestEveryLayout(t *testing.T) {
	server := httptest.NewServer(bridge.Handler(machine(t)))
	defer server.Close()
	for _, c := range []struct{ path, want string }{
		{"/mcp/hero_food/root/delivery", `{"dish":"soup","context":"root","user":""}`},
		{"/mcp/hero_food/org_acme/delivery", `{"dish":"soup","context":"org_acme","user":""}`},
		{"/mcp/oldsite", `{"dish":"soup","context":"","user":""}`},
	} {
		s := connect(t, server.URL+c.path, nil)
		if got := names(t, s); !slices.Equal(got, []string{"order_create", "order_purge"}) {
			t.Errorf("%s: tools %v", c.path, got)
		}
		if got := text(t, s, "order_create", map[string]any{"dish": "soup"}); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
	for _, path := range []string{"/mcp/hero_food/root/none", "/mcp/none", "/mcp/hero_food/..%2f/delivery"} {
		res, err := http.Post(server.URL+path, "application/json", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: HTTP %d", path, res.StatusCode)
		}
	}
}

func TestWhole(t *testing.T) {
	server := httptest.NewServer(bridge.Handler(machine(t)))
	defer server.Close()
	s := connect(t, server.URL+"/mcp", nil)
	if got := names(t, s); !slices.Equal(got, []string{"call", "describe", "health", "search"}) {
		t.Errorf("tools %v", got)
	}
	for _, c := range []struct {
		tool      string
		arguments map[string]any
		want      string // begins so
	}{
		{"search", map[string]any{"query": "create food"}, `{"methods":[{"service":"hero_food","place":"root/delivery","method":"order.create","summary":"Order a dish","contexts":["root","org_acme"]}]}`},
		{"search", map[string]any{"query": "", "limit": 1}, `{"methods":[{"service":"hero_food","place":"root/delivery","method":"order.create","summary":"Order a dish","contexts":["root","org_acme"]}],"more":3}`},
		{"describe", map[string]any{"service": "oldsite", "method": "order.create"}, `{"service":"oldsite","place":"","method":"order.create","summary":"Order a dish","params":{"properties":{"dish":{"type":"string"}},"required":["dish"],"type":"object"},"result":{`},
		{"call", map[string]any{"service": "hero_food", "place": "org_acme/delivery", "method": "order.create", "params": map[string]any{"dish": "tea"}}, `{"dish":"tea","context":"org_acme","user":""}`},
		{"call", map[string]any{"service": "hero_food", "place": "org_acme/delivery", "method": "order.create"}, `error: `},
		{"call", map[string]any{"service": "hero_food", "place": "root/none", "method": "order.create"}, `error: there is no method`},
		{"call", map[string]any{"service": "hero_food", "place": "root/delivery", "method": "rpc.discover"}, `error: there is no method`},
		{"health", nil, `{"services":[{"service":"hero_food","state":"absent"},{"service":"oldsite","state":"live"}]}`},
		{"health", map[string]any{"service": "oldsite"}, `{"name":"oldsite"`},
	} {
		if got := text(t, s, c.tool, c.arguments); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %v: %s, want %s", c.tool, c.arguments, got, c.want)
		}
	}
}

// TestRules holds that a caller neither sees nor calls what is not allowed, on
// either way, and that refusal and absence sound the same.
func TestRules(t *testing.T) {
	server := httptest.NewServer(bridge.Handler(machine(t)))
	defer server.Close()
	ann := http.Header{"X-Hero-User": {"ann"}, "X-Forwarded-For": {"10.0.0.1"},
		"X-Hero-Claims": {`{"rules":[{"allow":["hero_food/root/*"],"methods":["order.create"]}]}`}}
	s := connect(t, server.URL+"/mcp/hero_food/root/delivery", ann)
	if got := names(t, s); !slices.Equal(got, []string{"order_create"}) {
		t.Errorf("ann's tools %v", got)
	}
	if got := text(t, s, "order_create", map[string]any{"dish": "soup"}); got != `{"dish":"soup","context":"root","user":"ann"}` {
		t.Errorf("ann's call: %s", got)
	}
	if got := text(t, s, "order_purge", nil); !strings.HasPrefix(got, "refused: ") {
		t.Errorf("ann purges: %s", got)
	}
	s = connect(t, server.URL+"/mcp", ann)
	if got := text(t, s, "search", map[string]any{"query": "order"}); !strings.Contains(got, `"order.create"`) || strings.Contains(got, "purge") || strings.Contains(got, "oldsite") {
		t.Errorf("ann finds %s", got)
	}
	secret := text(t, s, "call", map[string]any{"service": "hero_food", "place": "org_acme/delivery", "method": "order.create"})
	absent := text(t, s, "call", map[string]any{"service": "hero_food", "place": "org_none/delivery", "method": "order.create"})
	if strings.ReplaceAll(secret, "org_acme", "org_none") != absent {
		t.Errorf("refused %q, absent %q", secret, absent)
	}
	s = connect(t, server.URL+"/mcp", http.Header{"X-Hero-User": {"bob"}, "X-Hero-Claims": {`{"rules":[]}`}})
	if got := text(t, s, "search", map[string]any{"query": ""}); got != `{"methods":[]}` {
		t.Errorf("bob finds %s", got)
	}
	if got := text(t, s, "health", nil); got != `{"services":[]}` {
		t.Errorf("bob sees %s", got)
	}
}

// TestNoRules holds that without rules only the owner of the socket is served.
func TestNoRules(t *testing.T) {
	server := httptest.NewServer(bridge.Handler(machine(t)))
	defer server.Close()
	for _, header := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Hero-User"} {
		for _, path := range []string{"/mcp", "/mcp/oldsite"} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(header, "x")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: HTTP %d", path, header, res.StatusCode)
			}
		}
	}
}
