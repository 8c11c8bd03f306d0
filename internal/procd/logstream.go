package procd

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/sse"
)

// mark is a place in a registration's log: behind so many lines of one time.
type mark struct {
	at   time.Time
	seen int
}

// marks are places in several logs. As an event's id they read
// "unit=nanoseconds/seen,…".
type marks map[string]mark

func (m marks) String() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s=%d/%d", name, m[name].at.UnixNano(), m[name].seen))
	}
	return strings.Join(out, ",")
}

func parseMarks(text string) (marks, error) {
	m := marks{}
	for part := range strings.SplitSeq(text, ",") {
		name, rest, ok := strings.Cut(part, "=")
		at, seen, ok2 := strings.Cut(rest, "/")
		nano, err := strconv.ParseInt(at, 10, 64)
		n, err2 := strconv.Atoi(seen)
		if !ok || !ok2 || err != nil || err2 != nil || n < 0 {
			return nil, fault.Errorf(fault.Invalid, "Last-Event-ID: %.100q is no line's id", text)
		}
		m[name] = mark{time.Unix(0, nano), n}
	}
	return m, nil
}

// past moves the mark of a registration behind a line.
func (m marks) past(name string, at time.Time) {
	k := m[name]
	if !k.at.Equal(at) {
		k = mark{at: at}
	}
	k.seen++
	m[name] = k
}

// logStream serves lines as they come:
// GET /stream?name=…&name=…&grep=…&tail=…&since=….
func (a *API) logStream() http.Handler {
	return sse.Handler(func(ctx context.Context, q url.Values, last string) (iter.Seq[sse.Event], error) {
		query, names, err := a.logQuery(q)
		if err != nil {
			return nil, err
		}
		from := marks{}
		if last != "" {
			if from, err = parseMarks(last); err != nil {
				return nil, err
			}
		}
		return stream(ctx, func(ctx context.Context, send func(sse.Event) bool) {
			ctx, cancel := a.waiting(ctx)
			defer cancel()
			lines := make(chan LogLine)
			var wg sync.WaitGroup
			defer wg.Wait()
			defer cancel()
			for _, name := range names {
				wg.Go(func() { a.pour(ctx, name, query, from[name], lines) })
			}
			at := maps.Clone(from)
			for {
				select {
				case <-ctx.Done():
					return
				case l := <-lines:
					at.past(l.Unit, l.Time)
					if !send(sse.Event{ID: at.String(), Name: "line", Data: l}) {
						return
					}
				}
			}
		}), nil
	})
}

// logQuery reads what a stream's query asks for.
func (a *API) logQuery(q url.Values) (logs.Query, []string, error) {
	query := logs.Query{Grep: q.Get("grep"), Follow: true}
	var names []string
	for _, name := range q["name"] {
		regs, err := a.registrations(name)
		if err != nil {
			return query, nil, err
		}
		names = append(names, regs...)
	}
	if len(names) == 0 {
		return query, nil, fault.Errorf(fault.Invalid, "name: whose lines? GET /stream?name=NAME")
	}
	if text := q.Get("tail"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxLines {
			return query, nil, fault.Errorf(fault.Invalid, "tail: %q is not a number up to %d", text, maxLines)
		}
		query.Tail = n
	}
	if text := q.Get("since"); text != "" {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return query, nil, fault.Errorf(fault.Invalid, "since: %q is no time such as 2026-01-02T15:04:05Z", text)
		}
		query.Since = t
	}
	if query.Tail == 0 && query.Since.IsZero() {
		query.Since = time.Now()
	}
	return query, slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// pour sends the lines of one registration that stand behind a mark.
func (a *API) pour(ctx context.Context, name string, q logs.Query, from mark, lines chan<- LogLine) {
	log, err := a.Supervisor.Logs(name)
	if err != nil {
		return // removed since
	}
	skip := from.seen
	if !from.at.IsZero() {
		q.Since, q.Tail = from.at, 0
	}
	for line, err := range log.Read(ctx, q) {
		if err != nil {
			return
		}
		if skip > 0 && line.Time.Equal(from.at) {
			skip--
			continue
		}
		select {
		case lines <- LogLine{Unit: name, Time: line.Time, Stream: line.Stream, Text: line.Text}:
		case <-ctx.Done():
			return
		}
	}
}
