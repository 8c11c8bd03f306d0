package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// copyProgram copies a program, as an installation of a new version does.
func copyProgram(t *testing.T, name, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(os.Getenv(binaries), name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// Promise: hero_proc is replaced by another program in place. It keeps its
// process, every service keeps its own, and no line of a log is lost or doubled.
func TestUpgradeInPlace(t *testing.T) {
	m := newMachine(t)
	m.start()
	m.do("hero_proc", "add", "counter", "--ready-mode", "delay", "--ready-delay", "1ms", "--",
		"sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i.; sleep 0.01; done")
	counter := m.pid("counter")
	// A program that does not run, or is something else, takes nobody's place.
	for _, bad := range []string{"/bin/sh", "/nowhere", "/etc/passwd"} {
		if out, err := m.try("hero_proc", "upgrade", "--binary", bad); err == nil {
			t.Errorf("upgrade to %s went well:\n%s", bad, out)
		}
	}
	// One without the programs that it brings would end at once.
	dir := t.TempDir()
	if out, err := m.try("hero_proc", "upgrade", "--binary", copyProgram(t, "hero_proc", dir)); err == nil || !strings.Contains(err.Error(), "hero_core is not beside hero_proc") {
		t.Errorf("upgrade to one that stands alone: %v\n%s", err, out)
	}
	for range 3 {
		next := copyProgram(t, "hero_proc", dir)
		for _, tool := range []string{"hero_core", "hero_inspector", "hero_proxy"} {
			if err := os.Symlink(filepath.Join(os.Getenv(binaries), tool), filepath.Join(dir, tool)); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
		m.do("hero_proc", "upgrade", "--binary", next)
		if got := m.pid("counter"); got != counter {
			t.Fatalf("the service has process %d, and had %d", got, counter)
		}
		if exe, err := os.Readlink("/proc/" + strconv.Itoa(m.up.Process.Pid) + "/exe"); err != nil || exe != next {
			t.Fatalf("hero_proc is %s (%v), want %s", exe, err, next)
		}
		if err := os.Rename(next, next+".old"); err != nil {
			t.Fatal(err)
		}
	}
	m.do("hero_proc", "stop", "counter")
	lines := strings.Split(strings.TrimSpace(m.do("hero_proc", "logs", "counter", "-n", "10000")), "\n")
	for i, l := range lines {
		if want := " line " + strconv.Itoa(i+1) + "."; !strings.HasSuffix(l, want) {
			t.Fatalf("line %d of %d is %q", i+1, len(lines), l)
		}
	}
	if len(lines) < 10 {
		t.Errorf("only %d lines", len(lines))
	}
}

// Promise: two registrations of the older pattern become one when the program
// of the first is new, and are put back when it does not come up.
func TestMigrate(t *testing.T) {
	m := newMachine(t)
	m.start()
	m.do("hero_proc", "add", "hero_food_server", "--", "hero_food")
	m.do("hero_proc", "add", "hero_food_ui", "--requires", "hero_food_server", "--ready-mode", "delay", "--ready-delay", "1ms", "--", "sleep", "1000")
	m.do("hero_proc", "add", "client", "--requires", "hero_food_server", "--ready-mode", "delay", "--ready-delay", "1ms", "--", "sleep", "1000")
	const plan = "+ add hero_food\n~ change client: it depends on hero_food then\n- remove hero_food_server\n- remove hero_food_ui\n"
	if out := m.do("hero_proc", "migrate", "hero_food", "--dry-run"); out != plan {
		t.Errorf("the plan is\n%s", out)
	}
	m.do("hero_proc", "migrate", "hero_food", "--yes")
	list := m.do("hero_proc", "list")
	if strings.Contains(list, "hero_food_") || !strings.Contains(list, "hero_food ") {
		t.Errorf("after the migration:\n%s", list)
	}
	if out := m.do("hero_proc", "status", "hero_food"); !strings.Contains(out, "root/delivery:      healthy") {
		t.Errorf("after the migration:\n%s", out)
	}
	if out := m.do("hero_proc", "status", "client"); !strings.HasPrefix(out, "client: running") {
		t.Errorf("who depends on it:\n%s", out)
	}
	if out := m.do("hero_proc", "stop", "hero_food"); !strings.HasPrefix(out, "hero_food: stopped") {
		t.Errorf("stop:\n%s", out)
	}
	if out, err := m.try("hero_proc", "status", "client"); err == nil || !strings.HasPrefix(out, "client: stopped") {
		t.Errorf("who requires it runs on:\n%s", out)
	}
}
