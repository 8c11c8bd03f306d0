package unixsock

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// IdleVariable tells a process whose sockets somebody else holds for how long
// it stays unused before it ends, such as 10m: the next connection starts it
// again.
const IdleVariable = "HERO_IDLE"

// IdleListener is a listener that knows which of its connections are in use,
// for an HTTP server that ends when nobody needs it. The server's ConnState is
// the listener's.
type IdleListener struct {
	*Listener
	changed chan struct{} // 1-slot: the number became or left zero

	mu   sync.Mutex // guards what follows
	busy map[net.Conn]use
	last time.Time // of the last use
	shut bool
}

// use says what a connection in use is for.
type use uint8

const (
	taken      use = iota // accepted, and nothing was asked yet
	asked                 // somebody needs the answer
	overlooked            // somebody wants to know how the server is
)

// NewIdleListener returns l as an IdleListener.
func NewIdleListener(l *Listener) *IdleListener {
	return &IdleListener{Listener: l, changed: make(chan struct{}, 1), busy: make(map[net.Conn]use), last: time.Now()}
}

// tracked tells its listener when it is closed, also by who hijacked it.
type tracked struct {
	net.Conn
	listener *IdleListener
}

// Close closes the connection.
func (c *tracked) Close() error {
	c.listener.free(c)
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
	l.mark(t, taken)
	return t, nil
}

// ConnState notes what becomes of a connection.
func (l *IdleListener) ConnState(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateActive:
		l.mark(c, asked)
	case http.StateIdle, http.StateClosed:
		l.free(c)
	}
}

// Overlook says that what is asked on the connection now is no use of the
// server: how it is, or what it is. A server that is only watched is unused.
func (l *IdleListener) Overlook(c net.Conn) {
	l.mu.Lock()
	_, busy := l.busy[c]
	l.mu.Unlock()
	if busy {
		l.mark(c, overlooked)
	}
}

func (l *IdleListener) mark(c net.Conn, u use) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[c] = u
	l.tell()
}

func (l *IdleListener) free(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u, busy := l.busy[c]; busy && u == asked {
		l.last = time.Now()
	}
	delete(l.busy, c)
	l.tell()
}

// tell wakes who waits for a change.
func (l *IdleListener) tell() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *IdleListener) busyNow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy) > 0
}

// Unused returns for how long nobody has used a connection; 0 while somebody
// does.
func (l *IdleListener) Unused() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range l.busy {
		if u != overlooked {
			return 0
		}
	}
	return time.Since(l.last)
}

// Wait returns when nobody has used a connection for the time, or ctx ends.
func (l *IdleListener) Wait(ctx context.Context, idle time.Duration) {
	for {
		left := idle - l.Unused()
		if left <= 0 {
			return
		}
		t := time.NewTimer(left)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-l.changed:
			t.Stop()
		case <-t.C:
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
	for l.busyNow() {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		}
	}
}
