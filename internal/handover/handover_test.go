package handover_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/handover"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// holder is a process that has a lock, and counts what becomes of it.
type holder struct {
	socket, lockFile    string
	lock                *unixsock.FileLock
	given, resumed, far atomic.Int64
	over                chan error
	stop                context.CancelFunc
}

func start(t *testing.T) *holder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "s")
	h := &holder{socket: filepath.Join(dir, "s.handover"), lockFile: filepath.Join(dir, "lock"), over: make(chan error, 1)}
	l, err := unixsock.Listen(h.socket)
	if err != nil {
		t.Fatal(err)
	}
	if h.lock, err = unixsock.Lock(h.lockFile); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	side := handover.Holder{
		Give: func() { h.given.Add(1); h.lock.Unlock() },
		Resume: func(ctx context.Context) error {
			lock, err := handover.Lock(ctx, h.lockFile)
			h.lock = lock
			h.resumed.Add(1)
			return err
		},
		Leave: func() { h.far.Add(1) },
	}
	go func() { h.over <- side.Serve(ctx, l); l.Close() }()
	t.Cleanup(cancel)
	return h
}

func (h *holder) heir(t *testing.T) *handover.Heir {
	t.Helper()
	heir, err := handover.Connect(t.Context(), h.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { heir.Close() })
	return heir
}

func TestHandover(t *testing.T) {
	h := start(t)
	heir := h.heir(t)
	lock, err := heir.Take(t.Context(), h.lockFile)
	if err != nil {
		t.Fatal(err)
	}
	if h.far.Load() != 0 {
		t.Error("the holder leaves before it was told to")
	}
	if err := heir.Done(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-h.over; err != nil || h.given.Load() != 1 || h.far.Load() != 1 || h.resumed.Load() != 0 {
		t.Errorf("%v, given %d, resumed %d, left %d", err, h.given.Load(), h.resumed.Load(), h.far.Load())
	}
	if _, err := unixsock.Lock(h.lockFile); fault.Of(err) != fault.Conflict {
		t.Errorf("the lock: %v", err)
	}
	lock.Unlock()
}

// Heirs that go away, say nothing, or say something else leave the holder where
// it was, and are in nobody's way.
func TestHeirsThatTakeNothing(t *testing.T) {
	h := start(t)
	h.heir(t) // stays, and says nothing
	for _, text := range []string{"", "give\n", strings.Repeat("x", 1<<20), "take"} {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Write([]byte(text))
		_ = err // the holder may have hung up on it
		c.Close()
	}
	for range 3 { // has the lock, and dies
		heir := h.heir(t)
		lock, err := heir.Take(t.Context(), h.lockFile)
		if err != nil {
			t.Fatal(err)
		}
		lock.Unlock()
		heir.Close()
	}
	heir := h.heir(t)
	if _, err := heir.Take(t.Context(), h.lockFile); err != nil {
		t.Fatal(err)
	}
	if err := heir.Done(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-h.over; err != nil || h.given.Load() != 4 || h.resumed.Load() != 3 || h.far.Load() != 1 {
		t.Errorf("%v, given %d, resumed %d, left %d", err, h.given.Load(), h.resumed.Load(), h.far.Load())
	}
}

// A holder that is told to end in the middle ends.
func TestHolderIsToldToEnd(t *testing.T) {
	h := start(t)
	heir := h.heir(t)
	lock, err := heir.Take(t.Context(), h.lockFile)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	h.stop()
	if err := <-h.over; fault.Of(err) != fault.Canceled || h.far.Load() != 0 {
		t.Errorf("%v, left %d", err, h.far.Load())
	}
	if err := heir.Done(t.Context()); err == nil {
		t.Error("the heir is told that the holder leaves in order")
	}
}
