package web

import (
	"context"
	"net/http"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// What hero_proc knows of a service: what it writes, what happened to it, and
// what its processes use. A caller who may not ask hero_proc is not told by the
// inspector either.

// mayAsk refuses a caller who may not call a method of hero_proc's domain.
func mayAsk(r *http.Request, domain, method string) error {
	name, err := layout.ParseService(page.Supervisor)
	if err != nil {
		return err
	}
	if !may(r, inspect.Place{Service: name, Context: "root", Domain: domain}, method) {
		return fault.Errorf(fault.Denied, "no rule allows you %s", method)
	}
	return nil
}

// logsPage is what a service writes.
type logsPage struct {
	servicePage
	page.Log
}

func (in *inspector) logs(v *page.Visit, s *discovery.Service) (string, any, error) {
	if err := mayAsk(v.Request, "logs", "logs.read"); err != nil {
		return "", nil, err
	}
	v.Query = v.FormValue("q")
	p := logsPage{servicePage: in.serviceFrame(v, s, "logs")}
	p.Log = page.LogOf(v.Context(), s.Name.String(), v.Query, page.StreamURL(v, s.Name.String()))
	return "logs", p, nil
}

// logStream sends what a service writes from now on.
func (in *inspector) logStream(w http.ResponseWriter, r *http.Request) {
	s, err := in.find(r)
	if err == nil {
		err = mayAsk(r, "logs", "logs.read")
	}
	if err != nil {
		http.Error(w, err.Error(), fault.Of(err).HTTP())
		return
	}
	page.FollowLog(w, r, s.Name.String(), r.FormValue("q"))
}

// eventsPage is what happened to a service.
type eventsPage struct {
	servicePage
	Events  []page.Event
	Trouble string
}

func (in *inspector) history(v *page.Visit, s *discovery.Service) (string, any, error) {
	if err := mayAsk(v.Request, "supervisor", "supervisor.history"); err != nil {
		return "", nil, err
	}
	p := eventsPage{servicePage: in.serviceFrame(v, s, "events")}
	ctx, cancel := context.WithTimeout(v.Context(), page.Patience)
	defer cancel()
	var err error
	if p.Events, err = page.HistoryOf(ctx, s.Name.String(), page.EventsUpTo); err != nil {
		p.Trouble = page.Trouble(err)
	}
	return "events", p, nil
}

// used is what a service's processes use now.
type used struct {
	CPU, Memory string
	Processes   int
}

// usedBy asks hero_proc what a service uses; nil where it does not know.
func usedBy(v *page.Visit, name string) *used {
	if mayAsk(v.Request, "stats", "stats.now") != nil {
		return nil
	}
	type now struct {
		CPU    float64 `json:"cpu"`
		Memory int64   `json:"memory"`
		Count  int     `json:"count"`
	}
	ctx, cancel := context.WithTimeout(v.Context(), page.Patience)
	defer cancel()
	list, err := page.Ask[[]now](ctx, page.Supervisor, "stats", "stats.now", map[string]string{"name": name})
	if err != nil || len(list) == 0 {
		return nil
	}
	return &used{CPU: page.Percent(list[0].CPU), Memory: page.Bytes(list[0].Memory), Processes: list[0].Count}
}
