// Package ui is the admin UI of hero_food: pages made on the server, with no
// script. It reaches the service as any client does, through its sockets.
package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

//go:embed page
var files embed.FS

// policy lets a page load its own style sheet and icon, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

// maxForm is the largest form that is read: some 1,000 dishes.
const maxForm = 256 << 10

// pages answers for the UI.
type pages struct {
	templates map[string]*template.Template
	prefix    *regexp.Regexp
	log       *slog.Logger
}

// Handler returns the UI. It works at / and below the path that a request's
// X-Forwarded-Prefix names.
func Handler(env sdk.Env) (http.Handler, error) {
	p := &pages{templates: make(map[string]*template.Template), log: env.Log,
		prefix: regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+/?$`)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	funcs := template.FuncMap{"euro": euro, "ago": ago, "words": words}
	for _, name := range []string{"overview", "restaurant", "trouble"} {
		t, err := template.New(name).Funcs(funcs).ParseFS(files, "page/frame.html", "page/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		p.templates[name] = t
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", asset("text/css; charset=utf-8"))
	mux.HandleFunc("GET /icon.svg", asset("image/svg+xml"))
	for _, at := range []string{"", "/c/{context}"} {
		mux.HandleFunc("GET "+at+"/{$}", p.overview)
		mux.HandleFunc("GET "+at+"/restaurants/{id}", p.restaurant)
		mux.HandleFunc("POST "+at+"/restaurants/{id}", p.place)
		mux.HandleFunc("POST "+at+"/orders/{id}/{step}", p.step)
	}
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		p.trouble(w, r, fault.Errorf(fault.NotFound, "there is no such page"))
	})
	return secure(mux), nil
}

// secure sets the headers of every answer, refuses a POST that a page of
// another origin sent, and bounds what is read of the others.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if !sameOrigin(r) {
				http.Error(w, "refused: the request does not come from a page of this site", http.StatusForbidden)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin reports whether a request comes from one of our own pages. What
// another port of the same host sends is not ours: browsers call it same-site.
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || origin.Host == "" {
		return false
	}
	asked := r.Header.Get("X-Forwarded-Host")
	if asked == "" {
		asked = r.Host
	}
	return strings.EqualFold(origin.Host, asked)
}

func asset(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := files.ReadFile("page" + r.URL.Path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(text) // a reader that has gone is no fault of ours
	}
}

// base returns where the UI stands for whoever asks, with a / at its end.
func (p *pages) base(r *http.Request) string {
	prefix := r.Header.Get("X-Forwarded-Prefix")
	if !p.prefix.MatchString(prefix) {
		return "/"
	}
	return strings.TrimSuffix(prefix, "/") + "/"
}

// show writes a page whole, or says that it cannot.
func (p *pages) show(w http.ResponseWriter, status int, page string, view any) {
	var out bytes.Buffer
	if err := p.templates[page].ExecuteTemplate(&out, "frame", view); err != nil {
		p.log.Error("a page cannot be shown", "page", page, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a reader that has gone is no fault of ours
}

// trouble shows a page that says why there is no other.
func (p *pages) trouble(w http.ResponseWriter, r *http.Request, err error) {
	f := frame{Base: p.base(r), Home: p.base(r), Title: "Hero Food"}
	f.blame(err)
	p.show(w, statusOf(err), "trouble", f)
}
