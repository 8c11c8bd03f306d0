package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// document serves a text as a document.
func document(text func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openrpc.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text()) })
	return mux
}

// add adds a service of one socket to the machine.
func (m *machine) add(t *testing.T, name string, h http.Handler) {
	t.Helper()
	s := &discovery.Service{Name: must(t, layout.ParseService, name), Layout: layout.Single, Server: m.serve(t, name+".sock", h)}
	all := append([]*discovery.Service{s}, m.trees.Tree().Services...)
	slices.SortFunc(all, func(a, b *discovery.Service) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	m.trees.set(&discovery.Tree{Services: all})
}

// TestBadDocuments holds that no document brings a page down, keeps one waiting
// or gets markup onto it, and that the services beside it stay to be seen.
func TestBadDocuments(t *testing.T) {
	head := `{"openrpc":"1.3.2","info":{"title":"<script>alert(1)</script>","version":"1"},`
	deep := strings.Repeat(`{"type":"array","items":`, 3000) + `{}` + strings.Repeat(`}`, 3000)
	for name, text := range map[string]string{
		"large":      head + `"methods":[{"name":"m","params":[],"description":"` + strings.Repeat("x", 20<<20) + `"}]}`,
		"recursive":  head + `"methods":[{"name":"m","params":[{"name":"p","schema":{"$ref":"#/components/schemas/A"}}],"result":{"name":"r","schema":{"$ref":"#/components/schemas/A"}}}],"components":{"schemas":{"A":{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/components/schemas/A"},"b":{"allOf":[{"$ref":"#/components/schemas/B"}]}}},"B":{"$ref":"#/components/schemas/B"}}}}`,
		"nested":     head + `"methods":[{"name":"m","params":[{"name":"p","schema":` + deep + `}],"result":{"name":"r","schema":{}}}]}`,
		"bottomless": head + `"methods":` + strings.Repeat("[", 200000),
		"invalid":    head + `"methods":{"m":1}}`,
		"truncated":  head + `"methods":[{"name":`,
		"other":      `<html><script>alert(1)</script></html>`,
		"nothing":    ``,
		"names":      head + `"methods":[{"name":"m\n\"<script>alert(1)</script>","params":[{"name":"\"\n</textarea><script>alert(1)</script>","schema":{"type":"string"}}],"result":{"name":"r","schema":{}}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.add(t, "bad", document(func() string { return text }))
			method := "/s/bad/-/-/method?" + url.Values{"name": {"m"}}.Encode()
			if name == "names" {
				method = "/s/bad/-/-/method?" + url.Values{"name": {"m\n\"<script>alert(1)</script>"}}.Encode()
			}
			for _, path := range []string{"/", "/methods", "/s/bad", "/s/bad/methods", "/s/bad/docs", "/s/bad/isolation", "/s/bad/-/-", method, method + "&as=form",
				"/api/bad/openrpc.json", "/api/bad/manual.md", "/api/bad/client/go", "/api/bad/client/python", "/api/bad/client/rust", "/api/bad/client/typescript", "/llms.txt"} {
				begin := time.Now()
				status, body := m.do(t, "GET", path, "")
				if status == http.StatusInternalServerError {
					t.Errorf("%s: %d %.200s", path, status, body)
				}
				if took := time.Since(begin); took > 20*time.Second {
					t.Errorf("%s took %s", path, took)
				}
				page := !strings.HasPrefix(path, "/api") && path != "/llms.txt"
				if page && strings.Contains(body, "<script>alert") {
					t.Errorf("%s lets markup through", path)
				}
				if path == "/methods" && !strings.Contains(body, "order.create") {
					t.Errorf("the other services are gone: %.300s", body)
				}
			}
		})
	}
}

// TestHundredHang holds that services that hang keep nobody from the others:
// what does not concern them does not ask them, and a search of all finds the
// others.
func TestHundredHang(t *testing.T) {
	m := newMachine(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var asked atomic.Int64
	for i := range 100 {
		m.add(t, fmt.Sprintf("hang_%03d", i), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}))
	}
	if status, body := m.do(t, "GET", "/", ""); status != http.StatusOK || !strings.Contains(body, "hang_099") || !strings.Contains(body, "hero_food") {
		t.Errorf("the list: %d", status)
	}
	if _, body := m.do(t, "GET", "/s/oldsite/methods?q=purge", ""); !strings.Contains(body, "order.purge") {
		t.Error("a service beside them is not searched")
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d of those that hang were asked for nothing", n)
	}
	_, body := m.do(t, "GET", "/methods?q=purge", "")
	if !strings.Contains(body, "did not say what they serve") {
		t.Error("those that hang are not named")
	}
	// Where the machine is slow, the first search may have had no time for all;
	// the next asks those last that hung.
	if _, body = m.do(t, "GET", "/methods?q=purge", ""); !strings.Contains(body, "hero_food · delivery") {
		t.Error("those that answer are not found for those that hang")
	}
}

// TestDocumentChanges holds that a document that changes while it is shown makes
// no page that mixes the two, and is shown anew.
func TestDocumentChanges(t *testing.T) {
	m := newMachine(t)
	var round atomic.Int64
	m.add(t, "turns", document(func() string {
		n := round.Add(1)
		return fmt.Sprintf(`{"openrpc":"1.3.2","info":{"title":"t","version":"%d"},"methods":[{"name":"m%d","params":[],"result":{"name":"r","schema":{}}}]}`, n, n)
	}))
	versions := func() (out []string) {
		_, body := m.do(t, "GET", "/s/turns/-/-", "")
		for n := int64(1); n <= round.Load()+1; n++ {
			if strings.Contains(body, fmt.Sprintf("method?name=m%d\"", n)) {
				out = append(out, fmt.Sprint(n))
			}
		}
		return out
	}
	for range 20 {
		if got := versions(); !slices.Equal(got, []string{"1"}) {
			t.Fatalf("a page of %v, within the time that a document is believed", got)
		}
	}
	// The service is started anew: its socket is another file.
	tree := m.trees.Tree()
	next := *tree.Service(must(t, layout.ParseService, "turns"))
	socket := *next.Server
	socket.ID.Ino++
	next.Server = &socket
	m.trees.set(&discovery.Tree{Services: []*discovery.Service{&next}})
	if got := versions(); !slices.Equal(got, []string{"2"}) {
		t.Fatalf("a page of %v, of a service that was started anew", got)
	}
	// A method that is there no more is told so, and is no fault of ours.
	if status, body := m.do(t, "GET", "/s/turns/-/-/method?name=gone", ""); status != http.StatusNotFound || !strings.Contains(body, "gone") {
		t.Errorf("a method that has gone: %d", status)
	}
}

// TestClaims holds that a caller neither sees nor calls what the proxy does not
// claim for them, on pages, in documents and in clients.
func TestClaims(t *testing.T) {
	m := newMachine(t)
	claims := []string{"X-Hero-Claims", `{"rules":[{"allow":["hero_food/root/delivery"],"methods":["order.list"]}]}`, "X-Hero-User", "ann"}
	for _, c := range []struct {
		path      string
		has, lack string
	}{
		{"/methods", "order.list", "order.purge"},
		{"/s/hero_food/methods", "order.list", "order.create"},
		{"/s/hero_food/root/delivery", "order.list", "order.create"},
		{"/s/hero_food/org_acme/delivery", "no methods", "order.list"},
		{"/s/hero_food/docs", "delivery.order.list", "order.purge"},
		{"/api/hero_food/openrpc.json", "delivery.order.list", "order.purge"},
		{"/api/hero_food/manual.md", "delivery.order.list", "order.purge"},
		{"/api/hero_food/client/python", "order_list", "order_purge"},
		{"/s/hero_food/logs", "no rule allows", "data-stream"},
		{"/s/hero_food/events", "no rule allows", "<table"},
	} {
		if _, body := m.do(t, "GET", c.path, "", claims...); !strings.Contains(body, c.has) || strings.Contains(body, c.lack) {
			t.Errorf("%s: has %q %v, has %q %v", c.path, c.has, strings.Contains(body, c.has), c.lack, strings.Contains(body, c.lack))
		}
	}
	form := url.Values{"params": {`{"dish":"soup","pieces":1}`}}.Encode()
	if status, body := m.do(t, "POST", createPath, form, claims...); status != http.StatusNotFound || strings.Contains(body, "o42") {
		t.Errorf("ann calls what she may not: %d", status)
	}
	for _, bad := range []string{"", "{}", "nonsense", `{"rules":[{"allow":["**"]}],"more":1}`} {
		if status, _ := m.do(t, "POST", createPath, form, "X-Hero-Claims", bad); status != http.StatusNotFound {
			t.Errorf("claims %q: %d", bad, status)
		}
	}
	if status, body := m.do(t, "POST", createPath, form, "X-Hero-Claims", `{"rules":[{"allow":["**"]}]}`); status != http.StatusOK || !strings.Contains(body, "o42") {
		t.Errorf("who may do all: %d", status)
	}
}
