package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// A disk that is full refuses what is new, keeps what is there, and takes more
// once there is room.
func TestRealDiskFills(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("a disk of its own needs the right to mount one")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 256<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	notes := notesIn(t, s)
	var kept []string
	var full error
	for range 1000 {
		n, err := notes.Create(t.Context(), note{Text: strings.Repeat("x", 4000)})
		if err != nil {
			full = err
			break
		}
		kept = append(kept, n.ID)
	}
	if fault.Of(full) != fault.Unavailable || !strings.Contains(full.Error(), "full") {
		t.Errorf("on a full disk: %v; want unavailable, and that the disk is full", full)
	}
	if len(kept) == 0 {
		t.Fatal("nothing was stored before the disk was full")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for _, id := range kept {
		if _, err := notes.Get(t.Context(), store.GetParams{ID: id}); err != nil {
			t.Errorf("%s was acknowledged: %v", id, err)
		}
	}
	if _, err := notes.Create(t.Context(), note{Text: "x"}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
