package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
)

// lockedBuffer is read while somebody writes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		l := proxy.NewLedger(&out)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		io.WriteString(l, "one\n")
		io.WriteString(l, "two\n")
		if synctest.Wait(); len(out.String()) > 0 {
			t.Errorf("written at once: %q", out.String())
		}
		time.Sleep(150 * time.Millisecond)
		if synctest.Wait(); out.String() != "one\ntwo\n" {
			t.Errorf("after a while: %q", out.String())
		}
		io.WriteString(l, strings.Repeat("x", 2<<20))
		if len(out.String()) < 2<<20 {
			t.Error("more is kept than fits")
		}
		io.WriteString(l, "last\n")
		stop()
		if err := <-ended; err != nil || !strings.HasSuffix(out.String(), "last\n") {
			t.Errorf("at the end: %v", err)
		}
		if io.WriteString(l, "later\n"); !strings.HasSuffix(out.String(), "later\n") {
			t.Error("what comes after the end is not written")
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestLedgerThatCannotWrite(t *testing.T) {
	l := proxy.NewLedger(broken{})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	io.WriteString(l, "a")
	if err := l.Run(ctx); err == nil {
		t.Error("a line that was lost is said to be written at the end")
	}
	if _, err := l.Write(make([]byte, 2<<20)); err == nil {
		t.Error("a line that was lost is said to be written")
	}
}
