// Command rpc measures the project's JSON-RPC server beside others of its
// kind: each in a process of its own on a unix socket, all driven by the same
// raw HTTP client, in interleaved rounds of one run, and prints the medians.
//
//	go run ./rpc
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

func main() {
	serve := flag.String("serve", "", "serve as this peer (used by the command itself)")
	socket := flag.String("socket", "", "the socket to serve on")
	rounds := flag.Int("rounds", 5, "rounds; each measures every cell once")
	cell := flag.Duration("cell", 600*time.Millisecond, "time for one cell of one round")
	only := flag.String("only", "", "measure this peer alone")
	flag.Parse()
	var err error
	if *serve != "" {
		go func() { // the parent holds the other end: when it dies, however it dies, so does this
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		err = serveAs(*serve, *socket)
	} else {
		err = compare(os.Stdout, *rounds, *cell, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rpc: error:", err)
		os.Exit(1)
	}
}

// scenario is one column of the table.
type scenario struct {
	method string
	conns  int
}

var scenarios = []scenario{{"add", 1}, {"create", 1}, {"add", 64}, {"create", 64}}

func compare(out io.Writer, rounds int, cell time.Duration, only string) error {
	dir, err := os.MkdirTemp("", "rpc")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var list []peer
	for _, p := range peers() {
		if only == "" || p.name == only {
			list = append(list, p)
		}
	}
	for i, p := range list {
		path := filepath.Join(dir, fmt.Sprint(i, ".sock"))
		stop, err := start(p.name, path)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		defer stop()
	}
	rates := make([][][]float64, len(list)) // peer, scenario, round
	for i := range rates {
		rates[i] = make([][]float64, len(scenarios))
	}
	for round := range rounds + 1 { // round 0 warms up and checks the answers
		for s, sc := range scenarios {
			for i := range list {
				i := (i + round) % len(list) // nobody always follows the same neighbour
				length := cell
				if round == 0 {
					length = cell / 6
				}
				path := filepath.Join(dir, fmt.Sprint(i, ".sock"))
				rate, err := measure(path, list[i].requests[sc.method], expected[sc.method], sc.conns, length)
				if err != nil {
					return fmt.Errorf("%s: %s at %d: %w", list[i].name, sc.method, sc.conns, err)
				}
				if round > 0 {
					rates[i][s] = append(rates[i][s], rate)
				}
			}
		}
	}
	print(out, list, rates, rounds, cell)
	return nil
}

func print(out io.Writer, list []peer, rates [][][]float64, rounds int, cell time.Duration) {
	fmt.Fprintf(out, "%s, %s/%s, %d CPUs, %d rounds of %v; requests/s, medians; (× connect-go, × go-ethereum)\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds, cell)
	fmt.Fprint(out, "| server |")
	for _, sc := range scenarios {
		fmt.Fprintf(out, " %s, %d conn |", sc.method, sc.conns)
	}
	fmt.Fprint(out, "\n|---|", "--:|--:|--:|--:|\n")
	row := func(name string) int {
		return slices.IndexFunc(list, func(p peer) bool { return p.name == name })
	}
	for i, p := range list {
		fmt.Fprintf(out, "| %s |", p.name)
		for s := range scenarios {
			mine := median(rates[i][s])
			fmt.Fprintf(out, " %.0f", mine)
			if c, g := row("connect-go"), row("go-ethereum"); c >= 0 && g >= 0 {
				fmt.Fprintf(out, " (%.2f, %.2f)", mine/median(rates[c][s]), mine/median(rates[g][s]))
			}
			fmt.Fprint(out, " |")
		}
		fmt.Fprintln(out)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[len(sorted)/2] + sorted[(len(sorted)-1)/2]) / 2
}

// start runs this program as a peer, until stop is called.
func start(name, path string) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve", name, "-socket", path)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = leash.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 500 {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
			return stop, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	return nil, errors.New("does not accept: " + complaint.String())
}
