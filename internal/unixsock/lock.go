package unixsock

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

// FileLock is held by one process at a time and ends with it, however it dies.
type FileLock struct{ f *os.File }

// Lock takes the lock at path and writes this process's id into it. The file
// stays: removing it would let two processes hold locks on two files of one
// name. Where another process holds it, Lock fails with fault.Conflict and
// names that process.
func Lock(path string) (*FileLock, error) {
	if err := MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, openFault(path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.Errorf(fault.Unavailable, "lock %s: %w", path, err)
		}
		return nil, fault.Errorf(fault.Conflict, "%s is held by %s", path, holder(f))
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, fault.Errorf(fault.Unavailable, "lock %s: %w", path, err)
	}
	return &FileLock{f}, nil
}

// holder reads who wrote the lock file. The words are for people: only the
// lock itself decides.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	pid, perr := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || perr != nil {
		return "another process"
	}
	return "pid " + strconv.Itoa(pid)
}

// Unlock gives the lock back.
func (l *FileLock) Unlock() error { return l.f.Close() }
