//go:build amd64 || arm64

package fast

import (
	"fmt"
	"net"
	"syscall"
)

// descriptor takes the descriptor out of a connection, which is given up, so
// that the runtime's own poller hears no more of it.
func descriptor(c net.Conn) (int, error) {
	defer func() {
		err := c.Close()
		_ = err // the duplicate lives on
	}()
	raw, ok := c.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("take the descriptor of a %T: %w", c, syscall.EINVAL)
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dup error
	if err := rc.Control(func(s uintptr) {
		n, _, no := syscall.Syscall(syscall.SYS_FCNTL, s, syscall.F_DUPFD_CLOEXEC, 0)
		if no != 0 {
			dup = no
			return
		}
		fd = int(n)
	}); err != nil {
		return -1, err
	}
	return fd, dup
}
