// Package fast is the short way through the proxy: event loops that take a
// call from its connection to the socket that it means and the answer back,
// as the bytes that came, without a goroutine, a parsed header or a copy more
// than it takes.
//
// It takes what it understands to the last byte, and that is narrow: calls and
// documents of services and domains, in the plainest HTTP/1.1, with a body and
// an answer of at most 64 KiB, that the door lets through. Everything else, a
// malformed or a refused request too, is handed over with the bytes that were
// read to whoever serves the general path, which decides again by the same
// functions and answers: there is one place that says no. The same becomes of
// an answer that is not plain: the connection to the socket goes along, and no
// request is sent twice.
//
// Where the system has no epoll, Listen returns the listener that it was given.
package fast

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// Moment is what decisions rest on. Two that are equal decide alike.
type Moment struct {
	Tree   *discovery.Tree
	Policy *access.Policy
}

// Question is a request as far as its head says who may do what.
type Question struct {
	Verb          string // GET or POST
	Path          string
	Host          string
	Authorization []string // the header's values: none or one
	Peer          netip.AddrPort
}

// Passage is a request that may reach its socket, by its head. One is used for
// all requests that ask the same for as long as the moment lasts.
type Passage struct {
	Path   string      // what the socket is asked for
	Socket string      // its path, absolute
	ID     unixsock.ID // which socket of that path is meant
	Fields string      // the lines that the proxy adds to the head, each with its end
	// Judged says that each body is held against the decision.
	Judged   bool
	Decision access.Decision
	Note     any // of the door, for Done
}

// Outcome is what became of a request.
type Outcome struct {
	Peer    string // address and port
	Verb    string
	Methods []string // of a body that was judged
	Rule    string   // that allowed it; "" where the passage's did
	Since   time.Time
}

// Door decides. Its methods are called by several loops at once, and must not
// wait for anything.
type Door interface {
	// Moment returns what decisions rest on now.
	Moment() Moment
	// Open decides on a request. It returns nil where the general path is to
	// answer.
	Open(Moment, Question) *Passage
	// Withholds reports whether a header of that name, in lower case, is taken
	// off what comes from outside.
	Withholds(name string) bool
	// Dial connects to the socket of a passage.
	Dial(*Passage) (net.Conn, error)
	// Done hears of each request that was answered on the short way.
	Done(*Passage, Outcome)
}

// Conn is a connection that was handed over: what was read of it is read again.
type Conn struct {
	net.Conn
	ahead []byte

	mu      sync.Mutex // guards pending
	pending *Pending
}

// Read reads what was read ahead, and then from the connection.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends one way of the connection.
func (c *Conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Conn.Close()
}

// Pending returns, once, the socket that was sent the first request of the
// connection already; nil where none was. The caller closes it.
func (c *Conn) Pending() *Pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending
	c.pending = nil
	return p
}

// Close ends the connection, and the one to a socket that nobody asked for.
func (c *Conn) Close() error {
	if p := c.Pending(); p != nil {
		return errors.Join(p.Close(), c.Conn.Close())
	}
	return c.Conn.Close()
}

// Pending is a connection to a socket that was sent a request. What is written
// to it is that request again, and is dropped; the answer is read from it.
type Pending struct {
	net.Conn
	Socket string // its path
	ahead  []byte
	asked  chan struct{} // is closed when the request was written, or all ended
	once   sync.Once
}

func newPending(c net.Conn, socket string, ahead []byte) *Pending {
	return &Pending{Conn: c, Socket: socket, ahead: ahead, asked: make(chan struct{})}
}

// Write drops what the socket was sent already.
func (p *Pending) Write(b []byte) (int, error) {
	p.once.Do(func() { close(p.asked) })
	return len(b), nil
}

// Read reads the answer, not before it was asked for.
func (p *Pending) Read(b []byte) (int, error) {
	<-p.asked
	if len(p.ahead) > 0 {
		n := copy(b, p.ahead)
		p.ahead = p.ahead[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// Close ends the connection.
func (p *Pending) Close() error {
	p.once.Do(func() { close(p.asked) })
	return p.Conn.Close()
}
