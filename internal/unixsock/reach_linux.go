package unixsock

import (
	"os"
	"strconv"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

// maxName is the longest file name that still fits beside /proc/self/fd/N/.
const maxName = maxPath - len("/proc/self/fd/") - len("2147483647/")

// reach returns a path to the socket that the kernel takes, which is valid
// until done is called.
func reach(path, dir, name string) (short string, done func(), err error) {
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	if len(name) > maxName {
		return "", nil, fault.Errorf(fault.Invalid, "socket %s: its file name has %d bytes, at most %d work", path, len(name), maxName)
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, openFault(dir, os.NewSyscallError("open", err))
	}
	return "/proc/self/fd/" + strconv.Itoa(fd) + "/" + name, func() { unix.Close(fd) }, nil
}
