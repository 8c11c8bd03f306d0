package proxy

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

// PolicyFile is a policy that is kept in a file and read again whenever the
// file changes, so that a token that was taken back is refused from the next
// request on. While the file has a fault, or is gone after it was there, the
// policy that was in force stays so.
type PolicyFile struct {
	path string
	log  *slog.Logger

	mu     sync.Mutex // guards what follows
	seen   os.FileInfo
	policy *access.Policy
}

// OpenPolicy reads the policy at path. Where there is no file, callers of this
// machine may do everything, until there is one.
func OpenPolicy(path string, log *slog.Logger) (*PolicyFile, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &PolicyFile{path: path, log: log}
	info, err := look(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "read the policy: %w", err)
	}
	f.seen = info
	if f.policy, err = readPolicy(path, info); err != nil {
		return nil, err
	}
	return f, nil
}

// Policy returns the policy that is in force.
func (f *PolicyFile) Policy() *access.Policy {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := look(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.seen == nil, err == nil && same(f.seen, info):
		return f.policy
	case err != nil:
		if f.seen == nil {
			f.policy = access.Nobody()
		}
		return f.policy
	}
	first := f.seen == nil
	f.seen = info
	p, err := readPolicy(f.path, info)
	if err != nil {
		if first {
			p = access.Nobody() // somebody meant to shut the door: it is not left open
			f.policy = p
		}
		f.log.Error("the policy has a fault; the one before stays in force", "error", err)
		return f.policy
	}
	f.log.Info("the policy was read again", "file", f.path)
	f.policy = p
	return p
}

// look describes the file. A link that leads nowhere is a policy that cannot be
// read, and not one that nobody made.
func look(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, lerr := os.Lstat(path); lerr == nil {
			return nil, fault.WithHint(fault.Errorf(fault.Unavailable, "%s is a link to nothing", path), "put the policy there, or take the link away")
		}
	}
	return info, err
}

func same(a, b os.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

func readPolicy(path string, info os.FileInfo) (*access.Policy, error) {
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fault.WithHint(fault.Errorf(fault.Denied, "read the policy: others may write to %s", path), "chmod 600 "+path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "read the policy: %w", err)
	}
	return access.Parse(data)
}
