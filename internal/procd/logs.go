package procd

import (
	"context"
	"slices"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
)

// LogParams say which lines to read.
type LogParams struct {
	Name  string    `json:"name" doc:"Name of the service, or of one of its registrations."`
	Tail  int       `json:"tail,omitzero" doc:"Only the last so many lines; 0 is all, at most 10000."`
	Since time.Time `json:"since,omitzero" doc:"Only lines of this time and later."`
	Skip  int       `json:"skip,omitzero" doc:"How many lines of exactly that time, of each registration, are known already."`
	Grep  string    `json:"grep,omitzero" doc:"Only lines that hold this text."`
	Wait  float64   `json:"wait,omitzero" doc:"Seconds to wait for a line where there is none yet, at most 60."`
}

// LogLine is a line with the registration that wrote it.
type LogLine struct {
	Unit   string    `json:"unit"`
	Time   time.Time `json:"time"`
	Stream string    `json:"stream" doc:"stdout or stderr."`
	Text   string    `json:"text"`
}

// maxLines is how many lines one answer holds.
const maxLines = 10000

func (a *API) readLogs(ctx context.Context, p LogParams) ([]LogLine, error) {
	names, err := a.registrations(p.Name)
	if err != nil {
		return nil, err
	}
	// Who reads on from a time gets the lines that come next, not the last.
	if p.Tail > maxLines || p.Tail <= 0 && p.Since.IsZero() {
		p.Tail = maxLines
	}
	out := []LogLine{}
	for _, n := range names {
		lines, err := a.readLog(ctx, n, p, logs.Query{Tail: p.Tail, Since: p.Since, Grep: p.Grep})
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	if len(out) > 0 || p.Wait <= 0 {
		slices.SortStableFunc(out, func(x, y LogLine) int { return x.Time.Compare(y.Time) })
		return out, nil
	}
	return a.awaitLog(ctx, names, p)
}

// readLog reads what q asks for of one registration.
func (a *API) readLog(ctx context.Context, name string, p LogParams, q logs.Query) ([]LogLine, error) {
	log, err := a.Supervisor.Logs(name)
	if err != nil {
		return nil, err
	}
	var out []LogLine
	skip := p.Skip
	for line, err := range log.Read(ctx, q) {
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return nil, err
		}
		if skip > 0 && line.Time.Equal(p.Since) {
			skip--
			continue
		}
		out = append(out, LogLine{Unit: name, Time: line.Time, Stream: line.Stream, Text: line.Text})
		if q.Follow || len(out) == maxLines {
			break // one is enough to answer; the next call reads on
		}
	}
	return out, nil
}

// awaitLog waits for the first new line of any registration.
func (a *API) awaitLog(ctx context.Context, names []string, p LogParams) ([]LogLine, error) {
	ctx, end := a.waiting(ctx)
	defer end()
	wait, cancel := context.WithTimeout(ctx, seconds(p.Wait))
	defer cancel()
	if p.Since.IsZero() {
		p.Since = time.Now()
	}
	type answer struct {
		lines []LogLine
		err   error
	}
	answers := make(chan answer, len(names))
	for _, n := range names {
		go func() {
			lines, err := a.readLog(wait, n, p, logs.Query{Since: p.Since, Grep: p.Grep, Follow: true})
			if len(lines) > 0 {
				cancel() // the others end
			}
			answers <- answer{lines, err}
		}()
	}
	out := []LogLine{}
	var first error
	for range names { // every reader is waited for
		got := <-answers
		out = append(out, got.lines...)
		if got.err != nil && first == nil && fault.Of(got.err) != fault.Canceled {
			first = got.err
		}
	}
	return out, first
}
