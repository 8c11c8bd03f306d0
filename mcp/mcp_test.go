package mcp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/mcp"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

type node struct {
	Name string `json:"name"`
	Kids []node `json:"kids,omitzero"`
}

type findParams struct {
	Name string `json:"name" doc:"Whom to find."`
	Deep bool   `json:"deep,omitzero"`
}

func document(t *testing.T) *openrpc.Document {
	t.Helper()
	d, err := openrpc.Build(openrpc.Info{Title: "Trees", Version: "1"}, []openrpc.MethodSpec{
		{Name: "tree.find", Summary: "Find a tree.", Description: "By its name.", Params: reflect.TypeFor[findParams](), Result: reflect.TypeFor[node](), ReadOnly: true},
		{Name: "tree.count", Result: reflect.TypeFor[int](), Idempotent: true},
		{Name: "tree.fell", Params: reflect.TypeFor[findParams](), Destructive: true},
		{Name: "tree_count", Result: reflect.TypeFor[[]node]()},
		{Name: strings.Repeat("long.", 20) + "a"}, {Name: strings.Repeat("long.", 20) + "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// connect returns a session of the official client with a server.
func connect(t *testing.T, h http.Handler) *sdk.ClientSession {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: server.URL, DisableStandaloneSSE: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func call(t *testing.T, s *sdk.ClientSession, name string, arguments any) (text string, data string, failed bool) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(res.Content) > 0 {
		text = res.Content[0].(*sdk.TextContent).Text
	}
	if res.StructuredContent != nil {
		out, err := json.Marshal(res.StructuredContent, json.Deterministic())
		if err != nil {
			t.Fatal(err)
		}
		data = string(out)
	}
	return text, data, res.IsError
}

func TestDomain(t *testing.T) {
	var got []string
	h, err := mcp.Domain(document(t), mcp.Options{Name: "hero_trees"}, func(_ context.Context, method string, params json.Value) (json.Value, error) {
		got = append(got, method+" "+string(params))
		switch method {
		case "tree.find":
			return json.Value(`{"name":"oak"}`), nil
		case "tree.count":
			return json.Value(`7`), nil
		case "tree.fell":
			return nil, &jsonrpc.Error{Code: -32020, Message: "it is protected", Data: json.Value(`{"hint":"ask the forester"}`)}
		}
		return nil, fault.WithHint(fault.Errorf(fault.Unavailable, "gone"), "start it")
	})
	if err != nil {
		t.Fatal(err)
	}
	s := connect(t, h)
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tools := map[string]*sdk.Tool{}
	for _, x := range list.Tools {
		tools[x.Name] = x
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(x.Name) {
			t.Errorf("the name %q is not one that agents take", x.Name)
		}
	}
	if len(tools) != 6 {
		t.Errorf("%d tools with names of their own, want 6", len(tools))
	}
	find, fell := tools["tree_find"], tools["tree_fell"]
	if find == nil || fell == nil {
		t.Fatalf("tools %v", tools)
	}
	if !find.Annotations.ReadOnlyHint || *find.Annotations.DestructiveHint || !*fell.Annotations.DestructiveHint || find.Title != "Find a tree." || !strings.Contains(find.Description, "By its name.") {
		t.Errorf("tree_find %+v %+v, tree_fell %+v", find, find.Annotations, fell.Annotations)
	}
	input, _ := json.Marshal(find.InputSchema, json.Deterministic())
	if want := `{"properties":{"deep":{"type":"boolean"},"name":{"description":"Whom to find.","type":"string"}},"required":["name"],"type":"object"}`; string(input) != want {
		t.Errorf("input %s, want %s", input, want)
	}
	output, _ := json.Marshal(find.OutputSchema, json.Deterministic())
	if !strings.Contains(string(output), `"$ref":"#/$defs/Node"`) || !strings.Contains(string(output), `"type":"object"`) {
		t.Errorf("output %s", output)
	}
	for _, c := range []struct {
		name         string
		arguments    any
		text, data   string
		failed       bool
		wantedParams string
	}{
		{"tree_find", map[string]any{"name": "oak"}, `{"name":"oak"}`, `{"name":"oak"}`, false, `tree.find {"name":"oak"}`},
		{"tree_count", nil, `7`, `{"result":7}`, false, `tree.count `},
		{"tree_fell", map[string]any{"name": "x"}, "it is protected (code -32020)\n{\"hint\":\"ask the forester\"}", "", true, `tree.fell {"name":"x"}`},
	} {
		got = nil
		text, data, failed := call(t, s, c.name, c.arguments)
		if text != c.text || data != c.data || failed != c.failed || !slices.Equal(got, []string{c.wantedParams}) {
			t.Errorf("%s: %q %q %v, called %q; want %q %q %v %q", c.name, text, data, failed, got, c.text, c.data, c.failed, c.wantedParams)
		}
	}
}

func TestSchemas(t *testing.T) {
	tools, err := mcp.Tools(document(t))
	if err != nil {
		t.Fatal(err)
	}
	input, output, ok := tools.Schemas("tree.count")
	if !ok || string(input) != `{"properties":{},"type":"object"}` || !strings.Contains(string(output), `"result":{"type":"integer"}`) {
		t.Errorf("%s %s %v", input, output, ok)
	}
	if _, _, ok := tools.Schemas("tree.none"); ok {
		t.Error("a method that is not there has schemas")
	}
}

// TestAllowed holds that a method that is not allowed is neither listed nor
// called.
func TestAllowed(t *testing.T) {
	tools, err := mcp.Tools(document(t))
	if err != nil {
		t.Fatal(err)
	}
	called := false
	s := connect(t, tools.Domain(mcp.Options{}, func(method string) bool { return method == "tree.find" }, func(context.Context, string, json.Value) (json.Value, error) {
		called = true
		return json.Value("null"), nil
	}))
	list, err := s.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 1 || list.Tools[0].Name != "tree_find" {
		t.Errorf("listed %v %v", list, err)
	}
	if _, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: "tree_fell", Arguments: map[string]any{"name": "x"}}); err == nil || called {
		t.Errorf("a method that is not allowed was called: %v %v", err, called)
	}
}

func TestByPosition(t *testing.T) {
	d := document(t)
	d.Methods = d.Methods[:1]
	d.Methods[0].ParamStructure = "by-position"
	h, err := mcp.Domain(d, mcp.Options{}, func(_ context.Context, _ string, params json.Value) (json.Value, error) {
		return json.Marshal(map[string]string{"name": string(params)})
	})
	if err != nil {
		t.Fatal(err)
	}
	s := connect(t, h)
	for _, c := range []struct {
		arguments map[string]any
		want      string
	}{
		{map[string]any{"name": "oak"}, `{"name":"[\"oak\"]"}`},
		{map[string]any{"deep": true, "name": "oak"}, `{"name":"[\"oak\",true]"}`},
		{map[string]any{"deep": true}, `{"name":"[null,true]"}`},
	} {
		if text, _, _ := call(t, s, "tree_find", c.arguments); text != c.want {
			t.Errorf("%v: %s, want %s", c.arguments, text, c.want)
		}
	}
	if text, _, failed := call(t, s, "tree_find", map[string]any{"other": 1}); !failed || !strings.Contains(text, `no param "other"`) {
		t.Errorf("an unknown param: %q", text)
	}
}

// TestRealDocuments holds that the schemas of real documents stand on their
// own: a validator takes each.
func TestRealDocuments(t *testing.T) {
	files, err := filepath.Glob("../openrpc/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := openrpc.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		h, err := mcp.Domain(d, mcp.Options{}, nil)
		if err != nil {
			t.Fatal(file, err)
		}
		list, err := connect(t, h).ListTools(t.Context(), nil)
		if err != nil || len(list.Tools) != len(d.Methods) {
			t.Fatalf("%s: %d tools of %d methods, %v", file, len(list.Tools), len(d.Methods), err)
		}
		for _, x := range list.Tools {
			for _, schema := range []any{x.InputSchema, x.OutputSchema} {
				if schema == nil {
					continue
				}
				c := jsonschema.NewCompiler()
				if err := c.AddResource("mem:///x", schema); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Compile("mem:///x"); err != nil {
					t.Errorf("%s %s: %v", file, x.Name, err)
				}
			}
		}
	}
}

// machine is a Machine that says what it was asked.
type machine struct{}

func (machine) Search(_ context.Context, query string, limit int) (any, error) {
	return map[string]any{"query": query, "limit": limit}, nil
}
func (machine) Describe(_ context.Context, at mcp.Address) (any, error) { return at, nil }
func (machine) Call(_ context.Context, at mcp.Address, params json.Value) (json.Value, error) {
	if at.Method == "fail" {
		return nil, fault.WithHint(fault.Errorf(fault.NotFound, "no such method"), "search first")
	}
	return json.Value(`[` + string(params) + `]`), nil
}
func (machine) Health(_ context.Context, service string) (any, error) {
	return map[string]string{"service": service}, nil
}

func TestWhole(t *testing.T) {
	s := connect(t, mcp.Whole(machine{}, mcp.Options{Name: "hero"}))
	list, err := s.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 4 {
		t.Fatal(list, err)
	}
	if list.CacheScope != "private" { // another caller may see other tools
		t.Errorf("the list may be kept for others: %q", list.CacheScope)
	}
	text, err := json.Marshal(list.Tools)
	if err != nil || len(text) > 2000 {
		t.Errorf("the four tools cost an agent %d bytes", len(text))
	}
	for _, c := range []struct {
		name      string
		arguments map[string]any
		text      string
		data      string
		failed    bool
	}{
		{"search", map[string]any{"query": "order"}, `{"limit":20,"query":"order"}`, `{"limit":20,"query":"order"}`, false},
		{"describe", map[string]any{"service": "hero_food", "place": "root/delivery", "method": "create"}, `{"service":"hero_food","place":"root/delivery","method":"create"}`, `{"method":"create","place":"root/delivery","service":"hero_food"}`, false},
		{"call", map[string]any{"service": "s", "method": "m", "params": map[string]any{"a": 1}}, `[{"a":1}]`, `{"result":[{"a":1}]}`, false},
		{"call", map[string]any{"service": "s", "method": "fail"}, "no such method\nsearch first", ``, true},
		{"health", nil, `{"service":""}`, `{"service":""}`, false},
	} {
		text, data, failed := call(t, s, c.name, c.arguments)
		if text != c.text || data != c.data || failed != c.failed {
			t.Errorf("%s: %s %s %v, want %s %s %v", c.name, text, data, failed, c.text, c.data, c.failed)
		}
	}
	if text, _, failed := call(t, s, "search", map[string]any{"quer": "x"}); !failed || !strings.Contains(text, "arguments of search") {
		t.Errorf("a wrong argument: %q", text)
	}
}

// FuzzTools holds that no document makes a tool whose name or schema agents
// refuse.
func FuzzTools(f *testing.F) {
	f.Add(`{"methods":[{"name":"a.b","params":[{"name":"x","schema":{"$ref":"#/components/schemas/a~1b"}}]},{"name":"a_b"}],"components":{"schemas":{"a/b":{"$ref":"#/components/schemas/a~1b"}}}}`)
	f.Add(`{"methods":[{"name":"` + strings.Repeat("x", 70) + `","result":{"name":"r","schema":{"type":"object"}}}]}`)
	name := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := openrpc.Parse([]byte(text))
		if err != nil {
			return
		}
		tools, err := mcp.Tools(d)
		if err != nil {
			return
		}
		methods := 0
		for _, m := range d.Methods {
			if m.Name != "" && m.Ref == "" {
				methods++
			}
		}
		names := tools.Methods()
		if len(names) != methods {
			t.Errorf("%d names of %d methods", len(names), methods)
		}
		for n := range names {
			if !name.MatchString(n) {
				t.Errorf("name %q", n)
			}
		}
		tools.Domain(mcp.Options{}, nil, nil)
	})
}
