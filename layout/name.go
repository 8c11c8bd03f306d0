// Package layout holds the names of services, contexts and domains, and the
// places of their sockets, data and logs. It is pure: it opens nothing.
//
// A name is made by its Parse function alone, so that whoever holds a Service,
// a Context or a Domain holds one that is safe to join into a path. Strings
// that came from outside (a URL, a parameter, a folder listing) do not reach a
// path in any other way: a router that hands "..%2fidentity" on as
// "../identity" would otherwise leave the tree and the policy with it.
package layout

import (
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// maxName is the longest name, in bytes.
const maxName = 63

// Service is the name of a service: [a-z][a-z0-9_]{0,62}. The zero value is no
// service.
type Service struct{ name string }

// Context is the name of a context (a tenant): [a-z0-9][a-z0-9_-]{0,62}. The
// zero value is no context.
type Context struct{ name string }

// Domain is the name of a domain: [a-z][a-z0-9_]{0,62}. The zero value is no
// domain.
type Domain struct{ name string }

// Root is the context that every service has and that cannot be deleted.
var Root = Context{"root"}

// ParseService returns the service name s, or an error of kind fault.Invalid.
//
// It takes names that end in "_ui" or "_server" too: older services may be
// called so, and only evidence on disk tells. ParseNewService refuses them.
func ParseService(s string) (Service, error) {
	if err := check("service", s, false); err != nil {
		return Service{}, err
	}
	return Service{s}, nil
}

// ParseNewService is ParseService for a service of the newest layout, whose
// name may not end in "_ui" or "_server": those are its own sockets' names.
func ParseNewService(s string) (Service, error) {
	n, err := ParseService(s)
	if err != nil {
		return Service{}, err
	}
	for _, suffix := range []string{uiSuffix, serverSuffix} {
		if strings.HasSuffix(s, suffix) {
			return Service{}, fault.WithHint(
				fault.Errorf(fault.Invalid, "service name %q ends in %q, the name of one of %s's sockets", s, suffix, strings.TrimSuffix(s, suffix)),
				"leave the ending off: the service opens that socket by itself")
		}
	}
	return n, nil
}

// ParseContext returns the context name s, or an error of kind fault.Invalid.
func ParseContext(s string) (Context, error) {
	if err := check("context", s, true); err != nil {
		return Context{}, err
	}
	if err := reserved("context", s); err != nil {
		return Context{}, err
	}
	return Context{s}, nil
}

// ParseDomain returns the domain name s, or an error of kind fault.Invalid.
func ParseDomain(s string) (Domain, error) {
	if err := check("domain", s, false); err != nil {
		return Domain{}, err
	}
	if err := reserved("domain", s); err != nil {
		return Domain{}, err
	}
	return Domain{s}, nil
}

// String returns the name.
func (s Service) String() string { return s.name }

// String returns the name.
func (c Context) String() string { return c.name }

// String returns the name.
func (d Domain) String() string { return d.name }

// IsZero reports whether s names no service.
func (s Service) IsZero() bool { return s.name == "" }

// IsZero reports whether c names no context.
func (c Context) IsZero() bool { return c.name == "" }

// IsZero reports whether d names no domain.
func (d Domain) IsZero() bool { return d.name == "" }

// MarshalText returns the name.
func (s Service) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// MarshalText returns the name.
func (c Context) MarshalText() ([]byte, error) { return []byte(c.name), nil }

// MarshalText returns the name.
func (d Domain) MarshalText() ([]byte, error) { return []byte(d.name), nil }

// UnmarshalText is ParseService.
func (s *Service) UnmarshalText(b []byte) (err error) { *s, err = ParseService(string(b)); return err }

// UnmarshalText is ParseContext.
func (c *Context) UnmarshalText(b []byte) (err error) { *c, err = ParseContext(string(b)); return err }

// UnmarshalText is ParseDomain.
func (d *Domain) UnmarshalText(b []byte) (err error) { *d, err = ParseDomain(string(b)); return err }

// check reports what is wrong with s as a name; wide is a context's alphabet,
// which may start with a digit and hold a hyphen.
func check(what, s string, wide bool) error {
	switch {
	case s == "":
		return fault.Errorf(fault.Invalid, "%s name is empty", what)
	case len(s) > maxName:
		return fault.Errorf(fault.Invalid, "%s name is %d bytes long, %d at the most: %.20q…", what, len(s), maxName, s)
	}
	for i := range len(s) {
		b := s[i]
		letter := 'a' <= b && b <= 'z'
		digit := '0' <= b && b <= '9'
		ok := letter || (digit && (i > 0 || wide)) || (b == '_' && i > 0) || (b == '-' && i > 0 && wide)
		if !ok {
			return fault.WithHint(
				fault.Errorf(fault.Invalid, "%s name %q: byte %d may not stand there", what, s, i+1),
				alphabet(wide))
		}
	}
	return nil
}

func alphabet(wide bool) string {
	if wide {
		return "a context's name starts with a lower-case letter or a digit and goes on with those, _ and -"
	}
	return "a name starts with a lower-case letter and goes on with lower-case letters, digits and _"
}

// reserved refuses the names that are endpoints in URLs.
func reserved(what, s string) error {
	switch s {
	case "rpc", "health", "mcp", "openrpc":
		return fault.Errorf(fault.Invalid, "%s name %q is reserved: it is an endpoint's name in URLs", what, s)
	}
	return nil
}
