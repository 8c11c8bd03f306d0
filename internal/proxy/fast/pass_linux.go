//go:build amd64 || arm64

package fast

import (
	"crypto/rand"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// maxPassages is how many decisions are kept, and for how long none is older.
const maxPassages = 1024

// passage is what was decided, and where it leads; nil of both for a request
// that the general path answers.
type passage struct {
	*Passage
	socket *socket
	until  time.Time
}

type socketKey struct {
	path string
	id   unixsock.ID
}

// socket is one socket, with the connections to it.
type socket struct {
	spare []*conn
	conns int // in all
}

// drop takes a connection out.
func (s *socket) drop(c *conn) {
	s.conns--
	if i := slices.Index(s.spare, c); i >= 0 {
		s.spare = slices.Delete(s.spare, i, i+1)
	}
}

// readClient reads what a client sent, unless a request of it is in flight.
func (l *loop) readClient(c *conn) {
	for c.more && !c.dead && c.flight.to == nil && len(c.out) == 0 {
		n, more, no := read(c.fd, l.in)
		c.more = more
		if no == syscall.EAGAIN {
			return
		}
		if no != 0 || n == 0 {
			l.close(c)
			return
		}
		if len(c.buf) == 0 {
			l.begin(c, l.in[:n])
			continue
		}
		c.buf = append(c.buf, l.in[:n]...)
		l.begin(c, c.buf)
	}
}

// begin begins the request that data begins with, which is the client's
// buffer or is not kept.
func (l *loop) begin(c *conn, data []byte) {
	q := &l.call
	if q.parse(data, l.requests) != good || q.size+q.length > MaxBody {
		l.handOver(c, data, nil)
		return
	}
	if len(data) < q.size+q.length {
		if len(c.buf) == 0 {
			c.deadline = l.now.Add(bodyWait)
			c.buf = append(l.buffer(), data...)
		}
		return
	}
	p := l.passage(c, q)
	if p.Passage == nil {
		l.handOver(c, data, nil)
		return
	}
	f := flight{size: q.size + q.length, passage: p.Passage, outcome: Outcome{Peer: c.name, Verb: p.verb(), Since: l.now}}
	if p.Judged {
		j, err := p.Decision.Judge(data[q.size:f.size])
		if err != nil || j.Answer != nil {
			l.handOver(c, data, nil)
			return
		}
		f.outcome.Methods, f.outcome.Rule = j.Methods, j.Rule
	}
	l.compose(c, q, p.Passage, data[q.size:f.size])
	if f.to = l.send(p); f.to == nil {
		l.handOver(c, data, nil)
		return
	}
	if len(c.buf) == 0 {
		c.buf = append(l.buffer(), data...)
	}
	c.flight, f.to.client = f, c
	c.deadline = time.Time{}
}

func (p *passage) verb() string {
	if p.Path == "/rpc" {
		return http.MethodPost
	}
	return http.MethodGet
}

// passage decides on a head, or remembers what was decided.
func (l *loop) passage(c *conn, q *call) *passage {
	k := append(l.key[:0], q.verb...)
	k = append(append(k, ' '), q.path...)
	k = append(append(k, ' '), q.host...)
	if q.hasAuth {
		k = append(append(k, ' '), q.auth...)
	}
	if c.peer.Addr().IsLoopback() {
		k = append(k, '\n')
	}
	l.key = k
	if p := l.passages[string(k)]; p != nil && l.now.Before(p.until) {
		return p
	}
	question := Question{Verb: string(q.verb), Path: string(q.path), Host: string(q.host), Peer: c.peer}
	if q.hasAuth {
		question.Authorization = []string{string(q.auth)}
	}
	p := &passage{Passage: l.front.door.Open(l.moment, question), until: l.now.Add(time.Second)}
	if p.Passage != nil {
		key := socketKey{p.Socket, p.ID}
		if l.sockets[key] == nil {
			l.sockets[key] = new(socket)
		}
		p.socket = l.sockets[key]
	}
	if len(l.passages) >= maxPassages {
		clear(l.passages)
	}
	l.passages[string(k)] = p
	return p
}

// compose writes what the socket is sent.
func (l *loop) compose(c *conn, q *call, p *Passage, body []byte) {
	out := append(l.out[:0], q.verb...)
	out = append(out, ' ')
	out = append(out, p.Path...)
	out = append(out, " HTTP/1.1\r\n"...)
	for _, f := range q.fields {
		out = append(out, f.name...)
		out = append(out, ": "...)
		out = append(out, f.value...)
		out = append(out, "\r\n"...)
	}
	out = append(out, p.Fields...)
	out = append(out, "X-Forwarded-For: "...)
	out = append(out, c.addr...)
	if q.id == nil {
		out = append(out, "\r\nX-Request-Id: "...)
		out = append(out, rand.Text()...)
	}
	if q.sized {
		out = append(out, "\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(q.length), 10)
	}
	out = append(out, "\r\n\r\n"...)
	l.out = append(out, body...)
}

// send sends what was composed to the socket. It returns nil where nothing was
// sent. A connection that was closed while it was spare takes nothing: the
// next one is tried.
func (l *loop) send(p *passage) *conn {
	for len(p.socket.spare) > 0 {
		last := len(p.socket.spare) - 1
		u := p.socket.spare[last]
		p.socket.spare = p.socket.spare[:last]
		if l.sendOn(u) {
			return u
		}
	}
	nc, err := l.front.door.Dial(p.Passage)
	if err != nil {
		return nil // the general path says why
	}
	fd, err := descriptor(nc)
	if err != nil {
		return nil
	}
	u := &conn{fd: int32(fd), socket: p.socket}
	p.socket.conns++
	if l.add(u); u.dead || !l.sendOn(u) {
		return nil
	}
	return u
}

func (l *loop) sendOn(u *conn) bool {
	u.deadline = time.Time{}
	if l.write(u, l.out) != 0 {
		l.close(u)
		return false
	}
	return true
}

// readSocket reads an answer.
func (l *loop) readSocket(u *conn, gone bool) {
	if u.client == nil { // it said something unasked, or went
		l.close(u)
		return
	}
	n, more, no := read(u.fd, l.up)
	if no == syscall.EAGAIN && !gone {
		return
	}
	data, ended := l.up[:n], n == 0 || gone && !more
	if len(u.buf) > 0 {
		data = append(u.buf, data...)
		u.buf = data
	}
	c := u.client
	a := &l.answer
	s := a.parse(data, l.answers)
	if s == odd || s == good && a.size+a.length > MaxBody || ended && (s == short || len(data) < a.size+a.length) {
		l.resume(c, u, data)
		return
	}
	if s == short || len(data) < a.size+a.length {
		if len(u.buf) == 0 {
			u.buf = append(l.buffer(), data...)
		}
		return
	}
	l.reply(c, u, data, ended)
}

// reply passes an answer on that is whole.
func (l *loop) reply(c, u *conn, data []byte, last bool) {
	a := &l.answer
	size := a.size + a.length
	out := data[:size]
	if !a.same {
		out = l.rewrite(a, data[a.size:size])
	}
	no := l.write(c, out)
	f := c.flight
	c.flight, u.client = flight{}, nil
	if last || a.last || len(data) > size || len(u.out) > 0 {
		l.close(u)
	} else {
		l.giveBack(u)
		u.deadline = l.now.Add(spareWait)
		u.socket.spare = append(u.socket.spare, u)
	}
	l.front.door.Done(f.passage, f.outcome)
	if no != 0 {
		l.close(c)
		return
	}
	if c.buf = c.buf[:copy(c.buf, c.buf[f.size:])]; len(c.buf) == 0 {
		l.keep(c.buf)
		c.buf = nil
	}
	if len(c.out) == 0 {
		l.rest(c)
	}
}

// rest takes the next request of a client, or waits for it.
func (l *loop) rest(c *conn) {
	c.deadline = l.now.Add(idleWait)
	if (c.gone || l.front.isClosing()) && len(c.buf) == 0 {
		l.close(c)
		return
	}
	if len(c.buf) > 0 {
		l.begin(c, c.buf)
	}
	if !c.dead {
		l.readClient(c)
	}
}

// rewrite writes an answer without what is between the proxy and the socket.
func (l *loop) rewrite(a *answer, body []byte) []byte {
	out := append(append(l.out[:0], a.status...), "\r\n"...)
	for _, f := range a.fields {
		out = append(out, f.name...)
		out = append(out, ": "...)
		out = append(out, f.value...)
		out = append(out, "\r\n"...)
	}
	if !a.dated {
		if at := l.now.Unix(); at != l.datedAt {
			l.datedAt, l.dated = at, l.now.UTC().AppendFormat(l.dated[:0], http.TimeFormat)
		}
		out = append(out, "Date: "...)
		out = append(out, l.dated...)
		out = append(out, "\r\n"...)
	}
	out = append(out, "\r\n"...)
	l.out = append(out, body...)
	return l.out
}

// resume gives a request whose answer is not plain to the general path,
// together with the socket that it was sent to.
func (l *loop) resume(c, u *conn, data []byte) {
	if len(u.out) > 0 { // not all of the request was sent, and the socket answers already
		l.close(u)
		return
	}
	path := c.flight.passage.Socket
	c.flight, u.client = flight{}, nil
	ahead := append([]byte(nil), data...)
	u.socket.drop(u)
	l.detach(u)
	nc, err := netConn(u.fd)
	if err != nil {
		l.close(c)
		return
	}
	l.handOver(c, c.buf, newPending(nc, path, ahead))
}

// lost gives a request to the general path that was sent to a socket which
// will not answer it.
func (l *loop) lost(c *conn) {
	path := c.flight.passage.Socket
	c.flight = flight{}
	here, there := net.Pipe()
	err := there.Close()
	_ = err // a pipe closes
	l.handOver(c, c.buf, newPending(here, path, nil))
}
