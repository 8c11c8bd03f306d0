package scriptlib

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
)

// maxData is how much a script reads of a file, a program or an answer.
const maxData = 16 << 20

// machine registers the functions that reach beyond hero_proc.
func (l *library) machine() {
	l.engine.Register("args", func() []string { return append([]string{}, l.Args...) },
		"() Returns what stands after the script's name on the command line.")
	allow := func(name string, f any, doc string) {
		if !l.denied(name) {
			l.engine.Register(name, f, doc)
		}
	}
	allow("env", l.env, "(name) Returns an environment variable, or () where it is empty or not set.")
	allow("exec", l.exec, "(line) Runs a command line in a shell and waits for it. Returns a map of code, stdout and stderr.")
	allow("exec", l.execArgs, "(program, args) Runs a program with a list of arguments and waits for it. Returns a map of code, stdout and stderr.")
	allow("file_exists", l.fileExists, "(path) Reports whether there is a file or folder.")
	allow("read_file", l.readFile, "(path) Returns what a file holds, as text.")
	allow("write_file", l.writeFile, "(path, text) Replaces what a file holds, or makes it; what reads it never sees half of it.")
	allow("http_get", httpGet, "(url) Fetches an http URL of this machine's own addresses (127.0.0.0/8, ::1). Returns a map of status and body.")
	l.refuse()
}

// refuse registers in the place of each denied function one that says so.
func (l *library) refuse() {
	for _, name := range Deniable() {
		if !l.denied(name) {
			continue
		}
		err := fault.Errorf(fault.Denied, "%s is denied to this script", name)
		switch name {
		case "sleep":
			l.engine.Register(name, func(rhai.Value) error { return err })
		case "exec", "write_file":
			l.engine.Register(name, func(string, rhai.Value) error { return err })
			fallthrough
		default:
			l.engine.Register(name, func(string) error { return err })
		}
	}
}

func (l *library) env(name string) any {
	if l.Getenv == nil {
		return nil
	}
	if v := l.Getenv(name); v != "" {
		return v
	}
	return nil
}

func (l *library) exec(c *rhai.Context, line string) (map[string]any, error) {
	return l.execArgs(c, "/bin/sh", []string{"-c", line})
}

func (l *library) execArgs(c *rhai.Context, program string, args []string) (map[string]any, error) {
	r, err := osproc.Run(c, osproc.Command{Args: append([]string{program}, args...), Dir: l.Dir, Max: maxData})
	if err != nil {
		return nil, err
	}
	return map[string]any{"code": r.Code, "stdout": r.Stdout, "stderr": r.Stderr}, nil
}

// path is where a script's path leads.
func (l *library) path(name string) string {
	if l.Dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.Dir, name)
}

func (l *library) fileExists(name string) (bool, error) {
	_, err := os.Stat(l.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (l *library) readFile(name string) (string, error) {
	f, err := os.Open(l.path(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return limited(f, name)
}

// limited reads text, which may not be larger than maxData.
func limited(r io.Reader, name string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxData+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxData {
		return "", fault.Errorf(fault.Invalid, "read %s: it is larger than %d MiB", name, maxData>>20)
	}
	return string(data), nil
}

// writeFile keeps the mode of a file that is there.
func (l *library) writeFile(name, text string) error {
	path := l.path(name)
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return atomicfile.Write(path, []byte(text), mode)
}

// httpGet fetches from this machine alone: the address that is dialled is
// looked at, not the URL's text, and so is that of a redirect.
func httpGet(c *rhai.Context, address string) (map[string]any, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fault.Errorf(fault.Invalid, "http_get: %q is no http URL", address)
	}
	ctx, cancel := context.WithTimeout(c, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("http_get: %w", err)
	}
	dialer := &net.Dialer{ControlContext: func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil || !ap.Addr().Unmap().IsLoopback() {
			return fault.Errorf(fault.Denied, "http_get: %s is not on this machine", addr)
		}
		return nil
	}}
	t := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("http_get %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := limited(resp.Body, address)
	if err != nil {
		return nil, err
	}
	return map[string]any{"status": resp.StatusCode, "body": body}, nil
}
