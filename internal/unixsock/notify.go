package unixsock

import (
	"net"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Notify sends a datagram to the socket at path: the message with which a
// service tells its supervisor how it is, as sd_notify(3) has it. A path that
// begins with @ is a name in Linux's abstract space.
func Notify(path, message string) error {
	short, done := path, func() {}
	if path == "" || path[0] != '@' {
		dir, name, err := split(path)
		if err != nil {
			return err
		}
		if short, done, err = reach(filepath.Join(dir, name), dir, name); err != nil {
			return err
		}
	}
	defer done()
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: short, Net: "unixgram"})
	if err != nil {
		return fault.Errorf(fault.Unavailable, "notify %s: %w", path, err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(message)); err != nil {
		return fault.Errorf(fault.Unavailable, "notify %s: %w", path, err)
	}
	return nil
}
