package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/ondemand"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// roleVariable tells a process of the service's binary that it is the UI, and
// that package ondemand started it.
const roleVariable = "HERO_ROLE"

const roleUI = "ui"

// runUI is the service's binary as its UI: it answers on the socket that it
// was handed until nobody has used it for the idle time, the service goes, or
// ctx ends.
func runUI(ctx context.Context, env Env, p *plan) error {
	if p.ui == nil {
		return fmt.Errorf("%s has no UI", p.name)
	}
	l, err := net.FileListener(os.NewFile(ondemand.SocketFile, "ui"))
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
	if err := syscall.SetNonblock(ondemand.PipeFile, true); err != nil {
		return fmt.Errorf("watch the service: %w", err)
	}
	hold := os.NewFile(ondemand.PipeFile, "service")
	var asked atomic.Bool
	watching.Go(func() {
		var b [1]byte
		for { // until the service's end is closed
			if _, err := hold.Read(b[:]); err != nil {
				cancel()
				return
			}
			asked.Store(b[0] == ondemand.Leaving)
		}
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
	idle := unixsock.NewIdleListener(unixsock.Adopt(unix, env.Places.UISocket(p.name)))
	answer := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if asked.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, q)
	})
	srv := &http.Server{
		Handler: answer, BaseContext: func(net.Listener) context.Context { return base },
		ConnState: idle.ConnState, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.Serve(idle); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			discard(env.Log).Error("the UI stopped accepting", "error", err)
			cancel()
		}
	})
	idle.Wait(ctx, p.ui.Idle)
	// First stop accepting, then see to those who were accepted at the last
	// moment: nobody is turned away, and who comes now waits in the queue for
	// the next process.
	idle.Quit()
	serving.Wait()
	hurry := time.AfterFunc(streamGrace, abandon)
	defer hurry.Stop()
	end, done := context.WithTimeout(context.WithoutCancel(ctx), p.Grace)
	defer done()
	idle.Drain(end)
	return srv.Shutdown(end)
}
