package discovery

import (
	"context"
	"sync"
)

// ends tells when processes end, so that what a killed one left behind is seen
// at once: no file changes then. It is safe for concurrent use.
type ends struct {
	mu      sync.Mutex
	watched map[int]*end
	running sync.WaitGroup
}

// end is a process that somebody waits for.
type end struct {
	waiters int
	done    chan struct{} // closed when over, and gone is set
	gone    bool          // the process ended; else the wait did
	cancel  context.CancelFunc
}

// wait returns true when the process has ended, and false when ctx has or the
// system cannot tell.
func (e *ends) wait(ctx context.Context, pid int) bool {
	w := e.join(pid)
	defer e.leave(pid, w)
	select {
	case <-w.done:
		return w.gone
	case <-ctx.Done():
		return false
	}
}

// join adds a waiter: however many there are, the process is watched once.
func (e *ends) join(pid int) *end {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.watched[pid]; w != nil {
		w.waiters++
		return w
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &end{waiters: 1, done: make(chan struct{}), cancel: cancel}
	if e.watched == nil {
		e.watched = map[int]*end{}
	}
	e.watched[pid] = w
	e.running.Go(func() {
		defer close(w.done)
		w.gone = ended(ctx, pid)
	})
	return w
}

// leave takes a waiter away, and the watch with the last one.
func (e *ends) leave(pid int, w *end) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.waiters--
	over := false
	select {
	case <-w.done:
		over = true // the number may be another process's by now
	default:
	}
	if w.waiters == 0 || over {
		if e.watched[pid] == w {
			delete(e.watched, pid)
		}
	}
	if w.waiters == 0 {
		w.cancel()
	}
}
