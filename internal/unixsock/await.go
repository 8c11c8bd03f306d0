package unixsock

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Await returns when somebody waits to be accepted, and accepts nobody: the
// connection is left to whichever process takes the socket. It returns ctx's
// error when ctx ends.
func (l *Listener) Await(ctx context.Context) error {
	// A listener lets nobody wait on it without accepting; its file does.
	file, err := l.File()
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
