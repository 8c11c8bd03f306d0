package manifest

import (
	_ "embed" // the schema
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

//go:embed schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of the manifest. What Validate
// accepts, the schema accepts; the schema does not know that sockets must be
// those of the service's own name.
func Schema() []byte { return []byte(schema) }

// faults collects what is wrong, each with the place where it is.
type faults []error

// add notes that the member at pointer is wrong.
func (f *faults) add(pointer, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%s: %w", pointer, fmt.Errorf(format, args...)))
}

// want notes a fault unless ok.
func (f *faults) want(ok bool, pointer, format string, args ...any) {
	if !ok {
		f.add(pointer, format, args...)
	}
}

// Validate reports everything that keeps m from being a document of the
// contract, one line a fault, each with the JSON pointer of its member. The
// error is of kind fault.Invalid.
func (m *Manifest) Validate() error {
	var f faults
	f.want(m.Protocol == Protocol, "/protocol", "is %q, not %q", m.Protocol, Protocol)
	f.want(m.Version != "", "/version", "is missing")
	f.want(m.Socket == Socket, "/socket", "is %q, not %q", m.Socket, Socket)
	parse := layout.ParseService
	if m.IsNew() {
		parse = layout.ParseNewService
	}
	s, err := parse(m.Name)
	if err != nil {
		f.add("/name", "%w", err)
	}
	if m.IsNew() {
		m.validateNew(&f, s)
	}
	if len(f) == 0 {
		return nil
	}
	return fault.Errorf(fault.Invalid, "manifest of %q: %w", m.Name, errors.Join(f...))
}

// validateNew checks what only new services send. s is zero where the name is
// wrong already.
func (m *Manifest) validateNew(f *faults, s layout.Service) {
	f.want(m.HeroSDK != "", "/hero_sdk", "is missing")
	f.want(m.PID > 0, "/pid", "is %d, not the number of a process", m.PID)
	f.moment("/started_at", m.StartedAt)
	if s != (layout.Service{}) {
		want := SocketsOf(s, m.UI != nil)
		f.want(m.Sockets.Service == want.Service, "/sockets/service", "is %q, not %q", m.Sockets.Service, want.Service)
		f.want(m.Sockets.UI == want.UI, "/sockets/ui", "is %q, not %q", m.Sockets.UI, want.UI)
		f.want(m.Sockets.Domains == want.Domains, "/sockets/domains", "is %q, not %q", m.Sockets.Domains, want.Domains)
	}
	if m.UI != nil {
		f.oneOf("/ui/mode", m.UI.Mode, OnDemand, Inline, Static)
		f.oneOf("/ui/state", m.UI.State, "healthy", "degraded", "unhealthy", "starting", "asleep", "absent", "unknown")
	}
	known := map[string]bool{}
	for i, d := range m.Domains {
		at := fmt.Sprintf("/domains/%d", i)
		f.want(!known[d.Name], at+"/name", "%q stands twice", d.Name)
		known[d.Name] = true
		d.validate(f, at)
	}
	seen := map[string]bool{}
	for i, c := range m.Contexts {
		at := fmt.Sprintf("/contexts/%d", i)
		f.want(!seen[c.Name], at+"/name", "%q stands twice", c.Name)
		seen[c.Name] = true
		c.validate(f, at, s, known)
	}
}

// validate checks one domain.
func (d *Domain) validate(f *faults, at string) {
	if _, err := layout.ParseDomain(d.Name); err != nil {
		f.add(at+"/name", "%w", err)
	}
	f.oneOf(at+"/origin", d.Origin, Shared, Custom)
	if d.OpenRPCSHA256 != "" {
		sum, err := hex.DecodeString(d.OpenRPCSHA256)
		f.want(err == nil && len(sum) == 32, at+"/openrpc_sha256", "is not a SHA-256 in hexadecimal")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Schemas)) {
		kind := d.Schemas[name].Kind()
		f.want(kind == '{' || kind == 't' || kind == 'f', at+"/schemas/"+name, "is no JSON Schema")
	}
}

// validate checks one context of the service s, whose domains are known.
func (c *Context) validate(f *faults, at string, s layout.Service, known map[string]bool) {
	ctx, err := layout.ParseContext(c.Name)
	if err != nil {
		f.add(at+"/name", "%w", err)
	}
	f.moment(at+"/created_at", c.CreatedAt)
	for _, name := range slices.Sorted(maps.Keys(c.Domains)) {
		f.want(known[name], at+"/domains/"+name, "is not among the service's domains")
		d, derr := layout.ParseDomain(name)
		if derr != nil || err != nil || s == (layout.Service{}) {
			continue // reported above, or as not among the domains
		}
		want := layout.DomainRel(s, ctx, d)
		f.want(c.Domains[name] == want, at+"/domains/"+name, "is %q, not %q", c.Domains[name], want)
	}
}

// moment notes a time that is missing or not in RFC 3339.
func (f *faults) moment(at string, t Time) {
	if _, err := t.Parse(); err != nil {
		f.add(at, "%q is not a time of RFC 3339", string(t))
	}
}

// oneOf notes a value that is none of words.
func (f *faults) oneOf(at, value string, words ...string) {
	f.want(slices.Contains(words, value), at, "is %q, not one of %q", value, words)
}
