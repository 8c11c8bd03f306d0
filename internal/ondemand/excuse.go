package ondemand

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

const excusePage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="%[1]d">
<title>%[2]s: the UI does not start</title>
<body style="font: 1rem/1.5 sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem">
<h1>The UI of %[2]s does not start</h1>
<p>It ended at once, %[3]d times in a row, the last time with: %[4]s.
It is tried again in %[1]d s, and this page then loads anew. The service itself runs.</p>
<p>Its log says why: <code>hero_proc logs %[5]s</code></p>
`

// excuse answers in the place of a UI that does not start, until ctx ends.
func (o *Keeper) excuse(ctx context.Context, crashes int, wait time.Duration, why error) error {
	file, err := o.Socket().File()
	if err != nil {
		return err
	}
	l, err := net.FileListener(file)
	file.Close()
	if err != nil {
		return err
	}
	own, ok := l.(*net.UnixListener)
	if !ok {
		return fmt.Errorf("the UI's socket is a %T", l)
	}
	idle := unixsock.NewIdleListener(unixsock.Adopt(own, o.Socket().Path()))
	seconds := int(max(1, (wait+time.Second-1)/time.Second))
	srv := &http.Server{ConnState: idle.ConnState, ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Connection", "close")
			h.Set("Retry-After", fmt.Sprint(seconds))
			h.Set("Cache-Control", "no-store")
			if r.URL.Path == "/health" {
				h.Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprintf(w, `{"status":"error","service":%q}`+"\n", o.opts.Name)
				return
			}
			h.Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, excusePage, seconds, html.EscapeString(o.opts.Title), crashes, html.EscapeString(why.Error()), o.opts.Name)
		})}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.Serve(idle); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			o.log.Error("nobody is told that the UI does not start", "error", err)
		}
	})
	select {
	case <-ctx.Done():
	case <-o.again:
		o.again <- struct{}{}
	}
	// As the UI's own process does: who comes now waits for that one.
	idle.Quit()
	serving.Wait()
	end, done := context.WithTimeout(context.WithoutCancel(ctx), streamGrace)
	defer done()
	idle.Drain(end)
	return srv.Shutdown(end)
}
