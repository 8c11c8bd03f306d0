package access_test

import (
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

// What is learned is a policy that allows what was done, and nothing beside.
func TestLearned(t *testing.T) {
	const food = "hero_food/root/delivery"
	got := access.Learned("ann", []access.Use{
		{Target: food, Layer: "domain", Verb: "POST", Methods: []string{"order.list"}},
		{Target: food, Layer: "domain", Verb: "POST", Methods: []string{"order.get", "order.list"}},
		{Target: food, Layer: "domain", Verb: "GET"},
		{Target: "hero_food", Layer: "ui", Verb: "GET"},
		{Target: "hero_food", Layer: "service", Verb: "GET"},
		{Target: "hero_core/root/contexts", Layer: "domain", Verb: "POST"},
		{Target: food, Layer: "mcp", Verb: "POST"},
		{Layer: "mcp", Verb: "POST"}, {Verb: "GET"},
	})
	p, err := access.Parse(append([]byte("local = false\n"), got...))
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, c := range []struct {
		who, layer, target, method string
		want                       bool
	}{
		{"ann", "domain", food, "order.list", true}, {"ann", "domain", food, "order.get", true}, {"ann", "domain", food, "order.drop", false},
		{"bob", "domain", food, "order.list", false}, {"ann", "domain", "hero_food/org_acme/delivery", "order.list", false},
		{"ann", "ui", "hero_food", "", true}, {"ann", "admin", "hero_food", "", false}, {"ann", "service", "hero_food", "context.delete", false},
		{"ann", "domain", "hero_core/root/contexts", "context.create", true}, {"ann", "mcp", food, "order.drop", true},
	} {
		at := strings.Split(c.target+"//", "/")
		_, ok := p.Decide(access.Caller{Name: c.who}, access.Target{Layer: c.layer, Service: at[0], Context: at[1], Domain: at[2]}).Method(c.method)
		if ok != c.want {
			t.Errorf("%+v: %v\n%s", c, ok, got)
		}
	}
	if got := access.Learned("ann", nil); len(got) > 0 {
		t.Errorf("of nothing: %s", got)
	}
}
