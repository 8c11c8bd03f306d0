package tenancy

import (
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
)

// trashed is a context in a service's trash, as the service tells it.
type trashed struct {
	Name string `json:"name"`
	ID   string `json:"id,omitzero"`
}

// step is one call that brings a service nearer to the list.
type step struct {
	id     string // of the context
	method string // of the service's socket
	params map[string]any
	done   State // what has happened when it succeeded
}

// plan returns the calls that bring a service, which has some contexts and some
// in its trash, in step with the list. Deletions come first, so that a context
// made again under the same name finds its place free. Contexts that the list
// does not know, by their id, are nobody's business here; see lost.
func plan(list []base.Context, have []manifest.Context, trash []trashed) []step {
	known := make(map[string]base.Context, len(list))
	for _, c := range list {
		known[c.ID] = c
	}
	var steps []step
	add := func(c base.Context, method string, done State, more map[string]any) {
		params := map[string]any{"name": c.Name, "id": c.ID}
		for k, v := range more {
			params[k] = v
		}
		steps = append(steps, step{c.ID, method, params, done})
	}
	serves, waits := make(map[string]bool), make(map[string]bool)
	for _, h := range have {
		c, ok := known[h.ID]
		switch {
		case !ok || c.Name != h.Name:
		case c.Status == base.Deleted:
			add(c, "context.delete", WasDeleted, nil)
		case c.Status == base.Purged:
			add(c, "context.delete", WasPurged, map[string]any{"purge": true})
		default:
			serves[c.ID] = true
		}
	}
	for _, h := range trash {
		c, ok := known[h.ID]
		if !ok || c.Name != h.Name {
			continue
		}
		waits[c.ID] = true
		if c.Status == base.Purged {
			add(c, "context.purge", WasPurged, nil)
		}
	}
	for _, c := range list {
		if c.Status != base.Active || c.Name == layout.Root.String() || serves[c.ID] {
			continue
		}
		if waits[c.ID] {
			add(c, "context.restore", WasRestored, nil)
		} else {
			add(c, "context.create", WasCreated, nil)
		}
	}
	return steps
}

// lost returns the contexts that a service serves by an id which the list does
// not know: hero_core gave it, and its own list was lost since. Where the name
// belongs to another by now, there is nothing to find again; a context without
// an id was made past hero_core.
func lost(list []base.Context, have []manifest.Context) []manifest.Context {
	known := make(map[string]bool, 2*len(list))
	for _, c := range list {
		known["id "+c.ID] = true
		if c.Status == base.Active {
			known["name "+c.Name] = true
		}
	}
	var all []manifest.Context
	for _, h := range have {
		if h.ID != "" && !known["id "+h.ID] && !known["name "+h.Name] {
			all = append(all, h)
		}
	}
	return all
}
