package unixsock

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Dial connects to the socket at path, which may be of any length on Linux.
// It fails with fault.NotFound where nothing stands there, fault.Invalid where
// it is no socket or a symbolic link, fault.Unavailable where nobody listens
// (errors.Is syscall.ECONNREFUSED) and fault.Canceled where ctx ended.
func Dial(ctx context.Context, path string) (*net.UnixConn, error) {
	dir, name, err := split(path)
	if err != nil {
		return nil, err
	}
	if _, err := Stat(path); err != nil {
		return nil, err
	}
	short, done, err := reach(filepath.Join(dir, name), dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", short)
	if err != nil {
		return nil, dialFault(ctx, path, err)
	}
	return c.(*net.UnixConn), nil
}

func dialFault(ctx context.Context, path string, err error) error {
	var sys syscall.Errno
	// net names the short path that the kernel got; say the real one.
	if errors.As(err, &sys) {
		err = os.NewSyscallError("connect", sys)
	}
	kind := fault.Unavailable
	switch {
	case ctx.Err() != nil:
		kind = fault.Canceled
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = fault.Denied
	}
	return fault.Errorf(kind, "connect to %s: %w", path, err)
}

// Transport returns an HTTP transport whose every request goes to the socket
// at path, whatever the URL's host. The caller owns it and closes its idle
// connections.
func Transport(path string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := Dial(ctx, path)
			if err != nil {
				return nil, err // not a nil *net.UnixConn in an interface
			}
			return c, nil
		},
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		// What comes over the socket is passed on as it is.
		DisableCompression: true,
	}
}
