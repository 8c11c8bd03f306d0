package procd

import (
	"context"
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
)

// ContextInfo is a context of a service with its domains.
type ContextInfo struct {
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
}

// DomainInfo is a domain in a context, and how it is.
type DomainInfo struct {
	Context string `json:"context"`
	Domain  string `json:"domain"`
	health.Layer
}

// DomainParams say of which domains to tell.
type DomainParams struct {
	Name    string `json:"name" doc:"Name of the service."`
	Context string `json:"context,omitzero" doc:"Only domains of this context."`
	Domain  string `json:"domain,omitzero" doc:"Only domains of this name."`
}

// found returns a service of the tree, or says what is missing.
func (a *API) found(name string) (*discovery.Service, error) {
	if s := a.service(name); s != nil {
		return s, nil
	}
	if _, err := a.registrations(name); err != nil {
		return nil, err
	}
	return nil, fault.WithHint(fault.Errorf(fault.NotFound, "%s has no sockets", name), "hero_proc why "+name)
}

func (a *API) contexts(_ context.Context, p NameParams) ([]ContextInfo, error) {
	s, err := a.found(p.Name)
	if err != nil {
		return nil, err
	}
	out := []ContextInfo{}
	for _, c := range s.Contexts {
		info := ContextInfo{Name: c.Name.String(), Domains: []string{}}
		for _, d := range c.Domains {
			info.Domains = append(info.Domains, d.Name.String())
		}
		out = append(out, info)
	}
	return out, nil
}

func (a *API) health(ctx context.Context, p NameParams) (health.Report, error) {
	s, err := a.found(p.Name)
	if err != nil {
		return health.Report{}, err
	}
	if a.Health != nil {
		if r, ok := a.Health.Ask(ctx, p.Name); ok {
			return r, nil
		}
	}
	return health.Probe(ctx, a.probing(), s), nil
}

// well returns how a service is, as it is followed: asked anew where it is not
// known to be well or known to be down, and else as it was found last.
func (a *API) well(ctx context.Context, s *discovery.Service, down bool) health.Report {
	if a.Health != nil && !down {
		r, ok := a.Health.Report(s.Name.String())
		if ok && (r.Word == health.Healthy || r.Word == health.Asleep) {
			return r
		}
	}
	return a.asked(ctx, s, down)
}

// asked asks a service now, and returns how it is to be shown: one answer that
// stays out changes no word yet, unless the service is known to be down.
func (a *API) asked(ctx context.Context, s *discovery.Service, down bool) health.Report {
	if a.Health == nil {
		return health.Probe(ctx, a.probing(), s)
	}
	now, ok := a.Health.Ask(ctx, s.Name.String())
	if !ok {
		return health.Probe(ctx, a.probing(), s) // it came this moment
	}
	if r, ok := a.Health.Report(s.Name.String()); ok && r.Word != health.Unknown && !down {
		return r
	}
	return now
}

// ails tells in plain words what is wrong with a service's layers, or nothing.
func (a *API) ails(ctx context.Context, s *discovery.Service) string {
	r := a.well(ctx, s, false)
	if r.Word != health.Unhealthy && r.Word != health.Degraded {
		return ""
	}
	ill := 0
	first := ""
	look := func(name string, l health.Layer) {
		if l.Word != health.Unhealthy && l.Word != health.Degraded {
			return
		}
		if ill++; ill == 1 {
			first = fmt.Sprintf("its layer %s is %s: %s", name, l.Word, or(l.Detail, "it does not say why"))
		}
	}
	look("service", r.Main)
	look("ui", r.UI)
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			look(c.Name+"/"+d.Name, d.Layer)
		}
	}
	if ill > 1 {
		first += fmt.Sprintf("; and %d more", ill-1)
	}
	return fmt.Sprintf("%s is not well: %s.", r.Service, first)
}

func (a *API) domains(ctx context.Context, p DomainParams) ([]DomainInfo, error) {
	r, err := a.health(ctx, NameParams{Name: p.Name})
	if err != nil {
		return nil, err
	}
	out := []DomainInfo{}
	for _, c := range r.Contexts {
		for _, d := range c.Domains {
			if (p.Context == "" || p.Context == c.Name) && (p.Domain == "" || p.Domain == d.Name) {
				out = append(out, DomainInfo{Context: c.Name, Domain: d.Name, Layer: d.Layer})
			}
		}
	}
	if len(out) == 0 && (p.Context != "" || p.Domain != "") {
		return nil, fault.WithHint(fault.Errorf(fault.NotFound, "%s has no domain %s/%s", p.Name, or(p.Context, "*"), or(p.Domain, "*")),
			"hero_proc domains "+p.Name)
	}
	return out, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
