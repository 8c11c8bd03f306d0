package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/delivery"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// frame is what every page shows around itself.
type frame struct {
	Base    string // where the UI stands
	Home    string // where the context's pages stand
	Title   string
	Context string
	// Contexts are all there are, to switch between.
	Contexts []place
	Error    string // what went wrong, in words
	Hint     string // what to do about it
}

// place is a context and where its pages are.
type place struct {
	Name, Home string
	Here       bool
}

// homeOf returns where the pages of a context stand.
func homeOf(base, context string) string {
	if context == layout.Root.String() {
		return base
	}
	return base + "c/" + context + "/"
}

// frame makes the frame of a request's page. It fails with fault.NotFound
// where there is no such context.
func (p *pages) frame(r *http.Request) (frame, error) {
	f := frame{Base: p.base(r), Context: cmp.Or(r.PathValue("context"), layout.Root.String())}
	f.Home = homeOf(f.Base, f.Context)
	c, err := sdk.DialService(r.Context(), delivery.Service)
	if err != nil {
		return f, err
	}
	defer c.Close()
	all, err := sdk.Invoke[[]manifest.Context](r.Context(), c, "context.list", nil)
	if err != nil {
		return f, err
	}
	known := false
	for _, x := range all {
		here := x.Name == f.Context
		known = known || here
		f.Contexts = append(f.Contexts, place{Name: x.Name, Home: homeOf(f.Base, x.Name), Here: here})
	}
	slices.SortStableFunc(f.Contexts, func(a, b place) int { return cmp.Compare(len(a.Home), len(b.Home)) })
	if !known {
		return f, fault.Errorf(fault.NotFound, "there is no context %.80q", f.Context)
	}
	return f, nil
}

// blame puts an error on the page, without the path that it took.
func (f *frame) blame(err error) {
	f.Error, f.Hint = err.Error(), fault.Hint(err)
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		f.Error = e.Message
	}
}

// statusOf returns the HTTP status for an error. One that a domain declares by
// a code of its own is a refusal, not a failure.
func statusOf(err error) int {
	kind := fault.Of(err)
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok && kind == fault.Internal && e.Code != jsonrpc.CodeInternal {
		kind = fault.Conflict
	}
	return kind.HTTP()
}

// board is the overview of a context.
type board struct {
	frame
	Counts      []count
	Open        []delivery.Order
	More        bool // whether there are more open orders than these
	Closed      []delivery.Order
	Restaurants []restaurant.Restaurant
}

type count struct {
	Status delivery.Status
	Number int
}

// maxOpen is how many orders of one status a page shows, maxClosed how many of
// one that is over.
const (
	maxOpen   = 100
	maxClosed = 10
)

// board asks the service for what the overview shows.
func (p *pages) board(ctx context.Context, f frame) (board, error) {
	f.Title = "Orders"
	b := board{frame: f}
	orders, err := delivery.Dial(ctx, f.Context)
	if err != nil {
		return b, err
	}
	defer orders.Close()
	counts, err := orders.Counts(ctx)
	if err != nil {
		return b, err
	}
	for _, s := range delivery.Placed.Enum() {
		s := delivery.Status(s)
		b.Counts = append(b.Counts, count{s, counts[string(s)]})
		over := s == delivery.Delivered || s == delivery.Cancelled
		list := store.ListParams{Filter: map[string]any{"status": string(s)}, Order: "-id", Limit: maxOpen}
		if over {
			list.Limit = maxClosed
		}
		page, err := orders.Orders(ctx, list)
		if err != nil {
			return b, err
		}
		if over {
			b.Closed = append(b.Closed, page.Items...)
		} else {
			b.Open = append(b.Open, page.Items...)
			b.More = b.More || page.Next != ""
		}
	}
	slices.SortFunc(b.Closed, func(x, y delivery.Order) int { return y.UpdatedAt.Compare(x.UpdatedAt.Time) })
	kitchens, err := restaurant.Dial(ctx, f.Context)
	if err != nil {
		return b, err
	}
	defer kitchens.Close()
	page, err := kitchens.Restaurants(ctx, store.ListParams{Limit: 1000})
	b.Restaurants = page.Items
	slices.SortFunc(b.Restaurants, func(x, y restaurant.Restaurant) int {
		return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	return b, err
}

// table is the page of a restaurant: its menu, which is a form to order with.
type table struct {
	frame
	Restaurant restaurant.Restaurant
	Courses    []course
	Customers  []identity.User
	Customer   string // who was chosen
	Address    string // what was typed
}

// course is the part of a menu under one heading.
type course struct {
	Name   string
	Dishes []choice
}

// choice is a dish and how many of it were asked for.
type choice struct {
	restaurant.Dish
	Quantity string
}

// table asks the service for a restaurant's page. What was typed into its form
// stays there.
func (p *pages) table(r *http.Request, f frame) (table, error) {
	ctx := r.Context()
	t := table{frame: f, Customer: r.PostFormValue("customer"), Address: r.PostFormValue("address")}
	kitchens, err := restaurant.Dial(ctx, f.Context)
	if err != nil {
		return t, err
	}
	defer kitchens.Close()
	menu, err := kitchens.Menu(ctx, r.PathValue("id"))
	if err != nil {
		return t, err
	}
	t.Restaurant, t.Title = menu.Restaurant, menu.Restaurant.Name
	t.Courses = courses(menu.Dishes, func(id string) string { return r.PostFormValue(quantityField + id) })
	people, err := identity.Dial(ctx, delivery.Service, f.Context)
	if err != nil {
		return t, err
	}
	defer people.Close()
	page, err := people.Users(ctx, store.ListParams{Limit: 1000})
	t.Customers = page.Items
	slices.SortFunc(t.Customers, func(x, y identity.User) int { return strings.Compare(nameOf(x), nameOf(y)) })
	for i, u := range t.Customers {
		t.Customers[i].Name = nameOf(u)
	}
	return t, err
}

// nameOf returns what to call a user.
func nameOf(u identity.User) string { return cmp.Or(u.Name, u.Username, u.Email, u.ID) }

// courses parts dishes by course, in the order in which people eat.
func courses(dishes []restaurant.Dish, typed func(id string) string) []course {
	order := []string{"starter", "soup", "snack", "main", "pizza", "side", "", "dessert", "drink"}
	place := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return slices.Index(order, "")
	}
	var out []course
	for _, d := range dishes {
		i := slices.IndexFunc(out, func(c course) bool { return c.Name == d.Course })
		if i < 0 {
			i = len(out)
			out = append(out, course{Name: d.Course})
		}
		out[i].Dishes = append(out[i].Dishes, choice{d, typed(d.ID)})
	}
	slices.SortStableFunc(out, func(a, b course) int { return place(a.Name) - place(b.Name) })
	return out
}

// euro writes an amount of cents.
func euro(cents int64) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) }

// words writes a status or a course for people.
func words(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") }

// ago writes how long something is past.
func ago(t store.Time) string {
	d := time.Since(t.Time)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return t.Local().Format("2 Jan 2006")
}
