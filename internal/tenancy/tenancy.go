// Package tenancy is hero_core's engine: it owns the list of contexts, and
// brings the services of the machine in step with it.
//
// The list is what shall be: a context is active, deleted or purged from the
// moment when that is on the disk. What is done about it in each service is
// never remembered but found out: the service is asked what it has, and given
// what it lacks (see plan). So it does not matter which of the two was down, or
// was killed half-way: whoever returns is looked at again, and nothing is left
// half made.
package tenancy

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Options say how a Core works. Watcher is needed.
type Options struct {
	Places  layout.Places
	Watcher *discovery.Watcher // which services run; the core does not run it
	// TrashTTL is how long a deleted context can be restored; 0 is 30 days.
	TrashTTL time.Duration
	Log      *slog.Logger // nil discards
	// Step, where set, is told each step before it is done: a test kills the
	// process there.
	Step func(string)
}

// Core owns the list of contexts. Its Parts serve it.
type Core struct {
	opts     Options
	contexts *store.Objects[base.Context]
	services *store.Objects[participant]

	change sync.Mutex // held from a look at the list to its change

	mu      sync.Mutex // guards members
	members map[string]*member
}

// participant is a service that takes part in contexts, or did last time.
type participant struct {
	store.Base
}

// New returns a core that does nothing until its Parts run.
func New(opts Options) *Core {
	if opts.TrashTTL == 0 {
		opts.TrashTTL = 30 * 24 * time.Hour
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Step == nil {
		opts.Step = func(string) {}
	}
	return &Core{opts: opts, members: make(map[string]*member)}
}

// Service describes hero_core.
func Service() sdk.Service {
	return sdk.Service{Name: sdk.Core, Version: sdk.Version, Title: "Core", RootOnly: true,
		Description: "Owns the list of contexts and makes them in every service."}
}

// Parts are what hero_core is made of.
func (c *Core) Parts() []sdk.Part {
	return []sdk.Part{
		sdk.Domain[*Core]{
			Name: sdk.CoreDomain, Title: "Contexts",
			Description: "The contexts (tenants) of the machine: made, deleted, restored and purged in every service that takes part.",
			Open:        c.open,
			Methods: sdk.Methods(
				sdk.Readers("context", func(c *Core) *store.Objects[base.Context] { return c.contexts }),
				[]sdk.Method[*Core]{
					sdk.Call("context.create", (*Core).Create, sdk.Doc{Idempotent: true,
						Summary: "Makes a context in every running service, and says for each what happened."}),
					sdk.Call("context.update", (*Core).Update, sdk.Doc{
						Summary: "Changes the title, description and tags of a context, if its version is still the one given."}),
					sdk.Call("context.delete", (*Core).Delete, sdk.Doc{Destructive: true,
						Summary: "Ends a context in every service; its data waits in the trash unless it is to be purged."}),
					sdk.Call("context.restore", (*Core).Restore, sdk.Doc{
						Summary: "Brings a deleted context back, in every service."}),
					sdk.Call("context.purge", (*Core).Purge, sdk.Doc{Destructive: true,
						Summary: "Ends the data of a deleted context for good."}),
					sdk.Call("context.progress", (*Core).Progress, sdk.Doc{ReadOnly: true,
						Summary: "Says how far each service is with a context."}),
					sdk.Call(sdk.CoreSync, (*Core).Sync, sdk.Doc{Idempotent: true,
						Summary: "Brings one service in step with the list; a service asks for it when it starts."}),
				}),
		},
		sdk.Task{Name: "follow", Run: c.run},
	}
}

// open opens the list, with root in it.
func (c *Core) open(ctx context.Context, t *sdk.Tenant) (_ *Core, err error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	if c.services, err = store.ObjectsOf[participant](s, "service"); err != nil {
		return nil, err
	}
	if c.contexts, err = store.ObjectsOf[base.Context](s, "context"); err != nil {
		return nil, err
	}
	root := base.Context{Base: store.Base{ID: layout.Root.String(), Name: layout.Root.String()}, Title: "Root", DBPath: layout.Root.String()}
	if _, err := c.contexts.Create(ctx, root); err != nil && fault.Of(err) != fault.Conflict {
		return nil, fmt.Errorf("open the list of contexts: %w", err)
	}
	return c, nil
}

// CreateParams describe a context to make.
type CreateParams struct {
	Name        layout.Context `json:"name" doc:"Name of the context: a-z, 0-9, _ and -, at most 63 bytes."`
	Title       string         `json:"title,omitzero" doc:"The name as people read it."`
	Description string         `json:"description,omitzero" doc:"What it is for, in words."`
	Tags        []string       `json:"tags,omitzero" doc:"Free labels."`
}

// NameParams name a context.
type NameParams struct {
	Name layout.Context `json:"name" doc:"Name of the context."`
	ID   string         `json:"id,omitzero" doc:"Its id, where more than one had the name; the last one where empty."`
}

// DeleteParams name a context to delete.
type DeleteParams struct {
	Name  layout.Context `json:"name" doc:"Name of the context."`
	Purge bool           `json:"purge,omitzero" doc:"Whether its data goes at once, past the trash."`
}

// UpdateParams are what may be changed of a context.
type UpdateParams struct {
	ID          string   `json:"id" doc:"Id of the context."`
	Version     int64    `json:"version" doc:"The version that the change is based on."`
	Title       string   `json:"title,omitzero" doc:"The name as people read it."`
	Description string   `json:"description,omitzero" doc:"What it is for, in words."`
	Tags        []string `json:"tags,omitzero" doc:"Free labels."`
}

// Create makes a context, in the list and then in every running service. One
// that exists is no error: it is made where it is missing.
func (c *Core) Create(ctx context.Context, p CreateParams) (Report, error) {
	made, err := c.turn(ctx, "create", func() (base.Context, error) {
		found, err := c.find(ctx, NameParams{Name: p.Name}, base.Active)
		if fault.Of(err) != fault.NotFound {
			return found, err
		}
		return c.contexts.Create(ctx, base.Context{Title: p.Title, DBPath: p.Name.String(),
			Base: store.Base{Name: p.Name.String(), Description: p.Description, Tags: p.Tags}})
	})
	if err != nil {
		return Report{}, err
	}
	return c.spread(ctx, made)
}

// Update changes what people read of a context.
func (c *Core) Update(ctx context.Context, p UpdateParams) (base.Context, error) {
	return c.turn(ctx, "update", func() (base.Context, error) {
		x, err := c.contexts.Get(ctx, store.GetParams{ID: p.ID})
		if err != nil {
			return x, err
		}
		x.Version, x.Title, x.Description, x.Tags = p.Version, p.Title, p.Description, p.Tags
		return c.contexts.Update(ctx, x)
	})
}

// Delete ends a context, in the list and then in every running service.
func (c *Core) Delete(ctx context.Context, p DeleteParams) (Report, error) {
	if p.Name == layout.Root {
		return Report{}, fault.Errorf(fault.Denied, "the context root cannot be deleted")
	}
	status := base.Deleted
	if p.Purge {
		status = base.Purged
	}
	return c.become(ctx, NameParams{Name: p.Name}, base.Active, status)
}

// Restore brings a deleted context back, unless another has its name by now.
func (c *Core) Restore(ctx context.Context, p NameParams) (Report, error) {
	return c.become(ctx, p, base.Deleted, base.Active)
}

// Purge ends the data of a deleted context for good.
func (c *Core) Purge(ctx context.Context, p NameParams) (Report, error) {
	return c.become(ctx, p, base.Deleted, base.Purged)
}

// become gives a context another status, and spreads it.
func (c *Core) become(ctx context.Context, p NameParams, from, to base.ContextStatus) (Report, error) {
	changed, err := c.turn(ctx, "become "+string(to), func() (base.Context, error) {
		x, err := c.find(ctx, p, from)
		if err != nil {
			return x, err
		}
		if to == base.Active {
			if _, err := c.find(ctx, NameParams{Name: p.Name}, base.Active); fault.Of(err) != fault.NotFound {
				return x, fault.Errorf(fault.Conflict, "a context %s exists; the deleted one cannot take its place", p.Name)
			}
		}
		return c.mark(ctx, x, to)
	})
	if err != nil {
		return Report{}, err
	}
	return c.spread(ctx, changed)
}

func (c *Core) mark(ctx context.Context, x base.Context, to base.ContextStatus) (base.Context, error) {
	x.Status, x.DeletedAt = to, store.Time{}
	if to != base.Active {
		x.DeletedAt = store.TimeOf(time.Now())
	}
	return c.contexts.Update(ctx, x)
}

// turn changes the list, one change after the other.
func (c *Core) turn(_ context.Context, what string, f func() (base.Context, error)) (base.Context, error) {
	c.change.Lock()
	defer c.change.Unlock()
	c.opts.Step(what + ": before the list")
	x, err := f()
	c.opts.Step(what + ": after the list")
	return x, err
}

// find returns the context of that name and status, the last one made where
// there are more and no id tells.
func (c *Core) find(ctx context.Context, p NameParams, status base.ContextStatus) (base.Context, error) {
	filter := map[string]any{"name": p.Name.String(), "status": status}
	if p.ID != "" {
		filter["id"] = p.ID
	}
	page, err := c.contexts.List(ctx, store.ListParams{Filter: filter, Order: "-id", Limit: 1})
	if err == nil && len(page.Items) == 0 {
		err = fault.WithHint(fault.Errorf(fault.NotFound, "there is no %s context %s", status, p.Name),
			"hero_core context list --all shows those that there are")
	}
	if err != nil {
		return base.Context{}, err
	}
	return page.Items[0], nil
}

// list returns every context there is or was.
func (c *Core) list(ctx context.Context) ([]base.Context, error) {
	var all []base.Context
	p := store.ListParams{Limit: 1000}
	for {
		page, err := c.contexts.List(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("read the list of contexts: %w", err)
		}
		all = append(all, page.Items...)
		if p.Cursor = page.Next; p.Cursor == "" {
			return all, nil
		}
	}
}

// participants returns the services that take part: those that run and those
// that did, and still have data.
func (c *Core) participants(ctx context.Context) ([]string, error) {
	page, err := c.services.List(ctx, store.ListParams{Limit: 1000})
	if err != nil {
		return nil, err
	}
	names := c.running()
	for _, p := range page.Items {
		if !slices.Contains(names, p.ID) && c.hasData(p.ID) {
			names = append(names, p.ID)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names, nil
}
