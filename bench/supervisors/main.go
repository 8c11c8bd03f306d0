// Command supervisors measures hero_proc beside other supervisors: how fast and
// at what cost each runs a thousand services, how soon a killed one is back,
// how fast output is kept, and what is lost or doubled when the supervisor
// itself is killed. It installs those it can get (Debian's packages, npm, the Go
// module proxy), says which it left out, and prints one table.
//
//	go run ./supervisors
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.services, "services", 1000, "services that sleep")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of the start; the median counts")
	flag.IntVar(&o.kills, "kills", 15, "kills of a service; the median counts")
	flag.IntVar(&o.megabytes, "megabytes", 1000, "output in lines of 100 bytes")
	flag.DurationVar(&o.idle, "idle", 20*time.Second, "time for which the idle supervisor's CPU is counted")
	only := flag.String("only", "", "names of the supervisors to measure, with commas")
	write := flag.Int("write", 0, "write so many megabytes of lines to standard output (used by the command itself)")
	flag.Parse()
	if *write > 0 {
		writeLines(*write)
		return
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if err := o.run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "supervisors: error:", err)
		os.Exit(1)
	}
}

type options struct {
	services, rounds, kills, megabytes int
	idle                               time.Duration
	only                               []string
}

// result is one column of the table.
type result struct {
	name, version                       string
	start, startCPU, pss, idle          string
	crash                               string
	log, lines                          string
	afterKill, doubled, linesAfterDeath string
}

func (o options) run(out io.Writer) error {
	dir, err := os.MkdirTemp("", "sv")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var results []result
	for _, p := range peers() {
		if len(o.only) > 0 && !slices.Contains(o.only, p.name) {
			continue
		}
		version, err := p.get()
		if err != nil {
			fmt.Fprintf(out, "SKIP %s: %v\n", p.name, err)
			continue
		}
		fmt.Fprintf(out, "%s %s\n", p.name, version)
		r := result{name: p.name, version: version}
		o.measureStart(out, dir, p, &r)
		o.measureCrash(out, dir, p, &r)
		o.measureLog(out, dir, p, &r)
		o.measureDeath(out, dir, p, &r)
		results = append(results, r)
	}
	printTable(out, o, results)
	return nil
}

func printTable(out io.Writer, o options, rs []result) {
	fmt.Fprintf(out, "\n%d services, %d cores, Linux %s, %s, %s\n\n", o.services, runtime.NumCPU(), release(), runtime.Version(), time.Now().UTC().Format(time.DateOnly))
	rows := []struct {
		what string
		get  func(result) string
	}{
		{"version", func(r result) string { return r.version }},
		{fmt.Sprintf("start to %d running, s", o.services), func(r result) string { return r.start }},
		{"CPU of the supervisor meanwhile, s", func(r result) string { return r.startCPU }},
		{fmt.Sprintf("its memory at %d (PSS), MB", o.services), func(r result) string { return r.pss }},
		{"its CPU while they idle, % of a core", func(r result) string { return r.idle }},
		{"SIGKILL of a service to its successor's exec, ms", func(r result) string { return r.crash }},
		{fmt.Sprintf("%d MB in lines of 100 bytes, MB/s", o.megabytes), func(r result) string { return r.log }},
		{"lines lost of them", func(r result) string { return r.lines }},
		{"SIGKILL of the supervisor, start again: services lost of 20", func(r result) string { return r.afterKill }},
		{"doubled of 20", func(r result) string { return r.doubled }},
		{"lines lost of one that was writing", func(r result) string { return r.linesAfterDeath }},
	}
	head, line := "| |", "|---|"
	for _, r := range rs {
		head += " " + r.name + " |"
		line += "--:|"
	}
	fmt.Fprintf(out, "%s\n%s\n", head, line)
	for _, row := range rows {
		text := "| " + row.what + " |"
		for _, r := range rs {
			text += " " + row.get(r) + " |"
		}
		fmt.Fprintln(out, text)
	}
}

func release() string {
	b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(b))
}

// measureStart starts the services, and looks at what that and their idling
// takes.
func (o options) measureStart(out io.Writer, dir string, p peer, r *result) {
	var starts, cpus []float64
	for round := range o.rounds {
		w, err := newWork(dir, p)
		if err != nil {
			r.start = err.Error()
			return
		}
		for i := range o.services {
			w.add(service{name: fmt.Sprintf("s%d", i), args: []string{"/bin/sleep", w.token}})
		}
		took, err := w.launch(o.services)
		if err != nil {
			r.start = "failed"
			fmt.Fprintf(out, "  start: %v\n", err)
			w.end()
			return
		}
		starts = append(starts, took.Seconds())
		cpus = append(cpus, w.cpu().Seconds())
		fmt.Fprintf(out, "  start: %.2f s, %.2f s CPU\n", took.Seconds(), w.cpu().Seconds())
		if round == o.rounds-1 {
			time.Sleep(5 * time.Second)
			before := w.cpu()
			time.Sleep(o.idle)
			r.idle = fmt.Sprintf("%.2f", 100*(w.cpu()-before).Seconds()/o.idle.Seconds())
			r.pss = fmt.Sprintf("%.1f", float64(w.pss())/1e6)
			fmt.Fprintf(out, "  idle: %s %%, PSS %s MB\n", r.idle, r.pss)
		}
		w.end()
	}
	r.start, r.startCPU = fmt.Sprintf("%.2f", median(starts)), fmt.Sprintf("%.2f", median(cpus))
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// measureCrash kills a service again and again. It says when it runs by
// writing to a pipe, as the first thing that it does.
func (o options) measureCrash(out io.Writer, dir string, p peer, r *result) {
	w, err := newWork(dir, p)
	if err != nil {
		r.crash = err.Error()
		return
	}
	defer w.end()
	pids, err := w.announce()
	if err != nil {
		r.crash = err.Error()
		return
	}
	defer pids.close()
	w.add(service{name: "crash", args: []string{"/bin/sh", "-c", "echo $$ > " + pids.path + "; exec sleep " + w.token}})
	if _, err := w.launch(1); err != nil {
		r.crash = "failed"
		fmt.Fprintf(out, "  crash: %v\n", err)
		return
	}
	var took []float64
	pid, err := pids.next(10 * time.Second)
	for range o.kills {
		if err != nil {
			break
		}
		time.Sleep(1300 * time.Millisecond) // most wait for one that did not live for a second
		begin := time.Now()
		kill(pid)
		if pid, err = pids.next(30 * time.Second); err == nil {
			took = append(took, float64(time.Since(begin).Microseconds())/1000)
		}
	}
	if len(took) == 0 {
		r.crash = "not restarted"
		return
	}
	r.crash = fmt.Sprintf("%.1f", median(took))
	if err != nil {
		r.crash += fmt.Sprintf(" (%d times, then no more)", len(took))
	}
	fmt.Fprintf(out, "  crash: %s ms\n", r.crash)
}

// measureLog lets a service write, and waits for the last line in its log.
func (o options) measureLog(out io.Writer, dir string, p peer, r *result) {
	w, err := newWork(dir, p)
	if err != nil {
		r.log = err.Error()
		return
	}
	defer w.end()
	w.add(w.writer(o.megabytes))
	if _, err := w.launch(0); err != nil {
		r.log = "failed"
		return
	}
	begin, err := w.awaitFile("begun", time.Minute)
	if err == nil {
		var last time.Time
		if last, err = w.awaitLastLine(o.megabytes, 3*time.Minute); err == nil {
			r.log = fmt.Sprintf("%.0f", float64(o.megabytes)/last.Sub(begin).Seconds())
		}
	}
	if err != nil {
		r.log = "-"
		fmt.Fprintf(out, "  log: %v\n", err)
	}
	r.lines = fmt.Sprint(o.megabytes*linesPerMB - w.countLines())
	fmt.Fprintf(out, "  log: %s MB/s, %s lines lost\n", r.log, r.lines)
}

// measureDeath kills the supervisor while it runs twenty services and one that
// writes, starts it again, and counts.
func (o options) measureDeath(out io.Writer, dir string, p peer, r *result) {
	const count = 20
	w, err := newWork(dir, p)
	if err != nil {
		r.afterKill = err.Error()
		return
	}
	defer w.end()
	for i := range count {
		w.add(service{name: fmt.Sprintf("s%d", i), args: []string{"/bin/sleep", w.token}})
	}
	megabytes := o.megabytes / 2
	w.add(w.writer(megabytes))
	if _, err := w.launch(count); err != nil {
		r.afterKill = "failed"
		return
	}
	if _, err := w.awaitFile("begun", time.Minute); err != nil {
		r.afterKill = "failed"
		return
	}
	time.Sleep(300 * time.Millisecond) // in the middle of it
	w.killSupervisor()
	time.Sleep(500 * time.Millisecond)
	if err := w.exec(); err != nil {
		r.afterKill = "failed"
		return
	}
	_, err = w.awaitLastLine(megabytes, 30*time.Second)
	time.Sleep(3 * time.Second)
	lost, doubled := w.tally(count)
	r.afterKill, r.doubled = fmt.Sprint(lost), fmt.Sprint(doubled)
	switch n := megabytes*linesPerMB - w.countLines(); {
	case err != nil:
		r.linesAfterDeath = "never ends"
	case n < 0:
		r.linesAfterDeath = fmt.Sprintf("%d written twice", -n)
	default:
		r.linesAfterDeath = fmt.Sprint(n)
	}
	fmt.Fprintf(out, "  death: %s lost, %s doubled, lines: %s\n", r.afterKill, r.doubled, r.linesAfterDeath)
}

// self is the path of this program, for the service that writes.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// cache is where what was installed is kept.
func cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "hero-bench")
	return dir, os.MkdirAll(dir, 0o755)
}

// output runs a command and returns the first line of what it prints.
func output(name string, args ...string) (string, error) {
	b, err := exec.Command(name, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, line)
	}
	return line, nil
}
