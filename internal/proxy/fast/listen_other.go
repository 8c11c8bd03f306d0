//go:build !linux || !(amd64 || arm64)

package fast

import "net"

// Listen returns the listener as it is: there is no short way here.
func Listen(l net.Listener, _ Door) net.Listener { return l }
