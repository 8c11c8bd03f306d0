package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/show"
)

func topCommand() cli.Command {
	t := top{sort: 'c'}
	var order string
	return cli.Command{
		Name: "top", Args: "[--every 1s] [--sort cpu]", Help: "watch what services use, live in the terminal",
		Long: "Keys: `c`, `m`, `f`, `r`, `n` sort by CPU, memory, open files, restarts and name; `p` shows processes; arrows, `j` and `k` scroll; `q` quits. Where stdout is no terminal, the table is printed once.",
		Flags: func(f *flag.FlagSet) {
			f.DurationVar(&t.every, "every", time.Second, "the time between two looks")
			f.StringVar(&order, "sort", "cpu", "what to sort by: `cpu`, memory, files, restarts or name")
			f.BoolVar(&t.processes, "processes", false, "show every process, too")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			if order == "" || !strings.Contains(sortKeys, order[:1]) {
				return fault.Errorf(fault.Invalid, "--sort %s: it is none of cpu, memory, files, restarts and name", order)
			}
			t.sort, t.env, t.every = rune(order[0]), c.Env, max(t.every, 200*time.Millisecond)
			screen, err := c.OpenScreen()
			if fault.Of(err) == fault.Unsupported {
				if err := t.look(ctx); err != nil {
					return err
				}
				return c.Table(show.Usage(c.Paint(), t.all, time.Now()))
			}
			if err != nil {
				return err
			}
			err = t.run(ctx, screen)
			if cerr := screen.Close(); err == nil {
				err = cerr
			}
			return err
		},
	}
}

// sortKeys are the keys that sort.
const sortKeys = "cmfrn"

// top is the live screen.
type top struct {
	env       cli.Env
	every     time.Duration
	sort      rune // one of sortKeys
	processes bool
	first     int // row of the table that is shown first
	all       []procd.ServiceStats
	lost      error // why the last look failed
}

// run shows the screen until q, Ctrl-C or the end of ctx.
func (t *top) run(ctx context.Context, screen *cli.Screen) error {
	var next time.Time
	for {
		if now := time.Now(); !now.Before(next) {
			t.lost = t.look(ctx)
			next = now.Add(t.every)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := screen.Draw(t.lines(screen)); err != nil {
			return fmt.Errorf("draw: %w", err)
		}
		key, ok := screen.Key(ctx, time.Until(next))
		if !ok || !t.press(ctx, key) {
			return nil
		}
	}
}

// press does what a key asks for, and reports whether to go on.
func (t *top) press(ctx context.Context, key string) bool {
	switch key {
	case "q", "Q", "\x03", "\x1b":
		return false
	case "p":
		t.processes, t.lost = !t.processes, t.look(ctx)
	case "\x1b[A", "k":
		t.first--
	case "\x1b[B", "j":
		t.first++
	case "\x1b[5~":
		t.first -= 10
	case "\x1b[6~", " ":
		t.first += 10
	default:
		if len(key) == 1 && strings.Contains(sortKeys, key) {
			t.sort = rune(key[0])
		}
	}
	return true
}

func (t *top) look(ctx context.Context) error {
	all, err := call[[]procd.ServiceStats](ctx, t.env, "stats.now", procd.StatsParams{Processes: t.processes})
	if err != nil {
		return err // what was seen last stays
	}
	t.all = all
	t.order()
	return nil
}

// order sorts by what was chosen, the greatest first, names by the alphabet.
func (t *top) order() {
	slices.SortStableFunc(t.all, func(a, b procd.ServiceStats) int {
		var c int
		switch t.sort {
		case 'c':
			c = cmp.Compare(b.CPU, a.CPU)
		case 'm':
			c = cmp.Compare(b.Memory, a.Memory)
		case 'f':
			c = cmp.Compare(b.OpenFiles, a.OpenFiles)
		case 'r':
			c = cmp.Compare(b.Restarts, a.Restarts)
		}
		return cmp.Or(c, cmp.Compare(a.Name, b.Name))
	})
}

// lines are what the screen shows.
func (t *top) lines(screen *cli.Screen) []string {
	_, rows := screen.Size()
	paint := t.env.Paint()
	t.order()
	var cpu float64
	var memory int64
	var processes, running int
	for _, s := range t.all {
		cpu += s.CPU
		memory += s.Memory
		processes += s.Count
		if s.State == "running" {
			running++
		}
	}
	head := []string{
		fmt.Sprintf("%s  %s  %d services, %d running, %d processes  CPU %s  memory %s", paint.Bold("hero_proc top"), time.Now().Format(time.TimeOnly),
			len(t.all), running, processes, show.Percent(cpu), show.Size(memory)),
		paint.Dim(fmt.Sprintf("sorted by %s: c CPU, m memory, f files, r restarts, n name   p processes   q quit",
			map[rune]string{'c': "CPU", 'm': "memory", 'f': "files", 'r': "restarts", 'n': "name"}[t.sort])),
	}
	if t.lost != nil {
		head = append(head, paint.Bad("as last seen: "+cli.Clean(t.lost.Error())))
	}
	body := cli.Columns(show.Usage(paint, t.all, time.Now()))
	t.first = max(0, min(t.first, len(body)-1-(rows-len(head)-1)))
	return append(append(head, paint.Bold(body[0])), body[1+t.first:]...)
}
