package unit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// TestReadDirTellsAllFaults holds that one look tells everything that is wrong
// in all files, each at its place.
func TestReadDirTellsAllFaults(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if us, err := unit.ReadDir(filepath.Join(dir, "none")); us != nil || err != nil {
		t.Errorf("no folder: %v, %v", us, err)
	}
	write("b.toml", `command = ["x"]`)
	write("a.toml", `command = ["x"]`)
	us, err := unit.ReadDir(dir)
	if err != nil || len(us) != 2 || us[0].Name != "a" {
		t.Fatalf("%+v, %v", us, err)
	}
	write("c.toml", "comand = [\"x\"]\n")
	write("d.toml", "command = [\"x\"]\nname = \"a\"\n")
	write("e.toml", "command = [\"x\"\n")
	_, err = unit.ReadDir(dir)
	for _, want := range []string{"c.toml:1:1: unknown key comand; did you mean command?", "c.toml:1:1: command: is missing", "d.toml:2:1: name: a is defined in", "e.toml:"} {
		if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestCompare(t *testing.T) {
	a := unit.Unit{Name: "a", Command: []string{"x", "y"}, Env: map[string]string{"KEY": "secret", "SAME": "1"}}
	b := a
	b.Kind, b.Restart, b.Command = unit.Service, unit.Always, []string{"x", "z"}
	b.Env = map[string]string{"KEY": "other", "SAME": "1", "NEW": ""}
	b.Ready.Mode, b.Logs.Drop, b.After = unit.ReadyNotify, true, []string{}
	b.OnDemand, b.Watchdog = true, unit.Duration(30*time.Second)
	got := fmt.Sprint(unit.Compare(a, b))
	want := `[{command ["x","y"] ["x","z"] false} {env.KEY "…" "…" false} {env.NEW  "…" false} {on_demand  true false} {ready.mode "auto" "notify" true} {watchdog  "30s" false} {logs.drop  true true}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
