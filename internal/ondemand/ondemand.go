// Package ondemand runs a process while somebody needs it: it holds the
// listening socket, starts the process at the first connection, hands the
// socket over, and holds it again when the process has gone.
package ondemand

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/handover"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// leaving is what is written to the process's pipe when the service was taken
// over by another: each answer is to ask for a new connection.
const leaving = 'l'

// The files that the process finds open: the listening socket, and a pipe that
// ends with whoever holds the socket.
const (
	socketFile = 3
	pipeFile   = 4
)

// How long a UI that crashes at once is left alone, at first and at most.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Options say what is run.
type Options struct {
	Name, Title string   // of the service, for people
	Command     []string // the program and its arguments
	Env         []string // of the process; what a supervisor says to the service alone is left out
	Log         *slog.Logger
}

// Keeper holds a UI's listening socket and runs the UI's process while
// somebody is there. Who connects while none runs waits in the socket's queue
// until the new process accepts, and is lost to nobody.
type Keeper struct {
	opts   Options
	log    *slog.Logger
	cancel context.CancelFunc
	done   sync.WaitGroup
	again  chan struct{} // 1-slot: a UI that crashed is to be tried at once

	mu        sync.Mutex // guards what follows
	listener  *unixsock.Listener
	word      string
	child     *os.Process // nil: none runs
	interrupt func()      // ends the wait on a listener that was replaced
	hold      *os.File    // the child's pipe, while there is one
	ended     chan struct{}
}

// Start keeps l until Stop.
func Start(l *unixsock.Listener, opts Options) *Keeper {
	ctx, cancel := context.WithCancel(context.Background())
	o := &Keeper{opts: opts, log: opts.Log, listener: l, cancel: cancel, word: "asleep", again: make(chan struct{}, 1), interrupt: func() {}}
	o.done.Go(func() { o.loop(ctx) })
	return o
}

func (o *Keeper) loop(ctx context.Context) {
	crashes := 0 // in a row, each at once
	for o.await(ctx) {
		began := time.Now()
		err := o.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			o.set("asleep", nil)
			crashes = 0
			continue
		}
		o.log.Error("the UI's process ended; the next request starts another", "error", err)
		o.set("unhealthy", nil)
		if crashes++; time.Since(began) > lastPause {
			crashes = 1
		}
		o.pause(ctx, crashes, err)
	}
}

// await returns true when somebody connects, and false when ctx ends.
func (o *Keeper) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		once, cancel := context.WithCancel(ctx)
		o.mu.Lock()
		l := o.listener
		o.interrupt = cancel
		o.mu.Unlock()
		err := l.Await(once)
		cancel()
		if err == nil {
			return true
		}
		if once.Err() == nil {
			o.log.Error("the UI's socket is gone", "error", err)
			return false
		}
	}
	return false
}

// pause leaves a UI alone that crashed: longer each time. Who asks meanwhile
// is told so, unless it was for the first time.
func (o *Keeper) pause(ctx context.Context, crashes int, why error) {
	for {
		select {
		case <-o.again: // of an earlier time
			continue
		default:
		}
		break
	}
	wait := min(firstPause<<min(crashes-1, 10), lastPause)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if crashes > 1 {
		if err := o.excuse(ctx, crashes, wait, why); err != nil {
			o.log.Error("nobody is told that the UI does not start", "error", err)
		}
	}
	select {
	case <-ctx.Done():
	case <-o.again:
	}
}

// run runs one UI process until it ends.
func (o *Keeper) run(ctx context.Context) error {
	socket, err := o.Socket().File()
	if err != nil {
		return fmt.Errorf("hand the UI's socket over: %w", err)
	}
	defer socket.Close()
	alive, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the UI: %w", err)
	}
	defer hold.Close() // its end tells the UI that the service has gone
	command := o.opts.Command
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = withoutNotify(o.opts.Env)
	cmd.ExtraFiles = []*os.File{socket, alive}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Start()
	alive.Close()
	if err != nil {
		return fmt.Errorf("start the UI: %w", err)
	}
	ended := make(chan struct{})
	o.mu.Lock()
	o.word, o.child, o.hold, o.ended = "healthy", cmd.Process, hold, ended
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
func (o *Keeper) asked(cmd *exec.Cmd) bool {
	s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGTERM
}

func (o *Keeper) set(word string, child *os.Process) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.word, o.child = word, child
}

// State returns how the UI is, as a health word.
func (o *Keeper) State() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.word
}

// Restart ends the UI's process, if there is one. The next request starts
// another.
func (o *Keeper) Restart(ctx context.Context) error {
	o.mu.Lock()
	child, ended := o.child, o.ended
	o.mu.Unlock()
	if child == nil {
		select {
		case o.again <- struct{}{}:
		default:
		}
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

// Socket returns the listener that is held.
func (o *Keeper) Socket() *unixsock.Listener {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.listener
}

// Leave lets the UI's process ask for a new connection with each answer.
func (o *Keeper) Leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.child != nil {
		_, err := o.hold.Write([]byte{leaving})
		_ = err // it has just ended
	}
}

// Reclaim opens the socket again where it was replaced. The process that has
// the old one ends what it has begun.
func (o *Keeper) Reclaim(grace time.Duration) error {
	old := o.Socket()
	if old.Stands() {
		return nil
	}
	l, err := unixsock.Listen(old.Path())
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.listener = l
	interrupt := o.interrupt
	o.mu.Unlock()
	interrupt()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return errors.Join(o.Restart(ctx), old.Close())
}

// Stop takes the socket away and lets the UI's process end what it has begun.
func (o *Keeper) Stop(grace time.Duration) error {
	l := o.Socket()
	l.Remove()
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
	return l.Close()
}

// withoutNotify drops what a supervisor says to the service's process alone.
func withoutNotify(env []string) []string {
	out := make([]string, 0, len(env))
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", handover.Variable:
		default:
			out = append(out, e)
		}
	}
	return out
}
