package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
)

// Bounds of what one page shows and waits for.
const (
	treeUpTo   = 60 // services whose contexts and domains the list shows
	hitsUpTo   = 200
	patience   = 2 * time.Second
	callAtMost = 60 * time.Second
)

// faultPage says why there is no page.
type faultPage struct {
	frame
	Message, Hint, Kind string
}

// listPage is the list of all services.
type listPage struct {
	frame
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
	Domains []link
}

type link struct {
	Name, URL string
	Word      string // health, or ""
	Current   bool
}

// list makes the list of services.
func (in *inspector) list(v *visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "services", "Services", v.FormValue("q")
	p := listPage{frame: v.frame, Waiting: v.tree == nil}
	if v.tree == nil {
		return "list", p, nil
	}
	p.Strays = v.tree.Strays
	p.Total = len(v.tree.Services)
	words := strings.Fields(strings.ToLower(v.Query))
	for _, s := range v.tree.Services {
		view := inspect.ViewOf(s)
		if !holds(strings.ToLower(view.Name+" "+view.Title+" "+view.Description+" "+view.Layout), words) {
			continue
		}
		e := listEntry{View: view, URL: v.url("s", view.Name), Counts: counts(len(s.Contexts), len(view.Domains))}
		if p.Total <= treeUpTo {
			e.Contexts = contextEntries(v, s, nil)
		}
		p.Services = append(p.Services, e)
	}
	return "list", p, nil
}

func holds(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func counts(contexts, domains int) string {
	if contexts == 0 {
		return ""
	}
	return fmt.Sprintf("%s × %s", plural(contexts, "context"), plural(domains, "domain"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func contextEntries(v *visit, s *discovery.Service, health map[string]string) []contextEntry {
	var out []contextEntry
	for _, c := range inspect.RootFirst(s) {
		e := contextEntry{Name: c.Name.String()}
		for _, d := range c.Domains {
			e.Domains = append(e.Domains, link{
				Name: d.Name.String(), URL: v.url("s", s.Name.String(), e.Name, d.Name.String()),
				Word: health[e.Name+"/"+d.Name.String()],
			})
		}
		out = append(out, e)
	}
	return out
}

// servicePage is what every page of a service has.
type servicePage struct {
	frame
	Service inspect.View
	Tab     string
	Tabs    []tab
	Health  Health
}

type tab struct{ Name, Label, URL string }

// overviewPage is the first page of a service.
type overviewPage struct {
	servicePage
	Domains  []matrixRow
	Columns  []string // contexts
	Own      []link   // the places without a context
	Contexts []contextEntry
	SpecURL  string
}

// matrixRow is a domain with its cells, one for each column.
type matrixRow struct {
	inspect.DomainView
	Cells []link // without URL where the context lacks the domain
}

// serviceFrame fills what every page of a service has.
func (in *inspector) serviceFrame(v *visit, s *discovery.Service, tabName string) servicePage {
	view := inspect.ViewOf(s)
	v.Nav, v.Title = "services", view.Title
	v.Crumbs = append(v.Crumbs, crumb{"Services", v.url()})
	p := servicePage{frame: v.frame, Service: view, Tab: tabName, Tabs: []tab{
		{"overview", "Overview", v.url("s", view.Name)},
		{"methods", "Methods", v.url("s", view.Name, "methods")},
		{"docs", "Docs", v.url("s", view.Name, "docs")},
		{"isolation", "Isolation", v.url("s", view.Name, "isolation")},
	}}
	if uiAt(v, view) != "" {
		p.Tabs = append(p.Tabs, tab{"ui", "UI", v.url("s", view.Name, "ui")})
	}
	return p
}

// service makes a service's overview.
func (in *inspector) service(v *visit) (string, any, error) {
	s, err := v.find()
	if err != nil {
		return "", nil, err
	}
	p := overviewPage{servicePage: in.serviceFrame(v, s, "overview"), SpecURL: v.url("api", s.Name.String(), "openrpc.json")}
	if in.opts.Health != nil {
		ctx, cancel := context.WithTimeout(v.Context(), patience)
		defer cancel()
		p.Health = in.opts.Health(ctx, s)
	}
	p.Columns = p.Service.Contexts
	p.Contexts = contextEntries(v, s, p.Health.Domains)
	for _, d := range p.Service.Domains {
		row := matrixRow{DomainView: d, Cells: make([]link, len(p.Columns))}
		for i, c := range p.Columns {
			for _, has := range d.Contexts {
				if has == c {
					row.Cells[i] = link{Name: c, URL: v.url("s", p.Service.Name, c, d.Name), Word: p.Health.Domains[c+"/"+d.Name]}
				}
			}
		}
		p.Domains = append(p.Domains, row)
	}
	for _, place := range inspect.PlacesOf(s) {
		if place.Context == "" {
			l := link{Name: "Service methods", URL: placeURL(v, place)}
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

func placeURL(v *visit, p inspect.Place, more ...string) string {
	c, d := p.Context, p.Domain
	if c == "" {
		c = "-"
	}
	if d == "" {
		d = "-"
	}
	return v.url(append([]string{"s", p.Service.String(), c, d}, more...)...)
}

// tab makes one of the other pages of a service.
func (in *inspector) tab(v *visit) (string, any, error) {
	s, err := v.find()
	if err != nil {
		return "", nil, err
	}
	switch v.PathValue("tab") {
	case "methods":
		return in.serviceMethods(v, s)
	case "docs":
		return in.docs(v, s)
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
func (in *inspector) methods(v *visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "methods", "Methods", v.FormValue("q")
	p := methodsPage{servicePage: servicePage{frame: v.frame}, Action: v.url("methods")}
	in.search(v, &p, nil)
	return "methods", p, nil
}

// serviceMethods searches one service.
func (in *inspector) serviceMethods(v *visit, s *discovery.Service) (string, any, error) {
	v.Query = v.FormValue("q")
	p := methodsPage{servicePage: in.serviceFrame(v, s, "methods"), Action: v.url("s", s.Name.String(), "methods")}
	in.search(v, &p, s)
	return "methods", p, nil
}

func (in *inspector) search(v *visit, p *methodsPage, only *discovery.Service) {
	ctx, cancel := context.WithTimeout(v.Context(), patience)
	defer cancel()
	found := in.opts.Inspect.Search(ctx, v.tree, only, v.Query, hitsUpTo)
	p.Total, p.Silent = found.Total, found.Silent
	for _, h := range found.Hits {
		where := h.Domain
		if where == "" {
			where = h.Service
		} else if only == nil {
			where = h.Service + " · " + h.Domain
		}
		p.Hits = append(p.Hits, hit{Hit: h, URL: methodURL(v, h.Place, h.Method), Where: where, Badges: badgesOf(h.Detail)})
	}
}
