// Package handover moves a service from the process that runs it to its heir,
// which has got ready beside it, so that nobody who calls the service notices.
//
// The holder listens on a socket of the service's own. The heir connects and
// asks; the holder stops changing what both would change, gives the service's
// lock back and says so; the heir takes the lock, puts its sockets in the place
// of the holder's, and says so; then the holder ends what it has begun. An heir
// that goes away before that leaves the holder where it was.
//
//	heir    take
//	holder  yours
//	heir    taken
//	holder  bye
package handover

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// Variable is the environment variable that tells a process to take over from
// the one that runs the service, where there is one.
const Variable = "HERO_HANDOVER"

// patience is how long one side waits for the next word of the other.
const patience = 30 * time.Second

// retry is how often a lock is tried that the other side holds for a moment.
const retry = 5 * time.Millisecond

// Heir is the side that takes over.
type Heir struct {
	conn *net.UnixConn
	in   *bufio.Reader
}

// Connect reaches the holder on its socket. It fails as unixsock.Dial does
// where nobody hands anything over there.
func Connect(ctx context.Context, socket string) (*Heir, error) {
	c, err := unixsock.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	return &Heir{c, bufio.NewReader(c)}, nil
}

// Take asks for the service and returns its lock. The holder has then stopped
// changing what both would change, or it has gone.
func (h *Heir) Take(ctx context.Context, lockFile string) (*unixsock.FileLock, error) {
	stop := context.AfterFunc(ctx, func() { h.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// Whatever comes of the words, it is the lock that decides.
	if err := say(h.conn, "take"); err == nil {
		_ = hear(ctx, h.conn, h.in, "yours")
	}
	return Lock(ctx, lockFile)
}

// Done tells the holder that its sockets were replaced, and returns when it
// leaves. It fails where the holder has gone, which is just as well.
func (h *Heir) Done(ctx context.Context) error {
	if err := say(h.conn, "taken"); err != nil {
		return err
	}
	return hear(ctx, h.conn, h.in, "bye")
}

// Close ends the conversation. Without Done before it the holder stays.
func (h *Heir) Close() error { return h.conn.Close() }

// Lock waits for a lock that another process gives back in a moment.
func Lock(ctx context.Context, lockFile string) (*unixsock.FileLock, error) {
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for {
		lock, err := unixsock.Lock(lockFile)
		if fault.Of(err) != fault.Conflict {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fault.Errorf(fault.Canceled, "wait for the lock: %w", err)
		case <-tick.C:
		}
	}
}

// Holder is the side that hands over.
type Holder struct {
	// Give stops what would change under the heir, and gives the lock back.
	Give func()
	// Resume takes both up again, where the heir went away before it had taken
	// over. Some of the sockets may be the heir's by then.
	Resume func(ctx context.Context) error
	// Leave is told that the heir has taken over.
	Leave func()
}

// Serve hands the service over to the first heir that takes it, and returns
// then, or when ctx ends. Who connects and says nothing is in nobody's way.
func (h Holder) Serve(ctx context.Context, l *unixsock.Listener) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	stop := context.AfterFunc(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	var turn sync.Mutex // held by the one that is given the service
	failed := make(chan error, 1)
	for {
		c, err := l.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			wg.Wait()
			select {
			case err := <-failed:
				return err
			default:
				return nil
			}
		}
		if err != nil {
			done()
			return fault.Errorf(fault.Unavailable, "wait for an heir: %w", err)
		}
		wg.Go(func() {
			defer c.Close()
			taken, err := h.converse(ctx, c, &turn)
			if taken || err != nil {
				if err != nil {
					failed <- err
				}
				done()
			}
		})
	}
}

func (h Holder) converse(ctx context.Context, c *net.UnixConn, turn *sync.Mutex) (taken bool, err error) {
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	in := bufio.NewReader(c)
	// An heir connects long before it is ready to take anything.
	if line, err := in.ReadSlice('\n'); err != nil || string(line) != "take\n" {
		return false, nil
	}
	turn.Lock()
	defer turn.Unlock()
	if ctx.Err() != nil {
		return false, nil // another one has it
	}
	h.Give()
	if say(c, "yours") == nil && hear(ctx, c, in, "taken") == nil {
		h.Leave()
		_ = say(c, "bye") // an heir that has gone again is the supervisor's business
		return true, nil
	}
	return false, h.Resume(ctx)
}

func say(c *net.UnixConn, word string) error {
	_, err := c.Write([]byte(word + "\n"))
	return err
}

// hear waits for a word.
func hear(ctx context.Context, c *net.UnixConn, in *bufio.Reader, word string) error {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if string(line) != word+"\n" {
		return errors.New("the other side says something else")
	}
	return nil
}
