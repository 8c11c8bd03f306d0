package tools

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

func ratio(part, all int) string { return strconv.Itoa(part) + "/" + strconv.Itoa(all) }

// graph is services and what they need, as it is drawn.
type graph struct {
	Width, Height int
	Nodes         []node
	Edges         []edge
}

type node struct {
	Name, URL, State string
	X, Y, TextX      int
	Current          bool
	depth            int
}

// edge is a line from what needs to what is needed.
type edge struct {
	From, To, Kind string // after, requires or wants
	Path           string
}

// The measures of a drawn graph, in pixels.
const (
	nodeWidth  = 190
	nodeHeight = 40
	gapX       = 90
	gapY       = 22
	graphUpTo  = 300 // services
)

// needs is the part of a definition that is drawn.
type needs struct {
	After    []string `json:"after"`
	Requires []string `json:"requires"`
	Wants    []string `json:"wants"`
}

// graphPage is the drawing of all services.
type graphPage struct {
	page.Frame
	Graph *graph
}

func (s *supervisor) graph(v *page.Visit) (string, any, error) {
	v.Nav, v.Title = "Graph", "Dependencies"
	g, err := s.graphOf(v, "")
	if err != nil {
		return "", nil, err
	}
	return "graph", graphPage{v.Frame, g}, nil
}

// graphOf draws all services, or one with all that it needs and all that needs
// it.
func (s *supervisor) graphOf(v *page.Visit, only string) (*graph, error) {
	ctx, cancel := context.WithTimeout(v.Context(), callAtMost)
	defer cancel()
	all, err := ofSupervisor[[]supervised](ctx, "list", map[string]bool{"health": false})
	if err != nil {
		return nil, err
	}
	type registration struct{ unit, service, state string }
	var units []registration
	serviceOf := map[string]string{} // unit → service
	for _, x := range all {
		for _, p := range x.Processes {
			if len(units) < graphUpTo {
				units = append(units, registration{p.Name, x.Name, x.State})
				serviceOf[p.Name], serviceOf[x.Name] = x.Name, x.Name
			}
		}
	}
	found := make([]needs, len(units))
	page.Each(len(units), func(i int) {
		if n, err := ofSupervisor[needs](ctx, "get", map[string]string{"name": units[i].unit}); err == nil { // one that has gone meanwhile needs nothing
			found[i] = n
		}
	})
	g := &graph{}
	states := map[string]string{}
	for i, u := range units {
		states[u.service] = u.state
		for _, list := range []struct {
			kind  string
			names []string
		}{{"requires", found[i].Requires}, {"wants", found[i].Wants}, {"after", found[i].After}} {
			for _, to := range list.names {
				if known := serviceOf[to]; known != "" {
					to = known
				}
				if states[to] == "" {
					states[to] = "absent"
				}
				g.link(u.service, to, list.kind)
			}
		}
	}
	for _, u := range units {
		states[u.service] = u.state
	}
	g.layout(v, states, only)
	return g, nil
}

// link adds a line; of several between the same two the strongest, which comes
// first, is kept.
func (g *graph) link(from, to, kind string) {
	if from == to || slices.ContainsFunc(g.Edges, func(e edge) bool { return e.From == from && e.To == to }) {
		return
	}
	g.Edges = append(g.Edges, edge{From: from, To: to, Kind: kind})
}

// layout gives everything its place: what is needed stands left of who needs it.
func (g *graph) layout(v *page.Visit, states map[string]string, only string) {
	names := make([]string, 0, len(states))
	for name := range states {
		names = append(names, name)
	}
	slices.Sort(names)
	if only != "" {
		near := g.near(only)
		names = slices.DeleteFunc(names, func(n string) bool { return !near[n] })
		g.Edges = slices.DeleteFunc(g.Edges, func(e edge) bool { return !near[e.From] || !near[e.To] })
	}
	depth := map[string]int{}
	for range names { // as often as the longest way can be; a circle ends too
		for _, e := range g.Edges {
			if depth[e.From] <= depth[e.To] && depth[e.To]+1 < len(names) {
				depth[e.From] = depth[e.To] + 1
			}
		}
	}
	rows := map[int]int{}
	at := map[string]node{}
	for _, name := range names {
		n := node{Name: name, URL: v.To("s", name), State: states[name], Current: name == only, depth: depth[name]}
		if n.State == "absent" {
			n.URL = ""
		}
		n.X = 10 + n.depth*(nodeWidth+gapX)
		n.Y = 10 + rows[n.depth]*(nodeHeight+gapY)
		n.TextX = n.X + 14
		rows[n.depth]++
		g.Width, g.Height = max(g.Width, n.X+nodeWidth+10), max(g.Height, n.Y+nodeHeight+10)
		g.Nodes = append(g.Nodes, n)
		at[name] = n
	}
	for i := range g.Edges {
		a, b := at[g.Edges[i].To], at[g.Edges[i].From]
		x1, y1, x2, y2 := a.X+nodeWidth, a.Y+nodeHeight/2, b.X-6, b.Y+nodeHeight/2
		g.Edges[i].Path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+gapX/2, y1, x2-gapX/2, y2, x2, y2)
	}
}

// near returns a service with all that it needs and all that needs it.
func (g *graph) near(name string) map[string]bool {
	out := map[string]bool{name: true}
	for _, down := range []bool{true, false} {
		next := []string{name}
		for len(next) > 0 {
			at := next[0]
			next = next[1:]
			for _, e := range g.Edges {
				from, to := e.From, e.To
				if !down {
					from, to = to, from
				}
				if from == at && !out[to] {
					out[to] = true
					next = append(next, to)
				}
			}
		}
	}
	return out
}
