package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"golang.org/x/sys/unix"
)

// roleVariable tells a process of the service's binary that it is the UI: it
// finds the listening socket as file 3, and as file 4 a pipe that ends with
// the service.
const roleVariable = "HERO_ROLE"

const roleUI = "ui"

// How long a UI that crashes at once is left alone, at first and at most.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// onDemand holds a UI's listening socket and runs the UI's process while
// somebody is there. Who connects while none runs waits in the socket's queue
// until the new process accepts, and is lost to nobody.
type onDemand struct {
	r        *running
	listener *unixsock.Listener
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	word  string
	child *os.Process // nil: none runs
	ended chan struct{}
}

func (r *running) openOnDemand(ctx context.Context, l *unixsock.Listener) (surface, error) {
	ctx, cancel := context.WithCancel(ctx)
	o := &onDemand{r: r, listener: l, cancel: cancel, word: "asleep"}
	o.done.Go(func() { o.loop(ctx) })
	return o, nil
}

func (o *onDemand) loop(ctx context.Context) {
	pause := firstPause
	for o.await(ctx) {
		began := time.Now()
		err := o.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			o.set("asleep", nil)
			pause = firstPause
			continue
		}
		o.r.log.Error("the UI's process ended; the next request starts another", "error", err)
		o.set("unhealthy", nil)
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// await returns true when somebody connects, and false when ctx ends.
func (o *onDemand) await(ctx context.Context) bool {
	// A listener lets nobody wait on it without accepting; its file does.
	file, err := o.listener.File()
	if err != nil {
		o.r.log.Error("the UI's socket is gone", "error", err)
		return false
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		o.r.log.Error("the UI's socket is gone", "error", err)
		return false
	}
	stop := context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
	if err != nil && ctx.Err() == nil {
		o.r.log.Error("the UI's socket is gone", "error", err)
	}
	return err == nil && ctx.Err() == nil
}

// run runs one UI process until it ends.
func (o *onDemand) run(ctx context.Context) error {
	socket, err := o.listener.File()
	if err != nil {
		return fmt.Errorf("hand the UI's socket over: %w", err)
	}
	defer socket.Close()
	alive, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the UI: %w", err)
	}
	defer hold.Close() // its end tells the UI that the service has gone
	command := o.r.env.Command
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(withoutNotify(os.Environ()), append(o.r.env.Places.Env(), roleVariable+"="+roleUI)...)
	cmd.ExtraFiles = []*os.File{socket, alive}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Start()
	alive.Close()
	if err != nil {
		return fmt.Errorf("start the UI: %w", err)
	}
	ended := make(chan struct{})
	o.mu.Lock()
	o.word, o.child, o.ended = "healthy", cmd.Process, ended
	o.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { hold.Close() })
	err = cmd.Wait()
	stop()
	o.set("asleep", nil)
	close(ended)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) && !o.asked(cmd) {
		return fmt.Errorf("the UI's process %d: %w", cmd.Process.Pid, err)
	}
	return nil
}

// asked reports whether the process ended because it was told to.
func (o *onDemand) asked(cmd *exec.Cmd) bool {
	s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGTERM
}

func (o *onDemand) set(word string, child *os.Process) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.word, o.child = word, child
}

func (o *onDemand) state() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.word
}

// restart ends the UI's process, if there is one. The next request starts
// another.
func (o *onDemand) restart(ctx context.Context) error {
	o.mu.Lock()
	child, ended := o.child, o.ended
	o.mu.Unlock()
	if child == nil {
		return nil
	}
	if err := child.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("restart the UI: %w", err)
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("restart the UI: %w", ctx.Err())
	}
}

// stop takes the socket away and lets the UI's process end what it has begun.
func (o *onDemand) stop(grace time.Duration) error {
	o.listener.Remove()
	o.mu.Lock()
	child, ended := o.child, o.ended
	o.mu.Unlock()
	o.cancel() // the pipe ends, and with it the process
	if child != nil {
		select {
		case <-ended:
		case <-time.After(grace):
			child.Kill()
		}
	}
	o.done.Wait()
	return o.listener.Close()
}

// withoutNotify drops what a supervisor says to the service's process alone.
func withoutNotify(env []string) []string {
	out := make([]string, 0, len(env))
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES":
		default:
			out = append(out, e)
		}
	}
	return out
}
