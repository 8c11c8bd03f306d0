// Package ui is hero_food's admin UI: what is cooking, and where to order. It
// reaches the service only through its sockets, works without scripts, and
// below any prefix.
package ui

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/delivery"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

//go:embed *.html style.css
var files embed.FS

// site is the UI at work.
type site struct {
	pages  *template.Template
	prefix *regexp.Regexp // what X-Forwarded-Prefix may be
	log    *slog.Logger
}

// Handler returns the UI.
func Handler(env sdk.Env) (http.Handler, error) {
	pages, err := template.New("").Funcs(template.FuncMap{"euro": euro, "words": words}).ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the pages: %w", err)
	}
	s := &site{pages: pages, prefix: regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+$`), log: env.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "style.css") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.base(r)+"c/root/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /c/{context}/{$}", s.overview)
	mux.HandleFunc("GET /c/{context}/r/{restaurant}", s.menu)
	mux.HandleFunc("POST /c/{context}/r/{restaurant}", s.place)
	mux.HandleFunc("POST /c/{context}/o/{order}/{step}", s.step)
	return s.secure(mux), nil
}

// secure sets the headers of every answer and refuses a POST that a page of
// another origin sent.
func (s *site) secure(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		check := r
		if host := r.Header.Get("X-Forwarded-Host"); host != "" {
			check = r.Clone(r.Context())
			check.Host = host // what the browser asked for, which Origin is compared with
		}
		if err := cross.Check(check); err != nil {
			http.Error(w, "refused: the request comes from a page of another origin", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// base returns where the UI stands: "/" or "/hero_food/".
func (s *site) base(r *http.Request) string {
	prefix := strings.TrimSuffix(r.Header.Get("X-Forwarded-Prefix"), "/")
	if !s.prefix.MatchString(prefix) {
		return "/"
	}
	return prefix + "/"
}

// frame is what every page shows around its own content.
type frame struct {
	Base     string
	Title    string
	Context  string
	Contexts []string
	Trouble  string // what went wrong, in words
}

func (s *site) frame(r *http.Request, title string) frame {
	f := frame{Base: s.base(r), Title: title, Context: r.PathValue("context"), Trouble: r.URL.Query().Get("trouble")}
	c, err := sdk.DialService(r.Context(), delivery.Service)
	if err != nil {
		return f
	}
	defer c.Close()
	list, err := sdk.Invoke[[]manifest.Context](r.Context(), c, "context.list", nil)
	if err != nil {
		f.Trouble = err.Error()
	}
	for _, x := range list {
		f.Contexts = append(f.Contexts, x.Name)
	}
	return f
}

// clients are those of one context.
type clients struct {
	deliveries *delivery.Client
	kitchens   *restaurant.Client
	people     *identity.Client
}

func dial(ctx context.Context, name string) (c clients, err error) {
	ctx = sdk.Cross(ctx, name) // the page shows the context that its address names
	if c.deliveries, err = delivery.Dial(ctx, name); err != nil {
		return c, err
	}
	if c.kitchens, err = restaurant.Dial(ctx, name); err != nil {
		return c, err
	}
	c.people, err = identity.Dial(ctx, delivery.Service, name)
	return c, err
}

type overviewPage struct {
	frame
	Counts      []count
	Open        []delivery.Order
	Restaurants []restaurant.Restaurant
}

type count struct {
	Status delivery.Status
	Number int
}

func (s *site) overview(w http.ResponseWriter, r *http.Request) {
	page := overviewPage{frame: s.frame(r, "Orders")}
	ctx := sdk.Cross(r.Context(), page.Context)
	c, err := dial(ctx, page.Context)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	counts, err := c.deliveries.Counts(ctx)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, status := range delivery.Placed.Enum() {
		page.Counts = append(page.Counts, count{delivery.Status(status), counts[status]})
	}
	for _, status := range []delivery.Status{delivery.Placed, delivery.Cooking, delivery.OnTheWay} {
		orders, err := c.deliveries.Orders(ctx, store.ListParams{Filter: map[string]any{"status": string(status)}, Limit: 50})
		if err != nil {
			s.fail(w, r, err)
			return
		}
		page.Open = append(page.Open, orders.Items...)
	}
	restaurants, err := c.kitchens.Restaurants(ctx, store.ListParams{Limit: 200})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.Restaurants = restaurants.Items
	s.show(w, http.StatusOK, "overview.html", page)
}

type menuPage struct {
	frame
	Menu    restaurant.Menu
	Courses []course
	People  []identity.User
}

type course struct {
	Name   string
	Dishes []restaurant.Dish
}

func (s *site) menu(w http.ResponseWriter, r *http.Request) {
	page := menuPage{frame: s.frame(r, "Menu")}
	ctx := sdk.Cross(r.Context(), page.Context)
	c, err := dial(ctx, page.Context)
	if err == nil {
		page.Menu, err = c.kitchens.Menu(ctx, r.PathValue("restaurant"))
	}
	var people store.Page[identity.User]
	if err == nil {
		people, err = c.people.Users(ctx, store.ListParams{Limit: 200})
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.People, page.Title = people.Items, page.Menu.Restaurant.Name
	page.Courses = courses(page.Menu.Dishes)
	s.show(w, http.StatusOK, "menu.html", page)
}

// courses groups dishes, in the order in which their courses first come.
func courses(dishes []restaurant.Dish) []course {
	var out []course
	at := make(map[string]int)
	for _, d := range dishes {
		i, ok := at[d.Course]
		if !ok {
			i = len(out)
			at[d.Course] = i
			out = append(out, course{Name: d.Course})
		}
		out[i].Dishes = append(out[i].Dishes, d)
	}
	return out
}

// place orders what the form of a menu says.
func (s *site) place(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, fault.Errorf(fault.Invalid, "the form cannot be read: %w", err))
		return
	}
	p := delivery.PlaceParams{CustomerID: r.PostForm.Get("customer"), RestaurantID: r.PathValue("restaurant"), Address: r.PostForm.Get("address")}
	for name, values := range r.PostForm {
		id, ok := strings.CutPrefix(name, "dish-")
		n, err := strconv.Atoi(values[0])
		if ok && err == nil && n > 0 {
			p.Lines = append(p.Lines, delivery.OrderLine{DishID: id, Quantity: n})
		}
	}
	name := r.PathValue("context")
	ctx := sdk.Cross(r.Context(), name)
	c, err := dial(ctx, name)
	if err == nil {
		_, err = c.deliveries.Place(ctx, p)
	}
	if err != nil {
		s.back(w, r, "r/"+url.PathEscape(p.RestaurantID), err)
		return
	}
	s.back(w, r, "", nil)
}

// step takes an order further, or cancels it.
func (s *site) step(w http.ResponseWriter, r *http.Request) {
	name, id := r.PathValue("context"), r.PathValue("order")
	ctx := sdk.Cross(r.Context(), name)
	c, err := dial(ctx, name)
	switch {
	case err != nil:
	case r.PathValue("step") == "advance":
		_, err = c.deliveries.Advance(ctx, id)
	case r.PathValue("step") == "cancel":
		_, err = c.deliveries.Cancel(ctx, id)
	default:
		http.NotFound(w, r)
		return
	}
	s.back(w, r, "", err)
}

// back sends the browser to a page of the context, with what went wrong.
func (s *site) back(w http.ResponseWriter, r *http.Request, page string, err error) {
	to := s.base(r) + "c/" + url.PathEscape(r.PathValue("context")) + "/" + page
	if err != nil {
		to += "?trouble=" + url.QueryEscape(err.Error())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fail shows an error as a page.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := s.frame(r, "Something is wrong")
	f.Trouble = err.Error()
	s.show(w, fault.Of(err).HTTP(), "trouble.html", f)
}

func (s *site) show(w http.ResponseWriter, status int, name string, view any) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, name, view); err != nil {
		s.log.Error("a page could not be made", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(out.Bytes())
	_ = err // the reader has gone; nobody is left to be told
}

func euro(cents int64) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) }

// words makes words of a name: on_the_way is on the way.
func words(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") }
