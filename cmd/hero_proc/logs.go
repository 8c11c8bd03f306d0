package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
)

func logsCommand() cli.Command {
	var follow, asJSON, raw bool
	var since time.Duration
	var p procd.LogParams
	return cli.Command{
		Name: "logs", Args: "NAME… [-f] [-n 100] [--since 10m] [--grep TEXT] [--json] [--raw]", Help: "show what services write",
		Min: 1, Max: -1, Complete: services,
		Long: "The lines of several services are shown together, in the order of their times. A line that is a JSON object is shown as its time-independent parts: the level, the message, and the rest as `key=value`; `--raw` shows it as it is. `--json` prints one JSON object a line: `unit`, `time`, `stream`, `text`.",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print a JSON object a line, for programs")
			f.BoolVar(&raw, "raw", false, "show lines as they are, JSON too")
			f.BoolVar(&follow, "f", false, "go on with what comes, until Ctrl-C")
			f.IntVar(&p.Tail, "n", 100, "the last so `many` lines of each service")
			f.DurationVar(&since, "since", 0, "only lines at most so old, such as 10m")
			f.StringVar(&p.Grep, "grep", "", "only lines that hold this `text`")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			if since > 0 {
				p.Since = time.Now().Add(-since)
			}
			pr := &printer{env: c.Env, paint: c.Paint(), json: asJSON, raw: raw}
			began := time.Now()
			var lines []procd.LogLine
			for _, name := range c.Args {
				s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: name})
				if err != nil {
					return err
				}
				for _, process := range s.Processes {
					if !slices.Contains(pr.units, process.Name) {
						pr.units = append(pr.units, process.Name)
					}
				}
				p.Name = name
				some, err := call[[]procd.LogLine](ctx, c.Env, "logs.read", p)
				if err != nil {
					return err
				}
				lines = append(lines, some...)
			}
			slices.SortStableFunc(lines, func(x, y procd.LogLine) int { return x.Time.Compare(y.Time) })
			if err := pr.print(lines); err != nil || !follow {
				return err
			}
			return pr.follow(ctx, p, began, lines)
		},
	}
}

// printer writes lines as they come, from several registrations at once.
type printer struct {
	env       cli.Env
	paint     cli.Paint
	json, raw bool
	units     []string   // whose lines they are
	mu        sync.Mutex // held while lines are written
}

func (p *printer) print(lines []procd.LogLine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	width := 0
	for _, u := range p.units {
		width = max(width, len(u))
	}
	clean := p.env.Terminal(p.env.Stdout)
	var b strings.Builder
	for _, l := range lines {
		if p.json {
			text, err := json.Marshal(l, json.Deterministic())
			if err != nil {
				return fmt.Errorf("write the log: %w", err)
			}
			b.Write(append(text, '\n'))
			continue
		}
		b.WriteString(p.paint.Dim(l.Time.Local().Format(time.DateTime)) + " ")
		if len(p.units) > 1 {
			b.WriteString(p.paint.Nth(slices.Index(p.units, l.Unit), fmt.Sprintf("%-*s |", width, l.Unit)) + " ")
		}
		text := l.Text
		if !p.raw {
			text = p.paint.Line(text)
		}
		if clean {
			text = cli.Clean(text)
		}
		b.WriteString(text + "\n")
	}
	if _, err := fmt.Fprint(p.env.Stdout, b.String()); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

// follow prints what each registration writes after the lines that were shown.
func (p *printer) follow(ctx context.Context, params procd.LogParams, began time.Time, shown []procd.LogLine) error {
	told := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, name := range p.units {
		q := params
		q.Name, q.Tail, q.Wait = name, 0, 30
		q.Since, q.Skip = began, 0
		var mine []procd.LogLine
		for _, l := range shown {
			if l.Unit == name {
				mine = append(mine, l)
			}
		}
		after(&q, mine)
		wg.Go(func() {
			for ctx.Err() == nil {
				lines, err := call[[]procd.LogLine](ctx, p.env, "logs.read", q)
				if err == nil {
					after(&q, lines)
					err = p.print(lines)
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if told.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return context.Cause(ctx)
}

// after moves q behind the lines: to the time of the last, past those of that
// very time that are known.
func after(q *procd.LogParams, lines []procd.LogLine) {
	if len(lines) == 0 {
		return
	}
	last := lines[len(lines)-1].Time
	if !last.Equal(q.Since) {
		q.Since, q.Skip = last, 0
	}
	for _, l := range lines {
		if l.Time.Equal(last) {
			q.Skip++
		}
	}
}
