package sdk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/contexts"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

func (r *running) loadContexts() (*contexts.List, error) {
	return contexts.Load(r.env.Places, r.name, r.started)
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
		if err := f.Sweep(func(path string) bool { return r.handed[path] != nil }); err != nil {
			return err
		}
	}
	return r.openListed(f)
}

// openListed opens the contexts of l that are not open, and ends what was begun,
// unless another process still serves.
func (r *running) openListed(l *contexts.List) error {
	alone := !r.staged() || r.lock != nil
	for _, e := range slices.Clone(l.Contexts) {
		if !alone && (e.Deleting != "" || e.Restoring != "") {
			continue
		}
		// One that cannot be ended is told, and the others do not wait for it.
		if e.Deleting != "" {
			if err := r.finishDelete(l, e); err != nil {
				r.log.Error("a deletion that was begun cannot be ended", "context", e.Name.String(), "error", err)
			}
			continue
		}
		if r.RootOnly && e.Name != layout.Root || r.tenancy(e.Name) != nil {
			continue
		}
		if err := l.FinishRestore(e); err != nil {
			r.log.Error("a restoration that was begun cannot be ended", "context", e.Name.String(), "error", err)
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
	if alone {
		if err := l.FinishPurges(); err != nil {
			r.log.Error("a purge that was begun cannot be ended", "error", err)
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
	c := manifest.Context{Name: t.name.String(), ID: t.id, CreatedAt: manifest.At(t.created), Domains: make(map[string]string, len(t.domains))}
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
	ID      string          `json:"id,omitzero" doc:"Id under which hero_core knows the context; one that exists without an id takes it."`
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
	if t := r.tenancy(p.Name); t != nil {
		return r.createAgain(t, p)
	}
	f, err := r.loadContexts()
	if err != nil {
		return manifest.Context{}, err
	}
	if err := r.clear(f, p.Name); err != nil {
		return manifest.Context{}, err
	}
	e := contexts.Entry{Name: p.Name, ID: p.ID, CreatedAt: time.Now().UTC().Truncate(time.Second), Domains: p.Domains}
	t, err := r.openTenancy(e)
	if err != nil {
		return manifest.Context{}, err
	}
	f.Contexts = append(f.Contexts, e)
	if err := f.Save(); err != nil {
		return manifest.Context{}, errors.Join(err, t.stop(0))
	}
	if err := r.admit(t); err != nil {
		return manifest.Context{}, err
	}
	r.log.Info("context created", "context", p.Name.String(), "domains", len(t.domains))
	return t.facts(r.name), nil
}

// createAgain answers for a context that exists: with it, where it is the one
// that was asked for.
func (r *running) createAgain(t *tenancy, p createContextParams) (manifest.Context, error) {
	same := slices.EqualFunc(t.domains, r.domainsOf(p.Domains), func(e *endpoint, d domain) bool { return e.domain == d })
	switch {
	case !same:
		return manifest.Context{}, fault.Errorf(fault.Conflict, "the context %s exists with the domains %s",
			p.Name, strings.Join(t.names(), ", "))
	case p.ID == "" || p.ID == t.id:
		return t.facts(r.name), nil
	case t.id != "":
		return manifest.Context{}, fault.Errorf(fault.Conflict, "the context %s exists with the id %s", p.Name, t.id)
	}
	f, err := r.loadContexts()
	if err != nil {
		return manifest.Context{}, err
	}
	f.Find(p.Name).ID = p.ID
	if err := f.Save(); err != nil {
		return manifest.Context{}, err
	}
	known := *t // those who look at t now may go on
	known.id = p.ID
	if err := r.admit(&known); err != nil {
		return manifest.Context{}, err
	}
	return known.facts(r.name), nil
}

// admit makes an open context one of the service's.
func (r *running) admit(t *tenancy) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.contexts == nil { // the service ended meanwhile; its next start opens it
		return errors.Join(fault.Errorf(fault.Unavailable, "%s is stopping", r.name), t.stop(0))
	}
	r.contexts[t.name] = t
	return nil
}

type deleteContextParams struct {
	Name  layout.Context `json:"name" doc:"Name of the context."`
	Purge bool           `json:"purge,omitzero" doc:"Whether its data goes at once, past the trash."`
	ID    string         `json:"id,omitzero" doc:"Delete it only if this is its id."`
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
	e := f.Find(p.Name)
	if e == nil || p.ID != "" && p.ID != e.ID {
		return false, fault.Errorf(fault.NotFound, "there is no context %s%s", p.Name, withID(p.ID))
	}
	// From here on a restart ends what is begun: the mark is on the disk.
	if err := f.Delete(e, p.Purge); err != nil {
		return false, fault.WithHint(fault.Errorf(fault.Of(err), "delete context %s: nothing was changed: %w", p.Name, err), fault.Hint(err))
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
	if err := r.finishDelete(f, *e); err != nil {
		return false, err
	}
	r.log.Info("context deleted", "context", p.Name.String(), "purged", p.Purge)
	return true, nil
}

// finishDelete ends the deletion of a context that no longer runs.
func (r *running) finishDelete(f *contexts.List, e contexts.Entry) error {
	os.Remove(r.env.Places.ContextFolder(r.name, e.Name))
	return f.FinishDelete(e)
}

// clear ends the deletion of a context of that name that could not be ended
// when it was asked for.
func (r *running) clear(f *contexts.List, name layout.Context) error {
	if e := f.Find(name); e != nil && e.Deleting != "" {
		return r.finishDelete(f, *e)
	}
	return nil
}

func withID(id string) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf(" with the id %.80q", id)
}
