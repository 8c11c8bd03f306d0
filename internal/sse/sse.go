// Package sse sends server-sent events, as the HTML standard has them.
package sse

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Event is one server-sent event. The zero Event is a sign of life that
// readers pass over.
type Event struct {
	ID   string // where a reader resumes, as Last-Event-ID; without newlines
	Name string // "" is "message"
	Data any    // sent as JSON
}

// Handler answers GET with events. open is given the query and the id of the last event that the caller has
// seen ("" for one that begins), from the header Last-Event-ID or the query's
// last_event_id. Its error is told to the caller; the events end with the
// request.
func Handler(open func(ctx context.Context, q url.Values, last string) (iter.Seq[Event], error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
			return
		}
		q := r.URL.Query()
		last := r.Header.Get("Last-Event-ID")
		if last == "" {
			last = q.Get("last_event_id")
		}
		events, err := open(r.Context(), q, last)
		if err != nil {
			http.Error(w, err.Error(), fault.Of(err).HTTP())
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no")
		flusher := http.NewResponseController(w)
		// Readers come back after a second where the stream was cut.
		if _, err := fmt.Fprintf(w, "retry: %d\n\n", time.Second.Milliseconds()); err != nil || flusher.Flush() != nil {
			return
		}
		for e := range events {
			if e.write(w) != nil || flusher.Flush() != nil {
				return // the reader has gone
			}
		}
	})
}

func (e Event) write(w http.ResponseWriter) error {
	if e.Data == nil {
		_, err := fmt.Fprint(w, ":\n\n")
		return err
	}
	data, err := json.Marshal(e.Data, json.Deterministic())
	if err != nil {
		return err
	}
	name := e.Name
	if name == "" {
		name = "message"
	}
	_, err = fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, name, data)
	return err
}
