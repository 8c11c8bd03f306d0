// Package health asks every layer of a service how it is: the service socket,
// the UI and each domain of each context. It never wakes a UI that sleeps.
package health

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Word says how a layer is, in the contract's words.
type Word string

// The words.
const (
	Healthy   Word = "healthy"
	Degraded  Word = "degraded" // works, with a complaint of its own, or slowly
	Unhealthy Word = "unhealthy"
	Starting  Word = "starting"
	Asleep    Word = "asleep"  // a UI on demand that nobody looks at
	Absent    Word = "absent"  // the layer was never declared
	Unknown   Word = "unknown" // not asked yet, or not to be known without waking it
)

// Report is the health of one service.
type Report struct {
	Service  string          `json:"service"`
	Word     Word            `json:"word"` // of the worst layer
	Main     Layer           `json:"main"` // the service's RPC socket
	UI       Layer           `json:"ui"`
	Contexts []ContextReport `json:"contexts,omitempty"`
}

// ContextReport is the health of the domains of one context.
type ContextReport struct {
	Name    string         `json:"name"`
	Domains []DomainReport `json:"domains"`
}

// DomainReport is the health of one domain in one context.
type DomainReport struct {
	Name string `json:"name"`
	Layer
}

// Layer is the health of one socket.
type Layer struct {
	Word    Word    `json:"word"`
	Latency float64 `json:"latency_ms,omitzero"` // milliseconds until the answer
	Detail  string  `json:"detail,omitzero"`     // why it is not healthy, or what was asked instead
	Socket  string  `json:"socket,omitzero"`     // relative to the sockets folder
	Misses  int     `json:"misses,omitzero"`     // how many answers in a row were worse than the word says; Detail is of the last
}

// Options says where the sockets are. Places must be set; the rest works when
// it is zero.
type Options struct {
	Places  layout.Places
	Timeout time.Duration // for one layer; 0 is 2 s. Half of it is slow
	Log     *slog.Logger  // nil logs nothing
	// Asleep reports whether a service sleeps until somebody connects, and is
	// not to be woken by the question. Nil: none does.
	Asleep func(service string) bool
}

// slowShare is the part of the timeout after which an answer is slow.
const slowShare = 2

// slowly begins the detail of a layer that is degraded by nothing else.
const slowly = "it is slow: "

// maxAtOnce is how many layers of one service are asked at the same time.
const maxAtOnce = 32

// Probe asks every layer of s, many at the same time, and returns after about
// twice the timeout at the latest for a service of a few dozen domains, of
// which each hangs.
func Probe(ctx context.Context, opts Options, s *discovery.Service) Report {
	if opts.Timeout <= 0 {
		opts.Timeout = 2 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Asleep != nil && opts.Asleep(s.Name.String()) {
		return asleep(s)
	}
	p := &prober{opts: opts, service: s, turn: make(chan struct{}, maxAtOnce)}
	r := Report{Service: s.Name.String(), Contexts: make([]ContextReport, len(s.Contexts))}
	var wg sync.WaitGroup
	p.start(ctx, &wg, &r.Main, p.main)
	p.start(ctx, &wg, &r.UI, p.ui)
	for i, c := range s.Contexts {
		r.Contexts[i] = ContextReport{Name: c.Name.String(), Domains: make([]DomainReport, len(c.Domains))}
		for j, d := range c.Domains {
			out := &r.Contexts[i].Domains[j]
			out.Name = d.Name.String()
			p.start(ctx, &wg, &out.Layer, func(ctx context.Context) Layer { return p.domain(ctx, c, d) })
		}
	}
	wg.Wait()
	r.Word = r.worst()
	if r.Word != Healthy && r.Word != Asleep {
		opts.Log.Debug("service is not healthy", "service", r.Service, "word", r.Word)
	}
	return r
}

// rank orders the words: the greatest is the worst.
func (w Word) rank() int {
	switch w {
	case Unhealthy:
		return 6
	case Degraded:
		return 5
	case Starting:
		return 4
	case Unknown:
		return 3
	case Healthy:
		return 2
	case Asleep:
		return 1
	}
	return 0
}

// asleep is the report of a service of which no layer is asked.
func asleep(s *discovery.Service) Report {
	layer := Layer{Word: Asleep, Detail: "the first connection starts the service"}
	r := Report{Service: s.Name.String(), Word: Asleep, Main: layer, UI: layer}
	if s.UI == nil {
		r.UI = Layer{Word: Absent}
	}
	for _, c := range s.Contexts {
		report := ContextReport{Name: c.Name.String()}
		for _, d := range c.Domains {
			report.Domains = append(report.Domains, DomainReport{Name: d.Name.String(), Layer: layer})
		}
		r.Contexts = append(r.Contexts, report)
	}
	return r
}

// worst returns the word of the worst layer. A UI that sleeps is well.
func (r *Report) worst() Word {
	worst := r.Main.Word
	take := func(w Word) {
		if w.rank() > worst.rank() {
			worst = w
		}
	}
	take(r.UI.Word)
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			take(d.Word)
		}
	}
	return worst
}
