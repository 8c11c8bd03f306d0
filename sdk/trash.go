package sdk

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/contexts"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// deletedContext is a context in the trash, as callers see it.
type deletedContext struct {
	Name      string        `json:"name" doc:"Name that the context had."`
	ID        string        `json:"id,omitzero" doc:"Id under which hero_core knows it."`
	CreatedAt manifest.Time `json:"created_at"`
	Deleted   string        `json:"deleted" doc:"When it was deleted, as its folder in the trash says it."`
}

type trashParams struct {
	Name layout.Context `json:"name" doc:"Name of the deleted context."`
	ID   string         `json:"id,omitzero" doc:"Id under which hero_core knows it; the last one deleted with the name where empty."`
}

func (r *running) listTrash(context.Context, none) ([]deletedContext, error) {
	r.change.Lock()
	defer r.change.Unlock()
	f, err := r.loadContexts()
	if err != nil {
		return nil, err
	}
	out := []deletedContext{}
	for _, e := range f.Trash {
		out = append(out, deletedContext{Name: e.Name.String(), ID: e.ID, CreatedAt: manifest.At(e.CreatedAt), Deleted: e.Stamp})
	}
	return out, nil
}

func (r *running) restoreContext(_ context.Context, p trashParams) (manifest.Context, error) {
	r.change.Lock()
	defer r.change.Unlock()
	if t := r.tenancy(p.Name); t != nil {
		if p.ID != "" && p.ID == t.id {
			return t.facts(r.name), nil
		}
		return manifest.Context{}, fault.Errorf(fault.Conflict, "a context %s exists; the deleted one cannot take its place", p.Name)
	}
	f, err := r.loadContexts()
	if err != nil {
		return manifest.Context{}, err
	}
	if err := r.clear(f, p.Name); err != nil {
		return manifest.Context{}, err
	}
	var e contexts.Entry
	if begun := f.Find(p.Name); begun != nil { // a restoration that could not be ended
		e = *begun
	} else if e, err = f.Restore(p.Name, p.ID); err != nil {
		return manifest.Context{}, err
	}
	if err := f.FinishRestore(e); err != nil {
		return manifest.Context{}, err
	}
	t, err := r.openTenancy(e)
	if err != nil {
		return manifest.Context{}, err
	}
	if err := r.admit(t); err != nil {
		return manifest.Context{}, err
	}
	r.log.Info("context restored", "context", p.Name.String())
	return t.facts(r.name), nil
}

func (r *running) purgeContext(_ context.Context, p trashParams) (bool, error) {
	r.change.Lock()
	defer r.change.Unlock()
	f, err := r.loadContexts()
	if err != nil {
		return false, err
	}
	found, err := f.Purge(p.Name, p.ID)
	if err != nil || !found {
		return false, err
	}
	if err := f.FinishPurges(); err != nil {
		return false, err
	}
	r.log.Info("context purged", "context", p.Name.String())
	return true, nil
}
