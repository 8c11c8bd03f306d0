package procd

import (
	"context"
	"maps"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// MigrateParams name the service whose two registrations become one.
type MigrateParams struct {
	Name string  `json:"name" doc:"Name of the service, without _server or _ui."`
	Dry  bool    `json:"dry,omitzero" doc:"Whether only to tell what would be done."`
	Wait float64 `json:"wait,omitzero" doc:"Seconds to wait until the one registration is ready; 30 where empty."`
}

// Migration is what became of two registrations.
type Migration struct {
	Unit    unit.Unit `json:"unit" doc:"The one registration."`
	Removed []string  `json:"removed" doc:"The registrations that are gone, or would be."`
	Changed []string  `json:"changed" doc:"Services whose dependencies name the one registration now."`
	Done    bool      `json:"done"`
}

// migrate turns NAME_server and NAME_ui into NAME, where the program of the
// first says in its manifest that it serves all layers itself. Should the new
// registration not come up, the old ones are put back.
func (a *API) migrate(ctx context.Context, p MigrateParams) (Migration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	server, err := a.Supervisor.Get(p.Name + "_server")
	if err != nil {
		return Migration{}, fault.WithHint(fault.Errorf(fault.Of(err), "migrate %s: there is no registration %s_server to migrate", p.Name, p.Name),
			"hero_proc status "+p.Name)
	}
	if _, err := a.Supervisor.Get(p.Name); err == nil {
		return Migration{}, fault.WithHint(fault.Errorf(fault.Conflict, "migrate %s: a registration of that name is there already", p.Name), "remove one of them")
	}
	if s := a.service(p.Name); s == nil || s.Manifest == nil || !s.Manifest.IsNew() {
		return Migration{}, fault.WithHint(fault.Errorf(fault.Conflict, "migrate %s: its program does not say in a manifest that it serves all layers itself", p.Name),
			"install the new program under "+strings.Join(server.Command, " ")+", hero_proc restart "+p.Name+"_server, and try again")
	}
	m := Migration{Unit: server, Removed: []string{server.Name}, Changed: []string{}}
	m.Unit.Name = p.Name
	if ui, err := a.Supervisor.Get(p.Name + "_ui"); err == nil {
		m.Removed = append(m.Removed, ui.Name)
	}
	for _, list := range []*[]string{&m.Unit.After, &m.Unit.Requires, &m.Unit.Wants} {
		*list = slices.DeleteFunc(renamed(*list, m.Removed, p.Name), func(n string) bool { return n == p.Name })
	}
	others := a.dependents(m.Removed, p.Name)
	m.Changed = append(m.Changed, slices.Sorted(maps.Keys(others))...)
	if p.Dry {
		return m, m.Unit.Validate()
	}
	if p.Wait <= 0 {
		p.Wait = 30
	}
	up := a.wanted(slices.Concat(m.Removed, m.Changed)) // stopping one stops what requires it
	if err := a.replace(ctx, m, up, p.Wait); err != nil {
		return Migration{}, err
	}
	for _, name := range m.Changed {
		if err := a.Supervisor.Set(ctx, others[name]); err != nil {
			return Migration{}, err
		}
		if slices.Contains(up, name) {
			if err := a.Supervisor.Start(ctx, name); err != nil {
				return Migration{}, err
			}
		}
	}
	for _, name := range m.Removed {
		if err := a.Supervisor.Remove(ctx, name); err != nil {
			return Migration{}, err
		}
	}
	m.Done = true
	return m, nil
}

// wanted returns those of the names that are wanted up.
func (a *API) wanted(names []string) []string {
	var up []string
	for _, st := range a.Supervisor.Statuses() {
		if st.Desired == "up" && slices.Contains(names, st.Name) {
			up = append(up, st.Name)
		}
	}
	return up
}

// replace stops the old registrations and starts the new one; where that does
// not come up it is taken away again, and what was up before is started.
func (a *API) replace(ctx context.Context, m Migration, up []string, wait float64) error {
	u := m.Unit
	for _, name := range m.Removed {
		if err := a.Supervisor.Stop(ctx, name); err != nil {
			return err
		}
	}
	err := a.Supervisor.Set(ctx, u)
	if err == nil && slices.ContainsFunc(m.Removed, func(n string) bool { return slices.Contains(up, n) }) {
		err = a.comesUp(ctx, u.Name, wait)
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if rerr := a.Supervisor.Remove(ctx, u.Name); rerr != nil && fault.Of(rerr) != fault.NotFound {
		a.Log.Error("a migration is not undone", "service", u.Name, "error", rerr)
	}
	for _, name := range up {
		if serr := a.Supervisor.Start(ctx, name); serr != nil {
			a.Log.Error("a migration is not undone", "service", name, "error", serr)
		}
	}
	return err
}

// comesUp starts a registration, and says so where it does not come up.
func (a *API) comesUp(ctx context.Context, name string, wait float64) error {
	if err := a.Supervisor.Start(ctx, name); err != nil {
		return err
	}
	s, err := a.settled(ctx, WaitParams{Name: name, Wait: wait})
	if err == nil && !slices.ContainsFunc(s.Processes, supervisor.Status.Up) {
		err = fault.WithHint(fault.Errorf(fault.Unavailable, "migrate %s: the one registration does not come up, it is %s; the old ones are back", name, s.State),
			"hero_proc logs "+name)
	}
	return err
}

// dependents returns the definitions that name one of the old registrations,
// as they are to name the new one.
func (a *API) dependents(old []string, name string) map[string]unit.Unit {
	out := map[string]unit.Unit{}
	for _, u := range a.Supervisor.List() {
		if slices.Contains(old, u.Name) || !slices.ContainsFunc(u.Before(), func(n string) bool { return slices.Contains(old, n) }) {
			continue
		}
		u.After, u.Requires, u.Wants = renamed(u.After, old, name), renamed(u.Requires, old, name), renamed(u.Wants, old, name)
		out[u.Name] = u
	}
	return out
}

// renamed returns names with the old ones replaced by the new one, once; it is
// left out of its own list.
func renamed(names, old []string, name string) []string {
	var out []string
	for _, n := range names {
		if slices.Contains(old, n) {
			n = name
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
