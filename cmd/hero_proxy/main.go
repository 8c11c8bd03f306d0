// Command hero_proxy is the door to the services of a machine: HTTP to the
// right unix socket, and nobody to what is not theirs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(program().Run(ctx, cli.Process()))
}

func program() cli.Program {
	return cli.Program{
		Name: "hero_proxy", Version: sdk.Version, Help: "lets HTTP in to the services of this machine",
		Commands: []cli.Command{serveCommand(), tokenCommand(), checkCommand(), routesCommand(), learnCommand(), olderCommand(), uiCommand()},
	}
}

func serveCommand() cli.Command {
	var listen string
	var hosts names
	var general bool
	return cli.Command{
		Name: "serve", Args: "[--listen 127.0.0.1:9998] [--host NAME] [--general-only]", Help: "answer HTTP until told to stop; hero_proc does this",
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&listen, "listen", "127.0.0.1:9998", "`address` to listen on")
			f.Var(&hosts, "host", "a further `name` that the proxy is asked by; may be given again")
			f.BoolVar(&general, "general-only", false, "leave the short way for plain calls out")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			env, err := sdk.ProcessEnv()
			if err != nil {
				return err
			}
			policy, err := proxy.OpenPolicy(env.Places.Policy(), env.Log)
			if err != nil {
				return err
			}
			l, err := open(listen, policy.Policy(), env.Log)
			if err != nil {
				return err
			}
			hosts = append(hosts, policy.Policy().Hosts()...)
			if !general {
				// Each loop waits in the kernel on a thread of its own: without one more
				// they would take turns with the collector and with the general path.
				runtime.GOMAXPROCS(runtime.NumCPU() + 1)
			}
			watcher := discovery.NewWatcher(discovery.Options{Places: env.Places, Log: env.Log})
			ledger := proxy.NewLedger(c.Stderr)
			audit := newDecisions(slog.NewJSONHandler(ledger, nil))
			handler := proxy.New(proxy.Options{Places: env.Places, Tree: watcher.Tree, Policy: policy.Policy, Hosts: hosts,
				Log: env.Log, Audit: slog.New(audit)})
			env.Command = append(env.Command, "ui")
			rpc := &door{places: env.Places, tree: watcher.Tree, policy: policy.Policy, decisions: audit, handler: handler}
			return sdk.Run(ctx, env, service(), rpc.domain(), dashboard(),
				sdk.Task{Name: "watch", Run: watcher.Run},
				sdk.Task{Name: "audit", Run: ledger.Run},
				sdk.Task{Name: "serve", Run: func(ctx context.Context) error { return serve(ctx, handler.Listen(l, general), handler) }})
		},
	}
}

// grace is how long requests may take to end after the proxy was told to stop.
const grace = 5 * time.Second

// serve answers on l until ctx ends, and then ends what is in flight.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ConnContext: proxy.ConnContext, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	ended := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { ended <- srv.Serve(l) })
	defer serving.Wait()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(end); errors.Is(err, context.DeadlineExceeded) {
		return srv.Close() // streams that would go on for ever
	}
	return nil
}
