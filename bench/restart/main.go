// Command restart proves that nobody notices a graceful restart: it runs the
// demo, sends a steady load through hero_proxy, restarts hero_food gracefully
// again and again, and counts what failed.
//
//	go run ./restart -rate 2000 -for 60s -restarts 20
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/bench/demo"
)

func main() {
	var o options
	flag.IntVar(&o.rate, "rate", 2000, "requests a second")
	flag.DurationVar(&o.length, "for", time.Minute, "how long")
	flag.IntVar(&o.restarts, "restarts", 20, "how many graceful restarts in that time")
	flag.StringVar(&o.how, "how", "--graceful", "the flag of hero_proc restart; empty for a plain restart, to see what is lost then")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "restart: error:", err)
		os.Exit(1)
	}
}

type options struct {
	rate, restarts int
	length         time.Duration
	how            string
	addr           string
}

func (o *options) run() error {
	d, err := demo.Start()
	if err != nil {
		return err
	}
	defer d.Close()
	o.addr = d.Addr
	ctx, cancel := context.WithTimeout(context.Background(), o.length)
	defer cancel()
	load := load{whys: map[string]int{}}
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { load.send(ctx, o) })
	var took []time.Duration
	for n := range o.restarts {
		wait := time.Until(start.Add(o.length * time.Duration(2*n+1) / time.Duration(2*o.restarts)))
		time.Sleep(wait)
		began := time.Now()
		args := []string{"restart", "hero_food"}
		if o.how != "" {
			args = append(args, o.how)
		}
		if out, err := d.Command(args...).CombinedOutput(); err != nil {
			return fmt.Errorf("restart %d: %w: %s", n, err, out)
		}
		took = append(took, time.Since(began))
	}
	wg.Wait()
	load.report(took)
	if load.failed.Load() > 0 {
		return fmt.Errorf("%d requests failed", load.failed.Load())
	}
	return nil
}

// load sends requests at a steady rate, whether or not those before were
// answered, and none of them twice.
type load struct {
	ok     atomic.Int64
	failed atomic.Int64
	mu     sync.Mutex
	took   []time.Duration // from when each was due
	whys   map[string]int
}

// kinds are what is asked, one after another.
var kinds = []struct{ method, path, body, want string }{
	{"POST", "/hero_food/root/delivery/rpc", `{"jsonrpc":"2.0","id":1,"method":"order.counts"}`, `"result"`},
	{"POST", "/hero_food/org_acme/restaurant/rpc", `{"jsonrpc":"2.0","id":1,"method":"restaurant.list","params":{"limit":1}}`, `"result"`},
	{"POST", "/hero_food/rpc", `{"jsonrpc":"2.0","id":1,"method":"context.list"}`, `"org_acme"`},
	{"GET", "/hero_food/root/identity/health", "", `"ok"`},
	{"POST", "/hero_food/root/restaurant/rpc", `{"jsonrpc":"2.0","id":1,"method":"restaurant.create","params":{"name":"Load","cuisine":"none","address":"Street 1","city":"Ghent"}}`, `"result"`},
}

func (l *load) send(ctx context.Context, o *options) {
	tr := &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256}
	defer tr.CloseIdleConnections()
	began := time.Now()
	var wg sync.WaitGroup
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * time.Second / time.Duration(o.rate))
		if d := time.Until(due); d > 0 {
			time.Sleep(d)
		}
		if ctx.Err() != nil {
			break
		}
		k := kinds[n%len(kinds)]
		if k.path == kinds[4].path && rand.IntN(20) > 0 { // a few writes
			k = kinds[0]
		}
		wg.Go(func() {
			err := one(tr, o.addr, k.method, k.path, k.body, k.want)
			l.note(time.Since(due), err)
		})
	}
	wg.Wait()
}

func one(tr *http.Transport, addr, method, path, body, want string) error {
	var in io.Reader
	if body != "" {
		in = struct{ io.Reader }{strings.NewReader(body)} // nothing can send it again
	}
	req, err := http.NewRequest(method, "http://"+addr+path, in)
	if err != nil {
		return err
	}
	if in != nil {
		req.ContentLength = int64(len(body))
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(got, []byte(want)) {
		return fmt.Errorf("%s %s: %s %.200s", method, path, resp.Status, got)
	}
	return nil
}

func (l *load) note(took time.Duration, err error) {
	if err == nil {
		l.ok.Add(1)
	} else {
		l.failed.Add(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
	if err != nil {
		l.whys[err.Error()]++
	}
}

func (l *load) report(restarts []time.Duration) {
	slices.Sort(l.took)
	slices.Sort(restarts)
	at := func(d []time.Duration, q float64) time.Duration {
		return d[int(float64(len(d)-1)*q)].Round(10 * time.Microsecond)
	}
	fmt.Printf("requests %d, failed %d\n", l.ok.Load()+l.failed.Load(), l.failed.Load())
	fmt.Printf("latency from when due: p50 %v, p99 %v, p99.9 %v, most %v\n", at(l.took, .5), at(l.took, .99), at(l.took, .999), at(l.took, 1))
	if len(restarts) > 0 {
		fmt.Printf("restarts %d: median %v, longest %v\n", len(restarts), at(restarts, .5), at(restarts, 1))
	}
	for why, n := range l.whys {
		fmt.Printf("  %5d × %s\n", n, why)
	}
}
