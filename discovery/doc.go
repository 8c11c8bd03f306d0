// Package discovery reads a sockets folder into one tree of services, and
// reads it again whenever it changes. It is what the supervisor, the
// inspector and the proxy know of the machine, and the only place where they
// learn it.
package discovery
