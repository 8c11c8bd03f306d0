package unixsock

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// firstInherited is the first file of those that a supervisor hands over.
const firstInherited = 3

// Inherited returns the listening sockets that whoever started this process
// hands over, as sd_listen_fds(3) has it, by where they stand: the path that
// each is bound to or, where its name (LISTEN_FDNAMES) is a path below dir,
// that. It returns none where they are meant for another process. It is to be
// called once: the files are this process's alone from then on.
func Inherited(getenv func(string) string, dir string) (map[string]*Listener, error) {
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n <= 0 || getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	out := make(map[string]*Listener, n)
	for i := range n {
		syscall.CloseOnExec(firstInherited + i)
		f := os.NewFile(uintptr(firstInherited+i), "inherited")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "take over socket %d: %w", i+1, err)
		}
		own, ok := l.(*net.UnixListener)
		if !ok {
			l.Close()
			return nil, fault.Errorf(fault.Invalid, "take over socket %d: it is no unix socket but %s", i+1, l.Addr())
		}
		path := own.Addr().String()
		if i < len(names) && filepath.IsLocal(names[i]) && strings.HasSuffix(names[i], ".sock") {
			path = filepath.Join(dir, names[i])
		}
		if err := CheckSocket(path); err != nil {
			l.Close()
			return nil, fault.WithHint(fault.Errorf(fault.Of(err), "take over socket %d: %w", i+1, err), fault.Hint(err))
		}
		out[path] = Adopt(own, path)
	}
	return out, nil
}
