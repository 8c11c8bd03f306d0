package main

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func logsCommand() cli.Command {
	var follow, asJSON bool
	var since time.Duration
	var p procd.LogParams
	return cli.Command{
		Name: "logs", Args: "NAME [-f] [-n 100] [--since 10m] [--grep TEXT] [--json]", Help: "show what a service writes",
		Min: 1, Max: 1,
		Flags: func(f *flag.FlagSet) {
			jsonFlag(f, &asJSON)
			f.BoolVar(&follow, "f", false, "go on with what comes, until Ctrl-C")
			f.IntVar(&p.Tail, "n", 100, "the last so many lines")
			f.DurationVar(&since, "since", 0, "only lines at most so old, such as 10m")
			f.StringVar(&p.Grep, "grep", "", "only lines that hold this `text`")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			d, err := dial(ctx, c.Env)
			if err != nil {
				return err
			}
			p.Name = c.Args[0]
			if since > 0 {
				p.Since = time.Now().Add(-since)
			}
			pr := &printer{env: c.Env, json: asJSON, several: len(s.Processes) > 1}
			lines, err := sdk.Invoke[[]procd.LogLine](ctx, d.logs, "logs.read", p)
			if err != nil {
				return absent(err)
			}
			if err := pr.print(lines); err != nil || !follow {
				return err
			}
			return pr.follow(ctx, d, p, s, lines)
		},
	}
}

// printer writes lines as they come, from several registrations at once.
type printer struct {
	env           cli.Env
	json, several bool
	mu            sync.Mutex // held while lines are written
}

func (p *printer) print(lines []procd.LogLine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lines {
		var err error
		switch {
		case p.json:
			err = p.env.JSON(l)
		case p.several:
			_, err = fmt.Fprintf(p.env.Stdout, "%s %s| %s\n", l.Time.Local().Format(time.DateTime), l.Unit, l.Text)
		default:
			_, err = fmt.Fprintf(p.env.Stdout, "%s %s\n", l.Time.Local().Format(time.DateTime), l.Text)
		}
		if err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
	}
	return nil
}

// follow prints what each registration writes after the lines that were shown.
func (p *printer) follow(ctx context.Context, d daemon, params procd.LogParams, s procd.ServiceStatus, shown []procd.LogLine) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	var wg sync.WaitGroup
	for _, process := range s.Processes {
		q := params
		q.Name, q.Tail, q.Wait = process.Name, 0, 30
		q.Since, q.Skip = began, 0
		var mine []procd.LogLine
		for _, l := range shown {
			if l.Unit == process.Name {
				mine = append(mine, l)
			}
		}
		after(&q, mine)
		wg.Go(func() {
			for ctx.Err() == nil {
				lines, err := sdk.Invoke[[]procd.LogLine](ctx, d.logs, "logs.read", q)
				if err == nil {
					after(&q, lines)
					err = p.print(lines)
				}
				if err != nil {
					cancel(absent(err))
				}
			}
		})
	}
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && cause != context.Canceled {
		return cause
	}
	return nil
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
