//go:build !linux

package discovery

// rivals reports whether two processes are two: this system has no cheap way
// to learn more of them.
func rivals(a, b int) bool { return a != b }
