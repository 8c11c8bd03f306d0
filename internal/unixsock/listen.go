package unixsock

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// maxPath is the longest path of a socket address: 107 bytes on Linux, 103 on
// macOS. The smaller one serves both.
const maxPath = 103

// Listener is a listening unix socket that stands at a path.
type Listener struct {
	*net.UnixListener
	path string
	id   ID
	kept bool // somebody else holds it too, and it stays when this process goes
	once sync.Once
	err  error
}

// Listen opens a socket at path with mode 0600. The folder is made with mode
// 0700 where it is missing, and refused where it lets others in. What stands
// at path and is a socket is replaced: whoever calls holds the lock of the
// service that the path belongs to (see Lock). Anything else there is refused
// with fault.Conflict.
func Listen(path string) (*Listener, error) {
	dir, name, err := split(path)
	if err != nil {
		return nil, err
	}
	if err := MkdirAll(dir); err != nil {
		return nil, fault.Errorf(fault.Of(err), "listen on %s: %w", path, err)
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&fs.ModeSocket == 0 {
		return nil, fault.WithHint(fault.Errorf(fault.Conflict, "listen on %s: something that is no socket stands there", path),
			"look at it, then: rm "+quote(path))
	}
	// The dot keeps readers of the folder from seeing it before its time.
	temp := ".new-" + rand.Text()[:8]
	short, done, err := reach(filepath.Join(dir, temp), dir, temp)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	id, err := place(filepath.Join(dir, temp), filepath.Join(dir, name))
	if err != nil {
		l.Close()
		os.Remove(filepath.Join(dir, temp))
		return nil, fault.Errorf(fault.Unavailable, "listen on %s: %w", path, err)
	}
	return &Listener{UnixListener: l, path: path, id: id}, nil
}

// place narrows the socket's mode and renames it to where readers find it.
func place(temp, path string) (ID, error) {
	// Nobody else can enter the folder, so that nobody connects before this.
	if err := os.Chmod(temp, 0o600); err != nil {
		return ID{}, err
	}
	if err := os.Rename(temp, path); err != nil {
		return ID{}, err
	}
	return Stat(path)
}

// Adopt returns the listener for a socket that stands at path and that someone
// else opened: a supervisor, systemd, or this service in another role. Close
// leaves the path alone.
func Adopt(l *net.UnixListener, path string) *Listener {
	l.SetUnlinkOnClose(false)
	id, err := Stat(path)
	_ = err // then it does not stand there
	return &Listener{UnixListener: l, path: path, id: id, kept: true}
}

// Move renames the socket to path, where it replaces what stands there, as
// Listen does. Who connected before is not disturbed.
func (l *Listener) Move(path string) error {
	dir, _, err := split(path)
	if err != nil {
		return err
	}
	if err := MkdirAll(dir); err != nil {
		return fault.Errorf(fault.Of(err), "move a socket to %s: %w", path, err)
	}
	if err := os.Rename(l.path, path); err != nil {
		return fault.Errorf(fault.Unavailable, "move a socket to %s: %w", path, err)
	}
	l.path = path
	return nil
}

// Stands reports whether the socket at the listener's path is the one that it
// bound.
func (l *Listener) Stands() bool {
	id, err := Stat(l.path)
	return err == nil && id.Dev == l.id.Dev && id.Ino == l.id.Ino
}

// Kept reports whether the socket was handed over by somebody who holds it too
// and serves on it after this process.
func (l *Listener) Kept() bool { return l.kept }

// Path returns where the socket stands.
func (l *Listener) Path() string { return l.path }

// Close stops accepting and removes the socket if it is still the one that
// this listener bound. Connections that were accepted live on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.Remove()
		l.err = l.UnixListener.Close()
	})
	return l.err
}

// Remove takes the socket's path away and goes on accepting, so that nobody
// new comes while those who connected before are still answered. A
// successor's socket at the same path is left alone.
func (l *Listener) Remove() {
	// The rename changed the ctime once; device and inode are the identity.
	if !l.kept && l.Stands() {
		os.Remove(l.path)
	}
}

func openFault(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Errorf(fault.NotFound, "%s: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.Errorf(fault.Denied, "%s: %w", path, err)
	}
	return fault.Errorf(fault.Unavailable, "%s: %w", path, err)
}

func itoa(n int) string { return strconv.Itoa(n) }

func octal(m fs.FileMode) string { return "0" + strconv.FormatUint(uint64(m), 8) }
