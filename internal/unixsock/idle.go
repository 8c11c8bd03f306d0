package unixsock

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// IdleListener is a listener that knows which of its connections are in use,
// for an HTTP server that ends when nobody needs it. The server's ConnState is
// the listener's.
type IdleListener struct {
	*Listener
	changed chan struct{} // 1-slot: the number became or left zero

	mu   sync.Mutex // guards what follows
	busy map[net.Conn]bool
	last time.Time // of the last change
	shut bool
}

// NewIdleListener returns l as an IdleListener.
func NewIdleListener(l *Listener) *IdleListener {
	return &IdleListener{Listener: l, changed: make(chan struct{}, 1), busy: make(map[net.Conn]bool), last: time.Now()}
}

// tracked tells its listener when it is closed, also by who hijacked it.
type tracked struct {
	net.Conn
	listener *IdleListener
}

// Close closes the connection.
func (c *tracked) Close() error {
	c.listener.set(c, false)
	return c.Conn.Close()
}

// Accept waits for a connection, which counts as in use from then on.
func (l *IdleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.shut {
			return nil, net.ErrClosed
		}
		return nil, err
	}
	t := &tracked{c, l}
	l.set(t, true)
	return t, nil
}

// ConnState notes what becomes of a connection.
func (l *IdleListener) ConnState(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateActive:
		l.set(c, true)
	case http.StateIdle, http.StateClosed:
		l.set(c, false)
	}
}

func (l *IdleListener) set(c net.Conn, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if busy {
		l.busy[c] = true
	} else {
		delete(l.busy, c)
	}
	l.last = time.Now()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *IdleListener) used() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy) > 0
}

// Unused returns for how long no connection has been in use; 0 while one is.
func (l *IdleListener) Unused() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.busy) > 0 {
		return 0
	}
	return time.Since(l.last)
}

// Wait returns when no connection was in use for the time, or ctx ends.
func (l *IdleListener) Wait(ctx context.Context, idle time.Duration) {
	t := time.NewTimer(idle)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
			t.Reset(idle)
		case <-t.C:
			if !l.used() {
				return
			}
		}
	}
}

// Quit stops accepting and leaves who comes now in the socket's queue, for the
// next process that has it.
func (l *IdleListener) Quit() {
	l.mu.Lock()
	l.shut = true
	l.mu.Unlock()
	l.SetDeadline(time.Unix(1, 0))
}

// Drain returns when no connection is in use, or ctx ends.
func (l *IdleListener) Drain(ctx context.Context) {
	for l.used() {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		}
	}
}
