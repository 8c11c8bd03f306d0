package discovery

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"github.com/fsnotify/fsnotify"
)

const (
	// coalesce is how long the first of a burst of changes waits for the rest.
	coalesce = 2 * time.Millisecond
	// settling is how long contexts must have been left alone before the
	// manifest that lists them is read again.
	settling = 100 * time.Millisecond
)

// runner is a Watcher at work. Its fields belong to the goroutine of run.
type runner struct {
	w      *Watcher
	log    *slog.Logger
	notify *fsnotify.Watcher
	asker  *asker
	view   *view
	root   string
	folder fs.FS // the sockets folder while refresh runs: who holds it open is not told of its end
	there  bool  // the sockets folder is there, and not refused

	again  bool            // everything has to be read again
	stale  map[string]bool // folders to be read again
	fresh  map[string]bool // folders that may be others than those watched
	asks   map[string]asking
	said   chan answer
	asked  sync.WaitGroup
	ends   ends
	refuse string // why the sockets folder is not read
}

// asking is a socket that is being asked, or was.
type asking struct {
	want   want
	cancel context.CancelFunc
}

// answer is what a socket said to one question.
type answer struct {
	want want
	evidence
}

func newRunner(w *Watcher) (*runner, error) {
	n, err := fsnotify.NewBufferedWatcher(256)
	if err != nil {
		return nil, fault.WithHint(fault.Errorf(fault.Unavailable, "watch the sockets folder: %w", err),
			"sudo sysctl fs.inotify.max_user_instances=1024")
	}
	r := &runner{
		w: w, log: w.opts.log(), notify: n, asker: newAsker(w.opts), view: newView(), root: w.opts.Places.Sockets,
		again: true, stale: map[string]bool{}, fresh: map[string]bool{}, asks: map[string]asking{}, said: make(chan answer),
	}
	r.view.rivals = rivals
	return r, nil
}

func (r *runner) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer r.close()
	defer r.ends.running.Wait()
	defer r.asked.Wait()
	defer cancel()
	r.refresh(ctx, true)
	var due <-chan time.Time
	for {
		changed := false
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-r.notify.Events:
			if !ok {
				return fault.Errorf(fault.Unavailable, "watch the sockets folder: the system's watch ended")
			}
			changed = r.note(e)
		case err := <-r.notify.Errors:
			// The queue overflowed, or worse: what was missed is not known.
			r.log.Warn("events of the sockets folder were lost, it is read again", "error", err)
			r.again, changed = true, true
		case a := <-r.said:
			if now, ok := r.asks[a.want.rel]; ok && now.want == a.want {
				r.view.learn(a.want.rel, a.evidence)
				changed = true
			}
		case <-due:
			due = nil
			r.refresh(ctx, false)
		}
		if changed && due == nil {
			due = time.After(coalesce)
		}
	}
}

func (r *runner) close() {
	if err := r.notify.Close(); err != nil {
		r.log.Warn("the watch of the sockets folder does not end", "error", err)
	}
}

// note marks what an event has made stale and reports whether anything.
func (r *runner) note(e fsnotify.Event) bool {
	if r.concernsRoot(e) {
		r.again = true
		return true
	}
	rel, err := filepath.Rel(r.root, e.Name)
	if err != nil || !filepath.IsLocal(rel) || !r.there {
		return false
	}
	rel = filepath.ToSlash(rel)
	dir, name := path.Split(rel)
	dir = path.Clean(dir)
	if strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".lock") {
		return false // a socket before its time
	}
	if e.Op&^fsnotify.Write == 0 {
		return false // a file that is written to is a stray all the time
	}
	r.stale[dir] = true
	if e.Has(fsnotify.Rename) && r.view.dirs[rel] != nil {
		// Its watch, and those in it, go on under a name that is no more.
		r.again = true
	}
	if e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		r.fresh[rel] = true
	}
	return true
}

// concernsRoot reports whether an event on the sockets folder, or on what
// stands above it, asks for a new beginning.
func (r *runner) concernsRoot(e fsnotify.Event) bool {
	if e.Name == r.root {
		return true
	}
	above := strings.HasPrefix(r.root, strings.TrimSuffix(e.Name, "/")+"/")
	return above && (!r.there || e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename))
}

// refresh reads what is stale, publishes the tree if it is another one, and
// then sees to it that the right sockets are asked: the names are out before
// anybody answers.
func (r *runner) refresh(ctx context.Context, first bool) {
	if r.again {
		r.again = false
		clear(r.stale)
		clear(r.fresh)
		r.reopen()
	}
	if len(r.stale) > 0 {
		r.reread()
	}
	if r.view.settle() || first {
		t := r.view.tree()
		if r.refuse != "" {
			t.Strays = append(t.Strays, Stray{Path: root, Reason: r.refuse})
		}
		r.w.set(t, false)
	}
	r.reconcile(ctx)
}

// reread lists the folders that are stale.
func (r *runner) reread() {
	defer clear(r.fresh)
	defer clear(r.stale)
	folder, err := open(r.w.opts.Places)
	if err != nil || folder == nil {
		r.reopen()
		return
	}
	defer folder.Close()
	r.folder = folder.FS()
	for _, dir := range slices.SortedFunc(maps.Keys(r.stale), byLevel) {
		if r.view.dirs[dir] != nil && r.stale[dir] {
			r.read(dir)
		}
	}
}

func byLevel(a, b string) int { return cmp.Or(cmp.Compare(levelOf(a), levelOf(b)), cmp.Compare(a, b)) }

// reopen begins anew: watches, folder, listings. What the sockets said stays
// true of those that are still the same.
func (r *runner) reopen() {
	for _, p := range r.notify.WatchList() {
		r.forgetWatch(p)
	}
	was := r.refuse
	r.refuse, r.there = "", false
	if r.watchRoot() {
		folder, err := open(r.w.opts.Places)
		if err != nil {
			r.refuse = err.Error()
			if hint := fault.Hint(err); hint != "" {
				r.refuse += ": " + hint
			}
		}
		if r.there = folder != nil; r.there {
			defer folder.Close()
			r.folder = folder.FS()
		}
	}
	r.view.restray = r.view.restray || r.refuse != was
	if !r.there {
		r.drop(root)
		return
	}
	for dir := range r.view.dirs {
		if dir != root {
			r.fresh[dir] = true
		}
	}
	r.read(root)
}

// watchRoot watches the sockets folder, or where that is missing the nearest
// folder above it, and reports whether it is there.
func (r *runner) watchRoot() bool {
	r.watchLine()
	for range 100 {
		err := r.notify.Add(r.root)
		if err == nil {
			return true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			r.refuse = "is not watched: " + reasonOf(err)
			return false
		}
		if r.watchAbove() {
			return false
		}
	}
	r.refuse = "comes and goes too fast to be watched"
	return false
}

// watchLine watches the folders above the sockets folder up to the one that
// holds the home: where one of them is moved, no folder in it is told.
func (r *runner) watchLine() {
	last := filepath.Dir(r.root)
	if home := r.w.opts.Places.Home; strings.HasPrefix(r.root, home+"/") {
		last = filepath.Dir(home)
	}
	for dir := filepath.Dir(r.root); ; dir = filepath.Dir(dir) {
		if err := r.notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.log.Warn("a folder above the sockets folder is not watched", "path", dir, "error", err)
		}
		if dir == last || dir == filepath.Dir(dir) {
			return
		}
	}
}

// watchAbove watches the nearest folder above the sockets folder. It reports
// false where the one below has come meanwhile: nothing would tell of that.
func (r *runner) watchAbove() bool {
	below, dir := r.root, filepath.Dir(r.root)
	for r.notify.Add(dir) != nil {
		if dir == filepath.Dir(dir) {
			r.refuse = "is not watched, nor is any folder above it"
			return true
		}
		below, dir = dir, filepath.Dir(dir)
	}
	if _, err := os.Lstat(below); errors.Is(err, fs.ErrNotExist) {
		return true
	}
	r.forgetWatch(dir)
	return false
}

func (r *runner) forgetWatch(p string) {
	if err := r.notify.Remove(p); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) {
		r.log.Debug("a watch is gone already", "path", p, "error", err)
	}
}

// read lists a folder, and those in it that are new. The watch comes first, so
// that what changes after the listing is told.
func (r *runner) read(dir string) {
	delete(r.stale, dir)
	delete(r.fresh, dir)
	why := ""
	if dir != root {
		why = r.watch(dir)
	}
	l, old := list(r.folder, dir), r.view.dirs[dir]
	if why != "" {
		l.stray(dir, why)
	}
	r.view.put(dir, l)
	if old != nil {
		there := setOf(l.folders)
		for _, f := range old.folders {
			if !there[f] {
				r.drop(path.Join(dir, f))
			}
		}
	}
	for _, f := range l.folders {
		if rel := path.Join(dir, f); r.view.dirs[rel] == nil || r.fresh[rel] {
			r.read(rel)
		}
	}
}

// watch sets the watch of a folder and reports why that is not possible, or "".
func (r *runner) watch(dir string) string {
	err := r.notify.Add(filepath.Join(r.root, filepath.FromSlash(dir)))
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "" // gone again: the folder above says so
	case errors.Is(err, syscall.ENOSPC):
		return "is not watched, its changes are not seen: sudo sysctl fs.inotify.max_user_watches=1048576"
	}
	return "is not watched, its changes are not seen: " + reasonOf(err)
}

// drop forgets a folder that is gone, and all in it.
func (r *runner) drop(dir string) {
	l := r.view.dirs[dir]
	if l == nil {
		return
	}
	for _, f := range l.folders {
		r.drop(path.Join(dir, f))
	}
	r.view.put(dir, nil)
	if dir != root {
		r.forgetWatch(filepath.Join(r.root, filepath.FromSlash(dir)))
	}
}

// reconcile asks the sockets that have to be asked and were not, and leaves
// those alone that are gone or decide nothing any more.
func (r *runner) reconcile(ctx context.Context) {
	wanted := r.view.asked()
	for rel, a := range r.asks {
		if w, ok := wanted[rel]; !ok || w != a.want {
			a.cancel()
			delete(r.asks, rel)
			r.view.forget(rel)
		}
	}
	for rel, w := range wanted {
		_, known := r.asks[rel]
		switch {
		case !known:
			r.ask(ctx, w, 0)
		case r.view.outdated[rel]:
			r.asks[rel].cancel()
			r.ask(ctx, w, settling)
		}
	}
	clear(r.view.outdated)
}

// ask starts to ask a socket, after a while, until it has said what it is, and
// then once more when its process has ended.
func (r *runner) ask(ctx context.Context, w want, after time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	r.asks[w.rel] = asking{want: w, cancel: cancel}
	r.asked.Go(func() {
		defer cancel()
		gone := 0
		for attempt := 0; ; attempt++ {
			if !pause(ctx, after) {
				return
			}
			e, ok := r.asker.ask(ctx, w)
			if !ok {
				return
			}
			select {
			case r.said <- answer{want: w, evidence: e}:
			case <-ctx.Done():
				return
			}
			if after, ok = retry(w, e, attempt); ok {
				continue
			}
			// One that answers for a dead process was handed its socket.
			if e.pid == 0 || e.pid == gone || !r.ends.wait(ctx, e.pid) {
				return
			}
			gone, after, attempt = e.pid, 0, -1
		}
	})
}

// pause waits and reports whether ctx lasted that long.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retry says whether a socket has to be asked again, and after how long. A
// service whose socket stands may not be ready: it binds before it listens,
// listens before it accepts, and answers before it has all its paths. One that
// hangs may come back at any time; the others have most of a minute.
func retry(w want, e evidence, attempt int) (time.Duration, bool) {
	const first, last = 100 * time.Millisecond, 30 * time.Second
	delay := last
	if attempt < 9 {
		delay = min(last, first<<attempt)
	}
	done := e.pid != 0
	if !w.pidOnly {
		done = e.state == NonRPC || (e.state == Live && (e.manifest != nil || e.openrpc))
	}
	return delay, !done && (e.state == Hang || attempt < 9)
}
