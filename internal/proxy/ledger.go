package proxy

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	ledgerWait = 100 * time.Millisecond // is the longest that a line stays here
	ledgerMost = 1 << 20                // bytes; whoever writes more waits for the reader
)

// Ledger gathers lines and writes them in large pieces, so that a line for
// each request does not cost a system call each. Nothing is dropped: where the
// reader does not keep up, whoever writes waits. What was gathered in the last
// tenth of a second is lost if the process is killed.
type Ledger struct {
	out    io.Writer
	filled chan struct{} // has one slot: there is something to write

	mu    sync.Mutex // guards what follows, and the order of what is written
	lines []byte
	ended bool // Run has: each line is written at once
}

// NewLedger returns a Ledger that writes to out. Run has to run.
func NewLedger(out io.Writer) *Ledger { return &Ledger{out: out, filled: make(chan struct{}, 1)} }

// Write takes a line.
func (l *Ledger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		select {
		case l.filled <- struct{}{}:
		default:
		}
	}
	l.lines = append(l.lines, p...)
	if len(l.lines) < ledgerMost && !l.ended {
		return len(p), nil
	}
	return len(p), l.flush()
}

// flush writes what was gathered. The caller holds mu.
func (l *Ledger) flush() error {
	if len(l.lines) == 0 {
		return nil
	}
	_, err := l.out.Write(l.lines)
	l.lines = l.lines[:0]
	return err
}

// Run writes until ctx ends, and then what is left. It fails if its last piece
// could not be written.
func (l *Ledger) Run(ctx context.Context) error {
	for {
		select {
		case <-l.filled:
			wait := time.NewTimer(ledgerWait)
			select {
			case <-wait.C:
			case <-ctx.Done():
			}
			wait.Stop()
		case <-ctx.Done():
		}
		l.mu.Lock()
		ended := ctx.Err() != nil
		l.ended = ended
		err := l.flush()
		l.mu.Unlock()
		if ended {
			return err
		}
	}
}
