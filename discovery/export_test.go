package discovery

import (
	"context"
	"io/fs"
	"time"

	"github.com/fsnotify/fsnotify"

	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// Said is what a socket of a folder in memory answers.
type Said struct {
	State    State
	PID      int
	Manifest *manifest.Manifest
	OpenRPC  bool
	Fault    string
}

// ScanWith is Scan of a folder whose sockets answer as said, and the paths of
// those that were to be asked.
func ScanWith(fsys fs.FS, said map[string]Said) (*Tree, []string) {
	v := newView()
	for dir, l := range listAll(fsys) {
		v.put(dir, l)
	}
	v.settle()
	for range maxRounds {
		for rel, w := range v.asked() {
			s := said[rel]
			if _, ok := v.evidence[rel]; !ok {
				v.learn(rel, evidence{id: w.id, state: s.State, pid: s.PID, manifest: s.Manifest, openrpc: s.OpenRPC, fault: s.Fault})
			}
		}
		v.settle()
	}
	var asked []string
	for rel := range v.asked() {
		asked = append(asked, rel)
	}
	return v.tree(), asked
}

// Lossy is a watcher's Run with a way to lose events: deaf ends the watch of a
// folder, and overflow tells of lost events as the system does.
func Lossy(w *Watcher) (run func(context.Context) error, deaf func(path string) error, overflow func(), err error) {
	r, err := newRunner(w)
	if err != nil {
		return nil, nil, nil, err
	}
	return r.run, r.notify.Remove, func() { r.notify.Errors <- fsnotify.ErrEventOverflow }, nil
}

// Retry is retry of a socket in that state.
func Retry(s State, manifest bool, attempt int) (time.Duration, bool) {
	return retry(want{}, evidence{state: s, openrpc: manifest}, attempt)
}
