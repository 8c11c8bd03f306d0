package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// service is one that is supervised.
type service struct {
	name string
	args []string
	logs bool // its output is kept
}

// work is one peer with services to run, in a folder of its own.
type work struct {
	peer     peer
	dir      string
	token    string // the last argument of every service that sleeps, for all of a run to be found
	services []service
	cmd      *exec.Cmd
	begun    time.Time // of the last exec
}

var tokens atomic.Int64

func newWork(dir string, p peer) (*work, error) {
	n := tokens.Add(1)
	w := &work{peer: p, dir: filepath.Join(dir, fmt.Sprint(n)), token: fmt.Sprint(int64(os.Getpid())*1000 + n + 1_000_000_000)}
	return w, os.MkdirAll(w.dir, 0o755)
}

func (w *work) add(s service) { w.services = append(w.services, s) }

func (w *work) path(elem ...string) string { return filepath.Join(append([]string{w.dir}, elem...)...) }

// launch prepares the peer, executes it, and waits until so many services
// sleep.
func (w *work) launch(count int) (time.Duration, error) {
	if err := w.peer.prepare(w); err != nil {
		return 0, err
	}
	if err := w.exec(); err != nil {
		return 0, err
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		n := len(w.sleepers())
		if n >= count {
			return time.Since(w.begun), nil
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(w.path("supervisor.log"))
			return 0, fmt.Errorf("%d of %d run: %s", n, count, log[max(0, len(log)-500):])
		}
	}
}

// exec executes the supervisor.
func (w *work) exec() error {
	args, env := w.peer.command(w)
	w.cmd = exec.Command(args[0], args[1:]...)
	w.cmd.Env = append(append(os.Environ(), "BENCH_RUN="+w.token), env...)
	w.cmd.Dir = w.dir
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	log, err := os.OpenFile(w.path("supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.begun = time.Now()
	if err := w.cmd.Start(); err != nil {
		return err
	}
	cmd := w.cmd
	go func() { _ = cmd.Wait() }()
	return nil
}

// process is one of a run.
type process struct {
	pid  int
	args string
	cpu  time.Duration
}

// processes returns those that carry the run's mark.
func (w *work) processes() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	mark := []byte("BENCH_RUN=" + w.token + "\x00")
	var out []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err != nil || !bytes.Contains(env, mark) {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if f[0] == "Z" {
			continue
		}
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		args, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		out = append(out, process{pid, string(args), time.Duration(user+system) * 10 * time.Millisecond})
	}
	return out
}

// sleepers returns the pids of the services that sleep.
func (w *work) sleepers() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		args, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if isSleeper(string(args), w.token) {
			out = append(out, pid)
		}
	}
	return out
}

func isSleeper(args, token string) bool {
	return strings.HasSuffix(args, "sleep\x00"+token+"\x00")
}

// own returns the processes that are the supervisor's and no service's.
func (w *work) own() []process {
	var out []process
	for _, p := range w.processes() {
		if !isSleeper(p.args, w.token) && !strings.Contains(p.args, "\x00-write\x00") {
			out = append(out, p)
		}
	}
	return out
}

// cpu returns the CPU time of the supervisor's own processes that live.
func (w *work) cpu() (sum time.Duration) {
	for _, p := range w.own() {
		sum += p.cpu
	}
	return sum
}

// pss returns the memory of the supervisor's own processes, in bytes.
func (w *work) pss() (sum int64) {
	for _, p := range w.own() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				sum += kb * 1024
			}
		}
	}
	return sum
}

// tally says how many of the services that sleep are lost and how many run
// more than once.
func (w *work) tally(count int) (lost, doubled int) {
	n := len(w.sleepers())
	return max(0, count-n), max(0, n-count)
}

func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// killSupervisor kills the supervisor's main process, as an operator or the
// kernel would.
func (w *work) killSupervisor() {
	if w.peer.mainPID != nil {
		if pid := w.peer.mainPID(w); pid > 0 {
			kill(pid)
			return
		}
	}
	kill(w.cmd.Process.Pid)
}

// end kills all of the run.
func (w *work) end() {
	for range 50 {
		all := w.processes()
		for _, p := range all {
			kill(p.pid)
		}
		for _, pid := range w.sleepers() {
			kill(pid)
		}
		if len(all) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = os.RemoveAll(w.dir)
}

// linesPerMB is how many lines of 100 bytes a megabyte holds.
const linesPerMB = 10_000

// writeLines writes lines as a C program does: through a buffer of 4 KB. Then
// it sleeps.
func writeLines(megabytes int) {
	if path := os.Getenv("BENCH_BEGUN"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			time.Sleep(time.Hour) // the second one of it: what counts are the lines of the first
			return
		}
		f.Close()
	}
	out := bufio.NewWriterSize(os.Stdout, 4096)
	line := []byte("0000000000 " + strings.Repeat("x", 88) + "\n")
	for range megabytes * linesPerMB {
		for i := 9; ; i-- {
			if line[i]++; line[i] <= '9' {
				break
			}
			line[i] = '0'
		}
		if _, err := out.Write(line); err != nil {
			return
		}
	}
	out.Flush()
	time.Sleep(time.Hour)
}

// writer returns a service that writes.
func (w *work) writer(megabytes int) service {
	return service{name: "writer", logs: true,
		args: []string{"/usr/bin/env", "BENCH_BEGUN=" + w.path("begun"), self(), "-write", fmt.Sprint(megabytes)}}
}

// awaitFile waits for a file to appear and returns when it was made.
func (w *work) awaitFile(name string, patience time.Duration) (time.Time, error) {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if fi, err := os.Stat(w.path(name)); err == nil {
			return fi.ModTime(), nil
		}
		if time.Now().After(end) {
			return time.Time{}, fmt.Errorf("%s does not come", name)
		}
	}
}

// logFiles returns what the writer's log consists of.
func (w *work) logFiles() []string {
	var out []string
	_ = filepath.WalkDir(w.peer.logs(w), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return nil
	})
	return out
}

// awaitLastLine waits for the last line, and returns when it was there.
func (w *work) awaitLastLine(megabytes int, patience time.Duration) (time.Time, error) {
	want := fmt.Appendf(nil, "%010d xxxx", megabytes*linesPerMB)
	tail := make([]byte, 400)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		for _, path := range w.logFiles() {
			f, err := os.Open(path)
			if err != nil {
				continue
			}
			fi, err := f.Stat()
			n := 0
			if err == nil {
				n, _ = f.ReadAt(tail, max(0, fi.Size()-int64(len(tail))))
			}
			f.Close()
			if bytes.Contains(tail[:n], want) {
				return time.Now(), nil
			}
		}
		if time.Now().After(end) {
			return time.Time{}, errors.New("the last line does not come")
		}
	}
}

// countLines returns how many of the writer's lines are in its log.
func (w *work) countLines() int {
	count := 0
	for _, path := range w.logFiles() {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		r := bufio.NewReaderSize(f, 1<<20)
		for {
			line, err := r.ReadSlice('\n')
			if bytes.Contains(line, []byte(" xxxxxxxxxxxxxxxx")) {
				count++
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		f.Close()
	}
	return count
}

// announcer receives the pids of services that tell them.
type announcer struct {
	path string
	file *os.File
	pids chan int
}

// announce makes the pipe.
func (w *work) announce() (*announcer, error) {
	a := &announcer{path: w.path("pids"), pids: make(chan int, 100)}
	if err := syscall.Mkfifo(a.path, 0o666); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(a.path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	a.file = f
	go func() {
		sc := bufio.NewScanner(io.Reader(f))
		for sc.Scan() {
			if pid, err := strconv.Atoi(strings.TrimSpace(sc.Text())); err == nil {
				a.pids <- pid
			}
		}
	}()
	return a, nil
}

func (a *announcer) next(patience time.Duration) (int, error) {
	select {
	case pid := <-a.pids:
		return pid, nil
	case <-time.After(patience):
		return 0, errors.New("no successor")
	}
}

func (a *announcer) close() { a.file.Close() }
