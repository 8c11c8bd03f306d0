package procd

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/sse"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// EventParams say which events to tell.
type EventParams struct {
	Since int64   `json:"since,omitzero" doc:"Only events after the one of this id; 0 is from the first that is kept, -1 only what comes from now on."`
	Name  string  `json:"name,omitzero" doc:"Only events of this service; all where empty."`
	Limit int     `json:"limit,omitzero" doc:"How many at most; 500 where empty, at most 1000."`
	Wait  float64 `json:"wait,omitzero" doc:"Seconds to wait for an event where there is none yet, at most 60."`
}

// EventPage is a number of events, and where the next page begins.
type EventPage struct {
	Events []supervisor.Transition `json:"events"`
	Next   int64                   `json:"next" doc:"The since of the next call."`
}

func (a *API) listEvents(ctx context.Context, p EventParams) (EventPage, error) {
	if p.Limit <= 0 {
		p.Limit = 500
	}
	p.Limit = min(p.Limit, 1000)
	page := EventPage{Events: []supervisor.Transition{}, Next: p.Since}
	last := a.Supervisor.LastEvent()
	if p.Since < 0 || p.Since > last {
		page.Next = last
	}
	if p.Since == last && p.Wait <= 0 || p.Since < 0 && p.Wait <= 0 {
		return page, nil
	}
	ctx, end := a.waiting(ctx)
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.Wait > 0 {
		// Those that there are come at once, however short the time is.
		defer time.AfterFunc(seconds(p.Wait), cancel).Stop()
	}
	for t, err := range a.Supervisor.Events(ctx, p.Since) {
		if err != nil {
			return page, err
		}
		page.Next = t.ID
		if ofService(t, p.Name) {
			page.Events = append(page.Events, t)
		}
		if len(page.Events) == p.Limit || t.ID >= last && (p.Wait <= 0 || len(page.Events) > 0) {
			break
		}
	}
	return page, nil
}

// ofService reports whether an event is one of a service, or of a registration.
func ofService(t supervisor.Transition, name string) bool {
	return name == "" || t.Unit == name || unit.Unit{Name: t.Unit}.Logical() == name
}

// pulse is how often a stream shows that it lives.
const pulse = 15 * time.Second

// eventStream serves events as they come: GET /stream?name=…
func (a *API) eventStream() http.Handler {
	return sse.Handler(func(ctx context.Context, q url.Values, last string) (iter.Seq[sse.Event], error) {
		since := int64(-1)
		if last != "" {
			n, err := strconv.ParseInt(last, 10, 64)
			if err != nil || n < 0 {
				return nil, fault.Errorf(fault.Invalid, "Last-Event-ID: %q is no event's id", last)
			}
			since = n
		}
		name := q.Get("name")
		return stream(ctx, func(ctx context.Context, send func(sse.Event) bool) {
			ctx, end := a.waiting(ctx)
			defer end()
			for t, err := range a.Supervisor.Events(ctx, since) {
				if err != nil || ofService(t, name) && !send(sse.Event{ID: strconv.FormatInt(t.ID, 10), Name: kind(t), Data: t}) {
					return // the reader comes again, and is told
				}
			}
		}), nil
	})
}

// kind is what an event's stream calls it.
func kind(t supervisor.Transition) string {
	if t.Layer != "" {
		return "health"
	}
	return "transition"
}

// stream makes a sequence of what produce sends, with signs of life between.
func stream(ctx context.Context, produce func(ctx context.Context, send func(sse.Event) bool)) iter.Seq[sse.Event] {
	return func(yield func(sse.Event) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		events := make(chan sse.Event)
		wg.Go(func() {
			defer close(events)
			produce(ctx, func(e sse.Event) bool {
				select {
				case events <- e:
					return true
				case <-ctx.Done():
					return false
				}
			})
		})
		tick := time.NewTicker(pulse)
		defer tick.Stop()
		for {
			var e sse.Event
			select {
			case next, more := <-events:
				if !more {
					return
				}
				e = next
			case <-tick.C:
			}
			if !yield(e) {
				return
			}
		}
	}
}
