package sdk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

// A trash on a disk of its own takes what is deleted and gives it back; while
// that disk is full the data stays where it was, and the deletion can be
// repeated.
func TestTrashOnAFullDisk(t *testing.T) {
	places := sdktest.Home(t)
	if err := os.MkdirAll(places.Trash(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", places.Trash(), "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("a disk of its own needs the right to mount one")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(places.Trash(), syscall.MNT_DETACH) })
	ballast := filepath.Join(places.Trash(), "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1020<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	call, note, stop := kept(t, sdk.Env{Places: places})
	defer stop()
	acme := map[string]any{"name": "org_acme"}
	if err := call("context.delete", acme); fault.Of(err) != fault.Unavailable {
		t.Fatalf("delete into a full trash: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"context.delete", "context.restore"} {
		if err := call(method, acme); err != nil {
			t.Fatalf("%s with room again: %v", method, err)
		}
	}
	if text, err := note(); err != nil || text != "remember" {
		t.Errorf("the note: %q, %v", text, err)
	}
}
