package proxy_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// guarded is the fixture behind a policy.
func guarded(t *testing.T, general bool, policy string) (*fixture, *bytes.Buffer) {
	t.Helper()
	f := newFixture(t, general)
	p := must(access.Parse([]byte(strings.NewReplacer("@agent", access.Hash("agent"), "@admin", access.Hash("admin")).Replace(policy))))
	audit := new(bytes.Buffer)
	door := proxy.New(proxy.Options{Places: f.places, Tree: f.tree.Load, Policy: func() *access.Policy { return p }, Audit: slog.New(slog.NewTextHandler(audit, nil))})
	t.Cleanup(door.Close)
	f.front.Close()
	f.front = serve(t, door, general)
	return f, audit
}

const agentPolicy = `
local = false
[[token]]
name = "agent"
sha256 = "@agent"
[[token]]
name = "admin"
sha256 = "@admin"
[[rule]]
who = ["agent"]
allow = ["hero_food/root/delivery"]
methods = ["delivery.list"]
[[rule]]
who = ["admin"]
allow = ["**"]
`

func TestAccess(t *testing.T) { both(t, testAccess) }

func testAccess(t *testing.T, general bool) {
	f, audit := guarded(t, general, agentPolicy)
	f.upstream("hero_food_ui.sock", echo)
	f.upstream("hero_food_server/root/delivery.sock", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openrpc.json" {
			io.WriteString(w, `{"openrpc":"1.4.1","x-more":{"a":1},"methods":[{"name":"delivery.drop"},{"name":"delivery.list"}]}`)
			return
		}
		echo(w, r)
	})
	f.set()
	const rpc = "/hero_food/root/delivery/rpc"
	const list, drop = `{"jsonrpc":"2.0","id":7,"method":"delivery.list"}`, `{"jsonrpc":"2.0","id":8,"method":"delivery.drop"}`
	for _, c := range []struct {
		token, method, path, body string
		status                    int
		has, hasNot               string
	}{
		{"", "POST", rpc, list, 401, "token", ""},
		{"nobody", "POST", rpc, list, 401, "token", ""},
		{"", "GET", "/nothing/here", "", 401, "token", ""},
		{"agent", "POST", rpc, list, 200, "X-Hero-User: agent\r", "Authorization"},
		{"agent", "POST", rpc, drop, 200, `{"jsonrpc":"2.0","id":8,"error":{"code":-32001`, "POST"},
		{"agent", "POST", rpc, "[" + list + "," + drop + "]", 200, `"id":7,"error"`, "POST"},
		{"agent", "POST", rpc, `{"jsonrpc":"2.0","method":"delivery.drop"}`, 403, "delivery.drop", ""},
		{"agent", "POST", rpc, `{"jsonrpc":"2.0","id":1,"method":"delivery.list","Method":"delivery.drop"}`, 400, "judged", ""},
		{"agent", "GET", "/hero_food/root/delivery/openrpc.json", "", 200, `"delivery.list"`, "delivery.drop"},
		{"admin", "GET", "/hero_food/root/delivery/openrpc.json", "", 200, "delivery.drop", ""},
		{"agent", "GET", "/hero_food/", "", 403, "may not", ""},
		{"agent", "GET", "/nothing/here", "", 403, "may not", ""},
		{"agent", "POST", "/hero_food/root/delivery/mcp", "{}", 502, "hero_inspector", ""},
		{"agent", "POST", "/hero_food/rpc", "{}", 403, "may not", ""},
		{"agent", "POST", "/mcp", "{}", 502, "hero_inspector", ""},
		{"admin", "GET", "/nothing/here", "", 404, "no service", ""},
		{"admin", "POST", rpc, drop, 200, "POST /rpc", ""},
		{"admin", "POST", "/hero_food/root/nothing/rpc", drop, 404, "no such domain", ""},
		{"admin", "GET", "/hero_food/root/nothing/rpc", "", 200, "GET /root/nothing/rpc", ""},
		{"agent", "GET", "/", "", 200, "hero_food", ""},
	} {
		header := []string{"Content-Type", "application/json"}
		if c.token != "" {
			header = append(header, "Authorization", "Bearer "+c.token)
		}
		resp, body := f.do(c.method, c.path, c.body, header...)
		if resp.StatusCode != c.status || !strings.Contains(body, c.has) || c.hasNot != "" && strings.Contains(body, c.hasNot) {
			t.Errorf("%s %s %s %s: %d %s; want %d with %q, without %q", c.token, c.method, c.path, c.body, resp.StatusCode, body, c.status, c.has, c.hasNot)
		}
	}
	f.front.Close()
	for _, has := range []string{"msg=refused caller=\"\"", "msg=allowed caller=agent", "methods=delivery.drop", `rule="rule 2"`} {
		if !strings.Contains(audit.String(), has) {
			t.Errorf("the audit has no %s:\n%s", has, audit)
		}
	}
}

func TestPolicyFile(t *testing.T) {
	dir := must(os.MkdirTemp("", "hero"))
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "proxy.toml")
	put := func(doc string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path+".new", mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	f := must(proxy.OpenPolicy(path, nil))
	local := access.Caller{Name: access.Local}
	if !f.Policy().Everything(local) {
		t.Error("without a file, local callers may not do everything")
	}
	put("local = fals", 0o600)
	if f.Policy().Everything(local) {
		t.Error("a first policy with a fault leaves the door open")
	}
	put("local = true", 0o600)
	if !f.Policy().Everything(local) {
		t.Error("a policy that was mended is not read")
	}
	put("local = fals", 0o600)
	if !f.Policy().Everything(local) {
		t.Error("a policy with a fault takes the place of the one before")
	}
	put("local = false", 0o622)
	if !f.Policy().Everything(local) {
		t.Error("a policy that others may write to is read")
	}
	put("local = false", 0o600)
	if f.Policy().Everything(local) {
		t.Error("a new policy is not read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if f.Policy().Everything(local) {
		t.Error("the door opens when the policy is gone")
	}
	put("x = 1", 0o600)
	if _, err := proxy.OpenPolicy(path, nil); err == nil {
		t.Error("a policy with a fault is opened")
	}
}

func TestCheckAndRoutes(t *testing.T) { both(t, testCheckAndRoutes) }

func testCheckAndRoutes(t *testing.T, general bool) {
	f, _ := guarded(t, general, agentPolicy)
	p := must(access.Parse([]byte(strings.NewReplacer("@agent", access.Hash("agent"), "@admin", access.Hash("admin")).Replace(agentPolicy))))
	for _, c := range []struct {
		ask  proxy.Ask
		want string
	}{
		{proxy.Ask{Caller: "agent", Path: "/hero_food/root/delivery/rpc", Method: "delivery.list"}, "allowed by rule 1"},
		{proxy.Ask{Caller: "agent", Path: "/hero_food/root/delivery/rpc", Method: "delivery.drop"}, "denied: no rule allows the method"},
		{proxy.Ask{Caller: "agent", Path: "/hero_food/rpc", Method: "service.info"}, "denied: no rule allows it"},
		{proxy.Ask{Caller: "admin", Path: "/hero_food/rpc", Method: "service.info"}, "allowed by rule 2"},
		{proxy.Ask{Caller: access.Local, Path: "/hero_food/rpc"}, "denied: no rule allows it"},
	} {
		if got := proxy.Check(p, f.tree.Load(), c.ask).String(); got != c.want {
			t.Errorf("%+v: %s; want %s", c.ask, got, c.want)
		}
	}
	if got := proxy.Routes(f.tree.Load()); len(got) != 3 || got[2].URL != "/hero_food/root/delivery/rpc" || got[2].Layer != "domain" {
		t.Errorf("routes: %+v", got)
	}
}

// The bridge learns from the proxy alone what an agent may call.
func TestClaims(t *testing.T) { both(t, testClaims) }

func testClaims(t *testing.T, general bool) {
	f, _ := guarded(t, general, agentPolicy)
	f.upstream("hero_inspector_ui.sock", echo)
	tree := *f.tree.Load()
	id := must(unixsock.Stat(filepath.Join(f.places.Sockets, "hero_inspector_ui.sock")))
	tree.Services = append(tree.Services, &discovery.Service{Name: must(layout.ParseService("hero_inspector")), Layout: layout.Layers,
		UI: &discovery.Socket{Rel: "hero_inspector_ui.sock", ID: id}})
	f.tree.Store(&tree)
	at := access.Target{Layer: "mcp", Service: "hero_food", Context: "root", Domain: "delivery"}
	for token, may := range map[string]map[string]bool{"agent": {"delivery.list": true, "delivery.drop": false}, "admin": {"delivery.drop": true}} {
		for _, path := range []string{"/hero_food/root/delivery/mcp", "/mcp"} {
			_, body := f.do("POST", path, "{}", "Authorization", "Bearer "+token, "X-Hero-Claims", `{"rules":[{"allow":["**"]}]}`)
			_, after, ok := strings.Cut(body, "X-Hero-Claims: ")
			claims, _, _ := strings.Cut(after, "\r")
			if !ok || strings.Count(body, "Claims") != 1 {
				t.Fatalf("%s at %s: %s", token, path, body)
			}
			for method, want := range may {
				if access.Claimed(claims, at, method) != want {
					t.Errorf("%s may call %s: not %v by %s", token, method, want, claims)
				}
			}
		}
	}
	if access.Claimed("", at, "x") || access.Claimed(`{"rules":[{"allow":["**"]}],"more":1}`, at, "x") {
		t.Error("claims that cannot be read allow something")
	}
}

// TestPolicyThatIsALinkToNothingDoesNotOpenTheDoor is about a policy that an
// operator links to, and whose place is not mounted.
func TestPolicyThatIsALinkToNothingDoesNotOpenTheDoor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy.toml")
	f, err := proxy.OpenPolicy(path, nil)
	if err != nil || f.Policy() != nil {
		t.Fatalf("without a file: %v", err)
	}
	if err := os.Symlink("/nowhere", path); err != nil {
		t.Fatal(err)
	}
	if f.Policy() == nil {
		t.Error("everybody on this machine may do everything still")
	}
	if _, err := proxy.OpenPolicy(path, nil); fault.Of(err) != fault.Unavailable || fault.Hint(err) == "" {
		t.Errorf("opened: %v", err)
	}
}
