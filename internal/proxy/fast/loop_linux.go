//go:build amd64 || arm64

package fast

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	edge      = 1 << 31 // EPOLLET, which syscall has as a negative number
	exclusive = 1 << 28 // EPOLLEXCLUSIVE
	events    = syscall.EPOLLIN | syscall.EPOLLRDHUP | edge
)

// How long a connection may be in a state.
const (
	firstWait = 10 * time.Second       // for its first request
	idleWait  = 2 * time.Minute        // for the next one
	bodyWait  = 500 * time.Millisecond // for the rest of a body; then the general path waits
	drainWait = 30 * time.Second       // for room to write what is left
	spareWait = time.Minute            // of a socket's connection, for the next request
	tick      = 250 * time.Millisecond
)

// loop owns its connections: nothing of them is touched by anybody else.
type loop struct {
	front    *front
	ep, wake int
	listener int
	conns    []*conn // by descriptor
	live     int     // how many there are
	serial   int32
	now      time.Time // when the events came
	swept    time.Time

	moment   Moment
	passages map[string]*passage
	sockets  map[socketKey]*socket
	key      []byte

	in, up, out []byte // what is read from clients, from sockets, and written
	spare       [][]byte
	requests    *names
	answers     *names
	call        call
	answer      answer
	dated       []byte
	datedAt     int64

	mu  sync.Mutex // guards new
	new []*conn
}

// conn is a connection of a client, or one to a socket.
type conn struct {
	fd       int32
	serial   int32
	dead     bool
	more     bool // there may be something to read
	gone     bool // nothing more will come
	buf      []byte
	out      []byte // what the kernel did not take
	deadline time.Time

	// Of a client.
	peer   netip.AddrPort
	name   string // the peer in words
	addr   string // without its port, as X-Forwarded-For has it
	flight flight

	// Of a connection to a socket.
	socket *socket
	client *conn // whose request it was sent; nil: it is spare
}

// flight is a request that was sent on.
type flight struct {
	to      *conn // nil: none is in flight
	size    int   // of the request, in the client's buffer
	passage *Passage
	outcome Outcome
}

func newLoop(f *front, listener int) (*loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, _, no := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	l := &loop{front: f, ep: ep, wake: int(wake), listener: listener, passages: map[string]*passage{}, sockets: map[socketKey]*socket{},
		in: make([]byte, MaxBody), up: make([]byte, MaxBody), requests: requestNames(f.door.Withholds), answers: answerNames()}
	if no != 0 {
		l.wake = -1
		l.release()
		return nil, os.NewSyscallError("eventfd2", no)
	}
	for fd, what := range map[int]uint32{l.wake: syscall.EPOLLIN, listener: syscall.EPOLLIN | exclusive} {
		if err := l.control(syscall.EPOLL_CTL_ADD, int32(fd), what, 0); err != nil {
			l.release()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return l, nil
}

// release gives back what the loop itself holds.
func (l *loop) release() {
	closeFD(l.ep)
	if l.wake >= 0 {
		closeFD(l.wake)
	}
}

func closeFD(fd int) {
	err := syscall.Close(fd)
	_ = err // nothing is left to be done with it
}

func (l *loop) control(op int, fd int32, what uint32, serial int32) error {
	return syscall.EpollCtl(l.ep, op, int(fd), &syscall.EpollEvent{Events: what, Fd: fd, Pad: serial})
}

// rouse makes the loop look at what is new.
func (l *loop) rouse() {
	_, err := syscall.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	_ = err // it is awake already
}

// run serves until the front closes and what is in flight has ended.
func (l *loop) run() {
	runtime.LockOSThread() // it waits in the kernel: no goroutine gains from its thread
	defer runtime.UnlockOSThread()
	var got [256]syscall.EpollEvent
	var until time.Time
	l.now = time.Now()
	l.swept = l.now
	for {
		n := l.wait(got[:])
		l.now = time.Now()
		l.decideAnew()
		for i := range got[:n] {
			l.event(&got[i])
		}
		if l.now.Sub(l.swept) >= tick {
			l.sweep()
		}
		if !l.front.isClosing() {
			continue
		}
		if until.IsZero() {
			until = l.now.Add(drain)
			err := l.control(syscall.EPOLL_CTL_DEL, int32(l.listener), 0, 0)
			_ = err // it was added by newLoop
		}
		l.takeNew()
		if l.stop(l.now.After(until)) {
			l.release()
			return
		}
	}
}

// wait returns how many events came. It looks before it waits: on a busy loop
// there is always one, and the scheduler need not know.
func (l *loop) wait(got []syscall.EpollEvent) int {
	n, _, no := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(&got[0])), uintptr(len(got)), 0, 0, 0)
	if no == 0 && n > 0 {
		return int(n)
	}
	most := uintptr(tick / time.Millisecond)
	if l.live == 0 && !l.front.isClosing() {
		most = ^uintptr(0) // nothing is to be swept
	}
	n, _, no = syscall.Syscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(&got[0])), uintptr(len(got)), most, 0, 0)
	if no != 0 {
		return 0
	}
	return int(n)
}

// decideAnew forgets what was decided on a tree or a policy that are no more.
func (l *loop) decideAnew() {
	if m := l.front.door.Moment(); m != l.moment {
		l.moment = m
		clear(l.passages)
	}
}

func (l *loop) event(e *syscall.EpollEvent) {
	switch int(e.Fd) {
	case l.listener:
		l.accept()
		return
	case l.wake:
		var b [8]byte
		_, err := syscall.Read(l.wake, b[:])
		_ = err // it was read before
		l.takeNew()
		return
	}
	if int(e.Fd) >= len(l.conns) || l.conns[e.Fd] == nil || l.conns[e.Fd].serial != e.Pad {
		return // it was closed by an event before
	}
	c := l.conns[e.Fd]
	if e.Events&syscall.EPOLLOUT != 0 {
		l.flush(c)
	}
	gone := e.Events&(syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLRDHUP) != 0
	switch {
	case c.dead:
	case c.socket != nil:
		l.readSocket(c, gone)
	case gone && (c.flight.to != nil || e.Events&syscall.EPOLLIN == 0):
		l.close(c) // nobody waits for the answer
	case e.Events&syscall.EPOLLIN != 0:
		c.more, c.gone = true, gone
		l.readClient(c)
	}
}

// accept takes what waits, and deals it to the loop with the fewest.
func (l *loop) accept() {
	for range 16 {
		fd, sa, err := syscall.Accept4(l.listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		if l.front.conns.Load() >= maxConns {
			closeFD(fd)
			return
		}
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		_ = err // it is slower then
		c := &conn{fd: int32(fd), peer: addressOf(sa), deadline: l.now.Add(firstWait), more: true}
		c.name, c.addr = c.peer.String(), c.peer.Addr().String()
		n := l.front.conns.Add(1)
		to := l.front.loops[int(n)%len(l.front.loops)]
		if to == l {
			l.add(c)
			continue
		}
		to.mu.Lock()
		to.new = append(to.new, c)
		to.mu.Unlock()
		to.rouse()
	}
}

func addressOf(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func (l *loop) takeNew() {
	l.mu.Lock()
	list := l.new
	l.new = nil
	l.mu.Unlock()
	for _, c := range list {
		l.add(c)
	}
}

// add begins to hear of a connection.
func (l *loop) add(c *conn) {
	for len(l.conns) <= int(c.fd) {
		l.conns = append(l.conns, nil)
	}
	l.serial++
	c.serial = l.serial
	l.conns[c.fd] = c
	l.live++
	if err := l.control(syscall.EPOLL_CTL_ADD, c.fd, events, c.serial); err != nil {
		l.close(c)
	}
}

// forget hears no more of a connection; its descriptor is the caller's.
func (l *loop) forget(c *conn) {
	c.dead = true
	l.conns[c.fd] = nil
	l.live--
	if c.socket == nil {
		l.front.conns.Add(-1)
	}
	l.giveBack(c)
}

// detach forgets a connection that lives on elsewhere.
func (l *loop) detach(c *conn) {
	err := l.control(syscall.EPOLL_CTL_DEL, c.fd, 0, 0)
	_ = err // it was added
	l.forget(c)
}

// close ends a connection, and what only serves it.
func (l *loop) close(c *conn) {
	if c.dead {
		return
	}
	if to := c.flight.to; to != nil {
		c.flight = flight{}
		to.client = nil
		l.close(to)
	}
	client, s := c.client, c.socket
	if s != nil {
		s.drop(c)
	}
	l.forget(c)
	closeFD(int(c.fd))
	if client != nil { // the request was sent, or some of it
		c.client = nil
		l.lost(client)
	}
}

// sweep ends what has taken too long.
func (l *loop) sweep() {
	l.swept = l.now
	for _, c := range l.conns {
		if c == nil || c.deadline.IsZero() || l.now.Before(c.deadline) {
			continue
		}
		if c.socket == nil && len(c.buf) > 0 && c.flight.to == nil && len(c.out) == 0 {
			l.handOver(c, c.buf, nil) // a slow body
			continue
		}
		l.close(c)
	}
	for k, s := range l.sockets {
		if s.conns == 0 {
			delete(l.sockets, k)
		}
	}
}

// stop ends what waits for a request, or all there is, and reports whether
// nothing is left.
func (l *loop) stop(all bool) bool {
	left := false
	for _, c := range l.conns {
		switch {
		case c == nil || c.socket != nil && c.client != nil && !all:
		case c.socket == nil && (c.flight.to != nil || len(c.out) > 0 || len(c.buf) > 0) && !all:
			left = true
		default:
			l.close(c)
		}
	}
	return !left
}

// handOver gives a client to the general path, with what was read of it and
// the socket that was sent its request.
func (l *loop) handOver(c *conn, ahead []byte, pending *Pending) {
	conn := &Conn{ahead: append([]byte(nil), ahead...), pending: pending}
	l.detach(c)
	var err error
	if conn.Conn, err = netConn(c.fd); err != nil || !l.front.hand(conn) {
		if pending != nil {
			err := pending.Close()
			_ = err // nothing is left to be done with it
		}
		if conn.Conn != nil {
			err := conn.Conn.Close()
			_ = err // nothing is left to be done with it
		}
	}
}

// netConn makes a connection of a descriptor, which is given up.
func netConn(fd int32) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "")
	c, err := net.FileConn(f)
	if again := f.Close(); err == nil {
		err = again
	}
	return c, err
}

// write sends what the kernel takes, and keeps the rest.
func (l *loop) write(c *conn, p []byte) syscall.Errno {
	n, _, no := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	if no == syscall.EAGAIN {
		n, no = 0, 0
	}
	if no != 0 || int(n) == len(p) {
		return no
	}
	c.out = append(l.buffer(), p[n:]...)
	c.deadline = l.now.Add(drainWait)
	if err := l.control(syscall.EPOLL_CTL_MOD, c.fd, events|syscall.EPOLLOUT, c.serial); err != nil {
		return syscall.EIO
	}
	return 0
}

// flush sends what was kept.
func (l *loop) flush(c *conn) {
	if c.dead || len(c.out) == 0 {
		return
	}
	n, _, no := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&c.out[0])), uintptr(len(c.out)), syscall.MSG_NOSIGNAL, 0, 0)
	switch {
	case no == syscall.EAGAIN:
		return
	case no != 0:
		l.close(c)
		return
	}
	c.deadline = l.now.Add(drainWait)
	if c.out = c.out[:copy(c.out, c.out[n:])]; len(c.out) > 0 {
		return
	}
	l.keep(c.out)
	c.out = nil
	if err := l.control(syscall.EPOLL_CTL_MOD, c.fd, events, c.serial); err != nil {
		l.close(c)
		return
	}
	if c.socket == nil {
		l.rest(c)
		return
	}
	c.deadline = time.Time{}
}

// read reads once; more reports whether there may be more.
func read(fd int32, p []byte) (n int, more bool, no syscall.Errno) {
	r, _, no := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if no != 0 {
		return 0, false, no
	}
	return int(r), int(r) == len(p), 0
}

// buffer returns an empty one.
func (l *loop) buffer() []byte {
	if n := len(l.spare); n > 0 {
		b := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, 2<<10)
}

// keep takes a buffer back.
func (l *loop) keep(b []byte) {
	if cap(b) > 0 && cap(b) <= 8<<10 && len(l.spare) < 1024 {
		l.spare = append(l.spare, b)
	}
}

func (l *loop) giveBack(c *conn) {
	l.keep(c.buf)
	l.keep(c.out)
	c.buf, c.out = nil, nil
}
