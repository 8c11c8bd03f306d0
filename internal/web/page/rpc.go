package page

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// The services that the dashboards ask. They know them by their sockets alone.
const (
	Supervisor = "hero_proc"
	Proxy      = "hero_proxy"
)

// Ask calls a method of one of the tools' own domains. The context of a
// request says where the sockets are: see sdk.Dial.
func Ask[R any](ctx context.Context, service, domain, method string, params any) (R, error) {
	c, err := sdk.Dial(ctx, service, "root", domain)
	if err != nil {
		var zero R
		return zero, err
	}
	defer c.Close()
	return sdk.Invoke[R](sdk.Cross(ctx, "root"), c, method, params)
}

// atOnce is how many questions of one page are under way at the same time.
const atOnce = 16

// Each does something for every index below n, atOnce of them at a time, and
// waits for all.
func Each(n int, do func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// logLine is a line of a service's output, as hero_proc tells it.
type logLine struct {
	Unit   string    `json:"unit"`
	Time   time.Time `json:"time"`
	Stream string    `json:"stream"`
	Text   string    `json:"text"`
}

// logQuery is what is asked of a log: the params of logs.read.
type logQuery struct {
	Name  string    `json:"name"`
	Tail  int       `json:"tail,omitzero"`
	Since time.Time `json:"since,omitzero"`
	Skip  int       `json:"skip,omitzero"`
	Grep  string    `json:"grep,omitzero"`
	Wait  float64   `json:"wait,omitzero"`
}

// shownLine is a line as a page shows it, and as it is sent to one.
type shownLine struct {
	Time   string `json:"time"`
	Stream string `json:"stream"`
	Unit   string `json:"unit,omitzero"` // where more than one writes to the log
	Text   string `json:"text"`
}

// Patience is how long a page waits for what it only shows.
const Patience = 2 * time.Second

// EventsUpTo is how many events a page shows.
const EventsUpTo = 200

// linesUpTo is how many lines a page of logs begins with.
const linesUpTo = 300

func readLog(ctx context.Context, q logQuery) ([]logLine, error) {
	return Ask[[]logLine](ctx, Supervisor, "logs", "logs.read", q)
}

func show(name string, lines []logLine) []shownLine {
	out := make([]shownLine, 0, len(lines))
	for _, l := range lines {
		s := shownLine{Time: l.Time.Local().Format("15:04:05.000"), Stream: l.Stream, Text: l.Text}
		if l.Unit != name {
			s.Unit = l.Unit
		}
		out = append(out, s)
	}
	return out
}

// FollowLog sends the lines of a log that are written from now on, until the
// reader goes.
func FollowLog(w http.ResponseWriter, r *http.Request, name, grep string) {
	send := Stream(w)
	q := logQuery{Name: name, Grep: grep, Since: time.Now(), Wait: heartbeat.Seconds() / 2}
	if !send("", nil) {
		return
	}
	for r.Context().Err() == nil {
		lines, err := readLog(r.Context(), q)
		if err != nil {
			send("trouble", err.Error())
			return
		}
		if len(lines) == 0 {
			if !send("", nil) {
				return
			}
			continue
		}
		for _, l := range show(name, lines) {
			if !send("line", l) {
				return
			}
		}
		q.after(lines)
	}
}

// after makes q ask for what comes after lines.
func (q *logQuery) after(lines []logLine) {
	last := lines[len(lines)-1].Time
	if !last.Equal(q.Since) {
		q.Skip = 0
	}
	q.Since = last
	for _, l := range lines {
		if l.Time.Equal(last) {
			q.Skip++
		}
	}
}

// Log is what pages of logs share.
type Log struct {
	Lines   []shownLine
	Stream  string // address of what comes next
	Trouble string
	Grep    string
}

// LogOf reads the end of a service's log.
func LogOf(ctx context.Context, name, grep, Stream string) Log {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	p := Log{Stream: Stream, Grep: grep}
	lines, err := readLog(ctx, logQuery{Name: name, Tail: linesUpTo, Grep: grep})
	if err != nil {
		p.Stream, p.Trouble = "", Trouble(err)
		return p
	}
	p.Lines = show(name, lines)
	return p
}

// Trouble says why hero_proc did not tell something.
func Trouble(err error) string {
	switch fault.Of(err) {
	case fault.Unavailable:
		return "hero_proc is not running, which is who knows."
	case fault.NotFound:
		return "hero_proc does not run this service, and so has nothing to tell of it."
	}
	return err.Error()
}

// transition is one change of a unit's state, as hero_proc tells it.
type transition struct {
	ID    int64     `json:"id"`
	Unit  string    `json:"unit"`
	At    time.Time `json:"at"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	Cause string    `json:"cause"`
	PID   int       `json:"pid"`
	Layer string    `json:"layer"`
}

// Event is a transition as a page shows it.
type Event struct {
	At, Ago, Unit, From, To, Cause, Layer string
	PID                                   int
}

// HistoryOf returns what happened to a service, or to all, the newest first.
func HistoryOf(ctx context.Context, name string, limit int) ([]Event, error) {
	list, err := Ask[[]transition](ctx, Supervisor, "supervisor", "supervisor.history",
		map[string]any{"name": name, "limit": limit})
	if err != nil {
		return nil, err
	}
	out := make([]Event, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		t := list[i]
		out = append(out, Event{At: t.At.Local().Format("2006-01-02 15:04:05"), Ago: Ago(t.At), Unit: t.Unit,
			From: t.From, To: t.To, Cause: t.Cause, PID: t.PID, Layer: t.Layer})
	}
	return out, nil
}

// Ago says how long something has been so, in one unit.
func Ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return Plural(max(int(d.Seconds()), 0), "second")
	case d < time.Hour:
		return Plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return Plural(int(d.Hours()), "hour")
	}
	return Plural(int(d.Hours()/24), "day")
}

// StreamURL is where the lines of a log come from that match the visit's query.
func StreamURL(v *Visit, name string) string {
	out := v.To("s", name, "logs", "stream")
	if q := v.FormValue("q"); q != "" {
		out += "?" + url.Values{"q": {q}}.Encode()
	}
	return out
}
