package proxy

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
)

// problem is what a program is told: RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitzero"`
	Layer  string `json:"layer,omitzero"`
}

// refuse answers with a problem.
func refuse(w http.ResponseWriter, no *route.Refusal, layer string) {
	body, err := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(no.Status), Status: no.Status, Detail: no.Detail, Layer: layer})
	if err != nil {
		body = []byte(`{"type":"about:blank"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(no.Status)
	_, err = w.Write(body)
	_ = err // the caller has gone; nobody is left to be told
}

// refuse answers with a page for people, and with a problem for programs.
func (v *visit) refuse(w http.ResponseWriter, no *route.Refusal, layer string) {
	v.refused = no.Status
	if !v.page {
		refuse(w, no, layer)
		return
	}
	title := strconv.Itoa(no.Status) + " " + http.StatusText(no.Status)
	body := pageHead(title) + "<p>" + html.EscapeString(no.Detail) + `</p><p><a href="/">What there is</a></p></body></html>` + "\n"
	pageHeader(w.Header(), len(body))
	w.WriteHeader(no.Status)
	_, err := w.Write([]byte(body))
	_ = err // the caller has gone; nobody is left to be told
}

// wantsPage reports whether a person looks at the answer: a browser that goes
// to an address says so.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet || r.Header.Get("Upgrade") != "" {
		return false
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" {
		return dest == "document" || dest == "iframe"
	}
	kind, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return kind == "text/html"
}

func pageHeader(h http.Header, length int) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(length))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+homeStyleHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
}

// pageHead begins a page of the proxy's own.
func pageHead(title string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
		`<title>` + html.EscapeString(title) + `</title><style>` + homeStyle + `</style></head><body><h1>` + html.EscapeString(title) + `</h1>`
}

// own answers what is the proxy's own: its health, its metrics, and the list of
// services that the door leads to.
func (p *Proxy) own(w http.ResponseWriter, r *http.Request, path string, v *visit) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, &route.Refusal{Status: http.StatusMethodNotAllowed, Detail: "use GET"}, "")
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	body := `{"status":"ok","service":"hero_proxy"}`
	switch path {
	case "/health":
		h.Set("Content-Type", "application/json")
	case "/metrics":
		if !v.mayMeasure() {
			v.refuse(w, notAllowed(), "")
			return
		}
		h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		body = p.tally.metrics()
	default:
		body = p.home(v)
		pageHeader(h, len(body))
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, err := w.Write([]byte(body))
		_ = err // the caller has gone; nobody is left to be told
	}
}

const homeStyle = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}` +
	`h1{font-size:1.4rem}ul{list-style:none;padding:0}li{padding:.6rem 0;border-bottom:1px solid #8884}` +
	`a{font-weight:600;text-decoration:none}p{margin:0;opacity:.75}`

// homeStyleHash is the SHA-256 of homeStyle in base64, held by a test.
const homeStyleHash = "CiJfKA6ZzkTSHxpLK8NUsnn9p5+78z5jeV/jwCTpWhc="

// home is the page that lists the services that the visitor may reach.
func (p *Proxy) home(v *visit) string {
	var b strings.Builder
	b.WriteString(pageHead("Services") + "<ul>")
	tree := p.opts.Tree()
	n := 0
	if tree != nil {
		for _, s := range tree.Services {
			if !v.policy.Sees(v.caller, s.Name.String()) {
				continue
			}
			name, title, text := s.Name.String(), s.Name.String(), ""
			if s.Manifest != nil {
				text = s.Manifest.Description
				if s.Manifest.Title != "" {
					title = s.Manifest.Title
				}
			}
			n++
			b.WriteString("<li>")
			if s.UI != nil {
				b.WriteString(`<a href="/` + name + `/">` + html.EscapeString(title) + "</a>")
			} else {
				b.WriteString("<strong>" + html.EscapeString(title) + "</strong>")
			}
			b.WriteString("<p>" + html.EscapeString(text) + "</p></li>")
		}
	}
	if n == 0 {
		b.WriteString("<li><p>No service runs yet.</p></li>")
	}
	b.WriteString("</ul></body></html>\n")
	return b.String()
}
