package proxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const limitPolicy = `
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
rate = "3/h"
[[rule]]
who = ["admin"]
allow = ["hero_food/root/delivery", "hero_food"]
max_body = 100
`

// How often, and how large, is held on both paths, each call of a batch counted.
func TestLimits(t *testing.T) { both(t, testLimits) }

func testLimits(t *testing.T, general bool) {
	f, _ := guarded(t, general, limitPolicy)
	f.upstream("hero_food_ui.sock", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	f.upstream(delivery, echo)
	f.set()
	const rpc, call = "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":7,"method":"delivery.list"}`
	for i, c := range []struct {
		token, path, body string
		status            int
	}{
		{"agent", rpc, call, 200},
		{"agent", rpc, "[" + call + "," + call + "," + call + "]", 429}, // what is left is spent
		{"agent", rpc, call, 429},
		{"agent", rpc, `{"jsonrpc":"2.0","id":7,"method":"a","Method":"b"}`, 400}, // what cannot be counted
		{"admin", rpc, call, 200},
		{"admin", rpc, call + strings.Repeat(" ", 100), 413},
		{"admin", "/hero_food/form", strings.Repeat("x", 100), 200},
		{"admin", "/hero_food/form", strings.Repeat("x", 101), 413},
	} {
		resp, body := f.do("POST", c.path, c.body, "Content-Type", "application/json", "Authorization", "Bearer "+c.token)
		if resp.StatusCode != c.status || c.status == 429 && resp.Header.Get("Retry-After") != "1200" {
			t.Errorf("%d: %d %v %s; want %d", i, resp.StatusCode, resp.Header, body, c.status)
		}
	}
	// A body whose length nobody says.
	req := must(http.NewRequest("POST", f.front.URL+"/hero_food/form", io.MultiReader(strings.NewReader(strings.Repeat("x", 200)))))
	req.Header.Set("Authorization", "Bearer admin")
	if resp := must(http.DefaultClient.Do(req)); resp.StatusCode != 413 {
		t.Errorf("in pieces: %d", resp.StatusCode)
	}
}

// rpc.discover shows a caller what it may call, whichever way the service sends
// its document.
func TestDiscover(t *testing.T) { both(t, testDiscover) }

func testDiscover(t *testing.T, general bool) {
	f, _ := guarded(t, general, agentPolicy)
	const doc = `{"openrpc":"1.4.1","methods":[{"name":"delivery.drop"},{"name":"delivery.list"}]}`
	const quoted = `"{\"openrpc\":\"1.4.1\",\"methods\":[{\"name\":\"delivery.drop\"},{\"name\":\"delivery.list\"}]}"`
	f.upstream(delivery, func(w http.ResponseWriter, r *http.Request) {
		body := string(must(io.ReadAll(r.Body)))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !strings.Contains(body, "rpc.discover"):
			io.WriteString(w, "not asked for")
		case strings.Contains(body, `"id":1`):
			io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":`+doc+`}`)
		case strings.Contains(body, `"id":2`):
			io.WriteString(w, `{"jsonrpc":"2.0","id":2,"result":`+quoted+`}`)
		case strings.Contains(body, `"id":3`):
			io.WriteString(w, `{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"no such method"}}`)
		default:
			io.WriteString(w, doc)
		}
	})
	f.set()
	for _, c := range []struct {
		token, body string
		status      int
		has, hasNot string
	}{
		{"agent", `{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}`, 200, `"delivery.list"`, "delivery.drop"},
		{"agent", `{"jsonrpc":"2.0","id":2,"method":"rpc.discover","params":[]}`, 200, `\"delivery.list\"`, "delivery.drop"},
		{"agent", `{"jsonrpc":"2.0","id":3,"method":"rpc.discover"}`, 200, "no such method", ""},
		{"agent", `{"jsonrpc":"2.0","id":4,"method":"rpc.discover"}`, 502, "", "delivery.drop"},
		{"agent", `[{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}]`, 200, "not allowed", "delivery.drop"},
		{"agent", `{"jsonrpc":"2.0","method":"rpc.discover"}`, 403, "", "delivery.drop"},
		{"agent", `{"jsonrpc":"2.0","id":1,"method":"rpc.other"}`, 200, "not allowed", ""},
		{"admin", `{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}`, 200, "delivery.drop", ""},
	} {
		resp, body := f.do("POST", "/hero_food/root/delivery/rpc", c.body, "Content-Type", "application/json", "Authorization", "Bearer "+c.token)
		if resp.StatusCode != c.status || !strings.Contains(body, c.has) || c.hasNot != "" && strings.Contains(body, c.hasNot) {
			t.Errorf("%s %s: %d %s", c.token, c.body, resp.StatusCode, body)
		}
	}
}
