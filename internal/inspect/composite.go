package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Composite returns all domains of a service as one document: each method with
// its domain before its name and as its tag, and for each context a server. A
// service without domains has its own document, with its server. Domains that
// do not answer are left out and named in x-hero-missing; a domain whose
// version is not the same in all contexts has them in x-hero-versions.
func (in *Inspector) Composite(ctx context.Context, s *discovery.Service) (*openrpc.Document, error) {
	groups := perDomain(s)
	if len(groups) == 0 || len(s.Contexts) == 0 {
		return in.whole(ctx, s)
	}
	var places []Place
	for _, g := range groups {
		places = append(places, g...)
	}
	docs, errs := in.Documents(ctx, places)
	c := composite{missing: map[string]string{}, versions: map[string]map[string]string{}}
	at := 0
	for _, g := range groups {
		c.add(g, docs[at:at+len(g)], errs[at:at+len(g)])
		at += len(g)
	}
	if len(c.parts) == 0 {
		return nil, fault.Errorf(fault.Unavailable, "no domain of %s answers: %w", s.Name, errs[0])
	}
	return c.document(s)
}

// whole is the composite of a service without domains.
func (in *Inspector) whole(ctx context.Context, s *discovery.Service) (*openrpc.Document, error) {
	places := PlacesOf(s)
	if len(places) == 0 {
		return nil, fault.Errorf(fault.NotFound, "%s has no socket that answers calls", s.Name)
	}
	docs, errs := in.Documents(ctx, places)
	if len(places) == 1 {
		if errs[0] != nil {
			return nil, errs[0]
		}
		d := *docs[0]
		d.Servers = []openrpc.Server{serverOf(places[0])}
		return &d, nil
	}
	c := composite{missing: map[string]string{}}
	for i, p := range places {
		if p.Domain == "" {
			p.Domain = s.Name.String()
		}
		c.add([]Place{p}, docs[i:i+1], errs[i:i+1])
	}
	if len(c.parts) == 0 {
		return nil, errs[0]
	}
	return c.document(s)
}

// composite is a composite document in the making.
type composite struct {
	parts    []openrpc.Part
	missing  map[string]string            // place → why it is left out
	versions map[string]map[string]string // domain → context → version
}

// add adds one domain in all its contexts.
func (c *composite) add(places []Place, docs []*openrpc.Document, errs []error) {
	part := openrpc.Part{Name: places[0].Domain}
	versions, differ := map[string]string{}, false
	for i, p := range places {
		if errs[i] != nil {
			c.missing[p.String()] = errs[i].Error()
			continue
		}
		if part.Document == nil {
			part.Document = plain(docs[i])
		}
		part.Servers = append(part.Servers, serverOf(p))
		versions[p.Context] = docs[i].Info.Version
		differ = differ || docs[i].Info.Version != part.Document.Info.Version
	}
	if differ {
		c.versions[part.Name] = versions
	}
	if part.Document != nil {
		c.parts = append(c.parts, part)
	}
}

// plain returns d without what a composite cannot say of one domain: a method
// that is a reference has no name that a prefix could go before.
func plain(d *openrpc.Document) *openrpc.Document {
	out := *d
	out.Methods = nil
	for _, m := range d.Methods {
		if m.Ref == "" && m.Name != "" {
			out.Methods = append(out.Methods, m)
		}
	}
	return &out
}

func (c *composite) document(s *discovery.Service) (*openrpc.Document, error) {
	v := ViewOf(s)
	info := openrpc.Info{Title: v.Title, Version: v.Version, Description: v.Description}
	if info.Version == "" {
		info.Version = c.parts[0].Document.Info.Version
	}
	if info.Version == "" {
		info.Version = "0" // which the specification requires
	}
	for _, domain := range Sorted(c.versions) {
		var said []string
		for _, name := range Sorted(c.versions[domain]) {
			said = append(said, fmt.Sprintf("%s in %s", c.versions[domain][name], name))
		}
		info.Description = strings.TrimSpace(info.Description + "\n\nThe version of " + domain + " differs: " + strings.Join(said, ", ") + ".")
	}
	d, err := openrpc.Merge(info, c.parts)
	if err != nil {
		return nil, err
	}
	d.Unknown = openrpc.Unknown{}
	for name, facts := range map[string]any{"x-hero-missing": c.missing, "x-hero-versions": c.versions} {
		text, err := json.Marshal(facts, json.Deterministic())
		if err != nil {
			return nil, fmt.Errorf("composite of %s: %w", s.Name, err)
		}
		if string(text) != "{}" && string(text) != "null" {
			d.Unknown[name] = text
		}
	}
	return d, nil
}

// serverOf returns where hero_proxy answers for a place.
func serverOf(p Place) openrpc.Server {
	name, url := p.Context, "/"+p.Service.String()
	if p.Context != "" {
		url += "/" + p.Context + "/" + p.Domain
	}
	if name == "" {
		name = p.Service.String()
	}
	return openrpc.Server{Name: name, URL: url + "/rpc"}
}

// Parts returns the documents that typed clients are written from: each domain
// once, or the service itself, without a name. Domains that do not answer are
// left out; the error says why none is left.
func (in *Inspector) Parts(ctx context.Context, s *discovery.Service) ([]openrpc.Part, error) {
	places := parts(s)
	docs, errs := in.Documents(ctx, places)
	var out []openrpc.Part
	for i, p := range places {
		if errs[i] != nil {
			continue
		}
		part := openrpc.Part{Name: p.Domain, Document: plain(docs[i])}
		if p.Domain == "" && len(places) > 1 {
			part.Name = p.Service.String()
		}
		out = append(out, part)
	}
	if len(out) == 0 {
		return nil, fault.Errorf(fault.Unavailable, "%s does not say what it serves: %w", s.Name, errors.Join(errs...))
	}
	return out, nil
}
