package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
)

// layers are what is counted apart; the first is what leads to none.
var layers = [...]string{"", "service", "ui", "domain", "admin", "web", "mcp"}

// maxOlder is how many callers of older URLs are told apart.
const maxOlder = 1000

// tally counts what became of requests since the proxy was made.
type tally struct {
	passed [len(layers)]struct{ n, nanos atomic.Int64 }

	mu      sync.Mutex // guards what follows
	refused map[refusedKey]int64
	older   map[Older]int64 // with neither Count nor Successor
	newer   map[string]string
}

type refusedKey struct {
	layer  string
	status int
}

// Older is somebody who still asks by an older URL.
type Older struct {
	Caller    string `json:"caller"`
	Agent     string `json:"agent"` // the program, as it calls itself
	URL       string `json:"url"`   // without what differs from request to request
	Successor string `json:"successor"`
	Count     int64  `json:"count"`
}

// answered counts a request that was passed on, or refused with a status.
func (t *tally) answered(layer string, status int, took time.Duration) {
	if status == 0 {
		at := &t.passed[max(slices.Index(layers[:], layer), 0)]
		at.n.Add(1)
		at.nanos.Add(int64(took))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		t.refused = make(map[refusedKey]int64)
	}
	t.refused[refusedKey{layer, status}]++
}

// asOlder counts a request by an older URL.
func (t *tally) asOlder(caller string, r *http.Request, to *route.Route) {
	agent, _, _ := strings.Cut(r.UserAgent(), " ")
	if !plain(agent, 64) {
		agent = ""
	}
	url := to.Prefix
	if to.Layer == route.Service || to.Layer == route.Domain {
		url, _, _ = strings.Cut(r.RequestURI, "?")
	}
	key := Older{Caller: caller, Agent: agent, URL: url}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.older == nil {
		t.older, t.newer = make(map[Older]int64), make(map[string]string)
	}
	if _, known := t.older[key]; !known && len(t.older) >= maxOlder {
		key = Older{Caller: "others"}
	}
	t.older[key]++
	if key.URL != "" {
		t.newer[key.URL] = strings.TrimSuffix(to.Successor, strings.TrimPrefix(to.Path, "/"))
		if to.Layer == route.Service || to.Layer == route.Domain {
			t.newer[key.URL] = to.Successor
		}
	}
}

// Older returns who asked by older URLs, the most frequent first.
func (p *Proxy) Older() []Older {
	t := &p.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Older, 0, len(t.older))
	for o, n := range t.older {
		o.Count, o.Successor = n, t.newer[o.URL]
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Older) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.URL, b.URL), cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Agent, b.Agent))
	})
	return out
}

// metrics is what Prometheus reads.
func (t *tally) metrics() string {
	var b strings.Builder
	b.WriteString("# HELP hero_proxy_request_seconds Requests that were passed on, and how long they took.\n# TYPE hero_proxy_request_seconds summary\n")
	for i, layer := range layers {
		if n := t.passed[i].n.Load(); n > 0 {
			fmt.Fprintf(&b, "hero_proxy_request_seconds_sum{layer=%q} %s\nhero_proxy_request_seconds_count{layer=%q} %d\n", layer,
				strconv.FormatFloat(time.Duration(t.passed[i].nanos.Load()).Seconds(), 'g', -1, 64), layer, n)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b.WriteString("# HELP hero_proxy_refused_total Requests that were refused, or could not be passed on, by the status that they got.\n# TYPE hero_proxy_refused_total counter\n")
	for _, k := range slices.SortedFunc(maps.Keys(t.refused), func(a, b refusedKey) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.status, b.status))
	}) {
		fmt.Fprintf(&b, "hero_proxy_refused_total{layer=%q,status=\"%d\"} %d\n", k.layer, k.status, t.refused[k])
	}
	var older int64
	for _, n := range t.older {
		older += n
	}
	fmt.Fprintf(&b, "# HELP hero_proxy_older_urls_total Requests by older URLs.\n# TYPE hero_proxy_older_urls_total counter\nhero_proxy_older_urls_total %d\n", older)
	return b.String()
}

// mayMeasure reports whether the visitor may read the metrics: who may call
// hero_proxy itself.
func (v *visit) mayMeasure() bool {
	d := v.policy.Decide(v.caller, access.Target{Layer: "service", Service: "hero_proxy"})
	return d.Allowed && d.AllMethods()
}
