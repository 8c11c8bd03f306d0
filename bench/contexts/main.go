// Command contexts measures what contexts cost in one service with the five
// shared domains: how long it takes to create them, and how much memory each
// takes while it is idle, before and after its stores were used.
//
//	go run ./contexts
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/models/calendar"
	"forge.ourworld.tf/lhumina_code/hero/models/communication"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/models/projects"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

const service = "bench_contexts"

func main() {
	n := flag.Int("contexts", 1000, "contexts to create")
	idle := flag.Duration("idle", 75*time.Second, "how long to leave the stores alone after their use; they close after a minute")
	flag.Parse()
	if err := run(os.Stdout, *n, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "contexts: error:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, n int, idle time.Duration) error {
	home, err := os.MkdirTemp("", "contexts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Fprintln(out, "the limit of open files stays as it is:", err)
	}
	places := layout.Places{Home: home, Sockets: filepath.Join(home, "sockets")}
	ctx, stop := context.WithCancel(sdk.WithPlaces(context.Background(), places))
	ended := make(chan error, 1)
	go func() {
		ended <- sdk.Run(ctx, sdk.Env{Places: places}, sdk.Service{Name: service, Version: "1"},
			identity.Domain(), communication.Domain(), calendar.Domain(), projects.Domain(), base.Domain())
	}()
	err = measure(ctx, out, places, n, idle)
	stop()
	if serr := <-ended; err == nil {
		err = serr
	}
	return err
}

func measure(ctx context.Context, out io.Writer, places layout.Places, n int, idle time.Duration) error {
	c, err := sdk.DialService(ctx, service)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 500 { // until it runs
		if err = c.Call(ctx, "service.info", nil, nil); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	before, err := memory()
	if err != nil {
		return err
	}
	start := time.Now()
	for i := range n {
		if err := c.Call(ctx, "context.create", map[string]any{"name": fmt.Sprint("t", i)}, nil); err != nil {
			return err
		}
	}
	took := time.Since(start)
	sockets := 0
	err = filepath.WalkDir(places.Sockets, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSocket != 0 && !strings.HasPrefix(d.Name(), ".") {
			sockets++
		}
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d contexts x 5 domains: created in %.1f s, one after the other; %d sockets\n", n, took.Seconds(), sockets)
	if err := report(out, "idle, never used", before, n); err != nil {
		return err
	}
	for i := range n {
		d, err := sdk.Dial(ctx, service, fmt.Sprint("t", i), identity.Name)
		if err != nil {
			return err
		}
		_, err = sdk.Invoke[identity.User](ctx, d, "user.create", identity.User{Username: "ann"})
		d.Close()
		if err != nil {
			return err
		}
	}
	if err := report(out, "one store of each just used", before, n); err != nil {
		return err
	}
	time.Sleep(idle)
	return report(out, fmt.Sprintf("idle for %v after that", idle), before, n)
}

// report prints how much the process has grown for each context.
func report(out io.Writer, when string, before int, n int) error {
	now, err := memory()
	if err == nil {
		fmt.Fprintf(out, "%-30s %6.1f KB a context (%d MB in all)\n", when, float64(now-before)/float64(n), now/1024)
	}
	return err
}

// memory returns the resident size of this process in KB, once what nobody
// holds has gone back to the system.
func memory() (int, error) {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmRSS")
}
