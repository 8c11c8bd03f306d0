// Package web holds the inspector's pages: server-rendered templates, embedded
// with what package page has for all dashboards.
package web

import (
	"bytes"
	"context"
	"embed"
	"log/slog"
	"net/http"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/client"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

//go:embed inspector
var files embed.FS

// Trees is where the inspector learns what runs; *discovery.Watcher is one.
type Trees interface {
	// Tree returns the latest tree, nil before the first.
	Tree() *discovery.Tree
	// Wait returns a tree that differs from after, as soon as there is one.
	Wait(ctx context.Context, after *discovery.Tree) (*discovery.Tree, error)
}

// Health is the health of a service's layers, in the words of the contract. An
// empty word is one that nobody asked for.
type Health struct {
	Service string
	UI      string
	Domains map[string]string // by "context/domain"
}

// InspectorOptions is what the inspector's pages are made of.
type InspectorOptions struct {
	Inspect *inspect.Inspector
	Trees   Trees
	Places  layout.Places // shown on the page of what belongs to which context
	// Health asks for the health of one service; nil shows none. It must be
	// bounded and must not wake a UI.
	Health func(context.Context, *discovery.Service) Health
	Agents http.Handler // serves /mcp and what is below it; nil serves nothing there
	Log    *slog.Logger // what went wrong on our side; nil discards it
}

// inspector serves the inspector's pages.
type inspector struct {
	*page.Board
	opts InspectorOptions

	mu    sync.Mutex // guards what follows
	last  *discovery.Tree
	seq   uint64
	index map[*openrpc.Document][]methodEntry
}

// Inspector returns the inspector's pages, its JSON API below api/, and its
// stream of changes at events. It works at / and below the prefix that
// X-Forwarded-Prefix names. What a caller may call is what X-Hero-Claims says.
func Inspector(opts InspectorOptions) http.Handler {
	b, err := page.New("inspector", files, "inspector", opts.Log, page.Crumb{Name: "Services", URL: ""}, page.Crumb{Name: "Methods", URL: "methods"})
	if err != nil {
		return page.Broken(opts.Log, err)
	}
	in := &inspector{Board: b, opts: opts, index: map[*openrpc.Document][]methodEntry{}}
	b.State = func() uint64 { return in.number(opts.Trees.Tree()) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", in.Page(in.list))
	mux.HandleFunc("GET /methods", in.Page(in.methods))
	mux.HandleFunc("GET /s/{service}", in.Page(in.service))
	mux.HandleFunc("GET /s/{service}/{tab}", in.Page(in.tab))
	mux.HandleFunc("GET /s/{service}/logs/stream", in.logStream)
	mux.HandleFunc("GET /s/{service}/{context}/{domain}", in.Page(in.domain))
	mux.HandleFunc("GET /s/{service}/{context}/{domain}/method", in.Page(in.method))
	mux.HandleFunc("POST /s/{service}/{context}/{domain}/method", in.Page(in.call))
	mux.HandleFunc("GET /assets/{file}", page.Asset)
	mux.HandleFunc("GET /events", in.events)
	mux.HandleFunc("GET /api/services", in.apiServices)
	mux.HandleFunc("GET /api/{service}/openrpc.json", in.apiComposite)
	mux.HandleFunc("GET /api/{service}/manual.md", in.apiManual)
	mux.HandleFunc("GET /api/{service}/client/{language}", in.apiClient)
	if opts.Agents != nil {
		mux.Handle("/mcp", opts.Agents)
		mux.Handle("/mcp/", opts.Agents)
	}
	mux.HandleFunc("GET /llms.txt", in.apiIndex)
	mux.HandleFunc("/", in.Page(page.Absent))
	return page.Secure(mux)
}

func (in *inspector) number(t *discovery.Tree) uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	if t != in.last {
		in.last = t
		in.seq++
	}
	return in.seq
}

// tree returns what runs now; nil before the first look.
func (in *inspector) tree() *discovery.Tree { return in.opts.Trees.Tree() }

// find returns the service that the address names.
func (in *inspector) find(r *http.Request) (*discovery.Service, error) {
	n, err := layout.ParseService(r.PathValue("service"))
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "no service can be called %q", r.PathValue("service"))
	}
	if t := in.tree(); t != nil {
		if s := t.Service(n); s != nil {
			return s, nil
		}
	}
	return nil, fault.WithHint(fault.Errorf(fault.NotFound, "no service %s is running here", n), "hero_inspector list")
}

// events tells, as server-sent events, the number of each new tree.
func (in *inspector) events(w http.ResponseWriter, r *http.Request) {
	tree := in.tree()
	page.Pulse(w, r, in.number(tree), func(ctx context.Context) (uint64, error) {
		next, err := in.opts.Trees.Wait(ctx, tree)
		if err != nil {
			return 0, err
		}
		tree = next
		return in.number(tree), nil
	})
}

func (in *inspector) apiServices(w http.ResponseWriter, r *http.Request) {
	in.answer(w, r, inspect.Overview(in.tree()), nil)
}

func (in *inspector) apiComposite(w http.ResponseWriter, r *http.Request) {
	s, err := in.find(r)
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	doc, err := in.composite(r, s)
	in.answer(w, r, doc, err)
}

func (in *inspector) apiManual(w http.ResponseWriter, r *http.Request) {
	s, err := in.find(r)
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	doc, err := in.composite(r, s)
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	_, _ = w.Write(inspect.ManualOf(doc).Markdown()) // a reader that has gone is no fault of ours
}

// apiClient answers with a typed client of a service.
func (in *inspector) apiClient(w http.ResponseWriter, r *http.Request) {
	s, err := in.find(r)
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	parts, err := in.parts(r, s)
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	language := r.PathValue("language")
	text, err := client.Write(language, client.Source{Service: s.Name.String(), Parts: parts})
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+client.FileName(language, s.Name.String())+`"`)
	_, _ = w.Write(text) // a reader that has gone is no fault of ours
}

// apiIndex answers with an llms.txt of all services that say what they serve.
func (in *inspector) apiIndex(w http.ResponseWriter, r *http.Request) {
	tree := in.tree()
	ctx, cancel := context.WithTimeout(r.Context(), page.Patience)
	defer cancel()
	v := in.Visit(r)
	var manuals []inspect.Manual
	var urls []string
	if tree != nil {
		for _, s := range tree.Services {
			if doc, err := in.composite(r.WithContext(ctx), s); err == nil && len(doc.Methods) > 0 {
				manuals = append(manuals, inspect.ManualOf(doc))
				urls = append(urls, v.To("api", s.Name.String(), "manual.md"))
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(inspect.Index("Services of this machine", "What runs here and can be called.", manuals, func(i int) string { return urls[i] }))
}

// problem is an error as RFC 9457 has it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitzero"`
}

// answer writes a JSON document, or the problem that kept it away.
func (in *inspector) answer(w http.ResponseWriter, r *http.Request, doc any, err error) {
	kind, status := "application/json", http.StatusOK
	if err != nil {
		k := fault.Of(err)
		kind, status = "application/problem+json", k.HTTP()
		doc = problem{k.String(), status, err.Error(), fault.Hint(err)}
	}
	var out bytes.Buffer
	if err := json.MarshalWrite(&out, doc, json.Deterministic()); err != nil {
		in.Log.ErrorContext(r.Context(), "api", "path", r.URL.Path, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a reader that has gone is no fault of ours
}
