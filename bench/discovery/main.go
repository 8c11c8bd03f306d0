// Command discovery measures how long it takes to learn what a sockets folder
// holds: a cold scan of a folder of many services, and the time from a
// socket's appearance to the tree that has it.
//
//	go run ./discovery
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// size says how many sockets the folder holds.
type size struct{ services, contexts, domains int }

func main() {
	var n size
	flag.IntVar(&n.services, "services", 1000, "services")
	flag.IntVar(&n.contexts, "contexts", 5, "contexts a service")
	flag.IntVar(&n.domains, "domains", 4, "domains a context")
	rounds := flag.Int("rounds", 7, "cold scans; the median counts")
	sockets := flag.Int("sockets", 100, "sockets that appear, one after the other")
	flag.Parse()
	if err := run(os.Stdout, n, *rounds, *sockets); err != nil {
		fmt.Fprintln(os.Stderr, "discovery: error:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, n size, rounds, sockets int) error {
	home, err := os.MkdirTemp("", "discovery")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	m := &machine{places: layout.Places{Home: home, Sockets: filepath.Join(home, "sockets")}}
	if err := unixsock.MkdirAll(m.places.Sockets); err != nil {
		return err
	}
	fmt.Fprintf(out, "from a socket's appearance to the tree that has it, %d sockets one after the other\n", sockets)
	if err := m.appear(out, "in an empty folder", sockets); err != nil {
		return err
	}
	if err := m.fill(n); err != nil {
		return err
	}
	if err := m.appear(out, fmt.Sprintf("beside %d services", n.services), sockets); err != nil {
		return err
	}
	fmt.Fprintf(out, "cold scan of %d services x %d contexts x %d domains (%d sockets), %d times\n",
		n.services, n.contexts, n.domains, n.services*(1+n.contexts*n.domains), rounds)
	if err := m.cold(out, "without manifests", n, rounds); err != nil {
		return err
	}
	stop, err := m.answer(n)
	if err != nil {
		return err
	}
	defer stop()
	return m.cold(out, "with manifests, served by this process", n, rounds)
}

// machine is a sockets folder.
type machine struct{ places layout.Places }

func (m *machine) socket(rel string) (*unixsock.Listener, error) {
	path, err := m.places.Socket(rel)
	if err != nil {
		return nil, err
	}
	return unixsock.Listen(path)
}

// leave makes a socket whose process is dead: as much to find as another's,
// and more of them than a process may have open.
func (m *machine) leave(rel string) error {
	l, err := m.socket(rel)
	if err != nil {
		return err
	}
	return l.UnixListener.Close()
}

func name(i int) string { return fmt.Sprintf("service_%04d", i) }

func (m *machine) fill(n size) error {
	for i := range n.services {
		if err := m.leave(name(i) + ".sock"); err != nil {
			return err
		}
		for c := range n.contexts {
			for d := range n.domains {
				if err := m.leave(fmt.Sprintf("%s_server/c%d/d%d.sock", name(i), c, d)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// answer makes every service socket one that answers with a manifest.
func (m *machine) answer(n size) (stop func(), err error) {
	var wg sync.WaitGroup
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			s.Close()
		}
		wg.Wait()
	}
	for i := range n.services {
		s, err := layout.ParseService(name(i))
		if err != nil {
			return stop, err
		}
		doc := manifest.Manifest{
			Protocol: manifest.Protocol, Name: s.String(), Title: s.String(), Version: "0.1.0", Socket: manifest.Socket,
			HeroSDK: "0.1.0", PID: os.Getpid(), StartedAt: manifest.At(time.Now()), Sockets: manifest.SocketsOf(s, false),
		}
		body, err := doc.JSON()
		if err != nil {
			return stop, err
		}
		l, err := m.socket(layout.ServiceRel(s))
		if err != nil {
			return stop, err
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })}
		servers = append(servers, srv)
		wg.Go(func() { srv.Serve(l) })
	}
	return stop, nil
}

func (m *machine) cold(out io.Writer, what string, n size, rounds int) error {
	var took []time.Duration
	for range rounds {
		start := time.Now()
		tree, err := discovery.Discover(context.Background(), discovery.Options{Places: m.places})
		if err != nil {
			return err
		}
		took = append(took, time.Since(start))
		last := tree.Services[len(tree.Services)-1]
		if len(tree.Services) != n.services || len(last.Contexts) != n.contexts || len(last.Contexts[0].Domains) != n.domains {
			return fmt.Errorf("the tree has %d services, the last one %d contexts", len(tree.Services), len(last.Contexts))
		}
	}
	report(out, what, took)
	return nil
}

// appear watches the folder and measures how long each new socket takes to be
// in the tree.
func (m *machine) appear(out io.Writer, what string, sockets int) error {
	ctx, cancel := context.WithCancel(context.Background())
	w := discovery.NewWatcher(discovery.Options{Places: m.places})
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { failed = w.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	tree, err := w.Wait(ctx, nil)
	if err != nil {
		return fmt.Errorf("%w (%v)", err, failed)
	}
	if tree, err = m.quiet(ctx, w, tree); err != nil {
		return err
	}
	s, err := layout.ParseService("newcomer")
	if err != nil {
		return err
	}
	var took []time.Duration
	for i := range sockets {
		rel := fmt.Sprintf("newcomer_server/root/d%d.sock", i)
		start := time.Now()
		if err := m.leave(rel); err != nil {
			return err
		}
		for has := 0; has <= i; {
			if tree, err = w.Wait(ctx, tree); err != nil {
				return err
			}
			if found := tree.Service(s); found != nil && len(found.Contexts) == 1 {
				has = len(found.Contexts[0].Domains)
			}
		}
		took = append(took, time.Since(start))
	}
	report(out, what, took)
	return os.RemoveAll(m.places.ContextFolder(s, layout.Root))
}

// quiet waits until the tree has not changed for a while.
func (m *machine) quiet(ctx context.Context, w *discovery.Watcher, tree *discovery.Tree) (*discovery.Tree, error) {
	for {
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		next, err := w.Wait(soon, tree)
		cancel()
		if err != nil {
			return tree, ctx.Err()
		}
		tree = next
	}
}

func report(out io.Writer, what string, took []time.Duration) {
	slices.Sort(took)
	fmt.Fprintf(out, "  %-40s median %8.1f ms   best %8.1f ms   worst %8.1f ms\n",
		what, ms(took[len(took)/2]), ms(took[0]), ms(took[len(took)-1]))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
