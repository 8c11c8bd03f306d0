package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// server answers HTTP on one socket.
type server struct {
	http     *http.Server
	listener *unixsock.Listener
	log      *slog.Logger
	cancel   context.CancelFunc // ends what requests do
	serving  sync.WaitGroup
	idle     *unixsock.IdleListener // nil: the socket is the process's own
	leaving  atomic.Bool            // each answer asks for a new connection
	conns    atomic.Int64           // open now
}

// serve answers on l with h until stop. Requests have the values of ctx.
func serve(ctx context.Context, l *unixsock.Listener, h http.Handler, log *slog.Logger) *server {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{
		cancel: cancel,
		http: &http.Server{
			BaseContext:       func(net.Listener) context.Context { return ctx },
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		listener: l, log: log,
	}
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
	s.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if s.idle == nil {
			return ctx
		}
		idle := s.idle
		return context.WithValue(ctx, overlookKey{}, func() { idle.Overlook(c) })
	}
	s.http.ConnState = func(c net.Conn, state http.ConnState) {
		if s.idle != nil {
			s.idle.ConnState(c, state)
		}
		switch state {
		case http.StateNew:
			s.conns.Add(1)
		case http.StateHijacked, http.StateClosed:
			s.conns.Add(-1)
		}
	}
	s.accept()
	return s
}

func (s *server) accept() {
	var l net.Listener = s.listener
	if s.listener.Kept() {
		s.idle = unixsock.NewIdleListener(s.listener)
		l = s.idle
	}
	s.serving.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("socket stopped accepting", "socket", l.Addr(), "error", err)
		}
	})
}

// reclaim opens the socket again where it was replaced.
func (s *server) reclaim() error {
	if s.listener.Stands() {
		return nil
	}
	l, err := unixsock.Listen(s.listener.Path())
	if err != nil {
		return err
	}
	s.listener = l
	s.accept()
	return nil
}

// Socket returns where it accepts.
func (s *server) Socket() *unixsock.Listener { return s.listener }

// streamGrace is how long a UI's requests go on when it ends, before their
// contexts do: a stream that waits for news would otherwise never end.
const streamGrace = time.Second

// stop takes the socket away, lets the requests in flight end for as long as
// grace, and cuts off those that have not. Their contexts end after patience.
func (s *server) stop(grace, patience time.Duration) error {
	s.listener.Remove()
	defer s.cancel()
	hurry := time.AfterFunc(patience, s.cancel)
	defer hurry.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if s.idle != nil {
		// Whoever comes now waits for the next process that has the socket.
		s.idle.Quit()
		s.serving.Wait()
		s.idle.Drain(ctx)
	}
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s: requests were still running after %v and were cut off", s.listener.Path(), grace)
		s.http.Close()
	}
	s.serving.Wait()
	return err
}

// servers are those of this process: of the service, of each domain, and of a
// UI that is in it.
func (r *running) servers() []*server {
	out := []*server{r.serving}
	for _, t := range r.tenancies() {
		for _, e := range t.domains {
			out = append(out, e.server)
		}
	}
	if i, ok := r.ui.(inline); ok {
		out = append(out, i.server)
	}
	return out
}

// get answers GET and HEAD with a document.
func get(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := w.Write(body)
	_ = err // the caller has gone; nobody is left to be told
}

// getValue is get for a value that is made for this answer.
func getValue(w http.ResponseWriter, r *http.Request, status int, value any) {
	body, err := json.Marshal(value, json.Deterministic())
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	get(w, r, status, body)
}

// getDocument answers with an OpenRPC document, the older version for those
// who ask for it.
func getDocument(w http.ResponseWriter, r *http.Request, d *document) {
	text := d.text
	if r.URL.Query().Get("version") == "1.3.2" {
		text = d.older
	}
	get(w, r, http.StatusOK, text)
}
