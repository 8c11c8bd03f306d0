package discovery

import (
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// Tree is everything that a sockets folder holds, at one moment. A tree is
// never changed after it was given out, and may be read by many at once.
type Tree struct {
	Services []*Service `json:"services"` // by name
	Strays   []Stray    `json:"strays"`   // by path
}

// Service returns the entry of a service, or nil.
func (t *Tree) Service(name layout.Service) *Service {
	i, ok := slices.BinarySearchFunc(t.Services, name, func(s *Service, n layout.Service) int {
		return strings.Compare(s.Name.String(), n.String())
	})
	if !ok {
		return nil
	}
	return t.Services[i]
}

// Stray is something in the sockets folder that no layout explains. It is
// shown, never served and never routed to.
type Stray struct {
	Path   string `json:"path"`   // relative to the sockets folder, with slashes
	Reason string `json:"reason"` // in words for people
}

// Service is one service, whatever its layout.
type Service struct {
	Name     layout.Service     `json:"name"`
	Layout   layout.Layout      `json:"layout"`
	Manifest *manifest.Manifest `json:"manifest,omitempty"` // nil: it has none, or Fault says why it is not here
	Fault    string             `json:"fault,omitempty"`    // why the manifest was refused or could not be read
	Server   *Socket            `json:"server,omitempty"`   // the service's RPC socket: {name}.sock, {name}_server.sock or {name}/rpc.sock
	UI       *Socket            `json:"ui,omitempty"`
	Admin    *Socket            `json:"admin,omitempty"` // {name}/admin.sock
	Contexts []Context          `json:"contexts,omitempty"`
	Web      []Named            `json:"web,omitempty"`    // {name}/web_{x}.sock, by x
	More     []Named            `json:"more,omitempty"`   // further sockets of a folder, by name
	Legacy   []*Socket          `json:"legacy,omitempty"` // of an older layout beside the newer one
	Split    []int              `json:"split,omitempty"`  // the pids, where more than one process claims the service
}

// Context returns the context of that name, or nil.
func (s *Service) Context(name layout.Context) *Context {
	for i := range s.Contexts {
		if s.Contexts[i].Name == name {
			return &s.Contexts[i]
		}
	}
	return nil
}

// Context is one context (tenant) of a service.
type Context struct {
	Name    layout.Context `json:"name"`
	Domains []Domain       `json:"domains"` // by name
}

// Domain returns the domain of that name, or nil.
func (c *Context) Domain(name layout.Domain) *Domain {
	for i := range c.Domains {
		if c.Domains[i].Name == name {
			return &c.Domains[i]
		}
	}
	return nil
}

// Domain is one domain in one context.
type Domain struct {
	Name   layout.Domain `json:"name"`
	Socket *Socket       `json:"socket"`
}

// Named is a socket that goes by a name in its service.
type Named struct {
	Name   string  `json:"name"`
	Socket *Socket `json:"socket"`
}

// Socket is one socket file.
type Socket struct {
	Rel   string      `json:"path"` // relative to the sockets folder, with slashes
	ID    unixsock.ID `json:"-"`
	State State       `json:"state"`
	PID   int         `json:"pid,omitempty"` // of the process that listens, by the kernel; 0: not asked
}

// State is what is known of a socket from asking it.
type State uint8

// The states of a socket. Sockets of domains and UIs are not asked by
// discovery and stay Unasked: asking them is the matter of health, and asking
// a UI would wake it.
const (
	Unasked State = iota
	Live          // answers HTTP
	Stale         // nobody listens: what a dead process left behind
	Hang          // accepts, or has a full queue, and does not answer in time
	NonRPC        // accepts and does not speak HTTP; never asked again until its file changes
)

// String returns the state's word in documents.
func (s State) String() string {
	return [...]string{"unasked", "live", "stale", "hang", "non_rpc"}[min(s, NonRPC)]
}

// MarshalText returns the state's word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
