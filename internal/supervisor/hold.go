package supervisor

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// idleVariable tells a process whose sockets are held for it for how long it
// stays unused before it ends.
const idleVariable = "HERO_IDLE"

// holding is what a unit on demand sleeps on. The keeper's goroutine owns it.
type holding struct {
	sockets map[string]*unixsock.Listener // by path relative to the sockets folder
	seen    []string                      // those that the service had when it last ran
	unwatch context.CancelFunc            // ends the wait for a connection
}

// hold opens the unit's sockets and waits until somebody connects to one. Those
// who do wait in its queue for the process.
func (k *keeper) hold(ctx context.Context) {
	if err := k.openHeld(); err != nil {
		k.release()
		k.step(ctx, machine.Event{Op: machine.NotHeld, Cause: err.Error()})
		return
	}
	ctx, k.held.unwatch = context.WithCancel(ctx)
	for _, l := range k.held.sockets {
		k.sup.wg.Go(func() {
			if l.Await(ctx) == nil {
				k.send(message{event: machine.Event{Op: machine.Wake}})
			}
		})
	}
}

func (k *keeper) openHeld() error {
	u := k.definition()
	want := slices.Clone(u.Sockets)
	if len(want) == 0 {
		want = []string{u.Name + ".sock"}
	}
	if k.held.sockets == nil {
		k.held.sockets = map[string]*unixsock.Listener{}
	}
	for _, rel := range append(append(want, k.held.seen...), k.standing()...) {
		if k.held.sockets[rel] != nil {
			continue
		}
		path, err := k.sup.opts.Places.Socket(rel)
		if err != nil {
			return err
		}
		l, err := unixsock.Listen(path)
		if err != nil {
			return err
		}
		k.held.sockets[rel] = l
	}
	return nil
}

// standing returns the sockets of the unit's service that stand in the sockets
// folder: its own, its UI's, and each domain's in each context.
func (k *keeper) standing() []string {
	name, err := layout.ParseService(k.name)
	if err != nil {
		return nil
	}
	p := k.sup.opts.Places
	paths := []string{p.ServiceSocket(name), p.UISocket(name)}
	root := filepath.Dir(p.ContextFolder(name, layout.Root))
	if deep, err := filepath.Glob(filepath.Join(root, "*", "*.sock")); err == nil {
		paths = append(paths, deep...)
	}
	var out []string
	for _, path := range paths {
		if _, err := unixsock.Stat(path); err != nil || strings.HasPrefix(filepath.Base(path), ".") {
			continue
		}
		if rel, err := filepath.Rel(p.Sockets, path); err == nil {
			out = append(out, filepath.ToSlash(rel))
		}
	}
	return out
}

// handOver adds the held sockets to what is started. The files are to be closed
// once it is.
func (k *keeper) handOver(u unit.Unit, spec *osproc.Spec) error {
	if k.held.unwatch != nil {
		k.held.unwatch()
		k.held.unwatch = nil
	}
	names := slices.Sorted(maps.Keys(k.held.sockets))
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		f, err := k.held.sockets[name].File()
		if err != nil {
			closeAll(spec.Files)
			return err
		}
		spec.Files = append(spec.Files, f)
	}
	spec.Env = append(spec.Env, "LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	if u.Idle > 0 {
		spec.Env = append(spec.Env, idleVariable+"="+u.Idle.Std().String())
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// release lets the sockets go.
func (k *keeper) release() {
	if k.held.unwatch != nil {
		k.held.unwatch()
	}
	for _, l := range k.held.sockets {
		l.Close()
	}
	k.held = holding{seen: k.held.seen}
}

// Asleep reports whether a unit sleeps until somebody connects.
func (s *Supervisor) Asleep(name string) bool {
	k := s.keeperOf(name)
	return k != nil && k.snapshot().State == machine.Asleep.String()
}
