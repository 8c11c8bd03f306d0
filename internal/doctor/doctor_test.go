package doctor_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/doctor"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

func find(found []doctor.Finding, check, text string) *doctor.Finding {
	for _, f := range found {
		if f.Check == check && strings.Contains(f.Detail, text) {
			return &f
		}
	}
	return nil
}

func TestExamine(t *testing.T) {
	places := sdktest.Home(t)
	if err := os.MkdirAll(places.Sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	if f := find(doctor.Examine(t.Context(), doctor.Options{Places: places}), "leftovers", "none"); f == nil || f.Status != doctor.OK {
		t.Errorf("a clean home: %+v", f)
	}

	// What goes wrong, each as it does in the field.
	if err := os.WriteFile(filepath.Join(places.Sockets, "food.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(places.Sockets, "dead.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err := os.Chmod(filepath.Join(places.Sockets, "dead.sock"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(places.Definitions(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(places.Definitions(), "one.toml"), []byte("comand = [\"x\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found := doctor.Examine(t.Context(), doctor.Options{Places: places, Cgroups: t.TempDir()})
	for _, c := range []struct {
		check, text string
		status      doctor.Status
		fix         string
	}{
		{"leftovers", "food.sock", doctor.Warning, "rm "},
		{"leftovers", "nobody listens", doctor.Warning, "rm "},
		{"definitions", "one.toml:1:1: unknown key comand; did you mean command?", doctor.Error, "hero_proc apply"},
		{"cgroups", "no cgroup v2", doctor.Warning, "systemd"},
	} {
		if f := find(found, c.check, c.text); f == nil || f.Status != c.status || !strings.Contains(f.Fix, c.fix) {
			t.Errorf("%s: %+v, want %+v in %+v", c.check, f, c, found)
		}
	}
	if err := os.Chmod(places.Sockets, 0o777); err != nil {
		t.Fatal(err)
	}
	if f := find(doctor.Examine(t.Context(), doctor.Options{Places: places}), "sockets", ""); f == nil || f.Status != doctor.Error || !strings.HasPrefix(f.Fix, "chmod") {
		t.Errorf("a folder that is open to others: %+v", f)
	}
}
