package inspect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// faultFresh is how long a failure is believed: long enough that a page with
// many places of one hanging service does not wait for each in turn.
const faultFresh = 2 * time.Second

// key names a document: a socket file, and which one it was.
type key struct {
	rel string
	id  unixsock.ID
}

// entry is a document, or why there is none, or that it is on its way.
type entry struct {
	done  chan struct{} // closed when the rest is set
	doc   *openrpc.Document
	err   error
	at    time.Time // when it was read
	used  time.Time // guarded by cache.mu
	size  int
	retry bool // the asker gave up: whoever waited asks again. Kept for order
}

// cache keeps documents by socket, the last used of them.
type cache struct {
	most int

	mu      sync.Mutex // guards what follows
	size    int
	entries map[key]*entry
}

// Document returns the OpenRPC document of a place: GET /openrpc.json, else
// rpc.discover. It is shared and must not be changed.
func (in *Inspector) Document(ctx context.Context, p Place) (*openrpc.Document, error) {
	if err := asked(p.Socket); err != nil {
		return nil, err
	}
	k := key{p.Socket.Rel, p.Socket.ID}
	for {
		e, mine := in.cache.claim(k, in.opts.Fresh)
		if mine {
			e.doc, e.size, e.err = in.fetch(ctx, p)
			e.retry = ctx.Err() != nil
			in.cache.settle(k, e)
			return e.doc, e.err
		}
		select {
		case <-e.done:
			if !e.retry {
				return e.doc, e.err
			}
		case <-ctx.Done():
			return nil, fault.Errorf(fault.Canceled, "document of %s: %w", p.Socket.Rel, ctx.Err())
		}
	}
}

// asked refuses sockets of which discovery knows that asking is in vain.
func asked(s *discovery.Socket) error {
	switch {
	case s == nil:
		return fault.Errorf(fault.NotFound, "there is no socket")
	case s.State == discovery.NonRPC:
		return fault.Errorf(fault.Unsupported, "%s does not speak HTTP", s.Rel)
	case s.State == discovery.Stale:
		return fault.Errorf(fault.Unavailable, "nobody listens on %s: the service has died", s.Rel)
	}
	return nil
}

// claim returns the entry of k; mine says that the caller has to fill it.
func (c *cache) claim(k key, fresh time.Duration) (e *entry, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if e := c.entries[k]; e != nil {
		select {
		case <-e.done:
			if e.err != nil {
				fresh = min(fresh, faultFresh)
			}
			if !e.retry && now.Sub(e.at) < fresh {
				e.used = now
				return e, false
			}
			c.size -= e.size
		default:
			return e, false
		}
	}
	e = &entry{done: make(chan struct{}), used: now}
	c.entries[k] = e
	return e, true
}

// settle publishes a filled entry and lets go of the longest unused ones.
func (c *cache) settle(k key, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.at = time.Now()
	e.used = e.at
	e.size += 256 // of the entry itself
	close(e.done)
	c.size += e.size
	for c.size > c.most && len(c.entries) > 1 {
		var oldest key
		var at time.Time
		for k, o := range c.entries {
			if o != e && !o.at.IsZero() && (at.IsZero() || o.used.Before(at)) {
				oldest, at = k, o.used
			}
		}
		if at.IsZero() {
			return
		}
		c.size -= c.entries[oldest].size
		delete(c.entries, oldest)
	}
}

// fetch asks a socket for its document, by both of the ways.
func (in *Inspector) fetch(ctx context.Context, p Place) (*openrpc.Document, int, error) {
	path, err := in.opts.Places.Socket(p.Socket.Rel)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, in.opts.Timeout)
	defer cancel()
	transport := unixsock.Transport(path)
	defer transport.CloseIdleConnections()
	doc, size, getErr := get(ctx, transport)
	if getErr == nil {
		return doc, size, nil
	}
	if ctx.Err() != nil || errors.Is(getErr, errConnect) {
		return nil, 0, fault.Errorf(fault.Of(getErr), "document of %s: %w", p.Socket.Rel, getErr)
	}
	var raw json.Value
	if err := post(withPlace(ctx, p), transport, openrpc.MaxSize, "rpc.discover", nil, &raw); err != nil {
		return nil, 0, fault.Errorf(fault.Of(err), "document of %s: neither /openrpc.json (%w) nor rpc.discover (%w)", p.Socket.Rel, getErr, err)
	}
	if doc, err = parse(raw); err != nil {
		return nil, 0, fault.Errorf(fault.Invalid, "document of %s: rpc.discover: %w", p.Socket.Rel, err)
	}
	return doc, len(raw), nil
}

// errConnect marks that there was no answer at all.
var errConnect = errors.New("no answer")

// get reads GET /openrpc.json.
func get(ctx context.Context, transport http.RoundTripper) (*openrpc.Document, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hero/openrpc.json", nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, 0, fault.Errorf(lateOr(ctx, fault.Unavailable), "%w: %w", errConnect, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, 0, fault.Errorf(fault.NotFound, "HTTP %d", res.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, openrpc.MaxSize+1))
	if err != nil {
		return nil, 0, fault.Errorf(lateOr(ctx, fault.Unavailable), "read: %w", err)
	}
	doc, err := parse(data)
	return doc, len(data), err
}

// lateOr returns fault.Canceled where the time of ctx is over, else kind.
func lateOr(ctx context.Context, kind fault.Kind) fault.Kind {
	if ctx.Err() != nil {
		return fault.Canceled
	}
	return kind
}

// parse reads a document and refuses JSON that is none, such as the JSON-RPC
// error with which some servers answer to every path.
func parse(data []byte) (*openrpc.Document, error) {
	doc, err := openrpc.Parse(data)
	if err != nil {
		return nil, err
	}
	if doc.OpenRPC == "" && len(doc.Methods) == 0 {
		return nil, fault.Errorf(fault.Invalid, "it is no OpenRPC document")
	}
	return doc, nil
}

// Documents reads the documents of many places, a bounded number at the same
// time, and those last that failed before. Both answers are in the order of
// places.
func (in *Inspector) Documents(ctx context.Context, places []Place) ([]*openrpc.Document, []error) {
	docs, errs := make([]*openrpc.Document, len(places)), make([]error, len(places))
	var wg sync.WaitGroup
	slots := make(chan struct{}, in.opts.Asking)
	for _, i := range in.cache.order(places) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			docs[i], errs[i] = in.Document(ctx, places[i])
		})
	}
	wg.Wait()
	return docs, errs
}

// order returns the indexes of places, those at the end whose document could
// not be had when it was asked for last.
func (c *cache) order(places []Place) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first, last []int
	for i, p := range places {
		var e *entry
		if p.Socket != nil {
			e = c.entries[key{p.Socket.Rel, p.Socket.ID}]
		}
		if e != nil && !e.at.IsZero() && e.err != nil {
			last = append(last, i)
		} else {
			first = append(first, i)
		}
	}
	return append(first, last...)
}

// withPlace returns ctx with the context (tenant) that a call of p runs in.
func withPlace(ctx context.Context, p Place) context.Context {
	m := jsonrpc.MetaFrom(ctx)
	if p.Context != "" {
		m.Context = p.Context
	}
	return jsonrpc.WithMeta(ctx, m)
}

// post calls a method at /rpc, and at / where the server has no /rpc.
func post(ctx context.Context, transport http.RoundTripper, most int64, method string, params, result any) error {
	err := jsonrpc.NewClient(jsonrpc.ClientOptions{Transport: transport, MaxBody: most}).Call(ctx, method, params, result)
	if err == nil {
		return nil
	}
	if _, answered := errors.AsType[*jsonrpc.Error](err); answered {
		return err
	}
	// Only HTTP 404, 405, 415 and 501 are these kinds: nothing ran.
	if kind := fault.Of(err); kind != fault.NotFound && kind != fault.Unsupported {
		return err
	}
	second := jsonrpc.NewClient(jsonrpc.ClientOptions{URL: "http://hero/", Transport: transport, MaxBody: most}).Call(ctx, method, params, result)
	if second == nil {
		return nil
	}
	if _, answered := errors.AsType[*jsonrpc.Error](second); answered {
		return second
	}
	return err
}
