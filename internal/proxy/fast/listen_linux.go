//go:build amd64 || arm64

package fast

import (
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// drain is how long what is in flight may take after the listener was closed.
const drain = 5 * time.Second

// maxConns is how many connections the loops hold; more are refused.
const maxConns = 32 << 10

// front is the listener of what the loops hand over.
type front struct {
	net.Listener // the one that the loops accept from
	door         Door
	loops        []*loop
	running      sync.WaitGroup
	handed       chan net.Conn
	closing      chan struct{} // is closed when nothing more is accepted
	ended        chan struct{} // is closed when the loops have ended
	once         sync.Once
	conns        atomic.Int64
	file         *os.File // of the listener
}

// Listen takes the listener over, and returns the one that gives what the
// short way is not for. Closing that one ends the other, after what is in
// flight. A listener that is not TCP is returned as it is, and so is one
// whose events the system does not tell.
func Listen(l net.Listener, door Door) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return l
	}
	file, err := tcp.File()
	if err != nil {
		return l
	}
	fd := int(file.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		return closed(file, l)
	}
	f := &front{Listener: l, door: door, handed: make(chan net.Conn, 1024), closing: make(chan struct{}), ended: make(chan struct{}), file: file}
	for range max(1, min(runtime.NumCPU(), 16)) {
		one, err := newLoop(f, fd)
		if err != nil {
			for _, other := range f.loops {
				other.release()
			}
			return closed(file, l)
		}
		f.loops = append(f.loops, one)
	}
	for _, one := range f.loops {
		f.running.Go(one.run)
	}
	return f
}

// closed gives a file up that came to nothing.
func closed(file *os.File, l net.Listener) net.Listener {
	err := file.Close()
	_ = err // it was only another name of what l has
	return l
}

// Accept returns the next connection that is for the general path.
func (f *front) Accept() (net.Conn, error) {
	select {
	case c := <-f.handed:
		return c, nil
	case <-f.ended:
		return nil, net.ErrClosed
	}
}

// Close accepts no more, and returns when what was in flight has ended, or
// has taken too long.
func (f *front) Close() error {
	var err error
	f.once.Do(func() {
		close(f.closing)
		for _, l := range f.loops {
			l.rouse()
		}
		f.running.Wait()
		close(f.ended)
		err = f.Listener.Close()
		if again := f.file.Close(); err == nil {
			err = again
		}
	})
	return err
}

func (f *front) isClosing() bool {
	select {
	case <-f.closing:
		return true
	default:
		return false
	}
}

// hand gives a connection to the general path.
func (f *front) hand(c net.Conn) bool {
	select {
	case f.handed <- c:
		return true
	default:
		return false // it does not keep up
	}
}
