//go:build !linux

package unixsock

import "forge.ourworld.tf/lhumina_code/hero/fault"

// reach returns the path itself: only Linux has a way to a longer one.
func reach(path, _, _ string) (short string, done func(), err error) {
	if len(path) > maxPath {
		return "", nil, fault.WithHint(
			fault.Errorf(fault.Unsupported, "socket %s has %d bytes; this system takes %d", path, len(path), maxPath),
			"set HERO_SOCKET_DIR to a shorter path")
	}
	return path, func() {}, nil
}
