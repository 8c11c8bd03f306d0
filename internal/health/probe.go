package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// prober asks the layers of one service.
type prober struct {
	opts    Options
	service *discovery.Service
	turn    chan struct{}
}

// start asks a layer in a goroutine of its own when it is its turn.
func (p *prober) start(ctx context.Context, wg *sync.WaitGroup, out *Layer, ask func(context.Context) Layer) {
	wg.Go(func() {
		select {
		case p.turn <- struct{}{}:
			defer func() { <-p.turn }()
		case <-ctx.Done():
			*out = Layer{Word: Unknown, Detail: "it was not asked: " + context.Cause(ctx).Error()}
			return
		}
		limited, cancel := context.WithTimeout(ctx, p.opts.Timeout)
		defer cancel()
		*out = ask(limited)
		if ctx.Err() != nil && out.Word == Unhealthy {
			*out = Layer{Word: Unknown, Socket: out.Socket, Detail: "it was not asked to the end: " + context.Cause(ctx).Error()}
		}
	})
}

// main asks the service's RPC socket.
func (p *prober) main(ctx context.Context) Layer {
	s := p.service
	sock := s.Server
	if sock == nil && len(s.More) > 0 {
		sock = s.More[0].Socket
	}
	switch {
	case sock == nil && s.Layout == layout.Layers:
		return Layer{Word: Unhealthy, Socket: layout.ServiceRel(s.Name), Detail: "its socket is missing: restart the service"}
	case sock == nil:
		return Layer{Word: Absent}
	}
	return p.ask(ctx, sock, who{service: s.Name.String()}, (*session).rpcHealth)
}

// domain asks the socket of a domain.
func (p *prober) domain(ctx context.Context, c discovery.Context, d discovery.Domain) Layer {
	return p.ask(ctx, d.Socket, who{p.service.Name.String(), c.Name.String(), d.Name.String()}, (*session).rpcHealth)
}

// ui asks the UI, or, where a connection would wake it, the service about it.
func (p *prober) ui(ctx context.Context) Layer {
	s := p.service
	sock := s.UI
	if sock == nil {
		sock = s.Admin
	}
	m := s.Manifest
	if sock == nil {
		if m != nil && m.IsNew() && m.Sockets.UI != "" {
			return Layer{Word: Unhealthy, Socket: layout.UIRel(s.Name), Detail: "its socket is missing: restart the service"}
		}
		return Layer{Word: Absent}
	}
	awake := s.Layout != layout.Layers ||
		(m != nil && m.UI != nil && (m.UI.Mode == manifest.Inline || m.UI.Mode == manifest.Static))
	if awake {
		return p.ask(ctx, sock, who{service: s.Name.String()}, (*session).page)
	}
	return p.sleeper(ctx, sock)
}

// sleeper asks the service how its UI is.
func (p *prober) sleeper(ctx context.Context, sock *discovery.Socket) Layer {
	l := Layer{Word: Unknown, Socket: sock.Rel, Detail: "the service does not say, and asking the UI would wake it"}
	if p.service.Server == nil {
		return l
	}
	q, err := p.open(p.service.Server)
	if err != nil {
		return l
	}
	defer q.close()
	start := time.Now()
	var answer struct {
		UI *struct {
			State Word `json:"state"`
		} `json:"ui"`
	}
	_, err = q.call(ctx, "/rpc", "service.health", &answer)
	if errors.Is(err, syscall.ECONNREFUSED) || fault.Of(err) == fault.NotFound && err != nil {
		l.Word, l.Detail = Unhealthy, "the service, whose part it is, does not run"
		return l
	}
	if err != nil || answer.UI == nil {
		return l
	}
	if answer.UI.State.rank() == 0 && answer.UI.State != Absent {
		l.Detail = fmt.Sprintf("the service says %.40q of it", answer.UI.State)
		return l
	}
	return Layer{Word: answer.UI.State, Socket: sock.Rel, Latency: millis(time.Since(start))}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (p *prober) open(sock *discovery.Socket) (*session, error) {
	path, err := p.opts.Places.Socket(sock.Rel)
	if err != nil {
		return nil, err
	}
	return &session{http: unixsock.Transport(path)}, nil
}

// ask asks for /health, and where there is none, what otherwise tells.
func (p *prober) ask(ctx context.Context, sock *discovery.Socket, as who, otherwise func(*session, context.Context) Layer) (l Layer) {
	start := time.Now()
	defer func() { l.Socket = sock.Rel }()
	if sock.State == discovery.NonRPC {
		return p.knock(ctx, sock)
	}
	q, err := p.open(sock)
	if err != nil {
		return Layer{Word: Unhealthy, Detail: err.Error()}
	}
	defer q.close()
	status, body, err := q.do(ctx, http.MethodGet, "/health", "")
	took := time.Since(start)
	if err != nil {
		return p.failed(ctx, err)
	}
	l, ok := read(status, body, as)
	if !ok {
		l = otherwise(q, ctx)
		took = time.Since(start)
	}
	l.Latency = millis(took)
	if l.Word == Healthy && took > p.opts.Timeout/slowShare {
		l.Word, l.Detail = Degraded, fmt.Sprintf(slowly+"%v until it answered", took.Round(time.Millisecond))
	}
	return l
}

// knock connects to what speaks another protocol.
func (p *prober) knock(ctx context.Context, sock *discovery.Socket) Layer {
	start := time.Now()
	path, err := p.opts.Places.Socket(sock.Rel)
	if err != nil {
		return Layer{Word: Unhealthy, Detail: err.Error()}
	}
	c, err := unixsock.Dial(ctx, path)
	if err != nil {
		return p.failed(ctx, err)
	}
	c.Close()
	return Layer{Word: Healthy, Latency: millis(time.Since(start)), Detail: "it accepts connections; it does not speak HTTP"}
}
