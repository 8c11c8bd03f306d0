package unixsock

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// PeerCred returns the process at the other end: the one that called listen,
// or connect.
func PeerCred(c *net.UnixConn) (Cred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Cred{}, fmt.Errorf("peer credentials: %w", err)
	}
	var x *unix.Xucred
	var pid int
	var uerr error
	if err := raw.Control(func(fd uintptr) {
		if x, uerr = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); uerr == nil {
			pid, uerr = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		}
	}); err != nil {
		return Cred{}, fmt.Errorf("peer credentials: %w", err)
	}
	if uerr != nil {
		return Cred{}, fmt.Errorf("peer credentials: %w", uerr)
	}
	return Cred{PID: pid, UID: int(x.Uid), GID: int(x.Groups[0])}, nil
}
