// Package page is what the dashboards share: one frame, one style sheet, the
// few scripts, how a page is answered and refused, and the parts that more than
// one of them shows, such as a service's log and its history.
//
// Every page works without scripts, below any prefix, and asks nothing of
// other machines. What a service says of itself is text here, never markup.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed shared common
var files embed.FS

// Frame is what every page has around its own content.
type Frame struct {
	App     string // which dashboard it is: "inspector" of hero_inspector
	Base    string // where the dashboard stands: "/" or "/hero_inspector/"
	Title   string
	Assets  string // version of the assets, for their addresses
	Tree    uint64 // which state of the machine the page shows
	Nav     string // which entry of the navigation is the current one
	Links   []Crumb
	Sisters []Crumb // the other dashboards, where a proxy leads to them
	Query   string  // what the search field holds
	Crumbs  []Crumb
}

// Crumb is one step of the way to a page.
type Crumb struct{ Name, URL string }

// renderer executes the pages of one dashboard.
type renderer struct {
	pages  map[string]*template.Template
	assets string
}

// newRenderer parses the pages of a folder, each with the shared templates.
func newRenderer(own fs.FS, folder string) (*renderer, error) {
	r := &renderer{pages: map[string]*template.Template{}}
	base, err := template.New("").ParseFS(files, "shared/*.html")
	if err != nil {
		return nil, fmt.Errorf("shared templates: %w", err)
	}
	names, err := fs.Glob(own, folder+"/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range append(names, "common/fault.html") {
		t, err := base.Clone()
		if err != nil {
			return nil, err
		}
		from := own
		if strings.HasPrefix(name, "common/") {
			from = files
		}
		if t, err = t.ParseFS(from, name); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		r.pages[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	sum := sha256.New()
	assets, err := fs.Glob(files, "shared/*.[cj]s*")
	if err != nil {
		return nil, err
	}
	for _, name := range append(assets, "shared/uplot/uplot.js", "shared/uplot/uplot.css") {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sum.Write(text)
	}
	r.assets = hex.EncodeToString(sum.Sum(nil))[:12]
	return r, nil
}

// Pages returns the names of the dashboard's pages.
func (b *Board) Pages() []string { return slices.Sorted(maps.Keys(b.render.pages)) }

// Execute returns a page with a view in it.
func (b *Board) Execute(page string, view any) ([]byte, error) { return b.render.execute(page, view) }

// execute returns a page.
func (r *renderer) execute(page string, view any) ([]byte, error) {
	t := r.pages[page]
	if t == nil {
		return nil, fmt.Errorf("there is no page %q", page)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "frame", view); err != nil {
		return nil, fmt.Errorf("page %s: %w", page, err)
	}
	return out.Bytes(), nil
}

// Style returns the style sheet, for pages that are files of their own.
func Style() (template.CSS, error) {
	text, err := files.ReadFile("shared/style.css")
	if err != nil {
		return "", fmt.Errorf("style sheet: %w", err)
	}
	return template.CSS(text), nil // our own text, not a stranger's
}

// Asset answers with a shared style sheet or script.
func Asset(w http.ResponseWriter, r *http.Request) {
	name := "shared/" + r.PathValue("file")
	if strings.HasPrefix(name, "shared/uplot.") {
		name = "shared/uplot" + strings.TrimPrefix(name, "shared")
	}
	kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
	text, err := files.ReadFile(name)
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(text) // a reader that has gone is no fault of ours
}

// policy lets a page load its own style sheet and scripts, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

// Secure sets the headers of every answer, and refuses a POST that a page of
// another origin sent.
func Secure(next http.Handler) http.Handler {
	var cross http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		check := r
		if host := r.Header.Get("X-Forwarded-Host"); host != "" {
			check = r.Clone(r.Context())
			check.Host = host // Origin is compared with what the browser asked for
		}
		if err := cross.Check(check); err != nil {
			http.Error(w, "refused: the request comes from a page of another origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// prefixShape is what X-Forwarded-Prefix may be: a path of plain segments.
const prefixShape = `^(/[A-Za-z0-9_-]+)+/?$`

// baseOf returns a function that tells where a request's dashboard stands.
func baseOf() func(*http.Request) string {
	shape := regexp.MustCompile(prefixShape)
	return func(r *http.Request) string {
		prefix := r.Header.Get("X-Forwarded-Prefix")
		if !shape.MatchString(prefix) {
			return "/"
		}
		return strings.TrimSuffix(prefix, "/") + "/"
	}
}
