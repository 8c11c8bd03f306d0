package models_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// tenants runs the service with three contexts beside root and returns a client
// for one domain in each.
func tenants(t *testing.T, places layout.Places, domain string) (map[string]client, []string) {
	t.Helper()
	ctx := sdktest.Start(t, places, sdk.Service{Name: service, Version: "1"}, domains()...)
	svc, err := sdk.DialService(ctx, service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(svc.Close)
	names := []string{"root", "org_a", "org_b", "org-c"}
	all := make(map[string]client)
	for _, n := range names {
		if err := svc.Call(ctx, "context.create", map[string]any{"name": n}, nil); err != nil {
			t.Fatal(err)
		}
		all[n] = dial(t, ctx, n, domain)
	}
	return all, names
}

// Random operations go to random contexts, with ids of any of them; each
// context holds what a map of its own says, and nothing of another.
func TestContextsAreWorldsOfTheirOwn(t *testing.T) {
	clients, names := tenants(t, sdktest.Home(t), "projects")
	model := make(map[string]map[string]string) // context, id, title
	for _, n := range names {
		model[n] = make(map[string]string)
	}
	random := rand.New(rand.NewPCG(7, 7))
	var ids []string // of all contexts
	for step := range 400 {
		at := names[random.IntN(len(names))]
		c, mine := clients[at], model[at]
		id := fmt.Sprint("shared", random.IntN(3)) // the same id may live in several contexts
		if len(ids) > 0 && random.IntN(2) == 0 {
			id = ids[random.IntN(len(ids))]
		}
		title := fmt.Sprintf("%s step%d", strings.ReplaceAll(at, "-", "_"), step)
		old, have := mine[id]
		switch random.IntN(5) {
		case 0:
			got, err := c.try("project_issue.create", map[string]any{"title": title})
			if err != nil {
				t.Fatal(err)
			}
			id = got.(map[string]any)["id"].(string)
			mine[id], ids = title, append(ids, id)
		case 1:
			_, err := c.try("project_issue.create", map[string]any{"title": title, "id": id})
			if have != (fault.Of(err) == fault.Conflict) || !have && err != nil {
				t.Fatalf("create %s in %s, there: %v: %v", id, at, have, err)
			}
			if !have {
				mine[id] = title
			}
		case 2:
			_, err := c.try("project_issue.set", map[string]any{"title": title, "id": id})
			if have != (err == nil) {
				t.Fatalf("set %s in %s, there: %v: %v", id, at, have, err)
			}
			if have {
				mine[id] = title
			}
		case 3:
			if got := c.do("project_issue.delete", map[string]any{"id": id}); got != have {
				t.Fatalf("delete %s in %s: %v, there: %v", id, at, got, have)
			}
			delete(mine, id)
		case 4:
			got, err := c.try("project_issue.get", map[string]any{"id": id})
			if have != (err == nil) || have && got.(map[string]any)["title"] != old {
				t.Fatalf("get %s in %s: %v, %v; want %q", id, at, got, err, old)
			}
		}
	}
	for _, at := range names {
		for method, params := range map[string]map[string]any{
			"project_issue.list":   {"limit": 1000},
			"project_issue.search": {"query": "step", "limit": 1000}, // the start of a word in each
		} {
			got := make(map[string]string)
			for _, x := range clients[at].do(method, params).(map[string]any)["items"].([]any) {
				o := x.(map[string]any)
				got[o["id"].(string)] = o["title"].(string)
			}
			if !reflect.DeepEqual(got, model[at]) {
				t.Errorf("%s in %s: %v; want %v", method, at, got, model[at])
			}
		}
	}
}

// What one context keeps cannot be had through another's socket, whichever way
// it is asked for.
func TestNoWayIntoAnotherContext(t *testing.T) {
	places := sdktest.Home(t)
	clients, _ := tenants(t, places, "identity")
	secret := clients["org_a"].do("user.create", map[string]any{"username": "secret", "email": "secret@example.org"}).(map[string]any)
	id := secret["id"].(string)
	b := clients["org_b"]
	t.Run("by id", func(t *testing.T) {
		for _, crafted := range []string{id, "../org_a/" + id, "org_a/" + id, "../../org_a/identity/data.sqlite", id + "\x00", "%2e%2e/org_a/" + id, "' OR 1=1 --", ""} {
			for _, method := range []string{"user.get", "user.history"} {
				if got, err := b.try(method, map[string]any{"id": crafted}); err == nil {
					t.Errorf("%s %q: %v", method, crafted, got)
				}
			}
		}
	})
	t.Run("by search, filter and cursor", func(t *testing.T) {
		page := clients["org_a"]
		page.do("user.create", map[string]any{"username": "second"})
		next := page.do("user.list", map[string]any{"limit": 1}).(map[string]any)["next"]
		for method, params := range map[string]map[string]any{
			"user.search":  {"query": "secret"},
			"user.list":    {"filter": map[string]any{"username": "secret"}},
			"profile.list": {"limit": 1000},
		} {
			if items := b.do(method, params).(map[string]any)["items"].([]any); len(items) > 0 {
				t.Errorf("%s: %v", method, items)
			}
		}
		if items := b.do("user.list", map[string]any{"cursor": next}).(map[string]any)["items"].([]any); len(items) > 0 {
			t.Errorf("another context's cursor: %v", items)
		}
	})
	t.Run("by parameter", func(t *testing.T) {
		for _, name := range []string{"context", "context_id", "X-Hero-Context", "tenant"} {
			if got, err := b.try("user.get", map[string]any{"id": id, name: "org_a"}); err == nil {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
	t.Run("by header and path", func(t *testing.T) { byHeaderAndPath(t, places, id) })
	t.Run("by client", func(t *testing.T) {
		ctx := jsonrpc.WithMeta(b.ctx, jsonrpc.Meta{Context: "org_b"}) // as code in org_b has it
		if _, err := sdk.Invoke[any](ctx, clients["org_a"].rpc, "user.get", store.GetParams{ID: id}); fault.Of(err) != fault.Denied {
			t.Errorf("a call out of org_b: %v; want denied", err)
		}
		for _, name := range []string{"../org_a", "org_a/identity", "org_b/../org_a", "ORG_A", ""} {
			if _, err := sdk.Dial(b.ctx, service, name, "identity"); fault.Of(err) != fault.Invalid {
				t.Errorf("dial %q: %v; want invalid", name, err)
			}
		}
	})
	t.Run("by file", func(t *testing.T) {
		found := []string{}
		err := filepath.WalkDir(places.Home, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(data), "secret@example.org") {
				found = append(found, path)
			}
			return err
		})
		if err != nil || len(found) == 0 || slices.ContainsFunc(found, func(p string) bool { return !strings.Contains(p, "/"+service+"/org_a/identity/") }) {
			t.Errorf("the secret is in %v, %v", found, err)
		}
	})
}

func byHeaderAndPath(t *testing.T, places layout.Places, id string) {
	svc, err := layout.ParseService(service)
	if err != nil {
		t.Fatal(err)
	}
	org, err := layout.ParseContext("org_b")
	if err != nil {
		t.Fatal(err)
	}
	domain, err := layout.ParseDomain("identity")
	if err != nil {
		t.Fatal(err)
	}
	tr := unixsock.Transport(places.DomainSocket(svc, org, domain))
	defer tr.CloseIdleConnections()
	for _, c := range []struct{ path, header string }{
		{"/rpc", "org_a"}, {"/rpc", "root"}, {"/rpc", "0"}, {"/rpc", "org_b, org_a"}, {"/rpc", "org_b\torg_a"},
		{"/rpc", "org_b|org_a"}, {"/rpc", "org_a|org_b"}, {"/rpc", "|org_a"}, // sent as two headers
		{"/org_a/identity/rpc", ""}, {"/../org_a/identity/rpc", ""}, {"/rpc/../../org_a/rpc", ""}, {"/rpc?context=org_a", ""}, {"/rpc", ""},
	} {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"user.get","params":{"id":%q}}`, id)
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://hero"+c.path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if c.header != "" {
			req.Header["X-Hero-Context"] = strings.Split(c.header, "|")
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result json.Value `json:"result"`
		}
		err = json.UnmarshalRead(resp.Body, &answer)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK && (err != nil || len(answer.Result) > 0) {
			t.Errorf("%s with context %q: %s, %v", c.path, c.header, answer.Result, err)
		}
	}
}
