// Package contexts is what a service remembers of its contexts, and where their
// data is: in its place, in the trash, or on the way between the two.
//
// What takes more than one step is marked in the file first. A process that is
// killed in between leaves the mark, and the next one goes on from there: each
// Finish may be called again, whatever of it was done.
package contexts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// List is the contexts of one service. Its user holds the lock that orders
// changes.
type List struct {
	Contexts []Entry   `json:"contexts"`
	Trash    []Deleted `json:"trash,omitzero"`

	places  layout.Places
	service layout.Service
}

// Entry is a context that exists, or is about to or was about to.
type Entry struct {
	Name      layout.Context  `json:"name"`
	ID        string          `json:"id,omitzero"` // tells it from others that had its name; given by hero_core
	CreatedAt time.Time       `json:"created_at"`
	Domains   []layout.Domain `json:"domains,omitzero"` // none means all
	// Deleting holds where the data goes, from when a deletion has begun until
	// nothing of the context is left: a stamp for the trash, or Purge.
	Deleting string `json:"deleting,omitzero"`
	// Restoring holds the stamp of the trash that the data comes back from,
	// from when a restoration has begun until the data is back.
	Restoring string `json:"restoring,omitzero"`
}

// Deleted is a context whose data waits in the trash.
type Deleted struct {
	Name      layout.Context  `json:"name"`
	ID        string          `json:"id,omitzero"`
	CreatedAt time.Time       `json:"created_at"`
	Domains   []layout.Domain `json:"domains,omitzero"`
	Stamp     string          `json:"stamp"` // when it was deleted, and its folder's name
	// Purging is set from when the data is being removed until none is left.
	Purging bool `json:"purging,omitzero"`
}

// Purge is the Deleting of a context whose data is not kept.
const Purge = "purge"

// Load reads the list of a service. One that has none yet gets the context
// root, created at now.
func Load(places layout.Places, service layout.Service, now time.Time) (*List, error) {
	l := &List{places: places, service: service}
	path := places.ContextsFile(service)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		l.Contexts = []Entry{{Name: layout.Root, CreatedAt: now.UTC().Truncate(time.Second)}}
		return l, l.Save()
	}
	if err != nil {
		return nil, fmt.Errorf("read the contexts: %w", err)
	}
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fault.WithHint(fault.Errorf(fault.Invalid, "the contexts in %s cannot be read: %w", path, err),
			"mend the file, or move it away: the service then starts with the context root, and no data is lost")
	}
	return l, nil
}

// Save writes the list onto the disk.
func (l *List) Save() error {
	data, err := json.Marshal(l, json.Deterministic(), json.Indent())
	if err == nil {
		err = atomicfile.Write(l.places.ContextsFile(l.service), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fault.WithHint(fault.Errorf(fault.Unavailable, "write the contexts: %w", err),
			"check the free space and the rights of "+l.places.Data(l.service)+", then repeat the request")
	}
	return nil
}

// Find returns the entry of that name, or nil. It is good until the list
// changes.
func (l *List) Find(name layout.Context) *Entry {
	i := slices.IndexFunc(l.Contexts, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &l.Contexts[i]
}

// Delete marks the context e for deletion; its data is to go to the trash, or
// away. On an error nothing has changed.
func (l *List) Delete(e *Entry, purge bool) error {
	if e.Deleting == "" {
		e.Deleting = time.Now().UTC().Format("20060102T150405.000000000Z")
	}
	if purge {
		e.Deleting = Purge
	} else if err := l.makeTrash(e.Name); err != nil {
		return err
	}
	return l.Save()
}

// makeTrash makes the folder that the context's data is to wait in.
func (l *List) makeTrash(c layout.Context) error {
	if err := unixsock.MkdirAll(filepath.Dir(l.places.TrashOf(l.service, c, ""))); err != nil {
		return fault.WithHint(fault.Errorf(fault.Unavailable, "make the trash: %w", err),
			"free space on the disk that holds "+l.places.Trash()+", or delete with purge")
	}
	return nil
}

// FinishDelete moves the data of a context that no longer runs and forgets it.
func (l *List) FinishDelete(e Entry) error {
	data := l.places.DataIn(l.service, e.Name)
	_, err := os.Lstat(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err != nil:
	case e.Deleting == Purge:
		err = os.RemoveAll(data)
	default:
		if err = l.makeTrash(e.Name); err == nil {
			err = atomicfile.Move(data, l.places.TrashOf(l.service, e.Name, e.Deleting))
		}
	}
	if err != nil {
		return fault.WithHint(fault.Errorf(fault.Unavailable, "delete context %s: its sockets are closed, its data is still in %s: %w", e.Name, data, err),
			"mend what is in the way and delete it again; the service's next start goes on with it too")
	}
	l.Contexts = slices.DeleteFunc(l.Contexts, func(x Entry) bool { return x.Name == e.Name })
	if e.Deleting != Purge {
		l.Trash = append(l.Trash, Deleted{Name: e.Name, ID: e.ID, CreatedAt: e.CreatedAt, Domains: e.Domains, Stamp: e.Deleting})
	}
	return l.Save()
}

// deleted returns the last one deleted with the name, and the id where one is
// given, or nil.
func (l *List) deleted(name layout.Context, id string) *Deleted {
	for i, e := range slices.Backward(l.Trash) {
		if e.Name == name && (id == "" || id == e.ID) {
			return &l.Trash[i]
		}
	}
	return nil
}

// Restore marks the last context that was deleted with the name (and the id,
// where one is given) for restoration.
func (l *List) Restore(name layout.Context, id string) (Entry, error) {
	was := l.deleted(name, id)
	if was == nil || was.Purging {
		return Entry{}, fault.Errorf(fault.NotFound, "there is no deleted context %s", name)
	}
	e := Entry{Name: was.Name, ID: was.ID, CreatedAt: was.CreatedAt, Domains: was.Domains, Restoring: was.Stamp}
	l.Contexts = append(l.Contexts, e)
	return e, l.Save()
}

// FinishRestore moves the data of a context back from the trash.
func (l *List) FinishRestore(e Entry) error {
	if e.Restoring == "" {
		return nil
	}
	err := atomicfile.Move(l.places.TrashOf(l.service, e.Name, e.Restoring), l.places.DataIn(l.service, e.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // there was none, or it is back already
		return fmt.Errorf("restore context %s: %w", e.Name, err)
	}
	l.Trash = slices.DeleteFunc(l.Trash, func(t Deleted) bool { return t.Name == e.Name && t.Stamp == e.Restoring })
	if x := l.Find(e.Name); x != nil {
		x.Restoring = ""
	}
	return l.Save()
}

// Purge marks the data of a deleted context for removal, and reports whether
// there is one.
func (l *List) Purge(name layout.Context, id string) (bool, error) {
	was := l.deleted(name, id)
	if was == nil {
		return false, nil
	}
	was.Purging = true
	return true, l.Save()
}

// FinishPurges removes the data that is marked and forgets it.
func (l *List) FinishPurges() error {
	var errs []error
	before := len(l.Trash)
	l.Trash = slices.DeleteFunc(l.Trash, func(e Deleted) bool {
		if !e.Purging {
			return false
		}
		if err := os.RemoveAll(l.places.TrashOf(l.service, e.Name, e.Stamp)); err != nil {
			errs = append(errs, fmt.Errorf("purge context %s: %w", e.Name, err))
			return false
		}
		return true
	})
	if before != len(l.Trash) {
		errs = append(errs, l.Save())
	}
	return errors.Join(errs...)
}

// Sweep removes what a killed predecessor left in the service's own part of
// the sockets folder. The caller holds the service's lock, so nobody listens there,
// but for those sockets that held names: they were handed over.
func (l *List) Sweep(held func(path string) bool) error {
	keep := make(map[string]bool)
	for _, e := range l.Contexts {
		keep[e.Name.String()] = e.Deleting == ""
	}
	root := filepath.Dir(l.places.ContextFolder(l.service, layout.Root))
	contexts, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clean up after the last run: %w", err)
	}
	for _, c := range contexts {
		name, err := layout.ParseContext(c.Name())
		if err != nil || !c.IsDir() {
			continue // not ours: it is shown as a stray
		}
		dir := l.places.ContextFolder(l.service, name)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("clean up after the last run: %w", err)
		}
		for _, s := range entries {
			temp := strings.HasPrefix(s.Name(), ".new-")
			path := filepath.Join(dir, s.Name())
			if s.Type()&fs.ModeSocket != 0 && (temp || strings.HasSuffix(s.Name(), ".sock")) && !held(path) {
				os.Remove(path)
			}
		}
		if !keep[c.Name()] {
			os.Remove(dir) // stays if something that is not ours is in it
		}
	}
	return nil
}
