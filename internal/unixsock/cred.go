package unixsock

// Cred says which process is at the other end of a connection, by the kernel.
type Cred struct {
	PID int
	UID int
	GID int
}
