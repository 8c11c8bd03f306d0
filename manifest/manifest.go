// Package manifest holds the document with which a service says what it is and
// where its sockets are: GET /.well-known/heroservice.json on its service
// socket.
//
// The first six members are what services of older layouts send too; the
// member "sockets" is what tells a new service from those (see
// [Manifest.IsNew]). Readers are lenient: [Parse] takes whatever has the right
// types and keeps the members it does not know, so that a document that is
// passed on loses nothing. Writers are strict: [Manifest.JSON] refuses to write
// what [Manifest.Validate] finds fault with. [Schema] is the same shape as a
// JSON Schema for those who write in other languages.
package manifest

import (
	"fmt"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Facts of the contract that writers and readers share.
const (
	// Path is where a service socket answers with its manifest.
	Path = "/.well-known/heroservice.json"
	// MaxSize is the largest manifest, in bytes, that Parse takes. Readers
	// stop reading a body one byte after it.
	MaxSize = 1 << 20
	// Protocol is the value of the member "protocol".
	Protocol = "openrpc"
	// Socket is the value of the member "socket": the path, without its
	// slash, of the RPC endpoint on the service socket.
	Socket = "rpc"
)

// What a domain's "origin" can be.
const (
	// Shared marks a domain that comes with the SDK's models.
	Shared = "shared"
	// Custom marks a domain that the service brings itself.
	Custom = "custom"
)

// What a UI's "mode" can be.
const (
	// OnDemand is a UI in a process of its own that exists while it is used.
	OnDemand = "on_demand"
	// Inline is a UI inside the service's process.
	Inline = "inline"
	// Static is a folder of files, served without any code.
	Static = "static"
)

// Unknown holds members that this version has no field for, by name.
type Unknown = map[string]json.Value

// Manifest describes one running service. Only the first six members are there
// in an older service's.
type Manifest struct {
	Protocol    string `json:"protocol,omitzero" doc:"Always openrpc."`
	Name        string `json:"name,omitzero" doc:"The service's name."`
	Title       string `json:"title,omitzero" doc:"The name as people read it."`
	Version     string `json:"version,omitzero" doc:"The service's version."`
	Description string `json:"description,omitzero" doc:"What the service is for."`
	Socket      string `json:"socket,omitzero" doc:"The endpoint for calls on the service socket: rpc."`

	HeroSDK   string    `json:"hero_sdk,omitzero" doc:"The version of the SDK that the service is built with."`
	PID       int       `json:"pid,omitzero" doc:"The service's process."`
	StartedAt Time      `json:"started_at,omitzero" doc:"When that process started."`
	Sockets   *Sockets  `json:"sockets,omitzero" doc:"Where the service's sockets are. Only new services have it."`
	UI        *UI       `json:"ui,omitzero" doc:"The service's UI, where it has one."`
	Domains   []Domain  `json:"domains,omitzero" doc:"The domains that the service serves in its contexts."`
	Contexts  []Context `json:"contexts,omitzero" doc:"The contexts that exist now."`
	RootOnly  bool      `json:"root_only,omitzero" doc:"Whether the service serves the machine, in the context root, and takes part in no other."`

	Unknown Unknown `json:",embed"`
}

// Sockets holds where a new service's sockets are, relative to the folder of
// all sockets.
type Sockets struct {
	Service string  `json:"service,omitzero" doc:"The service socket."`
	UI      string  `json:"ui,omitzero" doc:"The UI's socket, where there is a UI."`
	Domains string  `json:"domains,omitzero" doc:"The domain sockets, with {context} and {domain} to be filled in."`
	Unknown Unknown `json:",embed"`
}

// UI describes the service's UI.
type UI struct {
	Mode    string  `json:"mode,omitzero" doc:"on_demand, inline or static."`
	State   string  `json:"state,omitzero" doc:"A health word; asleep while nobody looks."`
	Unknown Unknown `json:",embed"`
}

// Domain describes one domain, whatever the context.
type Domain struct {
	Name          string  `json:"name,omitzero" doc:"The domain's name."`
	Origin        string  `json:"origin,omitzero" doc:"shared or custom."`
	Module        string  `json:"module,omitzero" doc:"The model behind it."`
	Version       string  `json:"version,omitzero" doc:"The model's version."`
	Title         string  `json:"title,omitzero" doc:"The name as people read it."`
	OpenRPCSHA256 string  `json:"openrpc_sha256,omitzero" doc:"SHA-256, in hexadecimal, of the domain's OpenRPC document."`
	Schemas       Unknown `json:"schemas,omitzero" doc:"JSON Schemas of the domain's objects, by name."`
	Unknown       Unknown `json:",embed"`
}

// Context describes one context that exists.
type Context struct {
	Name      string            `json:"name,omitzero" doc:"The context's name."`
	ID        string            `json:"id,omitzero" doc:"The id under which hero_core knows the context; absent where it does not."`
	CreatedAt Time              `json:"created_at,omitzero" doc:"When the context was created."`
	Domains   map[string]string `json:"domains,omitzero" doc:"The socket of each of the context's domains, relative to the folder of all sockets."`
	Unknown   Unknown           `json:",embed"`
}

// Time is a moment as it stands in the document, in RFC 3339. It stays text so
// that a reader can take, and pass on, a document whose clock it cannot read.
type Time string

// At returns t as a Time, in UTC and to the second.
func At(t time.Time) Time { return Time(t.UTC().Format(time.RFC3339)) }

// Parse returns the moment, or an error where the text is not RFC 3339.
func (t Time) Parse() (time.Time, error) { return time.Parse(time.RFC3339, string(t)) }

// SocketsOf returns the sockets of the service named s in the layout of the
// contract. ui says whether it has a UI.
func SocketsOf(s layout.Service, ui bool) *Sockets {
	out := &Sockets{Service: layout.ServiceRel(s), Domains: s.String() + domainsSuffix}
	if ui {
		out.UI = layout.UIRel(s)
	}
	return out
}

// domainsSuffix follows the service's name in Sockets.Domains.
const domainsSuffix = "_server/{context}/{domain}.sock"

// IsNew reports whether the service has the sockets of the contract's own
// layout. An older service's manifest has no "sockets".
func (m *Manifest) IsNew() bool { return m.Sockets != nil }

// Layers is IsNew, named after the layout that it tells.
func (m *Manifest) Layers() bool { return m.IsNew() }

// Parse reads a manifest that somebody else wrote. It is lenient: members may
// be missing, unknown ones are kept, and nothing is checked but that data is
// one JSON object, of at most MaxSize bytes, whose known members have the right
// types. Call Validate to learn what is wrong with it. Errors are of kind
// fault.Invalid or fault.TooLarge.
func Parse(data []byte) (*Manifest, error) {
	if len(data) > MaxSize {
		return nil, fault.Errorf(fault.TooLarge, "manifest of %d bytes, more than %d", len(data), MaxSize)
	}
	var m *Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fault.Errorf(fault.Invalid, "manifest: %w", err)
	}
	if m == nil {
		return nil, fault.Errorf(fault.Invalid, "manifest: null, not an object")
	}
	return m, nil
}

// JSON returns the document as a service sends it, the same bytes for the same
// values. It refuses a manifest that Validate finds fault with. To write down a
// stranger's manifest as it is, faults and all, marshal it as any other value.
func (m *Manifest) JSON() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(m, json.Deterministic())
	if err != nil {
		return nil, fmt.Errorf("manifest of %s: %w", m.Name, err)
	}
	if len(data) > MaxSize {
		return nil, fault.Errorf(fault.TooLarge, "manifest of %s is %d bytes, more than the %d that readers take", m.Name, len(data), MaxSize)
	}
	return data, nil
}
