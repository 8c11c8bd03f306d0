// Package activate holds the sockets of a service that sleeps, tells when
// somebody connects to one, and hands them to the service's process as
// sd_listen_fds(3) has it. It accepts nobody: who connects waits in the
// socket's queue for the process.
package activate

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Sockets are those of one service. They are not safe for concurrent use.
type Sockets struct {
	places  layout.Places
	service string
	held    map[string]*unixsock.Listener // by path relative to the sockets folder
	seen    []string                      // those that the service had when it last ran
	stop    context.CancelFunc            // ends the wait for a connection
}

// New returns the sockets of a service. It holds none yet.
func New(places layout.Places, service string) *Sockets {
	return &Sockets{places: places, service: service, held: map[string]*unixsock.Listener{}}
}

// Hold opens the sockets, and those that the service was seen with, as far as
// they are not held, and calls wake when somebody connects to one. wait owns
// the goroutines, which end with ctx, with Files and with Close.
func (s *Sockets) Hold(ctx context.Context, sockets []string, wait *sync.WaitGroup, wake func()) error {
	if len(sockets) == 0 {
		sockets = []string{s.service + ".sock"}
	}
	for _, rel := range slices.Concat(sockets, s.seen, s.standing()) {
		if s.held[rel] != nil {
			continue
		}
		path, err := s.places.Socket(rel)
		if err != nil {
			return err
		}
		if s.held[rel], err = unixsock.Listen(path); err != nil {
			delete(s.held, rel)
			return err
		}
	}
	ctx, s.stop = context.WithCancel(ctx)
	for _, l := range s.held {
		wait.Go(func() {
			if l.Await(ctx) == nil {
				wake()
			}
		})
	}
	return nil
}

// See notes the sockets that the service has now that it runs.
func (s *Sockets) See() { s.seen = s.standing() }

// standing returns the sockets of the service that stand in the sockets folder:
// its own, its UI's, and each domain's in each context.
func (s *Sockets) standing() []string {
	name, err := layout.ParseService(s.service)
	if err != nil {
		return nil
	}
	paths := []string{s.places.ServiceSocket(name), s.places.UISocket(name)}
	root := filepath.Dir(s.places.ContextFolder(name, layout.Root))
	if deep, err := filepath.Glob(filepath.Join(root, "*", "*.sock")); err == nil {
		paths = append(paths, deep...)
	}
	var out []string
	for _, path := range paths {
		if _, err := unixsock.Stat(path); err != nil || strings.HasPrefix(filepath.Base(path), ".") {
			continue
		}
		if rel, err := filepath.Rel(s.places.Sockets, path); err == nil {
			out = append(out, filepath.ToSlash(rel))
		}
	}
	return out
}

// Files returns the held sockets as files for a process that is started now,
// and the environment that tells it of them; idle is after how long it is to
// end unused, "" for never. The caller closes the files.
func (s *Sockets) Files(idle string) (files []*os.File, env []string, err error) {
	if s.stop != nil {
		s.stop()
	}
	names := slices.Sorted(maps.Keys(s.held))
	if len(names) == 0 {
		return nil, nil, nil
	}
	for _, name := range names {
		f, err := s.held[name].File()
		if err != nil {
			CloseAll(files)
			return nil, nil, err
		}
		files = append(files, f)
	}
	env = []string{"LISTEN_FDS=" + strconv.Itoa(len(names)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
	if idle != "" {
		env = append(env, unixsock.IdleVariable+"="+idle)
	}
	return files, env, nil
}

// CloseAll closes files.
func CloseAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Close lets the sockets go.
func (s *Sockets) Close() {
	if s.stop != nil {
		s.stop()
	}
	for _, l := range s.held {
		l.Close()
	}
	clear(s.held)
}
