package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Promise: the policy of the README, word for word, does what its comments
// say: an agent may call only delivery in root; org_acme's people see only
// org_acme; nobody outside reaches identity.
func TestReadmePolicy(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```toml\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README shows no policy")
	}
	m := newMachine(t)
	m.start("--demo")
	healthy := regexp.MustCompile(`(?m)^/hero_food/root/delivery/rpc +domain +layers +healthy `)
	if routes := m.do("hero_proxy", "routes", "--health"); !healthy.MatchString(routes) {
		t.Errorf("a domain that works is not shown as healthy:\n%s", routes)
	}
	etc := filepath.Join(m.home, "etc")
	if err := os.MkdirAll(etc, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(etc, "proxy.toml"), block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{
		"delivery-agent": m.do("hero_proxy", "token", "create", "delivery-agent", "--expires", "30d"),
		"acme-anna":      m.do("hero_proxy", "token", "create", "acme-anna"),
		"admin":          m.do("hero_proxy", "token", "create", "admin", "--allow", "**"),
	}
	if out, err := m.try("hero_proxy", "token", "create", "nobody"); err == nil {
		t.Errorf("a token that no rule is about was made: %s", out)
	}
	const counts = `{"jsonrpc":"2.0","id":1,"method":"order.counts"}`
	const persons = `{"jsonrpc":"2.0","id":1,"method":"person.list"}`
	const restaurants = `{"jsonrpc":"2.0","id":1,"method":"restaurant.list"}`
	for _, c := range []struct {
		who, path, body string
		status          int
	}{
		{"", "/hero_food/root/delivery/rpc", counts, 401},
		{"delivery-agent", "/hero_food/root/delivery/rpc", counts, 200},
		{"delivery-agent", "/hero_food/org_acme/delivery/rpc", counts, 403},
		{"delivery-agent", "/hero_food/root/restaurant/rpc", restaurants, 403},
		{"delivery-agent", "/hero_food/root/identity/rpc", persons, 403},
		{"delivery-agent", "/hero_food/rpc", `{"jsonrpc":"2.0","id":1,"method":"context.list"}`, 403},
		{"delivery-agent", "/hero_food_server/root/delivery/rpc", counts, 403},
		{"acme-anna", "/hero_food/org_acme/delivery/rpc", counts, 200},
		{"acme-anna", "/hero_food/org_acme/restaurant/rpc", restaurants, 200},
		{"acme-anna", "/hero_food/root/delivery/rpc", counts, 403},
		{"acme-anna", "/hero_food/org_acme/identity/rpc", persons, 403},
		{"admin", "/hero_food/root/restaurant/rpc", restaurants, 200},
		{"admin", "/hero_food/root/identity/rpc", persons, 403},
	} {
		var header []string
		if c.who != "" {
			header = []string{"Authorization", "Bearer " + strings.TrimSpace(tokens[c.who])}
		}
		status, _, body := m.http("POST", c.path, c.body, header...)
		if status != c.status || status == 200 && !strings.Contains(body, `"result"`) {
			t.Errorf("%s to %s: %d %.300s; want %d", c.who, c.path, status, body, c.status)
		}
	}

	// What would be decided is asked as well.
	out, err := m.try("hero_proxy", "check", "--as", "delivery-agent", "POST", "/hero_food/root/identity/rpc", "person.list")
	if err == nil || !strings.Contains(out, "denied by rule 3") {
		t.Errorf("check: %v\n%s", err, out)
	}
	// A token that was taken back is refused from the next request on.
	m.do("hero_proxy", "token", "remove", "acme-anna")
	if status, _, _ := m.http("POST", "/hero_food/org_acme/delivery/rpc", counts, "Authorization", "Bearer "+strings.TrimSpace(tokens["acme-anna"])); status != 401 {
		t.Errorf("a token that was taken back: %d", status)
	}
}

// Promise: an agent that is given one token, by the configuration that is
// printed with it, sees the methods that it may call as tools, and no others.
func TestAgentOfOneToken(t *testing.T) {
	m := newMachine(t)
	m.start("--demo")
	var config struct {
		Servers map[string]struct {
			Type    string            `json:"type"`
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
		} `json:"mcpServers"`
	}
	printed := m.do("hero_proxy", "token", "create", "delivery-agent", "--allow", "hero_food/root/delivery", "--methods", "order.counts",
		"--rate", "6/h", "--url", "http://"+m.addr, "--print-mcp-config")
	if err := json.Unmarshal([]byte(printed), &config); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	server, ok := config.Servers["hero_food-root-delivery"]
	path, found := strings.CutPrefix(server.URL, "http://"+m.addr)
	if !ok || !found || server.Type != "http" {
		t.Fatalf("the configuration is\n%s", printed)
	}
	ask := func(path, body string) (int, string) {
		status, _, answer := m.http("POST", path, body, "Content-Type", "application/json", "Accept", "application/json, text/event-stream", "Authorization", server.Headers["Authorization"])
		return status, answer
	}
	call := func(tool string) string {
		_, answer := ask(path, `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"`+tool+`","arguments":{}}}`)
		return answer
	}
	const list = `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`
	if status, got := ask(path, list); status != 200 || strings.Count(got, `"inputSchema"`) != 1 || !strings.Contains(got, `"order_counts"`) {
		t.Errorf("tools/list: %d %s", status, got)
	}
	if got := call("order_counts"); !strings.Contains(got, `"result"`) || !strings.Contains(got, "delivered") {
		t.Errorf("the tool that may be called: %s", got)
	}
	if got := call("order_list"); !strings.Contains(got, `"error"`) || strings.Contains(got, `"result"`) {
		t.Errorf("a tool that may not be called: %s", got)
	}
	for _, other := range []string{"/hero_food/root/restaurant/mcp", "/hero_food/org_acme/delivery/mcp"} {
		if status, got := ask(other, list); status != 403 {
			t.Errorf("%s: %d %s", other, status, got)
		}
	}
	// The document is cut down as the list of tools is.
	if _, got := ask("/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}`); strings.Contains(got, "order.list") || !strings.Contains(got, "order.counts") {
		t.Errorf("rpc.discover: %.500s", got)
	}
	for range 2 { // the fifth and the sixth
		if status, _ := ask(path, list); status != 200 {
			t.Errorf("as often as the rate: %d", status)
		}
	}
	if status, _ := ask(path, list); status != 429 {
		t.Errorf("more often than the rate: %d", status)
	}
}
