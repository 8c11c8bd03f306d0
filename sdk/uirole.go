package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// runUI is the service's binary as its UI: it answers on the socket that it
// was handed until nobody has used it for the idle time, the service goes, or
// ctx ends.
func runUI(ctx context.Context, env Env, p *plan) error {
	if p.ui == nil {
		return fmt.Errorf("%s has no UI", p.name)
	}
	l, err := net.FileListener(os.NewFile(3, "ui"))
	if err != nil {
		return fmt.Errorf("take the UI's socket: %w", err)
	}
	unix, ok := l.(*net.UnixListener)
	if !ok {
		return fmt.Errorf("take the UI's socket: it is a %T", l)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	// A file that blocks would keep its reader when it is closed.
	if err := syscall.SetNonblock(4, true); err != nil {
		return fmt.Errorf("watch the service: %w", err)
	}
	hold := os.NewFile(4, "service")
	watching.Go(func() {
		var b [1]byte
		_, err := hold.Read(b[:]) // returns when the service's end is closed
		_ = err
		cancel()
	})
	defer watching.Wait()
	defer hold.Close()

	clients := newClients()
	defer clients.close()
	h, err := p.uiHandler(env)
	if err != nil {
		return err
	}
	base, abandon := context.WithCancel(withWorld(context.WithoutCancel(ctx), &world{places: env.Places, clients: clients}))
	defer abandon()
	idle := newIdler(unixsock.Adopt(unix, env.Places.UISocket(p.name)))
	srv := &http.Server{
		Handler: h, BaseContext: func(net.Listener) context.Context { return base },
		ConnState: idle.connState, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.Serve(idle); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			discard(env.Log).Error("the UI stopped accepting", "error", err)
			cancel()
		}
	})
	idle.wait(ctx, p.ui.Idle)
	// First stop accepting, then see to those who were accepted at the last
	// moment: nobody is turned away, and who comes now waits in the queue for
	// the next process.
	idle.stopAccepting()
	serving.Wait()
	hurry := time.AfterFunc(streamGrace, abandon)
	defer hurry.Stop()
	end, done := context.WithTimeout(context.WithoutCancel(ctx), p.Grace)
	defer done()
	idle.drain(end)
	return srv.Shutdown(end)
}

// idler is a listener that knows how many of its connections are in use.
type idler struct {
	*unixsock.Listener
	changed chan struct{} // 1-slot: the number became or left zero

	mu   sync.Mutex // guards what follows
	busy map[net.Conn]bool
	shut bool
}

func newIdler(l *unixsock.Listener) *idler {
	return &idler{Listener: l, changed: make(chan struct{}, 1), busy: make(map[net.Conn]bool)}
}

// tracked tells its idler when it is closed, also by who hijacked it.
type tracked struct {
	net.Conn
	idler *idler
}

// Close closes the connection.
func (c *tracked) Close() error {
	c.idler.set(c, false)
	return c.Conn.Close()
}

// Accept waits for a connection, which counts as in use from then on.
func (l *idler) Accept() (net.Conn, error) {
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

func (l *idler) connState(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateActive:
		l.set(c, true)
	case http.StateIdle, http.StateClosed:
		l.set(c, false)
	}
}

func (l *idler) set(c net.Conn, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if busy {
		l.busy[c] = true
	} else {
		delete(l.busy, c)
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *idler) used() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy) > 0
}

// wait returns when no connection was in use for the time, or ctx ends.
func (l *idler) wait(ctx context.Context, idle time.Duration) {
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

func (l *idler) stopAccepting() {
	l.mu.Lock()
	l.shut = true
	l.mu.Unlock()
	l.SetDeadline(time.Unix(1, 0))
}

// drain returns when no connection is in use, or ctx ends.
func (l *idler) drain(ctx context.Context) {
	for l.used() {
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		}
	}
}
