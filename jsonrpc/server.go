// Package jsonrpc is JSON-RPC 2.0 over HTTP: a server that is strict about
// what it accepts, and a client that is strict about what it believes.
//
// A Server is an http.Handler; Func makes a method of a typed Go function. One
// pass over the body proves it to be JSON (UTF-8, no member name twice, nothing
// after the value) before any of it is executed, and names are compared
// exactly. The elements of a batch run one after the other, in order: a batch
// is a way to save round trips, not a way to take more than one's share.
package jsonrpc

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// The limits of a Server whose fields are zero.
const (
	DefaultMaxBody  = 4 << 20
	DefaultMaxBatch = 1000
)

// keepBuffer is the size from which a buffer is left to the garbage collector.
const keepBuffer = 256 << 10

// Server answers JSON-RPC calls over HTTP. The zero value with Methods works.
// Its fields must not change while it serves, and it must not be copied.
type Server struct {
	Methods  map[string]Handler
	MaxBody  int64        // bytes of a request's body; 0 is DefaultMaxBody
	MaxBatch int          // requests in a batch; 0 is DefaultMaxBatch
	Log      *slog.Logger // internal errors and panics with their cause; nil discards them

	// Check, where set, is asked before each call, also one whose method does
	// not exist. Its error is answered in place of the call, with the call's id.
	Check func(ctx context.Context, method string) error

	pool sync.Pool // of *scratch
}

// scratch is what one HTTP request needs and the next may use again.
type scratch struct {
	parser
	body, out   bytes.Buffer
	contentType []string
}

// ServeHTTP answers POST requests of one call or one batch. What is wrong with
// the HTTP request is an HTTP status; what is wrong with the call is a
// JSON-RPC error with status 200. Notifications alone answer 204.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	meta, ok := s.admit(w, r)
	if !ok {
		return
	}
	sc, _ := s.pool.Get().(*scratch)
	if sc == nil {
		sc = &scratch{contentType: []string{"application/json"}}
	}
	defer s.release(sc)
	if !s.readBody(w, r, sc) {
		return
	}
	s.answer(WithMeta(r.Context(), meta), sc)
	if sc.out.Len() == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h := w.Header()
	h["Content-Type"] = sc.contentType
	if sc.out.Len() > 2000 { // a shorter one gets its length from net/http
		h.Set("Content-Length", strconv.Itoa(sc.out.Len()))
	}
	_, err := w.Write(sc.out.Bytes())
	_ = err // the caller has gone; nobody is left to be told
}

func (s *Server) release(sc *scratch) {
	if sc.body.Cap() > keepBuffer || sc.out.Cap() > keepBuffer || cap(sc.reqs) > DefaultMaxBatch {
		return
	}
	clear(sc.reqs)
	s.pool.Put(sc)
}

// admit judges everything about the HTTP request but its body.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (Meta, bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "JSON-RPC is called with POST", http.StatusMethodNotAllowed)
		return Meta{}, false
	}
	if !jsonType(r.Header["Content-Type"]) {
		http.Error(w, "the Content-Type must be application/json", http.StatusUnsupportedMediaType)
		return Meta{}, false
	}
	if enc := r.Header["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && !strings.EqualFold(enc[0], "identity") {
		http.Error(w, "the body must not be encoded", http.StatusUnsupportedMediaType)
		return Meta{}, false
	}
	if r.ContentLength > s.maxBody() {
		s.tooLarge(w)
		return Meta{}, false
	}
	meta, twice := metaOf(r.Header)
	if twice != "" {
		http.Error(w, "the header "+twice+" appears twice", http.StatusBadRequest)
		return Meta{}, false
	}
	return meta, true
}

func jsonType(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "application/json" {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}

func (s *Server) maxBody() int64 {
	if s.MaxBody > 0 {
		return s.MaxBody
	}
	return DefaultMaxBody
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close") // the rest of the body is not read
	http.Error(w, fmt.Sprintf("the body is larger than %d bytes", s.maxBody()), http.StatusRequestEntityTooLarge)
}

func (s *Server) readBody(w http.ResponseWriter, r *http.Request, sc *scratch) bool {
	sc.body.Reset()
	sc.out.Reset()
	if n := r.ContentLength; n > 0 && n < keepBuffer { // the header alone buys no more memory
		sc.body.Grow(int(n) + bytes.MinRead)
	}
	body := r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, body, s.maxBody())
	}
	if _, err := sc.body.ReadFrom(body); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			s.tooLarge(w)
		} else {
			http.Error(w, "the body ended early", http.StatusBadRequest)
		}
		return false
	}
	return true
}

// answer executes the body and leaves the response in sc.out; none is empty.
func (s *Server) answer(ctx context.Context, sc *scratch) {
	maxBatch := s.MaxBatch
	if maxBatch <= 0 {
		maxBatch = DefaultMaxBatch
	}
	out := &sc.out
	batch, e := sc.parse(sc.body.Bytes(), maxBatch)
	switch {
	case e != nil:
		writeError(out, nil, e)
	case !batch:
		s.one(ctx, &sc.reqs[0], out)
	default:
		out.WriteByte('[')
		for i := range sc.reqs {
			mark := out.Len()
			if mark > 1 {
				out.WriteByte(',')
			}
			before := out.Len()
			if s.one(ctx, &sc.reqs[i], out); out.Len() == before {
				out.Truncate(mark)
			}
		}
		if out.Len() == 1 {
			out.Reset()
			return
		}
		out.WriteByte(']')
	}
}

// one executes one request and appends its response, if it gets one.
func (s *Server) one(ctx context.Context, r *request, out *bytes.Buffer) {
	if r.bad != "" {
		writeError(out, r.id, &Error{Code: CodeInvalidRequest, Message: "invalid request: " + r.bad})
		return
	}
	mark := out.Len()
	out.WriteString(`{"jsonrpc":"2.0","id":`)
	out.Write(r.id)
	out.WriteString(`,"result":`)
	err := s.call(ctx, r, out)
	switch {
	case r.notify:
		out.Truncate(mark)
	case err != nil:
		out.Truncate(mark)
		writeError(out, r.id, err)
	default:
		out.WriteByte('}')
	}
}

// call runs the method and appends its result to out.
func (s *Server) call(ctx context.Context, r *request, out *bytes.Buffer) (e *Error) {
	defer func() {
		if cause := recover(); cause != nil {
			if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(cause)
			}
			e = s.internal(ctx, r, "method panicked", slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
		}
	}()
	if err := ctx.Err(); err != nil {
		e, _ := toError(err)
		return e
	}
	if s.Check != nil {
		if err := s.Check(ctx, string(r.method)); err != nil {
			return s.failed(ctx, r, err)
		}
	}
	method, ok := s.Methods[string(r.method)]
	if !ok {
		return &Error{Code: CodeMethodNotFound, Message: "no such method: " + clip(r.method)}
	}
	result, err := method(ctx, r.params)
	if err != nil {
		return s.failed(ctx, r, err)
	}
	if err := json.MarshalWrite(out, result); err != nil {
		return s.internal(ctx, r, "result does not marshal", slog.Any("error", err))
	}
	return nil
}

func (s *Server) failed(ctx context.Context, r *request, err error) *Error {
	e, internal := toError(err)
	if !internal {
		return e
	}
	return s.internal(ctx, r, "method failed", slog.Any("error", err))
}

// internal logs a cause that the caller must not see, and returns what the
// caller sees: where in the log to look.
func (s *Server) internal(ctx context.Context, r *request, what string, cause ...slog.Attr) *Error {
	id := MetaFrom(ctx).RequestID
	if id == "" {
		id = rand.Text()
	}
	if s.Log != nil {
		attrs := append([]slog.Attr{slog.String("method", clip(r.method)), slog.String("request_id", id)}, cause...)
		s.Log.LogAttrs(ctx, slog.LevelError, what, attrs...)
	}
	return &Error{Code: fault.Internal.RPC(), Message: "internal error", Data: object("request_id", id)}
}

// clip returns the name of a method, short enough to be repeated.
func clip(method []byte) string {
	const most = 128
	if len(method) > most {
		return strings.ToValidUTF8(string(method[:most]), "") + "…"
	}
	return string(method)
}

func writeError(out *bytes.Buffer, id json.Value, e *Error) {
	out.WriteString(`{"jsonrpc":"2.0","id":`)
	if id == nil {
		out.WriteString("null")
	} else {
		out.Write(id)
	}
	out.WriteString(`,"error":{"code":`)
	out.WriteString(strconv.Itoa(e.Code))
	out.WriteString(`,"message":`)
	out.Write(appendString(out.AvailableBuffer(), e.Message))
	if len(e.Data) > 0 && e.Data.IsValid() {
		out.WriteString(`,"data":`)
		out.Write(e.Data)
	}
	out.WriteString("}}")
}
