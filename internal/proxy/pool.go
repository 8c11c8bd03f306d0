package proxy

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// pool keeps the connections to each socket, and lets go of those to a socket
// that was replaced. It is the transport of all requests.
type pool struct {
	mu    sync.Mutex // guards conns
	conns map[string]*pooled
}

type pooled struct {
	id        unixsock.ID
	transport *http.Transport
}

// RoundTrip sends a request to the socket of its hop.
func (p *pool) RoundTrip(r *http.Request) (*http.Response, error) {
	to := target(r.Context())
	if to.visit.pending != nil {
		return resume(to.visit.pending, to.path, r)
	}
	t, err := p.transport(to.path, to.Socket.ID)
	if err != nil {
		return nil, err
	}
	return t.RoundTrip(r)
}

func (p *pool) transport(path string, id unixsock.ID) (*http.Transport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.conns[path]
	if c != nil && c.id == id {
		return c.transport, nil
	}
	if err := own(path); err != nil {
		return nil, err
	}
	if c != nil {
		c.transport.CloseIdleConnections()
	}
	if p.conns == nil {
		p.conns = make(map[string]*pooled)
	}
	c = &pooled{id: id, transport: unixsock.Transport(path)}
	p.conns[path] = c
	return c.transport, nil
}

// own refuses a socket that somebody else put there.
func own(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Errorf(fault.NotFound, "look at the socket: %w", err)
	}
	if err != nil {
		return fault.Errorf(fault.Unavailable, "look at the socket: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if info.Mode().Type() != fs.ModeSocket || !ok || int64(stat.Uid) != int64(os.Getuid()) {
		return fault.WithHint(fault.Errorf(fault.Denied, "%s is no socket of this user", path), "rm "+path)
	}
	return nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.transport.CloseIdleConnections()
	}
}
