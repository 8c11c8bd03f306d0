package supervisor_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// TestMain lets the test binary be a supervisor that is killed.
func TestMain(m *testing.M) {
	if home := os.Getenv("SUPERVISOR_TEST_HOME"); home != "" {
		s, err := supervisor.Open(context.Background(), supervisor.Options{Places: layout.Places{Home: home, Sockets: home + "/s"}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("up")
		serve(s)
	}
	os.Exit(m.Run())
}

// eventually fails the test unless ok becomes true within twenty seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within twenty seconds: %s", what)
		}
	}
}

// other starts a supervisor in a process of its own.
func other(t *testing.T, p layout.Places) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "SUPERVISOR_TEST_HOME="+p.Home)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if s, _ := bufio.NewReader(out).ReadString('\n'); s != "up\n" {
		t.Fatalf("the other supervisor says %q", s)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// fast is a unit that counts as running at once.
func fast(name, script string) unit.Unit {
	return unit.Unit{Name: name, Command: []string{"sh", "-c", script}, Ready: unit.Ready{Mode: unit.ReadyDelay, Delay: 1},
		Backoff: unit.Backoff{Initial: unit.Duration(time.Millisecond), Jitter: -1}}
}

func real(t *testing.T) (*supervisor.Supervisor, layout.Places) {
	t.Helper()
	p := places(t)
	s := open(t, supervisor.Options{Places: p})
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background(), supervisor.StopAll); err != nil && fault.Of(err) != fault.Unavailable {
			t.Error(err)
		}
	})
	return s, p
}

func lines(t *testing.T, s *supervisor.Supervisor, name string) []string {
	t.Helper()
	l, err := s.Logs(name)
	must(t, err)
	var out []string
	for line, err := range l.Read(context.Background(), logs.Query{}) {
		must(t, err)
		out = append(out, line.Text)
	}
	return out
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// TestKilledChildIsRestarted is of "a dead child goes unnoticed".
func TestKilledChildIsRestarted(t *testing.T) {
	s, _ := real(t)
	set(t, s, fast("a", "echo I am $$; exec sleep 1000"))
	must(t, s.Start(t.Context(), "a"))
	first := wait(t, s, "a", "running")
	eventually(t, "it says who it is", func() bool { return len(lines(t, s, "a")) == 1 })
	must(t, syscall.Kill(first.PID, syscall.SIGKILL))
	eventually(t, "another process runs", func() bool {
		st, err := s.Status("a")
		must(t, err)
		return st.State == "running" && st.PID != first.PID && st.Usage != nil
	})
	st, err := s.Status("a")
	must(t, err)
	if st.Restarts != 1 || st.Exit != "exit 137 (SIGKILL)" || st.Usage.Processes != 1 || st.Usage.Memory == 0 {
		t.Errorf("%+v %+v", st, st.Usage)
	}
	hist, err := s.History(t.Context(), "a", 0)
	must(t, err)
	found := false
	for _, h := range hist {
		found = found || strings.HasPrefix(h.Cause, "restarted: exit 137 (SIGKILL), attempt 1 of 5")
	}
	if !found {
		t.Errorf("history %+v", hist)
	}
	eventually(t, "both said who they are", func() bool { return len(lines(t, s, "a")) == 2 })
	must(t, s.Stop(t.Context(), "a"))
	if alive(st.PID) {
		t.Error("alive after the stop")
	}
}

func TestStopTakesAll(t *testing.T) {
	s, p := real(t)
	set(t, s, fast("a", `trap "" TERM; (setsid sh -c 'trap "" TERM; echo $$ >`+p.Home+`/fork; while :; do sleep 1; done' &); while :; do sleep 1; done`))
	u, err := s.Get("a")
	must(t, err)
	u.Grace = unit.Duration(300 * time.Millisecond)
	set(t, s, u)
	must(t, s.Start(t.Context(), "a"))
	main := wait(t, s, "a", "running").PID
	fork := 0
	eventually(t, "the fork is there", func() bool {
		b, _ := os.ReadFile(p.Home + "/fork")
		fork, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return fork != 0
	})
	begin := time.Now()
	must(t, s.Stop(t.Context(), "a"))
	if d := time.Since(begin); d < 300*time.Millisecond || d > 3*time.Second {
		t.Errorf("stopped after %v", d)
	}
	if alive(main) {
		t.Error("main is alive")
	}
	eventually(t, "the fork is gone and reaped", func() bool { return !alive(fork) })
}

func TestMissingCommandAndScripts(t *testing.T) {
	s, p := real(t)
	set(t, s, unit.Unit{Name: "none", Command: []string{"hero_nosuch"}},
		unit.Unit{Name: "once", Kind: unit.Oneshot, Interpreter: "/bin/sh -e", Script: "echo $GREETING $HERO_HOME; exit 0\n", Env: map[string]string{"GREETING": "hello"}},
		unit.Unit{Name: "bad", Kind: unit.Oneshot, Script: "exit 3"})
	for _, name := range []string{"none", "once", "bad"} {
		must(t, s.Start(t.Context(), name))
	}
	if st := wait(t, s, "none", "failed"); !strings.Contains(st.Cause, `no program "hero_nosuch" in PATH`) {
		t.Errorf("%+v", st)
	}
	if st := wait(t, s, "once", "exited"); !st.Up() {
		t.Errorf("%+v", st)
	}
	if got := lines(t, s, "once"); len(got) != 1 || got[0] != "hello "+p.Home {
		t.Errorf("%q", got)
	}
	if st := wait(t, s, "bad", "failed"); st.Cause != "failed: exit 3" {
		t.Errorf("%+v", st)
	}
}

func TestSecondSupervisorIsRefused(t *testing.T) {
	_, p := real(t)
	_, err := supervisor.Open(t.Context(), supervisor.Options{Places: p})
	if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) || fault.Hint(err) == "" {
		t.Errorf("%v (hint %q)", err, fault.Hint(err))
	}
}

// TestDeathOfTheSupervisor kills supervisors that run twenty services, one of
// which writes lines all the time. No service is lost, doubled or restarted,
// and no line is lost or doubled. It is also of "failed when it is fine after a
// restart of the supervisor".
func TestDeathOfTheSupervisor(t *testing.T) {
	p := places(t)
	s := open(t, supervisor.Options{Places: p})
	const count = 20
	for i := range count {
		set(t, s, fast(fmt.Sprintf("sleep%d", i), "echo up; exec sleep 1000"))
	}
	set(t, s, fast("writer", `i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i+1)); done; echo end; exec sleep 1000`), fast("down", "exec sleep 1000"))
	pids := map[string]int{}
	for _, st := range s.Statuses() {
		if st.Name != "down" {
			must(t, s.Start(t.Context(), st.Name))
		}
	}
	for _, st := range s.Statuses() {
		if st.Name != "down" {
			pids[st.Name] = wait(t, s, st.Name, "running").PID
		}
	}
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	for range 5 {
		cmd := other(t, p)
		must(t, cmd.Process.Kill())
		cmd.Wait()
	}
	s = open(t, supervisor.Options{Places: p})
	defer s.Shutdown(context.Background(), supervisor.StopAll)
	for name, pid := range pids {
		st, err := s.Status(name)
		must(t, err)
		if st.State != "running" || st.PID != pid || st.Restarts != 0 {
			t.Errorf("%s was pid %d: %+v", name, pid, st)
		}
		if st.Usage == nil || st.Usage.Processes != 1 {
			t.Errorf("%s: %+v", name, st.Usage)
		}
	}
	if st, _ := s.Status("down"); st.State != "stopped" {
		t.Errorf("%+v", st)
	}
	eventually(t, "the writer is done", func() bool {
		got := lines(t, s, "writer")
		return len(got) > 0 && got[len(got)-1] == "end"
	})
	got := lines(t, s, "writer")
	for i, l := range got[:len(got)-1] {
		if l != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, l)
		}
	}
	if len(got) != 60001 {
		t.Errorf("%d lines", len(got))
	}
	// What was adopted is looked after as before.
	must(t, syscall.Kill(pids["sleep3"], syscall.SIGTERM))
	eventually(t, "the adopted one is restarted", func() bool {
		st, _ := s.Status("sleep3")
		return st.State == "running" && st.PID != pids["sleep3"]
	})
	if st, _ := s.Status("sleep3"); st.Exit != "exit 143 (SIGTERM)" {
		t.Errorf("the kernel tells the exit of a stranger's child: %+v", st)
	}
	must(t, s.Stop(t.Context(), "sleep4"))
	if alive(pids["sleep4"]) {
		t.Error("alive after the stop")
	}
}

// TestDiedWhileAlone is about a service that ends while no supervisor is there,
// and about one whose main process ended and left a fork behind.
func TestDiedWhileAlone(t *testing.T) {
	p := places(t)
	s := open(t, supervisor.Options{Places: p})
	set(t, s, fast("a", "exec sleep 1000"), fast("b", "setsid sleep 1000 & echo fork $!; exec sleep 1000"))
	must(t, s.Start(t.Context(), "a"))
	must(t, s.Start(t.Context(), "b"))
	a, b := wait(t, s, "a", "running").PID, wait(t, s, "b", "running").PID
	eventually(t, "b has forked", func() bool { return len(lines(t, s, "b")) == 1 })
	fork, err := strconv.Atoi(strings.TrimPrefix(lines(t, s, "b")[0], "fork "))
	must(t, err)
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	for _, pid := range []int{a, b} {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	s = open(t, supervisor.Options{Places: p})
	defer s.Shutdown(context.Background(), supervisor.StopAll)
	if st := wait(t, s, "a", "running"); st.PID == a {
		t.Errorf("%+v", st)
	}
	wait(t, s, "b", "running")
	eventually(t, "the fork left behind is gone", func() bool { return !alive(fork) })
	hist, err := s.History(t.Context(), "a", 0)
	must(t, err)
	if !strings.Contains(fmt.Sprint(hist), "its process ended while no supervisor was there") {
		t.Errorf("%+v", hist)
	}
}

// TestDamagedRegistry sets the file aside and finds everything again.
func TestDamagedRegistry(t *testing.T) {
	p := places(t)
	s := open(t, supervisor.Options{Places: p})
	set(t, s, fast("a", "exec sleep 1000"), fast("b", "exec sleep 1000"))
	must(t, s.Start(t.Context(), "a"))
	pid := wait(t, s, "a", "running").PID
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	path := filepath.Join(p.Home, "var", "state", "hero_proc", "registry.sqlite")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600))
	must(t, os.MkdirAll(p.Definitions(), 0o700))
	must(t, os.WriteFile(filepath.Join(p.Definitions(), "c.toml"), []byte(`command = ["sleep", "9"]`), 0o600))
	var said bytes.Buffer
	s = open(t, supervisor.Options{Places: p, Log: slog.New(slog.NewTextHandler(&said, nil))})
	defer s.Shutdown(context.Background(), supervisor.StopAll)
	if st := wait(t, s, "a", "running"); st.PID != pid {
		t.Errorf("%+v", st)
	}
	if len(s.List()) != 3 {
		t.Errorf("%+v", s.List())
	}
	if n := strings.Count(said.String(), "the registry was damaged"); n != 1 {
		t.Errorf("said %d times: %s", n, &said)
	}
	if m, _ := filepath.Glob(path + ".damaged-*"); len(m) == 0 {
		t.Error("not set aside")
	}
}

// TestEmptyRegistryOrphansNothing is about a registry that was emptied or taken
// away while no supervisor was there, or of which one record cannot be read.
func TestEmptyRegistryOrphansNothing(t *testing.T) {
	spoil := map[string]func(t *testing.T, path string){
		"empty": func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"gone":  func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"one record": func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			must(t, err)
			_, err = db.Exec(`UPDATE units SET body = '{"unit":{"name":7' WHERE name = 'a'`)
			must(t, errors.Join(err, db.Close()))
		},
	}
	for name, do := range spoil {
		t.Run(name, func(t *testing.T) {
			p := places(t)
			s := open(t, supervisor.Options{Places: p})
			set(t, s, fast("a", "exec sleep 1000"), fast("b", "exec sleep 1000"))
			must(t, s.Start(t.Context(), "a"))
			pid := wait(t, s, "a", "running").PID
			must(t, s.Shutdown(t.Context(), supervisor.Leave))
			do(t, filepath.Join(p.Home, "var", "state", "hero_proc", "registry.sqlite"))
			var said bytes.Buffer
			for range 2 {
				said.Reset()
				s = open(t, supervisor.Options{Places: p, Log: slog.New(slog.NewTextHandler(&said, nil))})
				if st := wait(t, s, "a", "running"); st.PID != pid {
					t.Errorf("another one: %+v", st)
				}
				if len(s.List()) != 2 {
					t.Errorf("lost: %+v", s.List())
				}
				must(t, s.Shutdown(t.Context(), supervisor.Leave))
			}
			if said.Len() > 0 {
				t.Errorf("the second supervisor says so again: %s", &said)
			}
			s = open(t, supervisor.Options{Places: p})
			must(t, s.Shutdown(context.Background(), supervisor.StopAll))
			if alive(pid) {
				t.Error("an orphan is left")
			}
		})
	}
}

// TestStopWhileAlone is the operator's stop, which no later supervisor undoes.
func TestStopIsKept(t *testing.T) {
	s, p := real(t)
	set(t, s, fast("a", "exec sleep 1000"))
	must(t, s.Start(t.Context(), "a"))
	wait(t, s, "a", "running")
	must(t, s.Stop(t.Context(), "a"))
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	s = open(t, supervisor.Options{Places: p})
	defer s.Shutdown(context.Background(), supervisor.StopAll)
	if st, err := s.Status("a"); err != nil || st.State != "stopped" || st.Desired != "down" {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestReadyWhileNobodyHears is about sd_notify's one message, sent while no
// supervisor was there: the service is not killed for having been silent.
func TestReadyWhileNobodyHears(t *testing.T) {
	p := places(t)
	s := open(t, supervisor.Options{Places: p})
	u := fast("a", "exec sleep 1000")
	u.Ready = unit.Ready{Mode: unit.ReadyNotify, Delay: unit.Duration(time.Millisecond)}
	set(t, s, u)
	must(t, s.Start(t.Context(), "a"))
	pid := wait(t, s, "a", "starting").PID
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	s = open(t, supervisor.Options{Places: p})
	defer s.Shutdown(context.Background(), supervisor.StopAll)
	if st := wait(t, s, "a", "running"); st.PID != pid {
		t.Errorf("%+v", st)
	}
}

func TestRemove(t *testing.T) {
	s, p := real(t)
	set(t, s, fast("a", "echo hi; exec sleep 1000"))
	must(t, s.Start(t.Context(), "a"))
	pid := wait(t, s, "a", "running").PID
	eventually(t, "it has said hi", func() bool { return len(lines(t, s, "a")) == 1 })
	must(t, s.Remove(t.Context(), "a"))
	if alive(pid) {
		t.Error("alive after the removal")
	}
	if _, err := s.Status("a"); fault.Of(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	if m, _ := filepath.Glob(filepath.Join(p.Home, "var", "state", "hero_proc", "pipes", "*")); len(m) != 0 {
		t.Errorf("left: %v", m)
	}
	if m, _ := filepath.Glob(filepath.Join(p.Home, "var", "logs", "a", "*.log")); len(m) != 1 {
		t.Errorf("logs: %v", m)
	}
}
