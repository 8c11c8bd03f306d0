package discovery

import (
	"context"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Watcher keeps a tree true to the sockets folder while Run runs. It is made
// by NewWatcher and safe for concurrent use.
type Watcher struct {
	opts Options

	mu      sync.Mutex
	tree    *Tree
	ended   bool
	changed chan struct{} // closed and replaced at every change of the above
}

// NewWatcher returns a watcher of the folder. It does nothing until Run.
func NewWatcher(opts Options) *Watcher {
	return &Watcher{opts: opts, changed: make(chan struct{})}
}

// Run watches until ctx ends and then returns nil. It is called once. The
// first tree comes at once, by names alone; what the sockets say of themselves
// follows as they answer, in trees of their own. Run fails only where the
// system gives it no way to watch.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.set(nil, true)
	r, err := newRunner(w)
	if err != nil {
		return err
	}
	return r.run(ctx)
}

// Tree returns the newest tree, or nil before there is one.
func (w *Watcher) Tree() *Tree {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tree
}

// Wait returns the newest tree as soon as that is another one than after,
// which is a tree of this watcher, or nil for the first. It fails with
// fault.Canceled where ctx ended and fault.Unavailable where Run did.
func (w *Watcher) Wait(ctx context.Context, after *Tree) (*Tree, error) {
	for {
		w.mu.Lock()
		tree, ended, changed := w.tree, w.ended, w.changed
		w.mu.Unlock()
		switch {
		case tree != nil && tree != after:
			return tree, nil
		case ended:
			return nil, fault.Errorf(fault.Unavailable, "wait for a change: the sockets folder is no longer watched")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fault.Errorf(fault.Canceled, "wait for a change of the sockets folder: %w", context.Cause(ctx))
		}
	}
}

// set publishes a tree, or that there will be no more.
func (w *Watcher) set(t *Tree, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t != nil {
		w.tree = t
	}
	w.ended = ended
	close(w.changed)
	w.changed = make(chan struct{})
}
