package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
)

// What passes, what is refused and who asks by older URLs is counted, on both
// paths, and told to whoever may call hero_proxy.
func TestMetrics(t *testing.T) { both(t, testMetrics) }

func testMetrics(t *testing.T, general bool) {
	f := newFixture(t, general)
	policy := must(access.Parse([]byte(strings.NewReplacer("@agent", access.Hash("agent"), "@admin", access.Hash("admin")).Replace(agentPolicy))))
	door := proxy.New(proxy.Options{Places: f.places, Tree: f.tree.Load, Policy: func() *access.Policy { return policy }})
	t.Cleanup(door.Close)
	f.front.Close()
	f.front = serve(t, door, general)
	f.upstream("hero_food_ui.sock", echo)
	f.upstream(delivery, echo)
	f.set()
	ask := func(token, verb, path, body string, header ...string) (*http.Response, string) {
		return f.do(verb, path, body, append(header, "Content-Type", "application/json", "Authorization", "Bearer "+token)...)
	}
	const rpc, list = "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":7,"method":"delivery.list"}`
	for range 3 {
		ask("agent", "POST", rpc, list)
	}
	ask("agent", "POST", rpc, strings.Replace(list, "list", "drop", 1))
	ask("nobody", "POST", rpc, list)
	for _, path := range []string{"/hero_food_ui/a", "/hero_food_ui/b?c", "/hero_food_ui/"} {
		if resp, _ := ask("admin", "GET", path, "", "User-Agent", "old/1.0 (x)"); resp.Header.Get("Deprecation") == "" {
			t.Errorf("%s is not said to be deprecated", path)
		}
	}
	f.front.Close() // waits until all of them were counted
	f.front = serve(t, door, general)
	resp, got := ask("admin", "GET", "/metrics", "")
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("%d %s", resp.StatusCode, kind)
	}
	for _, want := range []string{`request_seconds_count{layer="domain"} 3`, `request_seconds_count{layer="ui"} 3`, `refused_total{layer="domain",status="403"} 1`,
		`refused_total{layer="",status="401"} 1`, `older_urls_total 3`} {
		if !strings.Contains(got, "hero_proxy_"+want+"\n") {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if older := door.Older(); len(older) != 1 || older[0] != (proxy.Older{Caller: "admin", Agent: "old/1.0", URL: "/hero_food_ui", Successor: "/hero_food/", Count: 3}) {
		t.Errorf("older: %+v", older)
	}
	for token, want := range map[string]int{"agent": 403, "nobody": 401} {
		if resp, body := ask(token, "GET", "/metrics", ""); resp.StatusCode != want || strings.Contains(body, "request_seconds") {
			t.Errorf("%s: %d %s", token, resp.StatusCode, body)
		}
	}
}

// People get a page, and programs a problem.
func TestErrorPage(t *testing.T) { both(t, testErrorPage) }

func testErrorPage(t *testing.T, general bool) {
	f := newFixture(t, general)
	for _, c := range []struct {
		path  string
		page  bool
		value []string
	}{
		{"/hero_nothing/", true, []string{"Accept", "text/html,application/xml;q=0.9"}},
		{"/hero_food/", true, []string{"Accept", "text/html", "Sec-Fetch-Dest", "iframe"}},
		{"/hero_food/", false, []string{"Accept", "text/html", "Sec-Fetch-Dest", "empty"}},
		{"/hero_food/", false, []string{"Accept", "*/*"}},
		{"/hero_nothing/", false, nil},
	} {
		resp, body := f.do("GET", c.path, "", c.value...)
		kind, csp := resp.Header.Get("Content-Type"), resp.Header.Get("Content-Security-Policy")
		page := strings.HasPrefix(kind, "text/html") && strings.Contains(body, "<h1>") && strings.Contains(csp, "default-src 'none'")
		if resp.StatusCode < 400 || page != c.page || !page && kind != "application/problem+json" {
			t.Errorf("%s %v: %d %s %s\n%s", c.path, c.value, resp.StatusCode, kind, csp, body)
		}
	}
}

// A UI that says nothing of other sites is kept from them.
func TestShield(t *testing.T) { both(t, testShield) }

func testShield(t *testing.T, general bool) {
	f := newFixture(t, general)
	f.upstream("hero_food_ui.sock", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/own" {
			w.Header().Set("Content-Security-Policy", "frame-ancestors https://a.example")
			w.Header().Set("Referrer-Policy", "no-referrer")
		}
	})
	f.set()
	for path, want := range map[string][3]string{"/hero_food/": {"nosniff", "same-origin", "SAMEORIGIN"}, "/hero_food/own": {"nosniff", "no-referrer", ""}} {
		resp, _ := f.do("GET", path, "")
		if got := [3]string{resp.Header.Get("X-Content-Type-Options"), resp.Header.Get("Referrer-Policy"), resp.Header.Get("X-Frame-Options")}; got != want {
			t.Errorf("%s: %q; want %q", path, got, want)
		}
	}
}
