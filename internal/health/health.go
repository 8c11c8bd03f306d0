// Package health asks every layer of a service how it is: the service socket,
// the UI and each domain of each context. It never wakes a UI that sleeps.
package health

import (
	"context"
	"log/slog"
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
	Name  string `json:"name"`
	Layer
}

// Layer is the health of one socket.
type Layer struct {
	Word    Word    `json:"word"`
	Latency float64 `json:"latency_ms,omitzero"` // milliseconds until the answer
	Detail  string  `json:"detail,omitzero"`     // why it is not healthy, or what was asked instead
	Socket  string  `json:"socket,omitzero"`     // relative to the sockets folder
}

// Options says where the sockets are. Places must be set; the rest works when
// it is zero.
type Options struct {
	Places  layout.Places
	Timeout time.Duration // for one layer; 0 is 2 s. Half of it is slow
	Log     *slog.Logger  // nil logs nothing
}

// Probe asks every layer of s, all at the same time.
func Probe(ctx context.Context, opts Options, s *discovery.Service) Report {
	return Report{Service: s.Name.String(), Word: Unknown, Main: Layer{Word: Unknown}, UI: Layer{Word: Unknown}}
}
