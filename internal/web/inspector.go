package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/client"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

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
	opts   InspectorOptions
	render *renderer
	base   func(*http.Request) string
	log    *slog.Logger

	mu   sync.Mutex // guards last and seq
	last *discovery.Tree
	seq  uint64
}

// Inspector returns the inspector's pages, its JSON API below api/, and its
// stream of changes at events. It works at / and below the prefix that
// X-Forwarded-Prefix names.
func Inspector(opts InspectorOptions) http.Handler {
	in := &inspector{opts: opts, base: baseOf(), log: opts.Log}
	if in.log == nil {
		in.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if in.render, err = newRenderer("inspector"); err != nil {
		in.log.Error("templates", "err", err)
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "internal error: the pages of this build are broken", http.StatusInternalServerError)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", in.page(in.list))
	mux.HandleFunc("GET /methods", in.page(in.methods))
	mux.HandleFunc("GET /s/{service}", in.page(in.service))
	mux.HandleFunc("GET /s/{service}/{tab}", in.page(in.tab))
	mux.HandleFunc("GET /s/{service}/{context}/{domain}", in.page(in.domain))
	mux.HandleFunc("GET /s/{service}/{context}/{domain}/method", in.page(in.method))
	mux.HandleFunc("POST /s/{service}/{context}/{domain}/method", in.page(in.call))
	mux.HandleFunc("GET /assets/{file}", serveAsset)
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
	mux.HandleFunc("/", in.page(func(*visit) (string, any, error) {
		return "", nil, fault.Errorf(fault.NotFound, "there is no such page")
	}))
	return secure(mux)
}

// visit is one request for a page.
type visit struct {
	*http.Request
	frame
	tree *discovery.Tree
}

// url returns an address inside the dashboard.
func (v *visit) url(segments ...string) string {
	out := v.Base
	for i, s := range segments {
		if i > 0 {
			out += "/"
		}
		out += url.PathEscape(s)
	}
	return out
}

// page turns what makes a view into a handler; the view's template is named by
// what it returns first.
func (in *inspector) page(view func(*visit) (string, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tree, seq := in.current()
		v := &visit{Request: r, tree: tree, frame: frame{Base: in.base(r), Assets: in.render.assets, Tree: seq}}
		status := http.StatusOK
		name, shown, err := view(v)
		if err != nil {
			status = fault.Of(err).HTTP()
			v.frame.Title = "Not shown"
			name, shown = "fault", faultPage{frame: v.frame, Message: err.Error(), Hint: fault.Hint(err), Kind: fault.Of(err).String()}
		}
		text, err := in.render.execute(name, shown)
		if err != nil {
			in.log.ErrorContext(r.Context(), "page", "path", r.URL.Path, "err", err)
			http.Error(w, "internal error: the page could not be made", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(text) // a reader that has gone is no fault of ours
	}
}

// current returns the latest tree and a number that changes with it.
func (in *inspector) current() (*discovery.Tree, uint64) {
	t := in.opts.Trees.Tree()
	return t, in.number(t)
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

// find returns the service that the address names.
func (v *visit) find() (*discovery.Service, error) {
	n, err := layout.ParseService(v.PathValue("service"))
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "no service can be called %q", v.PathValue("service"))
	}
	if v.tree != nil {
		if s := v.tree.Service(n); s != nil {
			return s, nil
		}
	}
	return nil, fault.WithHint(fault.Errorf(fault.NotFound, "no service %s is running here", n), "hero_inspector list")
}

// heartbeat is how often an idle stream of changes shows that it lives.
const heartbeat = 20 * time.Second

// events tells, as server-sent events, the number of each new tree.
func (in *inspector) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(heartbeat)) // where the connection can
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
	tree, seq := in.current()
	if !send(event(seq)) {
		return
	}
	for {
		ctx, cancel := context.WithTimeout(r.Context(), heartbeat)
		next, err := in.opts.Trees.Wait(ctx, tree)
		idle := ctx.Err() != nil
		cancel()
		switch {
		case r.Context().Err() != nil:
			return
		case err == nil:
			tree = next
			if !send(event(in.number(tree))) {
				return
			}
		case !idle: // the watcher has ended
			return
		case !send(": \n\n"):
			return
		}
	}
}

func event(seq uint64) string {
	text, err := json.Marshal(seq)
	if err != nil {
		return ""
	}
	return "event: tree\ndata: " + string(text) + "\n\n"
}

func (in *inspector) apiServices(w http.ResponseWriter, r *http.Request) {
	tree, _ := in.current()
	in.answer(w, r, inspect.Overview(tree), nil)
}

func (in *inspector) apiComposite(w http.ResponseWriter, r *http.Request) {
	tree, _ := in.current()
	v := &visit{Request: r, tree: tree}
	s, err := v.find()
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	doc, err := in.opts.Inspect.Composite(r.Context(), s)
	in.answer(w, r, doc, err)
}

func (in *inspector) apiManual(w http.ResponseWriter, r *http.Request) {
	tree, _ := in.current()
	v := &visit{Request: r, tree: tree}
	s, err := v.find()
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	doc, err := in.opts.Inspect.Composite(r.Context(), s)
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	_, _ = w.Write(inspect.ManualOf(doc).Markdown()) // a reader that has gone is no fault of ours
}

// apiClient answers with a typed client of a service.
func (in *inspector) apiClient(w http.ResponseWriter, r *http.Request) {
	tree, _ := in.current()
	v := &visit{Request: r, tree: tree}
	s, err := v.find()
	if err != nil {
		in.answer(w, r, nil, err)
		return
	}
	parts, err := in.opts.Inspect.Parts(r.Context(), s)
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
	tree, _ := in.current()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	v := &visit{Request: r, tree: tree, frame: frame{Base: in.base(r)}}
	var manuals []inspect.Manual
	var urls []string
	if tree != nil {
		for _, s := range tree.Services {
			if doc, err := in.opts.Inspect.Composite(ctx, s); err == nil {
				manuals = append(manuals, inspect.ManualOf(doc))
				urls = append(urls, v.url("api", s.Name.String(), "manual.md"))
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
		in.log.ErrorContext(r.Context(), "api", "path", r.URL.Path, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a reader that has gone is no fault of ours
}
