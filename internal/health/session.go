package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// maxBody is how much of an answer is read.
const maxBody = 1 << 20

// session asks one socket, over as few connections as it lets one.
type session struct{ http *http.Transport }

func (q *session) close() { q.http.CloseIdleConnections() }

func (q *session) do(ctx context.Context, method, path, body string) (int, []byte, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://hero"+path, content)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("User-Agent", "hero-health")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := q.http.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, data, err
}

// errNotRPC says that an answer is no JSON-RPC response.
var errNotRPC = errors.New("it does not answer JSON-RPC")

// rpcError is an error that a method answered with.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%.200s (%d)", e.Message, e.Code) }

// protocol reports whether the error is about the call and not about what was
// called: no such method, above all.
func (e *rpcError) protocol() bool { return e.Code <= -32600 && e.Code >= -32602 || e.Code == -32700 }

// call calls a method, and decodes what it returns into result, which may be
// nil. The error is an *rpcError where the method answered with one.
func (q *session) call(ctx context.Context, path, method string, result any) ([]byte, error) {
	// Params are left out: some take none, others want an empty array.
	status, body, err := q.do(ctx, http.MethodPost, path, `{"jsonrpc":"2.0","id":1,"method":"`+method+`"}`)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result json.Value `json:"result"`
		Error  *rpcError  `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || (answer.Error == nil && answer.Result == nil) {
		return nil, fmt.Errorf("%w: HTTP %d", errNotRPC, status)
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result, result); err != nil {
			return answer.Result, fmt.Errorf("%w: %w", errNotRPC, err)
		}
	}
	return answer.Result, nil
}

// rpcHealth asks a server that has no /health: by the methods that older
// services have, and else by the one that every server has.
func (q *session) rpcHealth(ctx context.Context) Layer {
	var err error
	for _, path := range []string{"/rpc", "/"} {
		for _, method := range []string{"rpc.health", "server.health", "rpc.discover"} {
			var result []byte
			result, err = q.call(ctx, path, method, nil)
			refused, isRPC := errors.AsType[*rpcError](err)
			switch {
			case err != nil && !isRPC:
			case method == "rpc.discover":
				return Layer{Word: Healthy, Detail: "it has no health of its own; it answers rpc.discover"}
			case isRPC && refused.protocol():
				continue
			case isRPC:
				return Layer{Word: Unhealthy, Detail: method + ": " + refused.Error()}
			default:
				if l, ok := read(http.StatusOK, result, who{}); ok {
					return l
				}
				return Layer{Word: Healthy, Detail: "it answers " + method}
			}
			break
		}
	}
	if ctx.Err() != nil {
		return Layer{Word: Unhealthy, Detail: "it answers HTTP, but no call in time"}
	}
	return Layer{Word: Degraded, Detail: "it answers HTTP, but has neither health nor JSON-RPC"}
}

// page asks a UI that has no /health for its first page.
func (q *session) page(ctx context.Context) Layer {
	status, _, err := q.do(ctx, http.MethodGet, "/", "")
	switch {
	case err != nil && ctx.Err() != nil:
		return Layer{Word: Unhealthy, Detail: "its page does not come in time"}
	case err != nil:
		return Layer{Word: Unhealthy, Detail: "its page: " + err.Error()}
	case status >= 500:
		return Layer{Word: Unhealthy, Detail: fmt.Sprintf("its page answers HTTP %d", status)}
	}
	return Layer{Word: Healthy, Detail: "it has no health of its own; its page answers"}
}

// who says whose health an answer must be.
type who struct{ service, context, domain string }

// document is a health answer. Older services know the status alone, and some
// answer with a JSON-RPC response.
type document struct {
	Status  json.Value `json:"status"`
	Healthy *bool      `json:"healthy"`
	OK      *bool      `json:"ok"`
	Service json.Value `json:"service"`
	Context json.Value `json:"context"`
	Domain  json.Value `json:"domain"`
	Checks  json.Value `json:"checks"`
	Error   json.Value `json:"error"`
	Result  json.Value `json:"result"`
	JSONRPC string     `json:"jsonrpc"`
}

// read tells a layer's health from an answer to /health. ok is false where the
// answer is none: there is no such path, or it answers everything with 200.
func read(status int, body []byte, as who) (l Layer, ok bool) {
	var d document
	if json.Unmarshal(body, &d) != nil {
		var w string
		if json.Unmarshal(body, &w) != nil {
			w = string(bytes.TrimSpace(body))
		}
		if word, known := wordOf(w); known && status < 400 {
			return Layer{Word: word}, true
		}
		return fromStatus(status)
	}
	if d.JSONRPC != "" || d.Result != nil {
		return d.readResponse(as)
	}
	word, known := d.word()
	if !known {
		return fromStatus(status)
	}
	if status >= 500 && word.rank() < Starting.rank() {
		word = Unhealthy
	}
	l = Layer{Word: word}
	if word != Healthy {
		l.Detail = d.complaint(status)
	}
	if is := (who{text(d.Service), text(d.Context), text(d.Domain)}); as.domain != "" && is != as && is.domain != "" {
		return Layer{Word: Unhealthy, Detail: fmt.Sprintf("it answers as %.64s of %.64s in %.64s", is.domain, is.service, is.context)}, true
	}
	return l, true
}

// fromStatus judges by the HTTP status alone.
func fromStatus(status int) (Layer, bool) {
	if status >= 500 && status != http.StatusNotImplemented {
		return Layer{Word: Unhealthy, Detail: fmt.Sprintf("its health answers HTTP %d", status)}, true
	}
	return Layer{}, false
}

// readResponse reads a health answer that is a JSON-RPC response.
func (d *document) readResponse(as who) (Layer, bool) {
	var e rpcError
	if d.Error != nil && string(d.Error) != "null" && json.Unmarshal(d.Error, &e) == nil {
		if e.protocol() {
			return Layer{}, false // it takes every request for a call
		}
		return Layer{Word: Unhealthy, Detail: e.Error()}, true
	}
	var inner document
	if json.Unmarshal(d.Result, &inner) == nil && (inner.JSONRPC != "" || inner.Result != nil) {
		return Layer{}, false // one within another, and who knows how deep
	}
	return read(http.StatusOK, d.Result, as)
}

// word returns the word that the document stands for.
func (d *document) word() (Word, bool) {
	if w, ok := wordOf(text(d.Status)); ok {
		return w, true
	}
	for _, b := range []*bool{d.Healthy, d.OK} {
		if b != nil && *b {
			return Healthy, true
		}
		if b != nil {
			return Unhealthy, true
		}
	}
	if s := text(d.Status); s != "" {
		return Degraded, true // a word of its own, which is not "ok"
	}
	return Unknown, false
}

// complaint says what is wrong, as the document has it.
func (d *document) complaint(status int) string {
	var checks map[string]struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	if d.Checks != nil && json.Unmarshal(d.Checks, &checks) == nil {
		var bad []string
		for name, c := range checks {
			if w, ok := wordOf(c.Status); !ok || w != Healthy {
				bad = append(bad, strings.TrimSuffix(fmt.Sprintf("%.64s: %.200s", name, c.Message), ": "))
			}
		}
		if len(bad) > 0 {
			return strings.Join(slices.Sorted(slices.Values(bad)), "; ")
		}
	}
	if s := text(d.Status); s != "" {
		return fmt.Sprintf("it says %.64q (HTTP %d)", s, status)
	}
	return fmt.Sprintf("HTTP %d", status)
}

// text returns the text of a JSON string, or "" of any other value.
func text(v json.Value) string {
	var s string
	if v == nil || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// wordOf reads the words for health that are in use.
func wordOf(s string) (Word, bool) {
	switch strings.ToLower(s) {
	case "ok", "healthy", "up", "pass", "passing", "serving", "alive", "running", "ready":
		return Healthy, true
	case "degraded", "warn", "warning":
		return Degraded, true
	case "error", "fail", "failed", "failing", "unhealthy", "down", "not_serving":
		return Unhealthy, true
	case "starting", "initializing", "loading":
		return Starting, true
	}
	return Unknown, false
}

// failed tells why a socket gave no answer.
func (p *prober) failed(ctx context.Context, err error) Layer {
	l := Layer{Word: Unhealthy}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		l.Detail = "nobody listens on its socket: a dead process left it behind"
	case fault.Of(err) == fault.NotFound:
		l.Detail = "its socket is gone"
	case errors.Is(err, syscall.EAGAIN):
		l.Detail = "it does not accept connections: its queue is full"
	case ctx.Err() != nil:
		l.Detail = fmt.Sprintf("it does not answer within %v", p.opts.Timeout)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		l.Detail = "it closes connections without an answer"
	default:
		l.Detail = fmt.Sprintf("%.200s", err.Error())
	}
	return l
}
