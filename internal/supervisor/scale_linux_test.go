package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
)

// TestThousand runs a thousand services that sleep, and says what that takes.
func TestThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const count = 1000
	p := places(t)
	s := open(t, supervisor.Options{Places: p})
	begin := time.Now()
	for i := range count {
		u := fast(fmt.Sprintf("s%d", i), "")
		u.Command = []string{"sleep", "1000000"}
		set(t, s, u)
	}
	registered := time.Since(begin)
	begin = time.Now()
	for _, st := range s.Statuses() {
		must(t, s.Start(t.Context(), st.Name))
	}
	for _, st := range s.Statuses() {
		wait(t, s, st.Name, "running")
	}
	started := time.Since(begin)
	must(t, s.Shutdown(t.Context(), supervisor.StopAll))
	begin = time.Now()
	s = open(t, supervisor.Options{Places: p})
	for _, st := range s.Statuses() {
		wait(t, s, st.Name, "running")
	}
	t.Logf("opened and all running in %v", time.Since(begin))
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	begin = time.Now()
	s = open(t, supervisor.Options{Places: p})
	opened := time.Since(begin)
	defer func() {
		begin := time.Now()
		must(t, s.Shutdown(context.Background(), supervisor.StopAll))
		t.Logf("stopped in %v", time.Since(begin))
	}()
	for _, st := range s.Statuses() {
		if st.State != "running" {
			t.Fatalf("%+v", st)
		}
	}
	runtime.GC()
	threads := 0
	if d, err := os.ReadDir("/proc/self/task"); err == nil {
		threads = len(d)
	}
	status, _ := os.ReadFile("/proc/self/smaps_rollup")
	pss := ""
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "Pss:") {
			pss = strings.TrimSpace(line)
		}
	}
	t.Logf("registered in %v, started in %v, adopted in %v; %s, %d threads, %d goroutines", registered, started, opened, pss, threads, runtime.NumGoroutine())
	if path := os.Getenv("HEAP"); path != "" {
		f, _ := os.Create(path)
		pprof.Lookup("heap").WriteTo(f, 0)
		f.Close()
	}
	if threads > 200 {
		t.Errorf("%d threads: one for each process?", threads)
	}
}

// BenchmarkRestart is the time from the kill of a process to its successor.
func BenchmarkRestart(b *testing.B) {
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	opts := supervisor.Options{}
	opts.Places.Home, opts.Places.Sockets = dir, dir+"/s"
	s, err := supervisor.Open(b.Context(), opts)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Shutdown(context.Background(), supervisor.StopAll)
	u := fast("a", "")
	u.Command, u.MaxRestarts = []string{"sleep", "1000"}, -1
	u.Backoff.Initial, u.Backoff.Max = 1, 1
	if err := s.Set(b.Context(), u); err != nil {
		b.Fatal(err)
	}
	if err := s.Start(b.Context(), "a"); err != nil {
		b.Fatal(err)
	}
	running := func(not int) int {
		st, err := s.Wait(b.Context(), "a", func(st supervisor.Status) bool { return st.PID != 0 && st.PID != not })
		if err != nil {
			b.Fatal(err)
		}
		return st.PID
	}
	pid := running(0)
	for b.Loop() {
		syscall.Kill(pid, syscall.SIGKILL)
		pid = running(pid)
	}
}
