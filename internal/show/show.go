// Package show tells in a terminal how services are: the tables and texts of
// hero_proc's commands.
package show

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
)

// Table is what list and up show of services.
func Table(p cli.Paint, services []procd.ServiceStatus, now time.Time) [][]string {
	rows := [][]string{{"NAME", "STATE", "PID", "HEALTH", "DOMAINS", "RESTARTS", "SINCE"}}
	for _, s := range services {
		word, domains := "unknown", "-"
		if s.Health != nil {
			word = string(s.Health.Word)
			domains = domainCount(*s.Health)
		}
		restarts, since := 0, time.Time{}
		for _, p := range s.Processes {
			restarts += p.Restarts
			since = p.Since
		}
		rows = append(rows, []string{s.Name, p.Word(s.State), pids(s.Processes), p.Word(word), domains, strconv.Itoa(restarts), Ago(now, since)})
	}
	return rows
}

// domainCount says how many domains there are, and how many of them are well
// where not all are.
func domainCount(r health.Report) string {
	all, well := 0, 0
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			all++
			if d.Layer.Word == health.Healthy {
				well++
			}
		}
	}
	switch {
	case all == 0:
		return "-"
	case all == well:
		return strconv.Itoa(all)
	}
	return fmt.Sprintf("%d of %d", well, all)
}

func pids(processes []supervisor.Status) string {
	var out []string
	for _, p := range processes {
		if p.PID != 0 {
			out = append(out, strconv.Itoa(p.PID))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

// Ago says how long ago a moment was, in its largest unit.
func Ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := max(0, now.Sub(t))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Size says how many bytes there are, in a unit that people read.
func Size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// Well reports whether nothing about the service asks for attention.
func Well(s procd.ServiceStatus) bool {
	if s.State != "running" && s.State != "unsupervised" && s.State != "exited" && s.State != "asleep" && s.State != "scheduled" {
		return false
	}
	return s.Health == nil || s.Health.Word == health.Healthy || s.Health.Word == health.Asleep
}

// Status is the text of status.
func Status(paint cli.Paint, s procd.ServiceStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", paint.Bold(s.Name), paint.Word(s.State))
	switch p := pids(s.Processes); {
	case p == "-":
	case strings.Contains(p, ","):
		fmt.Fprintf(&b, " (pids: %s)", p)
	default:
		fmt.Fprintf(&b, " (pid: %s)", p)
	}
	b.WriteByte('\n')
	for _, p := range s.Processes {
		switch {
		case p.State != "running" && p.Cause != "":
			fmt.Fprintf(&b, "  %s: %s\n", p.Name, cli.Clean(p.Cause))
		case len(s.Processes) > 1:
			fmt.Fprintf(&b, "  %s: %s (pid: %d)\n", p.Name, paint.Word(p.State), p.PID)
		}
	}
	if s.Health == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "  service:  %s\n", layer(paint, s.Health.Main))
	fmt.Fprintf(&b, "  ui:       %s\n", layer(paint, s.Health.UI))
	width := 0
	for _, c := range s.Health.Contexts {
		for _, d := range c.Domains {
			width = max(width, len(c.Name)+1+len(d.Name)+1)
		}
	}
	if width == 0 {
		return b.String()
	}
	b.WriteString("  domains:\n")
	for _, c := range s.Health.Contexts {
		for _, d := range c.Domains {
			fmt.Fprintf(&b, "    %-*s    %s\n", width, c.Name+"/"+d.Name+":", layer(paint, d.Layer))
		}
	}
	return b.String()
}

// layer is a layer's word, with what is wrong where it is not well.
func layer(paint cli.Paint, l health.Layer) string {
	if l.Detail == "" || l.Word == health.Healthy || l.Word == health.Asleep || l.Word == health.Absent {
		return paint.Word(string(l.Word))
	}
	return paint.Word(string(l.Word)) + " (" + cli.Clean(l.Detail) + ")"
}

// Percent says a share of one core.
func Percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// Usage is what stats and top show, with the processes where those are known.
func Usage(p cli.Paint, all []procd.ServiceStats, now time.Time) [][]string {
	rows := [][]string{{"NAME", "STATE", "CPU", "MEMORY", "FILES", "PROCESSES", "RESTARTS", "SINCE"}}
	for _, s := range all {
		rows = append(rows, []string{s.Name, p.Word(s.State), Percent(s.CPU), Size(s.Memory), strconv.Itoa(s.OpenFiles),
			strconv.Itoa(s.Count), strconv.Itoa(s.Restarts), Ago(now, s.Since)})
		for _, m := range s.Processes {
			rows = append(rows, []string{"  " + strconv.Itoa(m.PID), p.Dim(m.Role), Percent(m.CPU), Size(m.Memory), strconv.Itoa(m.OpenFiles),
				"", "", "  " + p.Dim(cli.Cut(cli.Clean(m.Command), 60))})
		}
	}
	return rows
}
