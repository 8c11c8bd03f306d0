package inspect_test

import (
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

func TestChanges(t *testing.T) {
	service := func(n, version string, state discovery.State, domains ...string) *discovery.Service {
		s := &discovery.Service{Name: name(t, layout.ParseService, n), Manifest: &manifest.Manifest{Name: n, Version: version},
			Server: &discovery.Socket{State: state}}
		c := discovery.Context{Name: layout.Root}
		for _, d := range domains {
			c.Domains = append(c.Domains, discovery.Domain{Name: name(t, layout.ParseDomain, d), Socket: &discovery.Socket{}})
		}
		s.Contexts = append(s.Contexts, c)
		return s
	}
	before := &discovery.Tree{Services: []*discovery.Service{
		service("goes", "1", discovery.Live), service("same", "1", discovery.Live, "a"), service("turns", "1", discovery.Live, "a", "b")}}
	after := &discovery.Tree{Services: []*discovery.Service{
		service("comes", "1", discovery.Live), service("same", "1", discovery.Live, "a"), service("turns", "2", discovery.Stale, "b", "c")}}
	var lines []string
	for _, c := range inspect.Changes(before, after) {
		lines = append(lines, c.String())
	}
	want := "+ comes\n- goes\n~ turns live → stale\n~ turns 1 → 2\n- turns root/a\n+ turns root/c"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := inspect.Changes(nil, before); len(got) != 3 || got[0].Kind != "added" {
		t.Errorf("of nothing: %v", got)
	}
}
