package unixsock

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// MkdirAll makes the folder and its missing parents with mode 0700 and checks
// the folder with CheckDir.
func MkdirAll(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return mkdirFault(dir, err)
	}
	return CheckDir(dir)
}

func mkdirFault(dir string, err error) error {
	kind := fault.Unavailable
	if errors.Is(err, fs.ErrPermission) {
		kind = fault.Denied
	}
	return fault.Errorf(kind, "make folder %s: %w", dir, err)
}

// CheckDir reports why a folder cannot hold sockets or data: it is missing
// (fault.NotFound), a symbolic link or no folder (fault.Invalid), someone
// else's or open to others (fault.Denied). The error's hint is the command
// that mends it.
func CheckDir(dir string) error {
	fi, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.WithHint(fault.Errorf(fault.NotFound, "folder %s does not exist", dir), "mkdir -p -m 0700 "+quote(dir))
	case err != nil:
		return fault.Errorf(fault.Unavailable, "folder %s: %w", dir, err)
	case fi.Mode()&fs.ModeSymlink != 0:
		return fault.WithHint(fault.Errorf(fault.Invalid, "%s is a symbolic link, not a folder", dir),
			"put a real folder there, or name the link's target")
	case !fi.IsDir():
		return fault.WithHint(fault.Errorf(fault.Invalid, "%s is not a folder", dir), "mv "+quote(dir)+" "+quote(dir+".old"))
	}
	return checkOwner("folder", dir, fi, 0o700)
}

// CheckSocket reports why a socket's file must not be trusted: it is missing,
// no socket, someone else's, or wider than 0600.
func CheckSocket(path string) error {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Errorf(fault.NotFound, "socket %s does not exist", path)
	case err != nil:
		return fault.Errorf(fault.Unavailable, "socket %s: %w", path, err)
	case fi.Mode()&fs.ModeSymlink != 0:
		return fault.Errorf(fault.Invalid, "%s is a symbolic link, not a socket", path)
	case fi.Mode()&fs.ModeSocket == 0:
		return fault.Errorf(fault.Invalid, "%s is not a socket", path)
	}
	return checkOwner("socket", path, fi, 0o600)
}

// checkOwner refuses what belongs to someone else or grants more than most.
func checkOwner(what, path string, fi fs.FileInfo, most fs.FileMode) error {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if ok && int(st.Uid) != os.Getuid() {
		return fault.WithHint(fault.Errorf(fault.Denied, "%s %s belongs to user %d, not to user %d, who runs this", what, path, st.Uid, os.Getuid()),
			"sudo chown "+itoa(os.Getuid())+" "+quote(path))
	}
	if perm := fi.Mode().Perm(); perm&^most != 0 {
		return fault.WithHint(fault.Errorf(fault.Denied, "%s %s has mode %04o, which lets others in", what, path, perm),
			"chmod "+octal(most)+" "+quote(path))
	}
	return nil
}

// ID tells one socket file from its successor at the same path.
type ID struct {
	Dev, Ino  uint64
	CtimeNano int64 // of the last change of the inode, nanoseconds since 1970
}

// IDOf returns the identity behind a file's description, and whether the
// description has one: a file system in memory has none.
func IDOf(fi fs.FileInfo) (ID, bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ID{}, false
	}
	return idOf(st), true
}

// Stat returns the identity of the socket at path. It fails with
// fault.NotFound where nothing is there, and fault.Invalid where something
// other than a socket is.
func Stat(path string) (ID, error) {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ID{}, fault.Errorf(fault.NotFound, "socket %s does not exist", path)
	case err != nil:
		return ID{}, fault.Errorf(fault.Unavailable, "socket %s: %w", path, err)
	case fi.Mode()&fs.ModeSocket == 0:
		return ID{}, fault.Errorf(fault.Invalid, "%s is not a socket", path)
	}
	id, _ := IDOf(fi)
	return id, nil
}

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	plain := true
	for i := range len(path) {
		c := path[i]
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '/' || c == '.' || c == '_' || c == '-')
	}
	if plain && path != "" {
		return path
	}
	out := []byte{'\''}
	for i := range len(path) {
		if path[i] == '\'' {
			out = append(out, `'\''`...)
			continue
		}
		out = append(out, path[i])
	}
	return string(append(out, '\''))
}

// split returns the folder and the name of a socket's path, refusing what no
// socket can be called.
func split(path string) (dir, name string, err error) {
	for i := range len(path) {
		if path[i] == 0 {
			return "", "", fault.Errorf(fault.Invalid, "socket path %q holds a NUL byte", path)
		}
	}
	if path == "" || path[0] == '@' {
		return "", "", fault.Errorf(fault.Invalid, "socket path %q is not a path of the file system", path)
	}
	dir, name = filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return "", "", fault.Errorf(fault.Invalid, "socket path %q does not end in a name", path)
	}
	if dir == "" {
		dir = "."
	}
	return filepath.Clean(dir), name, nil
}
