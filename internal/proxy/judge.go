package proxy

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/route"
)

// defaultMaxBody is the largest call that services take.
const defaultMaxBody = 4 << 20

// judge holds a request against what its target answers, and brings it into
// the one form in which it is passed on. A call is read to its end before any
// of it is sent: what the socket gets has a length, and nothing behind it.
func (p *Proxy) judge(to *route.Route, r *http.Request) *route.Refusal {
	// The server has answered it already, and no socket is to answer it again.
	r.Header.Del("Expect")
	switch to.Layer {
	case route.UI, route.Web, route.Admin:
		if to.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
			return &route.Refusal{Status: http.StatusNotFound, Detail: to.Service.Name.String() + " has no such domain"}
		}
		if up := r.Header.Get("Upgrade"); up != "" && !strings.EqualFold(up, "websocket") {
			r.Header.Del("Upgrade")
		}
		return nil
	case route.Agent, route.Machine:
		r.Header.Del("Upgrade")
		return nil
	}
	r.Header.Del("Upgrade")
	if to.Path != "/rpc" {
		if older(to) {
			return nil // an older server's socket answers more than calls
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return &route.Refusal{Status: http.StatusMethodNotAllowed, Detail: "use GET"}
		}
		r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
		return nil
	}
	if r.ContentLength > p.maxBody() {
		return tooLarge()
	}
	if r.Method != http.MethodPost {
		return &route.Refusal{Status: http.StatusMethodNotAllowed, Detail: "JSON-RPC is called with POST"}
	}
	if strings.Contains(r.URL.RawQuery, "/") {
		return &route.Refusal{Status: http.StatusBadRequest, Detail: "a path stands in the query of a call"}
	}
	r.URL.RawQuery, r.URL.ForceQuery = "", false // a call has its params in its body
	if !jsonBody(r.Header) {
		return &route.Refusal{Status: http.StatusUnsupportedMediaType, Detail: "a call is application/json, in UTF-8 and not encoded"}
	}
	return p.readBody(r)
}

// older reports whether the target is a socket of an older layout, asked for
// something that is no endpoint.
func older(to *route.Route) bool {
	switch to.Path {
	case "/openrpc.json", "/health", "/.well-known/heroservice.json":
		return false
	}
	return true
}

func jsonBody(h http.Header) bool {
	if len(h["Content-Encoding"]) > 0 {
		return false
	}
	types := h["Content-Type"]
	if len(types) != 1 {
		return false
	}
	kind, params, err := mime.ParseMediaType(types[0])
	if err != nil || kind != "application/json" {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

// readBody replaces the body by its bytes.
func (p *Proxy) readBody(r *http.Request) *route.Refusal {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, p.maxBody()))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return tooLarge()
		}
		return &route.Refusal{Status: http.StatusBadRequest, Detail: "the body ended early or was not framed as it should be"}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength, r.TransferEncoding, r.Trailer = int64(len(body)), nil, nil
	return nil
}

func (p *Proxy) maxBody() int64 {
	if p.opts.MaxBody > 0 {
		return p.opts.MaxBody
	}
	return defaultMaxBody
}

func tooLarge() *route.Refusal {
	return &route.Refusal{Status: http.StatusRequestEntityTooLarge, Detail: "the body is too large"}
}
