package web

import (
	"net/http"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// may reports whether the caller may call a method.
func may(r *http.Request, p inspect.Place, method string) bool {
	claims := r.Header["X-Hero-Claims"]
	return len(claims) == 0 || len(claims) == 1 && inspect.Allowed(claims[0], p, method)
}

// claimed reports whether the proxy says what the caller may do; else the caller
// connected to the socket itself, and is its owner.
func claimed(r *http.Request) bool { return len(r.Header["X-Hero-Claims"]) > 0 }

// composite returns a service's document, without what the caller may not call.
func (in *inspector) composite(r *http.Request, s *discovery.Service) (*openrpc.Document, error) {
	doc, err := in.opts.Inspect.Composite(r.Context(), s)
	if err != nil || !claimed(r) {
		return doc, err
	}
	places := inspect.PlacesOf(s)
	out := *doc
	out.Methods = nil
	for _, m := range doc.Methods {
		for _, p := range places {
			before := p.Domain
			if before == "" && len(places) > 1 {
				before = s.Name.String()
			}
			name, ok := m.Name, true
			if before != "" {
				name, ok = strings.CutPrefix(m.Name, before+".")
			}
			if ok && may(r, p, name) {
				out.Methods = append(out.Methods, m)
				break
			}
		}
	}
	return &out, nil
}

// parts returns a service's documents, without what the caller may not call in
// any context.
func (in *inspector) parts(r *http.Request, s *discovery.Service) ([]openrpc.Part, error) {
	parts, err := in.opts.Inspect.Parts(r.Context(), s)
	if err != nil || !claimed(r) {
		return parts, err
	}
	for i := range parts {
		doc := *parts[i].Document
		doc.Methods = nil
		for _, m := range parts[i].Document.Methods {
			for _, p := range inspect.PlacesOf(s) {
				if p.Domain == parts[i].Name && may(r, p, m.Name) {
					doc.Methods = append(doc.Methods, m)
					break
				}
			}
		}
		parts[i].Document = &doc
	}
	return parts, nil
}
