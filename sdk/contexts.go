package sdk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// contextsFile is what a service remembers of its contexts.
type contextsFile struct {
	Contexts []contextEntry `json:"contexts"`
}

type contextEntry struct {
	Name      layout.Context  `json:"name"`
	CreatedAt time.Time       `json:"created_at"`
	Domains   []layout.Domain `json:"domains,omitzero"` // none means all
	// Deleting holds where the data goes, from when a deletion has begun until
	// nothing of the context is left: a stamp for the trash, or purge.
	Deleting string `json:"deleting,omitzero"`
}

// purge is the Deleting of a context whose data is not kept.
const purge = "purge"

func (r *running) loadContexts() (contextsFile, error) {
	path := r.env.Places.ContextsFile(r.name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		first := contextEntry{Name: layout.Root, CreatedAt: r.started.UTC().Truncate(time.Second)}
		f := contextsFile{Contexts: []contextEntry{first}}
		return f, r.saveContexts(f)
	}
	if err != nil {
		return contextsFile{}, fmt.Errorf("read the contexts: %w", err)
	}
	var f contextsFile
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fault.WithHint(fault.Errorf(fault.Invalid, "the contexts in %s cannot be read: %w", path, err),
			"mend the file, or move it away: the service then starts with the context root, and no data is lost")
	}
	return f, nil
}

func (r *running) saveContexts(f contextsFile) error {
	data, err := json.Marshal(f, json.Deterministic(), json.Indent())
	if err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	if err := atomicfile.Write(r.env.Places.ContextsFile(r.name), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	return nil
}

// openContexts opens every context that the service remembers, and ends the
// deletions that a killed predecessor had begun.
func (r *running) openContexts() error {
	r.change.Lock()
	defer r.change.Unlock()
	f, err := r.loadContexts()
	if err != nil {
		return err
	}
	if !r.staged() { // else the sockets are those of the process that still serves
		if err := r.sweep(f); err != nil {
			return err
		}
	}
	return r.openListed(&f)
}

// openListed opens the contexts of f that are not open, and ends the deletions
// that were begun, unless another process still serves.
func (r *running) openListed(f *contextsFile) error {
	for _, e := range slices.Clone(f.Contexts) {
		if e.Deleting != "" {
			if r.staged() && r.lock == nil {
				continue
			}
			if err := r.finishDelete(f, e); err != nil {
				return err
			}
			continue
		}
		if r.RootOnly && e.Name != layout.Root || r.tenancy(e.Name) != nil {
			continue
		}
		t, err := r.openTenancy(e)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.contexts[e.Name] = t
		r.mu.Unlock()
	}
	return nil
}

// sweep removes what a killed predecessor left in the service's own part of
// the sockets folder. The service holds its lock, so nobody listens there.
func (r *running) sweep(f contextsFile) error {
	keep := make(map[string]bool)
	for _, e := range f.Contexts {
		keep[e.Name.String()] = e.Deleting == ""
	}
	root := filepath.Dir(r.env.Places.ContextFolder(r.name, layout.Root))
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
		dir := r.env.Places.ContextFolder(r.name, name)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("clean up after the last run: %w", err)
		}
		for _, s := range entries {
			temp := strings.HasPrefix(s.Name(), ".new-")
			if s.Type()&fs.ModeSocket != 0 && (temp || strings.HasSuffix(s.Name(), ".sock")) {
				os.Remove(filepath.Join(dir, s.Name()))
			}
		}
		if !keep[c.Name()] {
			os.Remove(dir) // stays if something that is not ours is in it
		}
	}
	return nil
}

// domainsOf returns the service's domains of those names, or all.
func (r *running) domainsOf(names []layout.Domain) []domain {
	if len(names) == 0 {
		return r.domains
	}
	var out []domain
	for _, d := range r.domains {
		if slices.Contains(names, d.name()) {
			out = append(out, d)
		}
	}
	return out
}

// tenancies returns the contexts that exist, by name.
func (r *running) tenancies() []*tenancy {
	r.mu.RLock()
	out := slices.Collect(maps.Values(r.contexts))
	r.mu.RUnlock()
	slices.SortFunc(out, func(a, b *tenancy) int { return strings.Compare(a.name.String(), b.name.String()) })
	return out
}

func (r *running) tenancy(name layout.Context) *tenancy {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.contexts[name]
}

// facts describes the context.
func (t *tenancy) facts(s layout.Service) manifest.Context {
	c := manifest.Context{Name: t.name.String(), CreatedAt: manifest.At(t.created), Domains: make(map[string]string, len(t.domains))}
	for _, e := range t.domains {
		c.Domains[e.domain.name().String()] = layout.DomainRel(s, t.name, e.domain.name())
	}
	return c
}

func (r *running) listContexts(context.Context, none) ([]manifest.Context, error) {
	out := []manifest.Context{}
	for _, t := range r.tenancies() {
		out = append(out, t.facts(r.name))
	}
	return out, nil
}

type createContextParams struct {
	Name    layout.Context  `json:"name" doc:"Name of the context: a-z, 0-9, _ and -, at most 63 bytes."`
	Domains []layout.Domain `json:"domains,omitzero" doc:"Domains it is to have; all where empty."`
}

func (r *running) createContext(_ context.Context, p createContextParams) (manifest.Context, error) {
	if r.RootOnly && p.Name != layout.Root {
		return manifest.Context{}, fault.Errorf(fault.Unsupported, "%s serves the context root only", r.name)
	}
	for _, d := range p.Domains {
		if r.domain(d) == nil {
			return manifest.Context{}, fault.Errorf(fault.Invalid, "%s has no domain %q", r.name, d)
		}
	}
	r.change.Lock()
	defer r.change.Unlock()
	domains := r.domainsOf(p.Domains)
	if t := r.tenancy(p.Name); t != nil {
		if len(t.domains) != len(domains) {
			return manifest.Context{}, fault.Errorf(fault.Conflict, "the context %s exists with the domains %s",
				p.Name, strings.Join(t.names(), ", "))
		}
		for i, e := range t.domains {
			if e.domain != domains[i] {
				return manifest.Context{}, fault.Errorf(fault.Conflict, "the context %s exists with the domains %s",
					p.Name, strings.Join(t.names(), ", "))
			}
		}
		return t.facts(r.name), nil
	}
	f, err := r.loadContexts()
	if err != nil {
		return manifest.Context{}, err
	}
	if i := f.find(p.Name); i >= 0 { // a deletion that could not be ended
		if err := r.finishDelete(&f, f.Contexts[i]); err != nil {
			return manifest.Context{}, err
		}
	}
	e := contextEntry{Name: p.Name, CreatedAt: time.Now().UTC().Truncate(time.Second), Domains: p.Domains}
	t, err := r.openTenancy(e)
	if err != nil {
		return manifest.Context{}, err
	}
	f.Contexts = append(f.Contexts, e)
	if err := r.saveContexts(f); err != nil {
		return manifest.Context{}, errors.Join(err, t.stop(0))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contexts == nil { // the service ended meanwhile; its next start opens it
		return manifest.Context{}, errors.Join(fault.Errorf(fault.Unavailable, "%s is stopping", r.name), t.stop(0))
	}
	r.contexts[p.Name] = t
	r.log.Info("context created", "context", p.Name.String(), "domains", len(domains))
	return t.facts(r.name), nil
}

type deleteContextParams struct {
	Name  layout.Context `json:"name" doc:"Name of the context."`
	Purge bool           `json:"purge,omitzero" doc:"Whether its data goes at once, past the trash."`
}

func (r *running) deleteContext(_ context.Context, p deleteContextParams) (bool, error) {
	if p.Name == layout.Root {
		return false, fault.Errorf(fault.Denied, "the context root cannot be deleted")
	}
	r.change.Lock()
	defer r.change.Unlock()
	f, err := r.loadContexts()
	if err != nil {
		return false, err
	}
	i := f.find(p.Name)
	if i < 0 {
		return false, fault.Errorf(fault.NotFound, "there is no context %s", p.Name)
	}
	// From here on a restart ends what is begun: the mark is on the disk.
	f.Contexts[i].Deleting = time.Now().UTC().Format("20060102T150405.000000000Z")
	if p.Purge {
		f.Contexts[i].Deleting = purge
	}
	if err := r.saveContexts(f); err != nil {
		return false, err
	}
	r.mu.Lock()
	t := r.contexts[p.Name]
	delete(r.contexts, p.Name)
	r.mu.Unlock()
	if t != nil {
		if err := t.stop(r.Grace); err != nil {
			r.log.Warn("a context did not end in order", "context", p.Name.String(), "error", err)
		}
	}
	if err := r.finishDelete(&f, f.Contexts[i]); err != nil {
		return false, err
	}
	r.log.Info("context deleted", "context", p.Name.String(), "purged", p.Purge)
	return true, nil
}

// finishDelete moves the data of a context that no longer runs and forgets it.
// It may be called again after it failed, or after the process was killed.
func (r *running) finishDelete(f *contextsFile, e contextEntry) error {
	os.Remove(r.env.Places.ContextFolder(r.name, e.Name))
	data := r.env.Places.DataIn(r.name, e.Name)
	_, err := os.Lstat(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err != nil:
	case e.Deleting == purge:
		err = os.RemoveAll(data)
	default:
		to := r.env.Places.TrashOf(r.name, e.Name, e.Deleting)
		if err = unixsock.MkdirAll(filepath.Dir(to)); err == nil {
			err = os.Rename(data, to)
		}
	}
	if err != nil {
		return fmt.Errorf("delete context %s: %w", e.Name, err)
	}
	if i := f.find(e.Name); i >= 0 {
		f.Contexts = slices.Delete(f.Contexts, i, i+1)
	}
	return r.saveContexts(*f)
}

// find returns the index of a context's entry, or -1.
func (f *contextsFile) find(name layout.Context) int {
	return slices.IndexFunc(f.Contexts, func(e contextEntry) bool { return e.Name == name })
}
