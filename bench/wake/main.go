// Command wake measures how long somebody waits who looks at a UI that is
// asleep: from the request to the first byte of the answer, on the UI's socket
// and through hero_proxy, and beside it the same of a UI that is awake.
//
//	go run ./wake
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"slices"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/bench/demo"
)

func main() {
	rounds := flag.Int("rounds", 40, "wakes of each kind")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "wake: error:", err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	d, err := demo.Start()
	if err != nil {
		return err
	}
	defer d.Close()
	socket := filepath.Join(d.Home, "var", "sockets", "hero_food_ui.sock")
	var asleep, awake, proxied []time.Duration
	for range rounds {
		for _, c := range []struct {
			dial func() (net.Conn, error)
			path string
			into *[]time.Duration
			wake bool
		}{
			{func() (net.Conn, error) { return net.Dial("unix", socket) }, "/", &asleep, true},
			{func() (net.Conn, error) { return net.Dial("unix", socket) }, "/", &awake, false},
			{func() (net.Conn, error) { return net.Dial("tcp", d.Addr) }, "/hero_food/", &proxied, true},
		} {
			if c.wake { // its process ends, and the next request starts another
				if out, err := d.Command("restart", "hero_food", "--ui").CombinedOutput(); err != nil {
					return fmt.Errorf("%w: %s", err, out)
				}
			}
			took, err := firstByte(c.dial, d.Addr, c.path)
			if err != nil {
				return err
			}
			*c.into = append(*c.into, took)
		}
	}
	for _, row := range []struct {
		what string
		took []time.Duration
	}{{"asleep, on its socket", asleep}, {"asleep, through hero_proxy", proxied}, {"awake, on its socket", awake}} {
		slices.Sort(row.took)
		fmt.Printf("| %s | %.1f | %.1f | %.1f |\n", row.what, ms(row.took, .5), ms(row.took, .95), ms(row.took, 1))
	}
	return nil
}

func ms(d []time.Duration, q float64) float64 {
	return float64(d[int(float64(len(d)-1)*q)].Microseconds()) / 1000
}

// firstByte asks on a new connection and returns when the answer begins.
func firstByte(dial func() (net.Conn, error), host, path string) (time.Duration, error) {
	tr := &http.Transport{Dial: func(string, string) (net.Conn, error) { return dial() }}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	var took time.Duration
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { took = time.Since(began) }}))
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return took, nil
}
