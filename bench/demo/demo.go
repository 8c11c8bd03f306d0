// Package demo runs the project's demo for a measure: hero_proc, hero_proxy and
// hero_food, built from the sources, on a home of their own.
package demo

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Demo runs until Close.
type Demo struct {
	Addr string // of the proxy
	Home string
	dir  string
	up   *exec.Cmd
}

// Start builds and runs it, and returns when it is filled.
func Start() (_ *Demo, err error) {
	dir, err := os.MkdirTemp("", "hero-bench")
	if err != nil {
		return nil, err
	}
	d := &Demo{dir: dir, Home: filepath.Join(dir, "home")}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	build := exec.Command("go", "build", "-o", dir+"/bin/", "./cmd/...", "./examples/...")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the programs: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.Addr = l.Addr().String()
	l.Close()
	d.up = d.Command("up", "--demo", "--listen", d.Addr)
	d.up.Stderr = os.Stderr
	if err := d.up.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		time.Sleep(100 * time.Millisecond)
		if out, err := d.Command("logs", "hero_food").Output(); err != nil || !strings.Contains(string(out), "msg=ready") {
			continue
		}
		resp, err := http.Get("http://" + d.Addr + "/hero_food/org_acme/delivery/health")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return d, nil
		}
	}
	return nil, errors.New("the demo did not come up within 30 s")
}

// Command is a command of hero_proc.
func (d *Demo) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(d.dir, "bin", "hero_proc"), args...)
	cmd.Env = append(os.Environ(), "HERO_HOME="+d.Home, "HERO_SOCKET_DIR=", "PATH_SOCKET=")
	return cmd
}

// Close ends it and removes what it left.
func (d *Demo) Close() {
	if d.up != nil && d.up.Process != nil {
		_ = d.up.Process.Signal(syscall.SIGTERM)
		_ = d.up.Wait()
	}
	os.RemoveAll(d.dir)
}
