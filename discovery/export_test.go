package discovery

import (
	"io/fs"
	"time"

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

// Retry is retry of a socket in that state.
func Retry(s State, manifest bool, attempt int) (time.Duration, bool) {
	return retry(want{}, evidence{state: s, openrpc: manifest}, attempt)
}
