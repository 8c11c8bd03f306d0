// Package e2e_test runs the built programs as their users do, one test for
// each promise.
package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// binaries is where TestMain builds the programs.
const binaries = "HERO_E2E_BIN"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hero-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+"/", "../cmd/...", "../examples/...")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the programs:", err)
		return 1
	}
	os.Setenv(binaries, dir)
	return m.Run()
}

// machine is a home with a hero_proc on it.
type machine struct {
	t    *testing.T
	home string
	addr string // of the proxy
	up   *exec.Cmd
	out  *output
}

// output keeps what a program writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// newMachine returns a machine on which nothing runs yet.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the programs for real")
	}
	home, err := os.MkdirTemp("", "hero-home")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	m := &machine{t: t, home: home, addr: addr}
	t.Cleanup(func() {
		m.end()
		if left := m.processes(); len(left) > 0 {
			t.Errorf("processes are left behind:\n%s", strings.Join(left, "\n"))
			m.killLeft()
		}
		os.RemoveAll(home)
	})
	return m
}

func (m *machine) env() []string {
	bin := os.Getenv(binaries)
	return append(os.Environ(), "HERO_HOME="+m.home, "HERO_SOCKET_DIR=", "PATH_SOCKET=", "PATH="+bin+":"+os.Getenv("PATH"))
}

func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv(binaries), args[0]), args[1:]...)
	cmd.Env = m.env()
	cmd.Dir = m.home
	return cmd
}

// start runs `hero_proc up` until the test ends, and waits until it says what
// runs.
func (m *machine) start(flags ...string) {
	m.t.Helper()
	m.out = new(output)
	m.up = m.command(context.Background(), append([]string{"hero_proc", "up", "--listen", m.addr}, flags...)...)
	m.up.Stdout, m.up.Stderr = m.out, m.out
	// A group of its own, as a shell gives it: Ctrl-C goes to all of it.
	m.up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.up.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.await("hero_proc up is ready", func() error {
		if !strings.Contains(m.out.String(), "Ctrl-C stops all of it.") {
			return fmt.Errorf("it says:\n%s", m.out)
		}
		return nil
	})
}

// end is Ctrl-C: it stops everything and waits.
func (m *machine) end() {
	m.t.Helper()
	if m.up == nil {
		return
	}
	syscall.Kill(-m.up.Process.Pid, syscall.SIGINT)
	done := make(chan error, 1)
	go func() { done <- m.up.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			m.t.Errorf("hero_proc up ended with %v:\n%s", err, m.out)
		}
	case <-time.After(60 * time.Second):
		m.up.Process.Kill()
		<-done
		m.t.Errorf("hero_proc up did not end within a minute:\n%s", m.out)
	}
	m.up = nil
}

// kill is the death of hero_proc alone.
func (m *machine) kill() {
	m.t.Helper()
	m.up.Process.Kill()
	m.up.Wait()
	m.up = nil
}

// await tries until it goes well, for a minute.
func (m *machine) await(what string, try func() error) {
	m.t.Helper()
	var err error
	for range 1200 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.t.Fatalf("%s: not within a minute: %v", what, err)
}

// do runs a command and returns what it printed; it fails the test if the
// command fails.
func (m *machine) do(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		m.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return out
}

// try runs a command and returns what it printed.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := m.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), errs.String())
	}
	return out.String(), nil
}

// processes returns the command lines of what runs on the machine's home.
func (m *machine) processes() []string {
	var out []string
	for pid := range m.pids() {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%s/cmdline", pid))
		out = append(out, pid+" "+strings.ReplaceAll(string(line), "\x00", " "))
	}
	return out
}

func (m *machine) pids() map[string]bool {
	out := map[string]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(d + "/environ")
		if err == nil && strings.Contains("\x00"+string(env), "\x00HERO_HOME="+m.home+"\x00") {
			out[filepath.Base(d)] = true
		}
	}
	return out
}

func (m *machine) killLeft() {
	for pid := range m.pids() {
		var n int
		if _, err := fmt.Sscan(pid, &n); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
}

// http asks the proxy.
func (m *machine) http(method, path, body string, header ...string) (int, http.Header, string) {
	m.t.Helper()
	status, h, text, err := m.ask(method, path, body, header...)
	if err != nil {
		m.t.Fatal(err)
	}
	return status, h, text
}

func (m *machine) ask(method, path, body string, header ...string) (int, http.Header, string, error) {
	req, err := http.NewRequest(method, "http://"+m.addr+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(text), err
}

// rpc calls a method through the proxy and decodes its result.
func (m *machine) rpc(path, method string, params, result any) error {
	call := map[string]any{"jsonrpc": "2.0", "id": 1, "method": method}
	if params != nil {
		call["params"] = params
	}
	body, err := json.Marshal(call)
	if err != nil {
		return err
	}
	status, _, text, err := m.ask("POST", path, string(body))
	if err != nil {
		return err
	}
	var answer struct {
		Version string     `json:"jsonrpc"`
		ID      int        `json:"id"`
		Result  json.Value `json:"result"`
		Error   json.Value `json:"error"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return fmt.Errorf("%s %s: %d %s: %w", path, method, status, text, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s %s: %s", path, method, answer.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}

// pid returns the process of a service.
func (m *machine) pid(name string) int {
	m.t.Helper()
	var s struct {
		Processes []struct {
			PID int `json:"pid"`
		} `json:"processes"`
	}
	text, err := m.try("hero_proc", "status", name, "--json")
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() != 3) {
		m.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil || len(s.Processes) == 0 {
		m.t.Fatalf("status of %s: %v\n%s", name, err, text)
	}
	return s.Processes[0].PID
}
