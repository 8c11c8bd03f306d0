package web_test

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/web"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// many is a tree of n services of 5 contexts with 4 domains each.
func many(t testing.TB, n int) *discovery.Tree {
	t.Helper()
	tree := &discovery.Tree{}
	for i := range n {
		name, err := layout.ParseService(fmt.Sprintf("service_%04d", i))
		if err != nil {
			t.Fatal(err)
		}
		s := &discovery.Service{Name: name, Layout: layout.Layers, Server: &discovery.Socket{Rel: layout.ServiceRel(name), State: discovery.Live}}
		for c := range 5 {
			cn, err := layout.ParseContext(fmt.Sprintf("context_%d", c))
			if err != nil {
				t.Fatal(err)
			}
			at := discovery.Context{Name: cn}
			for d := range 4 {
				dn, err := layout.ParseDomain(fmt.Sprintf("domain_%d", d))
				if err != nil {
					t.Fatal(err)
				}
				at.Domains = append(at.Domains, discovery.Domain{Name: dn, Socket: &discovery.Socket{Rel: layout.DomainRel(name, cn, dn)}})
			}
			s.Contexts = append(s.Contexts, at)
		}
		tree.Services = append(tree.Services, s)
	}
	return tree
}

// counter counts bytes.
type counter struct{ n int }

func (c *counter) Write(b []byte) (int, error) { c.n += len(b); return len(b), nil }

// BenchmarkList makes the list of 1,000 services.
func BenchmarkList(b *testing.B) {
	w := &trees{next: make(chan struct{})}
	w.set(many(b, 1000))
	h := web.Inspector(web.InspectorOptions{Inspect: inspect.New(inspect.Options{}), Trees: w})
	var last *httptest.ResponseRecorder
	for b.Loop() {
		last = httptest.NewRecorder()
		h.ServeHTTP(last, httptest.NewRequest("GET", "/", nil))
		if last.Code != http.StatusOK {
			b.Fatal(last.Code)
		}
	}
	var small counter
	z := gzip.NewWriter(&small)
	if _, err := z.Write(last.Body.Bytes()); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(small.n), "bytes-compressed")
}
