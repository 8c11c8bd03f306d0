package layout

import (
	"path/filepath"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

const (
	sockSuffix   = ".sock"
	uiSuffix     = "_ui"
	serverSuffix = "_server"
)

// Layout is one of the ways in which a service lays out its sockets.
type Layout uint8

// The layouts. Layers is the newest; the others stay in service for years.
const (
	Unknown Layout = iota
	Layers         // {name}.sock, {name}_ui.sock, {name}_server/{context}/{domain}.sock
	Pair           // {name}_server.sock and {name}_ui.sock, two binaries
	Single         // {name}.sock alone
	Folder         // {name}/rpc.sock and its neighbours
)

// String returns the layout's word in documents.
func (l Layout) String() string {
	return [...]string{"unknown", "layers", "pair", "single", "folder"}[min(l, Folder)]
}

// MarshalText returns the layout's word.
func (l Layout) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Places says where things are on this machine: the folder everything lives
// in, and the sockets folder, which may stand elsewhere.
type Places struct {
	Home    string // absolute
	Sockets string // absolute
}

// PlacesOf returns the places that the environment names: HERO_HOME (default
// "hero" below the user's home folder) and HERO_SOCKET_DIR, else PATH_SOCKET,
// else var/sockets below HERO_HOME. It fails with fault.Invalid where a
// variable holds a path that is not absolute, or no home is known.
func PlacesOf(getenv func(string) string, userHome string) (Places, error) {
	p := Places{Home: getenv("HERO_HOME")}
	if p.Home == "" {
		if userHome == "" {
			return Places{}, fault.WithHint(fault.Errorf(fault.Invalid, "no home folder is known"), "set HERO_HOME to an absolute path")
		}
		p.Home = filepath.Join(userHome, "hero")
	}
	from := "HERO_HOME"
	for _, name := range []string{"HERO_SOCKET_DIR", "PATH_SOCKET"} {
		if p.Sockets = getenv(name); p.Sockets != "" {
			from = name
			break
		}
	}
	if p.Sockets == "" {
		p.Sockets = filepath.Join(p.Home, "var", "sockets")
	}
	if !filepath.IsAbs(p.Home) {
		return Places{}, fault.Errorf(fault.Invalid, "HERO_HOME is %q, which is not an absolute path", p.Home)
	}
	if !filepath.IsAbs(p.Sockets) {
		return Places{}, fault.Errorf(fault.Invalid, "%s is %q, which is not an absolute path", from, p.Sockets)
	}
	if strings.IndexByte(p.Home+p.Sockets, 0) >= 0 {
		return Places{}, fault.Errorf(fault.Invalid, "%s holds a NUL byte", from)
	}
	p.Home, p.Sockets = filepath.Clean(p.Home), filepath.Clean(p.Sockets)
	return p, nil
}

// Env returns the variables ("NAME=value") that tell a child process the same
// places.
func (p Places) Env() []string {
	return []string{"HERO_HOME=" + p.Home, "HERO_SOCKET_DIR=" + p.Sockets}
}

// Data returns the data folder of a service.
func (p Places) Data(s Service) string { return filepath.Join(p.Home, "var", "data", s.name) }

// DataOf returns the data folder of one domain in one context.
func (p Places) DataOf(s Service, c Context, d Domain) string {
	return filepath.Join(p.Data(s), c.name, d.name)
}

// DataIn returns the data folder of all domains of a service in one context.
func (p Places) DataIn(s Service, c Context) string { return filepath.Join(p.Data(s), c.name) }

// ContextsFile returns the file in which a service keeps its contexts. No
// context's folder can have its name.
func (p Places) ContextsFile(s Service) string { return filepath.Join(p.Data(s), "contexts.json") }

// TrashOf returns where a context's data waits after it was deleted. stamp
// tells one deletion from the next and comes from the program, not from
// outside.
func (p Places) TrashOf(s Service, c Context, stamp string) string {
	return filepath.Join(p.Trash(), s.name, c.name+"@"+stamp)
}

// Trash returns the folder that deleted data waits in.
func (p Places) Trash() string { return filepath.Join(p.Home, "var", "trash") }

// Logs returns the log folder of a service.
func (p Places) Logs(s Service) string { return filepath.Join(p.Home, "var", "logs", s.name) }

// State returns the folder of what a tool of the machine itself keeps: the
// supervisor's registry, say. It is not a domain's data and moves with no
// context.
func (p Places) State(s Service) string { return filepath.Join(p.Home, "var", "state", s.name) }

// Definitions returns the folder of the service definitions kept as files.
func (p Places) Definitions() string { return filepath.Join(p.Home, "etc", "services") }

// Policy returns the file of the proxy's policy.
func (p Places) Policy() string { return filepath.Join(p.Home, "etc", "proxy.toml") }

// LockFile returns the file whose lock says which process is the service. It
// stands among the sockets, because that is what two processes would fight
// over even when their homes differ.
func (p Places) LockFile(s Service) string { return filepath.Join(p.Sockets, "."+s.name+".lock") }

// HandoverSocket returns the socket on which a service's process hands the
// service over to its successor. No reader of the sockets folder shows it.
func (p Places) HandoverSocket(s Service) string {
	return filepath.Join(p.Sockets, "."+s.name+".handover")
}

// Staging returns the places of a service that gets ready beside the one that
// runs: its sockets stand where no reader of the sockets folder sees them.
func (p Places) Staging(s Service) Places {
	p.Sockets = filepath.Join(p.Sockets, "."+s.name+".next")
	return p
}

// ServiceSocket returns the path of a service's own socket.
func (p Places) ServiceSocket(s Service) string { return filepath.Join(p.Sockets, ServiceRel(s)) }

// UISocket returns the path of a service's admin UI socket.
func (p Places) UISocket(s Service) string { return filepath.Join(p.Sockets, UIRel(s)) }

// DomainSocket returns the path of the socket of one domain in one context.
func (p Places) DomainSocket(s Service, c Context, d Domain) string {
	return filepath.Join(p.Sockets, DomainRel(s, c, d))
}

// ContextFolder returns the folder of a context's domain sockets.
func (p Places) ContextFolder(s Service, c Context) string {
	return filepath.Join(p.Sockets, s.name+serverSuffix, c.name)
}

// Socket returns the absolute path of a socket that was found at rel, a
// slash-separated path relative to the sockets folder. It fails with
// fault.Invalid where rel could leave the folder.
func (p Places) Socket(rel string) (string, error) {
	if strings.IndexByte(rel, 0) >= 0 || !filepath.IsLocal(rel) || filepath.ToSlash(filepath.Clean(rel)) != rel {
		return "", fault.Errorf(fault.Invalid, "socket path %q does not stay in the sockets folder", rel)
	}
	return filepath.Join(p.Sockets, filepath.FromSlash(rel)), nil
}

// ServiceRel returns the service socket's path in the sockets folder.
func ServiceRel(s Service) string { return s.name + sockSuffix }

// UIRel returns the UI socket's path in the sockets folder.
func UIRel(s Service) string { return s.name + uiSuffix + sockSuffix }

// ServerRel returns the RPC socket's path of the pair layout.
func ServerRel(s Service) string { return s.name + serverSuffix + sockSuffix }

// DomainRel returns a domain socket's path in the sockets folder.
func DomainRel(s Service, c Context, d Domain) string {
	return s.name + serverSuffix + "/" + c.name + "/" + d.name + sockSuffix
}

// Stem returns the name before ".sock" of a socket's file name, and whether
// the file name has that ending.
func Stem(file string) (string, bool) { return strings.CutSuffix(file, sockSuffix) }

// CutUI returns the name before "_ui", and whether the name has that ending.
func CutUI(name string) (string, bool) { return strings.CutSuffix(name, uiSuffix) }

// CutServer returns the name before "_server", and whether the name has that
// ending.
func CutServer(name string) (string, bool) { return strings.CutSuffix(name, serverSuffix) }
