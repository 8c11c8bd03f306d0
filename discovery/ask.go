package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

const (
	// maxBusy questions are under way at the same time, not counting those
	// that take longer than patience; maxAsking counts all.
	maxBusy   = 64
	maxAsking = 1024
	patience  = 50 * time.Millisecond
	// maxDocument is how much of an OpenRPC document is read: enough to tell
	// that it is one, for its version stands in its first member as a rule.
	maxDocument = 4 << 20
)

// asker asks sockets what they are.
type asker struct {
	places  layout.Places
	timeout time.Duration
	busy    chan struct{}
	asking  chan struct{}
}

func newAsker(opts Options) *asker {
	return &asker{
		places: opts.Places, timeout: opts.timeout(),
		busy: make(chan struct{}, maxBusy), asking: make(chan struct{}, maxAsking),
	}
}

// ask returns what the socket says, in at most the timeout once it is its
// turn. A socket that hangs gives its turn to the next one after patience. ok
// is false where ctx ended.
func (a *asker) ask(ctx context.Context, w want) (e evidence, ok bool) {
	for _, turn := range []chan struct{}{a.asking, a.busy} {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			if turn == a.busy {
				<-a.asking
			}
			return evidence{}, false
		}
	}
	defer func() { <-a.asking }()
	var gave atomic.Bool
	give := func() {
		if gave.CompareAndSwap(false, true) {
			<-a.busy
		}
	}
	defer give()
	defer time.AfterFunc(patience, give).Stop()

	limited, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	e = a.interview(limited, w)
	e.id = w.id
	return e, ctx.Err() == nil
}

// interview asks one socket all that is to be asked.
func (a *asker) interview(ctx context.Context, w want) evidence {
	path, err := a.places.Socket(w.rel)
	if err != nil {
		return evidence{fault: err.Error()}
	}
	conn, err := unixsock.Dial(ctx, path)
	if err != nil {
		return a.refused(err)
	}
	var e evidence
	if cred, err := unixsock.PeerCred(conn); err == nil {
		e.pid = cred.PID
	}
	if w.pidOnly {
		conn.Close()
		return e
	}
	t := &interviewer{path: path}
	t.first.Store(conn)
	t.http.DialContext = t.dial
	t.http.DisableCompression = true
	t.http.MaxResponseHeaderBytes = 64 << 10
	t.http.IdleConnTimeout = time.Second // of one whose question was given up meanwhile
	defer t.close()
	t.evidence = e
	err = t.identify(ctx)
	if errors.Is(err, io.EOF) && ctx.Err() == nil {
		err = t.identify(ctx) // perhaps it was about to end
	}
	if err != nil {
		t.evidence = a.failed(ctx, t.evidence, err)
	}
	return t.evidence
}

// refused tells the state of a socket that cannot be connected to.
func (a *asker) refused(err error) evidence {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return evidence{state: Stale, fault: "nobody listens on its socket: what a dead process left behind"}
	case errors.Is(err, syscall.EAGAIN), fault.Of(err) == fault.Canceled:
		return evidence{state: Hang, fault: "its socket's queue is full: it does not accept connections"}
	}
	return evidence{fault: reasonOf(err)}
}

// failed tells the state of a socket that took a connection and gave no
// answer to the question.
func (a *asker) failed(ctx context.Context, e evidence, err error) evidence {
	switch {
	case ctx.Err() != nil:
		e.state, e.fault = Hang, fmt.Sprintf("it accepts connections and does not answer within %v", a.timeout)
	case errors.Is(err, syscall.ECONNREFUSED), fault.Of(err) == fault.NotFound:
		return a.refused(err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrUnexpectedEOF):
		e.state, e.fault = Hang, "it breaks connections off before it has answered"
	default:
		// Something else came back, or, twice, it read the question and hung
		// up, as Redis does.
		e.state = NonRPC
	}
	return e
}

// interviewer asks one socket, over as few connections as it lets one.
type interviewer struct {
	path     string
	first    atomic.Pointer[net.UnixConn] // the connection that is open already, until it is used
	http     http.Transport
	evidence evidence
}

func (t *interviewer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if c := t.first.Swap(nil); c != nil {
		return c, nil
	}
	c, err := unixsock.Dial(ctx, t.path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (t *interviewer) close() {
	t.http.CloseIdleConnections()
	if c := t.first.Swap(nil); c != nil {
		c.Close()
	}
}

// identify asks for the manifest, and where that is none, for an OpenRPC
// document. An error means that the first question had no answer in HTTP.
func (t *interviewer) identify(ctx context.Context) error {
	status, body, err := t.get(ctx, manifest.Path, manifest.MaxSize)
	if err != nil {
		return err
	}
	t.evidence.state = Live
	if status == http.StatusOK {
		t.readManifest(body)
		if t.evidence.manifest != nil {
			return nil
		}
	}
	t.evidence.openrpc = t.hasDocument(ctx)
	if !t.evidence.openrpc && t.evidence.fault == "" {
		t.evidence.fault = "it answers HTTP, and has neither a manifest nor an OpenRPC document"
	}
	return nil
}

// readManifest takes an answer of 200, which a server may give to everything.
func (t *interviewer) readManifest(body []byte) {
	if len(body) > manifest.MaxSize {
		t.evidence.fault = fmt.Sprintf("its manifest has more than %d bytes and was not read on", manifest.MaxSize)
		return
	}
	m, err := manifest.Parse(body)
	switch {
	case err != nil && looksHTML(body):
		return // a page for every path
	case err != nil:
		t.evidence.fault = shorten("its " + err.Error())
	case m.Name == "" && m.Protocol == "" && m.Sockets == nil:
		return // some other document: an error, say
	default:
		t.evidence.manifest = m
	}
}

func looksHTML(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// shorten keeps a message that quotes what a stranger sent within bounds, and
// makes it text.
func shorten(s string) string {
	const most = 300
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.ToValidUTF8(s[:most], "\ufffd") + "…"
}

// hasDocument reports whether the socket has an OpenRPC document, at its path
// or by its method.
func (t *interviewer) hasDocument(ctx context.Context) bool {
	status, body, err := t.get(ctx, "/openrpc.json", maxDocument)
	if err == nil && status == http.StatusOK && isDocument(body) {
		return true
	}
	const call = `{"jsonrpc":"2.0","id":1,"method":"rpc.discover","params":[]}`
	for _, path := range []string{"/rpc", "/"} {
		status, body, err = t.do(ctx, http.MethodPost, path, call, maxDocument)
		if err != nil || status != http.StatusOK {
			continue
		}
		var answer struct {
			Result json.Value `json:"result"`
		}
		if json.Unmarshal(body, &answer) == nil && isDocument(answer.Result) {
			return true
		}
	}
	return false
}

// isDocument reports whether data is an OpenRPC document, or a JSON string
// that holds one.
func isDocument(data []byte) bool {
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	var doc struct {
		OpenRPC string `json:"openrpc"`
	}
	return json.Unmarshal(data, &doc) == nil && doc.OpenRPC != ""
}

func (t *interviewer) get(ctx context.Context, path string, most int) (int, []byte, error) {
	return t.do(ctx, http.MethodGet, path, "", most)
}

// do returns the status and the body, of which it reads one byte more than
// most.
func (t *interviewer) do(ctx context.Context, method, path, body string, most int) (int, []byte, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://hero"+path, content)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("User-Agent", "hero-discovery")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := t.http.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	return resp.StatusCode, data, err
}
