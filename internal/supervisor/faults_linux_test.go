package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// TestOutputOfAllKinds is of a service that writes bytes that are not UTF-8
// and 1 MB with no newline, and then closes stdout: nothing of it is lost, and
// the service runs on.
func TestOutputOfAllKinds(t *testing.T) {
	s, _ := real(t)
	const size = 1 << 20
	set(t, s, fast("a", fmt.Sprintf(`printf 'caf\351\n'; head -c %d /dev/zero | tr '\0' x; echo; echo end; exec >&- 2>&-; exec sleep 1000`, size)))
	must(t, s.Start(t.Context(), "a"))
	pid := wait(t, s, "a", "running").PID
	eventually(t, "all is written", func() bool {
		got := lines(t, s, "a")
		return len(got) > 0 && got[len(got)-1] == "end"
	})
	got := lines(t, s, "a")
	if !strings.HasPrefix(got[0], "caf") {
		t.Errorf("first line %q", got[0])
	}
	if n := strings.Count(strings.Join(got, ""), "x"); n != size {
		t.Errorf("%d bytes of %d kept", n, size)
	}
	if st, err := s.Status("a"); err != nil || st.State != "running" || st.PID != pid || !alive(pid) {
		t.Errorf("after it closed stdout: %+v, %v", st, err)
	}
}

// TestDefinitionChangesMidRestart sets another definition while the old
// process ends: the next one is of the new definition, and it is one.
func TestDefinitionChangesMidRestart(t *testing.T) {
	s, _ := real(t)
	u := fast("a", `trap "" TERM; echo old; while :; do sleep 0.05; done`)
	u.Grace = unit.Duration(300 * time.Millisecond)
	set(t, s, u)
	must(t, s.Start(t.Context(), "a"))
	first := wait(t, s, "a", "running").PID
	eventually(t, "it ignores the signal", func() bool { return len(lines(t, s, "a")) == 1 })
	done := make(chan error, 1)
	go func() { done <- s.Restart(t.Context(), "a") }()
	wait(t, s, "a", "stopping")
	set(t, s, fast("a", "echo new; exec sleep 1000"))
	must(t, <-done)
	st := wait(t, s, "a", "running")
	if st.PID == first || alive(first) {
		t.Errorf("runs as %d, was %d", st.PID, first)
	}
	eventually(t, "it says so", func() bool { return strings.Join(lines(t, s, "a"), " ") == "old new" })
}

// TestEnvironmentIsForwarded is of "environment not forwarded": what the
// definition and the supervisor give reaches whatever the service runs.
func TestEnvironmentIsForwarded(t *testing.T) {
	s, p := real(t)
	u := fast("a", `sh -c 'echo $GREETING $HERO_UNIT $HERO_HOME $PATH'; exec sleep 1000`)
	u.Env = map[string]string{"GREETING": "hello", "PATH": "/opt/mine:/usr/bin:/bin"}
	set(t, s, u)
	must(t, s.Start(t.Context(), "a"))
	want := "hello a " + p.Home + " /opt/mine:/usr/bin:/bin"
	eventually(t, "it tells", func() bool { return len(lines(t, s, "a")) > 0 })
	if got := strings.Join(lines(t, s, "a"), "\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// disk mounts a file system of 8 MB for a home of its own.
func disk(t *testing.T) layout.Places {
	t.Helper()
	p := places(t)
	if err := syscall.Mount("tmpfs", p.Home, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("a disk of its own needs the right to mount one")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(p.Home, syscall.MNT_DETACH) })
	return p
}

func TestReadOnlyHomeIsRefused(t *testing.T) {
	p := disk(t)
	must(t, syscall.Mount("", p.Home, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	s, err := supervisor.Open(t.Context(), supervisor.Options{Places: p})
	if err == nil {
		s.Shutdown(t.Context(), supervisor.Leave)
	}
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), p.Home) {
		t.Errorf("opened a home that cannot be written: %v", err)
	}
}

// TestFullDisk holds that a full disk ends no service and keeps none from
// being restarted, and that what is told once there is room again is kept.
func TestFullDisk(t *testing.T) {
	p := disk(t)
	s := open(t, supervisor.Options{Places: p})
	defer func() { s.Shutdown(context.Background(), supervisor.StopAll) }()
	set(t, s, fast("a", "exec sleep 1000"))
	must(t, s.Start(t.Context(), "a"))
	first := wait(t, s, "a", "running").PID
	ballast := p.Home + "/ballast"
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk does not fill: %v", err)
	}
	must(t, syscall.Kill(first, syscall.SIGKILL))
	eventually(t, "another process runs", func() bool {
		st, err := s.Status("a")
		return err == nil && st.State == "running" && st.PID != first
	})
	must(t, os.Remove(ballast))
	set(t, s, fast("b", "exec sleep 1000"))
	must(t, s.Start(t.Context(), "b"))
	pid := wait(t, s, "b", "running").PID
	must(t, s.Shutdown(t.Context(), supervisor.Leave))
	s = open(t, supervisor.Options{Places: p})
	if st := wait(t, s, "b", "running"); st.PID != pid {
		t.Errorf("not kept: %+v", st)
	}
}
