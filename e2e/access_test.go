package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
