// Command proxy measures hero_proxy beside other proxies: wrk sends the same
// calls through each to one upstream, nginx on a unix socket, in turn.
//
//	go run ./proxy -rounds 3 -cell 4s
//
// It needs nginx and wrk, and takes HAProxy and Caddy along where they are
// installed. Traefik reaches no unix socket and is in no package here.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const token = "hp_0123456789abcdef0123456789abcdef"

// bench is one run.
type bench struct {
	dir, binary, sockets, upstream, hash string
	cell                                 time.Duration
}

func main() {
	rounds := flag.Int("rounds", 3, "how often each is measured")
	cell := flag.Duration("cell", 4*time.Second, "for how long, each time")
	only := flag.String("only", "", "a regular expression of the proxies that are measured")
	conns := flag.String("connections", "1,64,512", "how many at once")
	sizes := flag.String("sizes", "call,up,down", "what is sent: a call of 200 bytes, or 1 MB in it (up) or in its answer (down)")
	flag.Parse()
	if err := run(*rounds, *cell, regexp.MustCompile(*only), strings.Split(*conns, ","), strings.Split(*sizes, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "proxy: error:", err)
		os.Exit(1)
	}
}

func run(rounds int, cell time.Duration, only *regexp.Regexp, conns, sizes []string) error {
	for _, needed := range []string{"nginx", "wrk"} {
		if _, err := exec.LookPath(needed); err != nil {
			fmt.Println("left out:", needed, "is not installed")
			return nil
		}
	}
	dir, err := os.MkdirTemp("", "hb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sum := sha256.Sum256([]byte(token))
	b := &bench{dir: dir, binary: filepath.Join(dir, "hero_proxy"), sockets: filepath.Join(dir, "s"), hash: hex.EncodeToString(sum[:]), cell: cell}
	b.upstream = filepath.Join(b.sockets, "hero_food_server", "root", "delivery.sock")
	build := exec.Command("go", "build", "-o", b.binary, "./cmd/hero_proxy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build hero_proxy: %w: %s", err, out)
	}
	stop, err := b.serveUpstream()
	if err != nil {
		return err
	}
	defer stop()
	var list []*peer
	for _, p := range b.peers() {
		if !only.MatchString(p.name) {
			continue
		}
		if err := p.run(b); err != nil {
			return err
		}
		defer p.end()
		list = append(list, p)
	}
	time.Sleep(500 * time.Millisecond)
	for _, size := range sizes {
		for _, n := range conns {
			if size != "call" && n != "64" {
				continue
			}
			if err := b.table(list, rounds, size, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// result is one measure.
type result struct {
	rate     float64
	p50, p99 time.Duration
	memory   int64         // PSS, bytes
	cpu      time.Duration // of the proxy, for a request
	failed   bool
}

// table measures one column of all proxies, and prints it.
func (b *bench) table(list []*peer, rounds int, size, conns string) error {
	got := make(map[*peer][]result)
	for range rounds {
		for _, p := range list {
			r, err := b.measure(p, size, conns)
			if err != nil {
				return err
			}
			got[p] = append(got[p], r)
		}
	}
	fmt.Printf("\n%s, %s connections\n\n| proxy | requests/s | least, most | CPU a request | p50 | p99 | memory |\n|---|--:|--:|--:|--:|--:|--:|\n", size, conns)
	for _, p := range list {
		rs := got[p]
		slices.SortFunc(rs, func(a, b result) int { return int(a.rate - b.rate) })
		m := rs[len(rs)/2]
		note := ""
		if slices.ContainsFunc(rs, func(r result) bool { return r.failed }) {
			note = " (some failed)"
		}
		fmt.Printf("| %s%s | %.0f | %.0f, %.0f | %.1f µs | %v | %v | %d MB |\n", p.name, note, m.rate, rs[0].rate, rs[len(rs)-1].rate, float64(m.cpu.Nanoseconds())/1e3, m.p50, m.p99, m.memory>>20)
	}
	return nil
}

func (b *bench) script(size string) (string, error) {
	path := filepath.Join(b.dir, size+".lua")
	pad := 100
	if size == "up" {
		pad = 1 << 20
	}
	method := "delivery.track"
	if size == "down" {
		method = "delivery.list"
	}
	lua := fmt.Sprintf("wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\nwrk.headers['Authorization']='Bearer %s'\nwrk.body='{\"jsonrpc\":\"2.0\",\"id\":42,\"method\":\"%s\",\"params\":{\"order\":\"01JB42\",\"note\":\"'..string.rep('x',%d)..'\"}}'\n", token, method, pad)
	if size == "down" {
		lua += "wrk.headers['X-Size']='large'\n"
	}
	return path, os.WriteFile(path, []byte(lua), 0o600)
}

var figures = regexp.MustCompile(`(?s)50%\s+([0-9.]+)(us|ms|s).*99%\s+([0-9.]+)(us|ms|s).*Requests/sec:\s+([0-9.]+)`)

func (b *bench) measure(p *peer, size, conns string) (result, error) {
	script, err := b.script(size)
	if err != nil {
		return result{}, err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d%s", p.port, p.path)
	threads := "1"
	if conns != "1" {
		threads = "2"
	}
	before := used(p.cmd.Process.Pid)
	out, err := exec.Command("wrk", "-t"+threads, "-c"+conns, "-d", fmt.Sprintf("%ds", int(b.cell.Seconds())), "--latency", "-s", script, url).CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := figures.FindStringSubmatch(string(out))
	if m == nil {
		return result{}, fmt.Errorf("%s: wrk says %s", p.name, out)
	}
	r := result{p50: span(m[1], m[2]), p99: span(m[3], m[4]), failed: strings.Contains(string(out), "Non-2xx") || strings.Contains(string(out), "Socket errors")}
	if r.rate, err = strconv.ParseFloat(m[5], 64); err != nil {
		return result{}, err
	}
	r.cpu = time.Duration(float64(used(p.cmd.Process.Pid)-before) / (r.rate * b.cell.Seconds()))
	r.memory = memory(p.cmd.Process.Pid)
	return r, nil
}

// used returns the CPU time of a process and its children.
func used(pid int) time.Duration {
	var total time.Duration
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		_, rest, _ := strings.Cut(string(data), ") ")
		if f := strings.Fields(rest); len(f) > 12 {
			for _, ticks := range f[11:13] {
				n, _ := strconv.ParseInt(ticks, 10, 64)
				total += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(f); err == nil {
			total += used(n)
		}
	}
	return total
}

func span(n, unit string) time.Duration {
	d, err := time.ParseDuration(n + unit)
	if err != nil {
		return 0
	}
	return d
}

// memory returns what a process and its children use, shared parts by share.
func memory(pid int) int64 {
	total := int64(0)
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err == nil {
		if m := regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`).FindSubmatch(data); m != nil {
			n, _ := strconv.ParseInt(string(m[1]), 10, 64)
			total = n << 10
		}
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(f); err == nil {
			total += memory(n)
		}
	}
	return total
}

// serveUpstream runs the service: nginx that returns the same answer to each.
func (b *bench) serveUpstream() (stop func(), err error) {
	var listen strings.Builder
	all := []string{b.upstream}
	for _, home := range heroes { // each hero_proxy owns its sockets folder
		all = append(all, filepath.Join(b.dir, home, "s", "hero_food_server", "root", "delivery.sock"))
	}
	for _, path := range all {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		fmt.Fprintf(&listen, "listen unix:%s backlog=4096; ", path)
	}
	answer := `{"jsonrpc":"2.0","id":42,"result":{"order":"01JB42","state":"on its way","minutes":12,"pad":"xxxxxx"}}`
	large := filepath.Join(b.dir, "large")
	if err := os.WriteFile(large, make([]byte, 1<<20), 0o600); err != nil {
		return nil, err
	}
	cmd, err := b.nginxConfig("upstream", "default_type application/json; sendfile on; server { "+listen.String()+"location / { if ($http_x_size) { rewrite ^ /large last; } return 200 '"+answer+"'; }\n"+
		"location = /large { internal; error_page 405 =200 /large; root "+b.dir+"; } }")
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{cmd: cmd}
	for range 100 {
		time.Sleep(20 * time.Millisecond)
		err = nil
		for _, path := range all {
			err = errors.Join(err, os.Chmod(path, 0o600))
		}
		if err == nil {
			return p.end, nil
		}
	}
	p.end()
	return nil, errors.Join(errors.New("the upstream does not start"), err)
}
