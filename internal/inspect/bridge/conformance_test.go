package bridge_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/bridge"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// offered are the scenarios of the public conformance suite that are of what a
// bridge offers: tools, and the protocol around them. The others are of
// prompts, resources, pictures, sampling and elicitation, none of which a
// JSON-RPC method has.
func offered() []string {
	return []string{"server-initialize", "ping", "logging-set-level", "tools-list", "resources-list", "prompts-list",
		"server-sse-multiple-streams", "dns-rebinding-protection"}
}

// TestConformance runs the public suite (npm i @modelcontextprotocol/conformance
// node@22) from the node_modules that HERO_CONFORMANCE names.
func TestConformance(t *testing.T) {
	modules := os.Getenv("HERO_CONFORMANCE")
	if modules == "" {
		t.Skip("left out: HERO_CONFORMANCE names no node_modules with @modelcontextprotocol/conformance and node@22")
	}
	server := httptest.NewServer(bridge.Handler(fixture(t)))
	defer server.Close()
	node, suite := filepath.Join(modules, "node/bin/node"), filepath.Join(modules, "@modelcontextprotocol/conformance/dist/index.js")
	for path, more := range map[string][]string{
		"/mcp":                         nil,
		"/mcp/hero_suite/root/fixture": {"tools-call-simple-text", "tools-call-error"},
	} {
		for _, scenario := range append(offered(), more...) {
			t.Run(path+" "+scenario, func(t *testing.T) {
				out, err := exec.CommandContext(t.Context(), node, suite, "server", "--url", server.URL+path, "--scenario", scenario).CombinedOutput()
				if err != nil || strings.Contains(string(out), "FAILURE") {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// fixture is a machine with the methods that the suite calls.
func fixture(t *testing.T) bridge.Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	places := layout.Places{Home: dir, Sockets: dir}
	doc, err := openrpc.Build(openrpc.Info{Title: "Fixture", Version: "1"}, []openrpc.MethodSpec{
		{Name: "test.simple.text", Result: reflect.TypeFor[string]()},
		{Name: "test.error.handling", Result: reflect.TypeFor[string]()},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	type none struct{}
	mux := http.NewServeMux()
	mux.Handle("POST /rpc", &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"test.simple.text": jsonrpc.Func(func(context.Context, none) (string, error) {
			return "This is a simple text response for testing.", nil
		}),
		"test.error.handling": jsonrpc.Func(func(context.Context, none) (string, error) {
			return "", fault.Errorf(fault.Conflict, "This tool intentionally returns an error for testing")
		}),
	}})
	mux.HandleFunc("GET /openrpc.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
	s := &discovery.Service{Name: must(t, layout.ParseService, "hero_suite"), Layout: layout.Layers}
	s.Contexts = []discovery.Context{{Name: layout.Root, Domains: []discovery.Domain{
		{Name: must(t, layout.ParseDomain, "fixture"), Socket: listen(t, places, "hero_suite_server/root/fixture.sock", mux)}}}}
	tree := &discovery.Tree{Services: []*discovery.Service{s}}
	return bridge.Options{Inspect: inspect.New(inspect.Options{Places: places}), Tree: func() *discovery.Tree { return tree }}
}
