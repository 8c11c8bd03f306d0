package proxy_test

import (
	"net/http"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

const originPolicy = `
[[token]]
name = "agent"
sha256 = "@agent"
[[token]]
name = "admin"
sha256 = "@admin"
[[rule]]
who = ["agent"]
allow = ["hero_food/root/delivery"]
origins = ["https://app.example"]
[[rule]]
who = ["agent", "admin"]
allow = ["**"]
[[rule]]
who = ["*"]
deny = ["*/*/identity"]
`

// A page of another site calls with a token what the rules allow that name its
// origin, and nothing by what the browser sends along by itself.
func TestOrigins(t *testing.T) { both(t, testOrigins) }

func testOrigins(t *testing.T, general bool) {
	f, _ := guarded(t, general, originPolicy)
	f.upstream("hero_food_ui.sock", echo)
	f.upstream(delivery, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		echo(w, r)
	})
	f.set()
	const rpc, call, app = "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":7,"method":"delivery.list"}`, "https://app.example"
	for i, c := range []struct {
		verb, path, token, origin string
		status                    int
		shared                    bool
	}{
		{"POST", rpc, "agent", app, 200, true},
		{"GET", "/hero_food/root/delivery/health", "agent", app, 200, true},
		{"POST", rpc, "agent", "https://app.example.evil", 403, false},
		{"POST", rpc, "agent", "http://app.example", 403, false},
		{"POST", rpc, "agent", "null", 403, false},
		{"POST", rpc, "", app, 403, false},      // local, by where it comes from
		{"POST", rpc, "nobody", app, 401, true}, // the page may read that its token is none
		{"POST", rpc, "admin", app, 403, true},  // no rule of its own names the origin
		{"GET", "/hero_food/", "agent", app, 403, true},
		{"GET", "/", "agent", app, 403, true},
		{"GET", "/metrics", "agent", app, 403, true},
		{"POST", "/mcp", "agent", app, 403, true},
		{"POST", "/hero_food/root/delivery/mcp", "agent", app, 403, true},
		{"GET", "/hero_food/", "agent", "", 200, false},
		{"POST", rpc, "agent", "", 200, false},
		{"OPTIONS", rpc, "", app, 204, true},
		{"OPTIONS", "/hero_nothing/rpc", "", app, 204, true}, // tells nothing of what there is
		{"OPTIONS", rpc, "", "https://evil.example", 403, false},
	} {
		header := []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}
		if c.token != "" {
			header = append(header, "Authorization", "Bearer "+c.token)
		}
		if c.origin != "" {
			header = append(header, "Origin", c.origin)
		} else {
			header[3] = "same-origin"
		}
		body := ""
		switch c.verb {
		case "POST":
			body = call
		case "OPTIONS":
			header = append(header, "Access-Control-Request-Method", "POST", "Access-Control-Request-Private-Network", "true")
		}
		resp, answer := f.do(c.verb, c.path, body, header...)
		if resp.StatusCode != c.status {
			t.Errorf("%d: %d %s; want %d", i, resp.StatusCode, answer, c.status)
		}
		h := resp.Header
		if got := h["Access-Control-Allow-Origin"]; c.origin != "" && (c.shared != (len(got) == 1 && got[0] == app)) {
			t.Errorf("%d: shared with %q", i, got)
		}
		if c.origin != "" && (h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Access-Control-Allow-Private-Network") != "") {
			t.Errorf("%d: too much is shared: %v", i, h)
		}
	}
	for _, bad := range []string{"*", "null", "https://a/", "https://a.example/x", "a.example", "ftp://a", "https://A.example", "https://"} {
		if _, err := access.Parse([]byte("[[rule]]\nwho = [\"a\"]\nallow = [\"x\"]\norigins = [\"" + bad + "\"]\n")); err == nil {
			t.Errorf("%q is read as an origin", bad)
		}
	}
}
