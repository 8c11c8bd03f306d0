package proxy

import (
	"net/http"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

// foreign returns the origin of the page that sends a request, where the policy
// lets pages of that origin call. Such a page has to show a token: what a
// browser sends along by itself, or from where, is no sign that its user means
// it.
func foreign(policy *access.Policy, r *http.Request) string {
	origins := r.Header["Origin"]
	if len(origins) != 1 || origins[0] == ownOrigin(r) || !policy.Origin(origins[0]) || r.Header.Get("Upgrade") != "" {
		return ""
	}
	if len(r.Header["Authorization"]) == 0 && !preflight(r) {
		return ""
	}
	return origins[0]
}

// ownOrigin is the origin of the proxy, as the request names it.
func ownOrigin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// preflight reports whether a browser asks what a page of another origin may
// send.
func preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// share lets the page of an origin read the answer. Cookies and certificates
// stay out of it, and so do private networks.
func share(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, Deprecation, Link")
	h.Add("Vary", "Origin")
}

// permit answers a preflight. It tells nothing of what there is, and who may
// reach it: the request itself is judged.
func permit(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Hero-Context, X-Request-Id, Traceparent")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// unshared takes off what a socket says of other origins: the policy does.
func unshared(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
}
