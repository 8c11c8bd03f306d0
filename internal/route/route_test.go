package route_test

import (
	"fmt"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func socket(rel string) *discovery.Socket { return &discovery.Socket{Rel: rel} }

func service(name string, l layout.Layout, s discovery.Service) *discovery.Service {
	s.Name, s.Layout = must(layout.ParseService(name)), l
	return &s
}

// tree has a service of each layout.
func tree() *discovery.Tree {
	contexts := []discovery.Context{}
	for _, c := range []string{"org_acme", "root"} {
		contexts = append(contexts, discovery.Context{Name: must(layout.ParseContext(c)), Domains: []discovery.Domain{
			{Name: must(layout.ParseDomain("delivery")), Socket: socket("hero_food_server/" + c + "/delivery.sock")},
		}})
	}
	return &discovery.Tree{Services: []*discovery.Service{
		service("hero_db", layout.Folder, discovery.Service{More: []discovery.Named{{Name: "resp", Socket: socket("hero_db/resp.sock")}}}),
		service("hero_food", layout.Layers, discovery.Service{Server: socket("hero_food.sock"), UI: socket("hero_food_ui.sock"), Contexts: contexts}),
		service("oldfolder", layout.Folder, discovery.Service{Server: socket("oldfolder/rpc.sock"), UI: socket("oldfolder/ui.sock"),
			Web: []discovery.Named{{Name: "shop", Socket: socket("oldfolder/web_shop.sock")}}}),
		service("oldsite", layout.Pair, discovery.Service{Server: socket("oldsite_server.sock"), UI: socket("oldsite_ui.sock")}),
		service("single", layout.Single, discovery.Service{Server: socket("single.sock")}),
		service("x_server", layout.Folder, discovery.Service{Server: socket("x_server/rpc.sock"), Admin: socket("x_server/admin.sock")}),
	}}
}

func show(r *route.Route, no *route.Refusal) string {
	if no != nil {
		return fmt.Sprint(no.Status)
	}
	out := r.Layer.String()
	if r.Socket != nil {
		out += " " + r.Socket.Rel
	}
	out += " " + r.Path
	if r.Prefix != "" {
		out += " below " + r.Prefix
	}
	if r.Redirect != "" {
		out += " redirect " + r.Redirect
	}
	if r.Successor != "" {
		out += " successor " + r.Successor
	}
	return out
}

func TestResolve(t *testing.T) {
	for path, want := range map[string]string{
		"/hero_food/":                               "ui hero_food_ui.sock / below /hero_food",
		"/hero_food":                                "ui hero_food_ui.sock / below /hero_food redirect /hero_food/",
		"/hero_food/orders/1?":                      "ui hero_food_ui.sock /orders/1? below /hero_food",
		"/hero_food/a%2Fb/c%2Bd":                    "ui hero_food_ui.sock /a%2Fb/c%2Bd below /hero_food",
		"/hero_food/rpc":                            "service hero_food.sock /rpc below /hero_food",
		"/hero_food/openrpc.json":                   "service hero_food.sock /openrpc.json below /hero_food",
		"/hero_food/health":                         "service hero_food.sock /health below /hero_food",
		"/hero_food/.well-known/heroservice.json":   "service hero_food.sock /.well-known/heroservice.json below /hero_food",
		"/hero_food/root/delivery/rpc":              "domain hero_food_server/root/delivery.sock /rpc below /hero_food/root/delivery",
		"/hero_food/org_acme/delivery/openrpc.json": "domain hero_food_server/org_acme/delivery.sock /openrpc.json below /hero_food/org_acme/delivery",
		"/hero_food/root/delivery/health":           "domain hero_food_server/root/delivery.sock /health below /hero_food/root/delivery",
		"/hero_food/root/delivery/mcp":              "mcp /mcp/hero_food/root/delivery",
		"/hero_food/root/delivery":                  "ui hero_food_ui.sock /root/delivery below /hero_food",
		"/hero_food/nobody/delivery/rpc":            "ui hero_food_ui.sock /nobody/delivery/rpc below /hero_food",
		"/hero_food/root/nothing/rpc":               "ui hero_food_ui.sock /root/nothing/rpc below /hero_food",
		"/mcp":                                      "mcp /mcp",
		"/hero_food_ui/a":                           "ui hero_food_ui.sock /a below /hero_food_ui successor /hero_food/a",
		"/hero_food_server/rpc":                     "service hero_food.sock /rpc below /hero_food_server successor /hero_food/rpc",
		"/hero_food_server/root/delivery/rpc":       "404",
		"/hero_food_server/":                        "404",
		"/oldsite/":                                 "ui oldsite_ui.sock / below /oldsite",
		"/oldsite/rpc":                              "service oldsite_server.sock /rpc below /oldsite",
		"/oldsite_server/rpc":                       "service oldsite_server.sock /rpc below /oldsite_server successor /oldsite/rpc",
		"/oldsite_server/files/1":                   "service oldsite_server.sock /files/1 below /oldsite_server",
		"/oldsite_ui/":                              "ui oldsite_ui.sock / below /oldsite_ui successor /oldsite/",
		"/oldfolder/admin/x":                        "admin oldfolder/ui.sock /x below /oldfolder/admin",
		"/oldfolder/shop/cart":                      "web oldfolder/web_shop.sock /cart below /oldfolder/shop",
		"/oldfolder/other":                          "ui oldfolder/ui.sock /other below /oldfolder",
		"/oldfolder/rpc":                            "service oldfolder/rpc.sock /rpc below /oldfolder",
		"/x_server/admin/":                          "admin x_server/admin.sock / below /x_server/admin",
		"/x_server/rpc":                             "service x_server/rpc.sock /rpc below /x_server",
		"/single/rpc":                               "service single.sock /rpc below /single",
		"/single/mcp":                               "mcp /mcp/single",
		"/single/":                                  "404",
		"/hero_db/":                                 "404",
		"/nobody/":                                  "404",
		"/":                                         "404",
		"/Hero_food/":                               "404",
		"/hero%5ffood/":                             "404",
		"/hero_food%2f":                             "404",
		"/hero_food/root/delivery%2Esock/rpc":       "ui hero_food_ui.sock /root/delivery%2Esock/rpc below /hero_food",
		"/hero_food/root/delivery.sock%00/rpc":      "400",
		"/hero_food/../single/rpc":                  "400",
		"/hero_food/%2e%2e/single/rpc":              "400",
		"/hero_food/%252e%252e/single/rpc":          "400",
		"/hero_food/..%2fsingle/rpc":                "400",
		"/hero_food/..;/single/rpc":                 "400",
		"/hero_food/root/.%2E/x":                    "400",
		"/hero_food/a\\b":                           "400",
		"/hero_food/%5c":                            "400",
		"/hero_food/%zz":                            "400",
		"/hero_food/%4":                             "400",
		"/hero_food/é":                              "400",
		"hero_food":                                 "400",
		"":                                          "400",
	} {
		if got := show(route.Resolve(tree(), path)); got != want {
			t.Errorf("%q: %s; want %s", path, got, want)
		}
	}
	if r, no := route.Resolve(nil, "/hero_food/"); r != nil || no.Status != 404 {
		t.Errorf("before the first tree: %v, %v", r, no)
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"/hero_food/root/delivery/rpc", "/hero_food_server/rpc", "/oldfolder/shop/%2e", "/x_server/..;a"} {
		f.Add(s)
	}
	tr := tree()
	known := map[string]bool{}
	for _, s := range tr.Services {
		for _, x := range []*discovery.Socket{s.Server, s.UI, s.Admin} {
			if x != nil {
				known[x.Rel] = true
			}
		}
		for _, w := range s.Web {
			known[w.Socket.Rel] = true
		}
		for _, c := range s.Contexts {
			for _, d := range c.Domains {
				known[d.Socket.Rel] = true
			}
		}
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, no := route.Resolve(tr, path)
		if (r == nil) == (no == nil) {
			t.Fatalf("%q: %v, %v", path, r, no)
		}
		if r == nil {
			return
		}
		if r.Socket != nil && !known[r.Socket.Rel] {
			t.Fatalf("%q leads to %s, which is in no tree", path, r.Socket.Rel)
		}
		if !strings.HasPrefix(r.Path, "/") || strings.Contains(r.Path, "/../") || strings.Contains(r.Path, "%00") {
			t.Fatalf("%q asks for %q", path, r.Path)
		}
		if r.Layer == route.Domain && (r.Context.IsZero() || r.Domain.IsZero() || !strings.HasPrefix(path, "/"+r.Service.Name.String()+"/"+r.Context.String()+"/"+r.Domain.String()+"/")) {
			t.Fatalf("%q is taken for %s/%s", path, r.Context, r.Domain)
		}
	})
}
