package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy/fast"
	"forge.ourworld.tf/lhumina_code/hero/internal/route"
)

// visit is one request: who sent it, and what was decided of it.
type visit struct {
	policy    *access.Policy // the one that all of the request is held against
	caller    access.Caller
	known     bool
	decision  access.Decision
	target    access.Target
	methods   []string // of a body that was judged
	rule      string
	refused   int           // the status of the refusal; 0: none
	audit     *slog.Logger  // with the subject of the visit; nil: it is made when it is needed
	discovers bool          // it asks for a document that shows more methods than it may call
	encrypted bool          // it came by TLS
	origin    string        // of the page that sent it, where the policy lets such pages call; "" of others
	page      bool          // a person looks at the answer
	pending   *fast.Pending // the socket that was sent the request already, if one was
}

// newVisit finds who sends a request, by the values of its Authorization.
func newVisit(policy *access.Policy, authorization []string, peer netip.AddrPort) *visit {
	v := &visit{policy: policy}
	v.caller, v.known = policy.Caller(authorization, peer.Addr().Unmap().IsLoopback(), time.Now())
	return v
}

// resolve finds where a path leads, and whether this visitor may go there. To
// one who may not reach everything, what is denied and what does not exist
// look the same.
func (v *visit) resolve(tree *discovery.Tree, path string) (*route.Route, *route.Refusal) {
	to, refusal := route.Resolve(tree, path)
	if refusal != nil {
		if refusal.Status == http.StatusNotFound && !v.policy.Everything(v.caller) {
			return nil, notAllowed()
		}
		return nil, refusal
	}
	v.target = targetOf(to)
	v.decision = v.policy.Decide(v.caller, v.target)
	if v.origin != "" {
		if to.Layer == route.Machine || to.Layer == route.Agent {
			return nil, notAllowed() // the bridge knows of callers, not of pages
		}
		v.decision = v.decision.From(v.origin)
	}
	if to.Layer == route.Machine && v.policy.Any(v.caller) {
		v.rule, v.decision = "claims", v.policy.Reach(v.caller)
		return to, nil // the bridge shows and calls what the claims allow, and no more
	}
	v.rule = v.decision.Rule
	if !v.decision.Allowed || !v.decision.AllMethods() && !judgeable(to) {
		return nil, notAllowed()
	}
	return to, nil
}

func notAllowed() *route.Refusal {
	return &route.Refusal{Status: http.StatusForbidden, Detail: "you may not reach this"}
}

// targetOf says of a route what rules are about.
func targetOf(to *route.Route) access.Target {
	t := access.Target{Layer: to.Layer.String(), Context: to.Context.String(), Domain: to.Domain.String()}
	if to.Service != nil {
		t.Service = to.Service.Name.String()
	}
	return t
}

// judgeable reports whether a rule of methods can be held: what leads anywhere
// but to a socket's endpoints could call whatever it likes. The bridge for
// agents holds the rules itself, by the claims that it is sent.
func judgeable(to *route.Route) bool {
	if to.Layer == route.Agent {
		return true
	}
	if to.Layer != route.Domain && to.Layer != route.Service {
		return false
	}
	switch to.Path {
	case "/rpc", "/openrpc.json", "/health":
		return true
	}
	return false
}

// discover is the method that returns the document of all methods.
const discover = "rpc.discover"

// spent holds a request against how often, and how large, its rules let it be.
// It reports whether it answered.
func (v *visit) spent(m *access.Meter, w http.ResponseWriter, r *http.Request, to *route.Route) bool {
	if !v.decision.Limited() {
		return false
	}
	methods := v.methods
	if v.discovers {
		methods = nil
	}
	s := v.decision.Spend(m, v.caller, methods, r.ContentLength, time.Now())
	switch {
	case s.Wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int((s.Wait+time.Second-1)/time.Second)))
		v.refuse(w, &route.Refusal{Status: http.StatusTooManyRequests, Detail: "you have called as often as your rules let you"}, to.Layer.String())
	case s.TooLarge:
		w.Header().Set("Connection", "close") // the body is not read
		v.refuse(w, tooLarge(), to.Layer.String())
	default:
		v.rule = s.Rule
		if s.MaxBody > 0 && r.ContentLength < 0 {
			r.Body = http.MaxBytesReader(w, r.Body, s.MaxBody)
		}
		return false
	}
	return true
}

// judged holds the calls of a body against the rules of methods. It reports
// whether it answered.
func (v *visit) judged(w http.ResponseWriter, r *http.Request, to *route.Route) bool {
	if to.Path != "/rpc" || to.Layer != route.Domain && to.Layer != route.Service || v.decision.AllMethods() && !v.decision.Limited() {
		return false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		v.refuse(w, &route.Refusal{Status: http.StatusBadRequest, Detail: "the body ended early"}, to.Layer.String())
		return true
	}
	j, err := v.decision.Judge(body)
	if err != nil {
		v.refuse(w, &route.Refusal{Status: http.StatusBadRequest, Detail: "the call cannot be judged: " + err.Error()}, to.Layer.String())
		return true
	}
	v.methods = j.Methods
	switch {
	case j.Answer == nil:
		v.rule = j.Rule
		r.Body = io.NopCloser(bytes.NewReader(body))
		return false
	case j.Denied == discover && len(j.Answer) > 0 && j.Answer[0] == '{': // a call of its own, whose answer is cut down
		v.rule, v.discovers = v.decision.Rule, true
		r.Body = io.NopCloser(bytes.NewReader(body))
		return false
	case len(j.Answer) == 0: // a notification has no answer of its own
		v.refuse(w, &route.Refusal{Status: http.StatusForbidden, Detail: "you may not call " + j.Denied}, to.Layer.String())
		return true
	}
	v.refused = http.StatusForbidden
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(j.Answer)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(j.Answer)
	_ = err // the caller has gone; nobody is left to be told
	return true
}

// introduce tells the socket who calls: whoever showed a token.
func (v *visit) introduce(h http.Header, to *route.Route) {
	if v.caller.Name != access.Local {
		h.Set("X-Hero-User", v.caller.Name)
	}
	// The inspector calls others in the caller's name.
	if to.Layer == route.Agent || to.Layer == route.Machine || to.Service.Name.String() == Inspector {
		h.Set("X-Hero-Claims", v.policy.Claims(v.caller))
	}
	if v.cutsDown(to) {
		h.Set("Accept-Encoding", "identity")
		for _, name := range []string{"Range", "If-None-Match", "If-Modified-Since", "If-Range"} {
			h.Del(name)
		}
	}
}

// cutsDown reports whether the answer is a document that shows more methods
// than the visitor may call.
func (v *visit) cutsDown(to *route.Route) bool {
	return (to.Path == "/openrpc.json" || v.discovers) && !v.decision.AllMethods()
}

// maxNoted is how many methods of one body the audit names.
const maxNoted = 100

// record counts a request, and writes what was decided. Where no policy is in force nothing is
// decided but what a visitor without credentials was refused.
func (p *Proxy) record(v *visit, verb, peer string, since time.Time) {
	took := time.Since(since)
	p.tally.answered(v.target.Layer, v.refused, took)
	if v.policy == nil && v.known {
		return
	}
	audit := v.audit
	if audit == nil {
		audit = p.audit.With(v.subject(verb)...)
	}
	decision := "allowed"
	switch {
	case v.refused >= http.StatusInternalServerError:
		decision = "failed"
	case v.refused != 0:
		decision = "refused"
	}
	methods := v.methods
	if len(methods) > 1 {
		methods = slices.Compact(slices.Sorted(slices.Values(methods)))
	}
	audit.LogAttrs(context.Background(), slog.LevelInfo, decision, slog.String("peer", peer),
		slog.String("methods", strings.Join(methods[:min(len(methods), maxNoted)], " ")), slog.String("rule", v.rule),
		slog.Int("status", v.refused), slog.Int64("ms", took.Milliseconds()))
}

// subject is what a line of the audit says of all requests that ask the same.
func (v *visit) subject(verb string) []any {
	name := v.target.Service
	if v.target.Domain != "" {
		name += "/" + v.target.Context + "/" + v.target.Domain
	}
	return []any{"caller", v.caller.Name, "verb", verb, "target", name, "layer", v.target.Layer}
}

// modify makes an answer fit for the visitor.
func modify(r *http.Response) error {
	to := target(r.Request.Context())
	if to.Successor != "" {
		r.Header.Set("Deprecation", "true")
		r.Header.Add("Link", "<"+to.Successor+`>; rel="successor-version"`)
	}
	if to.visit.origin != "" {
		unshared(r.Header)
	}
	switch to.Layer {
	case route.UI, route.Web, route.Admin:
		shield(r.Header, to.visit.encrypted)
	}
	if !to.visit.cutsDown(to.Route) || r.StatusCode != http.StatusOK {
		return nil
	}
	for _, name := range []string{"Etag", "Last-Modified", "Content-Md5", "Digest"} {
		r.Header.Del(name)
	}
	if r.Request.Method == http.MethodHead {
		r.Header.Del("Content-Length")
		return nil
	}
	return to.visit.cutDown(r)
}

// shield adds to a UI's answer what keeps other sites out of it, where the UI
// does not say it itself.
func shield(h http.Header, encrypted bool) {
	unless := func(name, value string) {
		if h.Get(name) == "" {
			h.Set(name, value)
		}
	}
	unless("X-Content-Type-Options", "nosniff")
	unless("Referrer-Policy", "same-origin")
	if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors") {
		unless("X-Frame-Options", "SAMEORIGIN") // the inspector shows UIs in frames
	}
	if encrypted {
		unless("Strict-Transport-Security", "max-age=31536000")
	}
}

// maxDocument is the largest OpenRPC document that is cut down.
const maxDocument = 32 << 20

// cutDown leaves in an OpenRPC document the methods that the visitor may call.
func (v *visit) cutDown(r *http.Response) error {
	if r.Header.Get("Content-Encoding") != "" {
		return errors.New("the document is encoded, and cannot be cut down to what the caller may see")
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	if len(data) > maxDocument {
		return errors.New("the document is too large to be cut down to what the caller may see")
	}
	may := func(method string) bool { _, ok := v.decision.Method(method); return ok }
	cut := cutMethods
	if v.discovers {
		cut = cutAnswer
	}
	out, err := cut(data, may)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(out)), int64(len(out))
	r.TransferEncoding, r.Trailer = nil, nil
	r.Header.Set("Content-Length", strconv.Itoa(len(out)))
	return nil
}

// cutAnswer cuts down the document in the answer to rpc.discover; some services
// send it as a string.
func cutAnswer(data []byte, may func(string) bool) ([]byte, error) {
	var answer map[string]json.Value
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	for name := range answer {
		if name != "jsonrpc" && name != "id" && name != "result" && name != "error" {
			return nil, fmt.Errorf("the answer to rpc.discover has a member %q", name)
		}
	}
	doc, whole := answer["result"]
	if !whole {
		return data, nil // an error
	}
	var text string
	inString := doc.Kind() == '"'
	if inString {
		if err := json.Unmarshal(doc, &text); err != nil {
			return nil, fmt.Errorf("read the document: %w", err)
		}
		doc = json.Value(text)
	}
	out, err := cutMethods(doc, may)
	if err == nil && inString {
		out, err = json.Marshal(string(out))
	}
	if err != nil {
		return nil, err
	}
	answer["result"] = out
	if out, err = json.Marshal(answer, json.Deterministic()); err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return out, nil
}

func cutMethods(data []byte, may func(string) bool) ([]byte, error) {
	var doc map[string]json.Value
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	var methods []json.Value
	if err := json.Unmarshal(doc["methods"], &methods); err != nil {
		return nil, fmt.Errorf("read the document's methods: %w", err)
	}
	kept := []json.Value{}
	for _, m := range methods {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(m, &named); err != nil {
			return nil, fmt.Errorf("read a method of the document: %w", err)
		}
		if may(named.Name) {
			kept = append(kept, m)
		}
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	doc["methods"] = out
	if out, err = json.Marshal(doc, json.Deterministic()); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	return out, nil
}
