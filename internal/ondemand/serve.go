package ondemand

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// streamGrace is how long requests go on when the process ends, before their
// contexts do: a stream that waits for news would otherwise never end.
const streamGrace = time.Second

// Serving says how the process that was started answers.
type Serving struct {
	Handler http.Handler
	Idle    time.Duration   // it ends when nobody has used it for so long
	Grace   time.Duration   // for what is in flight then
	Base    context.Context // has the values that requests have
	Log     *slog.Logger
}

// Serve is the started process's part: it answers on the socket that it was
// handed until nobody has used it for the idle time, its Keeper goes, or ctx
// ends.
func Serve(ctx context.Context, s Serving) error {
	l, err := net.FileListener(os.NewFile(socketFile, "ui"))
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
	if err := syscall.SetNonblock(pipeFile, true); err != nil {
		return fmt.Errorf("watch the service: %w", err)
	}
	hold := os.NewFile(pipeFile, "service")
	var asked atomic.Bool
	watching.Go(func() {
		var b [1]byte
		for { // until the service's end is closed
			if _, err := hold.Read(b[:]); err != nil {
				cancel()
				return
			}
			asked.Store(b[0] == leaving)
		}
	})
	defer watching.Wait()
	defer hold.Close()

	base, abandon := context.WithCancel(s.Base)
	defer abandon()
	idle := unixsock.NewIdleListener(unixsock.Adopt(unix, unix.Addr().String()))
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if asked.Load() {
				w.Header().Set("Connection", "close")
			}
			s.Handler.ServeHTTP(w, q)
		}),
		BaseContext: func(net.Listener) context.Context { return base },
		ConnState:   idle.ConnState, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.Serve(idle); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			s.Log.Error("the UI stopped accepting", "error", err)
			cancel()
		}
	})
	idle.Wait(ctx, s.Idle)
	// First stop accepting, then see to those who were accepted at the last
	// moment: nobody is turned away, and who comes now waits in the queue for
	// the next process.
	idle.Quit()
	serving.Wait()
	hurry := time.AfterFunc(streamGrace, abandon)
	defer hurry.Stop()
	end, done := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer done()
	idle.Drain(end)
	return srv.Shutdown(end)
}
