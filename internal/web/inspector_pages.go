package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

// Bounds of what one page shows and waits for.
const (
	treeUpTo   = 60 // services whose contexts and domains the list shows
	hitsUpTo   = 200
	callAtMost = 60 * time.Second
)

// listPage is the list of all services.
type listPage struct {
	page.Frame
	Services []listEntry
	Total    int
	Strays   []discovery.Stray
	Waiting  bool // the first look at the machine has not ended
}

type listEntry struct {
	inspect.View
	URL      string
	Contexts []contextEntry // empty where there are too many services to show them
	Counts   string
}

type contextEntry struct {
	Name    string
	Domains []page.Link
}

// list makes the list of services.
func (in *inspector) list(v *page.Visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "Services", "Services", v.FormValue("q")
	tree := in.tree()
	p := listPage{Frame: v.Frame, Waiting: tree == nil}
	if tree == nil {
		return "list", p, nil
	}
	p.Strays = tree.Strays
	p.Total = len(tree.Services)
	words := strings.Fields(strings.ToLower(v.Query))
	for _, s := range tree.Services {
		view := inspect.ViewOf(s)
		if !page.Holds(strings.ToLower(view.Name+" "+view.Title+" "+view.Description+" "+view.Layout), words) {
			continue
		}
		e := listEntry{View: view, URL: v.To("s", view.Name), Counts: counts(len(s.Contexts), len(view.Domains))}
		if p.Total <= treeUpTo {
			e.Contexts = contextEntries(v, s, nil)
		}
		p.Services = append(p.Services, e)
	}
	return "list", p, nil
}

func counts(contexts, domains int) string {
	if contexts == 0 {
		return ""
	}
	return fmt.Sprintf("%s × %s", page.Plural(contexts, "context"), page.Plural(domains, "domain"))
}

func contextEntries(v *page.Visit, s *discovery.Service, health map[string]string) []contextEntry {
	var out []contextEntry
	for _, c := range inspect.RootFirst(s) {
		e := contextEntry{Name: c.Name.String()}
		for _, d := range c.Domains {
			e.Domains = append(e.Domains, page.Link{
				Name: d.Name.String(), URL: v.To("s", s.Name.String(), e.Name, d.Name.String()),
				Word: health[e.Name+"/"+d.Name.String()],
			})
		}
		out = append(out, e)
	}
	return out
}

// servicePage is what every page of a service has.
type servicePage struct {
	page.Frame
	Service inspect.View
	Tab     string
	Tabs    []page.Tab
	Health  Health
}

// overviewPage is the first page of a service.
type overviewPage struct {
	servicePage
	Domains  []matrixRow
	Columns  []string    // contexts
	Own      []page.Link // the places without a context
	Contexts []contextEntry
	SpecURL  string
	Used     *used // nil where hero_proc does not know the service
}

// matrixRow is a domain with its cells, one for each column.
type matrixRow struct {
	inspect.DomainView
	Cells []page.Link // without URL where the context lacks the domain
}

// serviceFrame fills what every page of a service has.
func (in *inspector) serviceFrame(v *page.Visit, s *discovery.Service, tabName string) servicePage {
	view := inspect.ViewOf(s)
	v.Nav, v.Title = "Services", view.Title
	v.Crumbs = append(v.Crumbs, page.Crumb{Name: "Services", URL: v.To()})
	p := servicePage{Frame: v.Frame, Service: view, Tab: tabName, Tabs: []page.Tab{
		{Name: "overview", Label: "Overview", URL: v.To("s", view.Name)},
		{Name: "methods", Label: "Methods", URL: v.To("s", view.Name, "methods")},
		{Name: "docs", Label: "Docs", URL: v.To("s", view.Name, "docs")},
		{Name: "logs", Label: "Logs", URL: v.To("s", view.Name, "logs")},
		{Name: "events", Label: "Events", URL: v.To("s", view.Name, "events")},
		{Name: "isolation", Label: "Isolation", URL: v.To("s", view.Name, "isolation")},
	}}
	if uiAt(v, view) != "" {
		p.Tabs = append(p.Tabs, page.Tab{Name: "ui", Label: "UI", URL: v.To("s", view.Name, "ui")})
	}
	return p
}

// service makes a service's overview.
func (in *inspector) service(v *page.Visit) (string, any, error) {
	s, err := in.find(v.Request)
	if err != nil {
		return "", nil, err
	}
	p := overviewPage{servicePage: in.serviceFrame(v, s, "overview"), SpecURL: v.To("api", s.Name.String(), "openrpc.json")}
	if in.opts.Health != nil {
		ctx, cancel := context.WithTimeout(v.Context(), page.Patience)
		defer cancel()
		p.Health = in.opts.Health(ctx, s)
	}
	p.Used = usedBy(v, p.Service.Name)
	p.Columns = p.Service.Contexts
	p.Contexts = contextEntries(v, s, p.Health.Domains)
	for _, d := range p.Service.Domains {
		row := matrixRow{DomainView: d, Cells: make([]page.Link, len(p.Columns))}
		for i, c := range p.Columns {
			for _, has := range d.Contexts {
				if has == c {
					row.Cells[i] = page.Link{Name: c, URL: v.To("s", p.Service.Name, c, d.Name), Word: p.Health.Domains[c+"/"+d.Name]}
				}
			}
		}
		p.Domains = append(p.Domains, row)
	}
	for _, place := range inspect.PlacesOf(s) {
		if place.Context == "" {
			l := page.Link{Name: "Service methods", URL: placeURL(v, place)}
			if place.Domain != "" {
				l.Name = place.Domain
			} else {
				l.Word = p.Health.Service
			}
			p.Own = append(p.Own, l)
		}
	}
	return "service", p, nil
}

func placeURL(v *page.Visit, p inspect.Place, more ...string) string {
	c, d := p.Context, p.Domain
	if c == "" {
		c = "-"
	}
	if d == "" {
		d = "-"
	}
	return v.To(append([]string{"s", p.Service.String(), c, d}, more...)...)
}

// tab makes one of the other pages of a service.
func (in *inspector) tab(v *page.Visit) (string, any, error) {
	s, err := in.find(v.Request)
	if err != nil {
		return "", nil, err
	}
	switch v.PathValue("tab") {
	case "methods":
		return in.serviceMethods(v, s)
	case "docs":
		return in.docs(v, s)
	case "logs":
		return in.logs(v, s)
	case "events":
		return in.history(v, s)
	case "isolation":
		return in.isolation(v, s)
	case "ui":
		return in.ui(v, s)
	}
	return "", nil, fault.Errorf(fault.NotFound, "a service has no page %q", v.PathValue("tab"))
}

// methodsPage is the search over methods, of one service or of all.
type methodsPage struct {
	servicePage
	Action string
	Hits   []hit
	Total  int
	Silent []string
}

type hit struct {
	inspect.Hit
	URL   string
	Where string
	Badges
}

// methods searches all services.
func (in *inspector) methods(v *page.Visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "Methods", "Methods", v.FormValue("q")
	p := methodsPage{servicePage: servicePage{Frame: v.Frame}, Action: v.To("methods")}
	in.search(v, &p, nil)
	return "methods", p, nil
}

// serviceMethods searches one service.
func (in *inspector) serviceMethods(v *page.Visit, s *discovery.Service) (string, any, error) {
	v.Query = v.FormValue("q")
	p := methodsPage{servicePage: in.serviceFrame(v, s, "methods"), Action: v.To("s", s.Name.String(), "methods")}
	in.search(v, &p, s)
	return "methods", p, nil
}

func (in *inspector) search(v *page.Visit, p *methodsPage, only *discovery.Service) {
	ctx, cancel := context.WithTimeout(v.Context(), page.Patience)
	defer cancel()
	found := in.opts.Inspect.Search(ctx, in.tree(), only, v.Query, hitsUpTo)
	p.Total, p.Silent = found.Total, found.Silent
	for _, h := range found.Hits {
		if !may(v.Request, h.Place, h.Method) {
			p.Total--
			continue
		}
		where := h.Domain
		if where == "" {
			where = h.Service
		} else if only == nil {
			where = h.Service + " · " + h.Domain
		}
		p.Hits = append(p.Hits, hit{Hit: h, URL: methodURL(v, h.Place, h.Method), Where: where, Badges: badgesOf(h.Detail)})
	}
}
