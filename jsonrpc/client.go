package jsonrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// ClientOptions says where a Client calls. The zero value posts to
// http://hero/rpc through http.DefaultTransport.
type ClientOptions struct {
	URL       string            // where to post; "" is http://hero/rpc
	Transport http.RoundTripper // how to get there, such as unixsock.Transport(path)
	MaxBody   int64             // bytes of a response; 0 is 64 MiB
}

// Client calls the methods of a server. It is safe for concurrent use. Each
// call carries the Meta of its context in the request's headers.
type Client struct {
	url       string
	transport http.RoundTripper
	maxBody   int64
	last      atomic.Uint64
}

// NewClient returns a Client. It opens nothing until the first call.
func NewClient(opts ClientOptions) *Client {
	c := &Client{url: opts.URL, transport: opts.Transport, maxBody: opts.MaxBody}
	if c.url == "" {
		c.url = "http://hero/rpc"
	}
	if c.transport == nil {
		c.transport = http.DefaultTransport
	}
	if c.maxBody <= 0 {
		c.maxBody = 64 << 20
	}
	return c
}

// Call calls method and decodes its result into result, which may be nil.
// params is nil or marshals to an object or an array. The error is an *Error
// where the server answered with one; fault.Of names its kind in any case.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	id := c.nextID()
	body, err := appendRequest(nil, method, params, id)
	if err != nil {
		return err
	}
	answer, err := c.post(ctx, method, body)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(answer.body)) == 0 {
		return answer.unexpected(method, "no answer")
	}
	r, err := parseResponse(answer.body)
	if err != nil {
		return answer.unexpected(method, err.Error())
	}
	if answer.status != http.StatusOK && r.err == nil {
		return answer.unexpected(method, "a result")
	}
	if string(r.id) != id && (r.err == nil || string(r.id) != "null") {
		return answer.unexpected(method, "the answer to another call")
	}
	return r.into(method, result)
}

// Notify calls method without waiting for it to have an effect: the server
// answers that the request arrived.
func (c *Client) Notify(ctx context.Context, method string, params any) error {
	body, err := appendRequest(nil, method, params, "")
	if err != nil {
		return err
	}
	answer, err := c.post(ctx, method, body)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(answer.body)) > 0 {
		if r, err := parseResponse(answer.body); err == nil && r.err != nil {
			return r.err
		}
	}
	if answer.status < 200 || answer.status > 299 {
		return answer.unexpected(method, "no acceptance")
	}
	return nil
}

// BatchCall is one call of a batch.
type BatchCall struct {
	Method string
	Params any
	Result any   // decoded into, where not nil
	Notify bool  // no answer is wanted
	Err    error // set by Batch: how this call went
}

// Batch sends the calls in one request and sets the Err of each. Its own error
// says that the batch as a whole got no answer; it is then each call's too.
func (c *Client) Batch(ctx context.Context, calls []*BatchCall) error {
	if len(calls) == 0 {
		return nil
	}
	err := c.batch(ctx, calls)
	if err != nil {
		for _, call := range calls {
			call.Err = err
		}
	}
	return err
}

func (c *Client) batch(ctx context.Context, calls []*BatchCall) error {
	const name = "batch"
	waiting := make(map[string]*BatchCall, len(calls))
	body := []byte{'['}
	for i, call := range calls {
		if i > 0 {
			body = append(body, ',')
		}
		id := ""
		if call.Err = nil; !call.Notify {
			id = c.nextID()
			waiting[id] = call
		}
		var err error
		if body, err = appendRequest(body, call.Method, call.Params, id); err != nil {
			return err
		}
	}
	answer, err := c.post(ctx, name, append(body, ']'))
	if err != nil {
		return err
	}
	text := bytes.TrimSpace(answer.body)
	if len(waiting) == 0 && len(text) == 0 && answer.status < 300 {
		return nil
	}
	if len(text) == 0 || text[0] != '[' {
		if r, err := parseResponse(text); err == nil && r.err != nil {
			return r.err
		}
		return answer.unexpected(name, "not a batch")
	}
	var elements []json.Value
	if err := json.Unmarshal(text, &elements); err != nil {
		return answer.unexpected(name, err.Error())
	}
	for _, element := range elements {
		r, err := parseResponse(element)
		if err != nil {
			return answer.unexpected(name, err.Error())
		}
		call := waiting[string(r.id)]
		if call == nil {
			return answer.unexpected(name, "an answer that no call waits for")
		}
		delete(waiting, string(r.id))
		call.Err = r.into(call.Method, call.Result)
	}
	for _, call := range waiting {
		call.Err = answer.unexpected(call.Method, "no answer to this call of the batch")
	}
	return nil
}

func (c *Client) nextID() string { return strconv.FormatUint(c.last.Add(1), 10) }

// appendRequest appends one request; one without an id is a notification.
func appendRequest(dst []byte, method string, params any, id string) ([]byte, error) {
	dst = append(dst, `{"jsonrpc":"2.0","method":`...)
	dst = appendString(dst, method)
	if params != nil {
		text, err := json.Marshal(params)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "params of %s: %w", method, err)
		}
		switch {
		case len(text) > 0 && (text[0] == '{' || text[0] == '['):
			dst = append(append(dst, `,"params":`...), text...)
		case string(text) == "null": // a nil map or pointer is no params
		default:
			return nil, fault.Errorf(fault.Invalid, "params of %s: want an object or an array, got %s", method, kindName(text[0]))
		}
	}
	if id != "" {
		dst = append(append(dst, `,"id":`...), id...)
	}
	return append(dst, '}'), nil
}

// answer is one HTTP response.
type answer struct {
	status int
	body   []byte
}

func (c *Client) post(ctx context.Context, method string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fault.Errorf(fault.Invalid, "call %s: %w", method, err)
	}
	req.Header["Content-Type"] = []string{"application/json"}
	req.Header["Accept"] = []string{"application/json"}
	MetaFrom(ctx).setOn(req.Header)
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, unreachable(ctx, method, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, c.maxBody+1))
	if err != nil {
		return answer{}, unreachable(ctx, method, err)
	}
	if int64(len(text)) > c.maxBody {
		return answer{}, fault.Errorf(fault.TooLarge, "call %s: the answer is larger than %d bytes", method, c.maxBody)
	}
	return answer{res.StatusCode, text}, nil
}

func unreachable(ctx context.Context, method string, err error) error {
	kind := fault.Unavailable
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = fault.Canceled
	}
	return fault.Errorf(kind, "call %s: %w", method, err)
}

// unexpected describes an answer that is not a JSON-RPC response to the call.
func (a answer) unexpected(method, what string) error {
	if a.status == http.StatusOK || a.status == http.StatusNoContent {
		return fault.Errorf(fault.Internal, "call %s: not a JSON-RPC answer: %s", method, what)
	}
	kind := fault.Internal
	switch a.status {
	case http.StatusUnauthorized:
		kind = fault.Unauthenticated
	case http.StatusForbidden:
		kind = fault.Denied
	case http.StatusNotFound:
		kind = fault.NotFound
	case http.StatusRequestEntityTooLarge:
		kind = fault.TooLarge
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		kind = fault.Unsupported
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		kind = fault.Unavailable
	case http.StatusBadRequest:
		kind = fault.Invalid
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(a.body)), "\n")
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "…"
	}
	return fault.Errorf(kind, "call %s: HTTP %d: %s", method, a.status, line)
}

// response is one JSON-RPC response: a result or an error.
type response struct {
	id     json.Value
	result json.Value
	err    *Error
}

func (r response) into(method string, result any) error {
	switch {
	case r.err != nil:
		return r.err
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(r.result, result); err != nil {
		return fault.Errorf(fault.Internal, "result of %s: %w", method, err)
	}
	return nil
}

// parseResponse reads a response. Members that it does not know are left
// aside, and so is the null beside the other of result and error, which some
// servers send.
func parseResponse(body []byte) (response, error) {
	var m struct {
		Version string     `json:"jsonrpc"`
		ID      json.Value `json:"id"`
		Result  json.Value `json:"result"`
		Error   json.Value `json:"error"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return response{}, err
	}
	hasError := m.Error != nil && string(m.Error) != "null"
	switch {
	case m.Version != "2.0":
		return response{}, errors.New(`jsonrpc is not "2.0"`)
	case m.ID == nil:
		return response{}, errors.New("no id")
	case !hasError && m.Result == nil:
		return response{}, errors.New("neither a result nor an error")
	case hasError && m.Result != nil && string(m.Result) != "null":
		return response{}, errors.New("both a result and an error")
	case !hasError:
		return response{id: m.ID, result: m.Result}, nil
	}
	e := new(Error)
	if err := json.Unmarshal(m.Error, e); err != nil {
		return response{}, fmt.Errorf("error object: %w", err)
	}
	return response{id: m.ID, err: e}, nil
}
