package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/delivery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// quantityField begins the name of a form's field for a dish; its id follows.
const quantityField = "quantity-"

func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	f, err := p.frame(r)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	p.showBoard(w, r, f, http.StatusOK)
}

func (p *pages) showBoard(w http.ResponseWriter, r *http.Request, f frame, status int) {
	b, err := p.board(r.Context(), f)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	p.show(w, status, "overview", b)
}

func (p *pages) restaurant(w http.ResponseWriter, r *http.Request) {
	f, err := p.frame(r)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	t, err := p.table(r, f)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	p.show(w, http.StatusOK, "restaurant", t)
}

// step advances or cancels an order.
func (p *pages) step(w http.ResponseWriter, r *http.Request) {
	f, err := p.frame(r)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	c, err := delivery.Dial(r.Context(), f.Context)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	defer c.Close()
	id := r.PathValue("id")
	switch r.PathValue("step") {
	case "advance":
		_, err = c.Advance(r.Context(), id)
	case "cancel":
		_, err = c.Cancel(r.Context(), id)
	default:
		p.trouble(w, r, fault.Errorf(fault.NotFound, "there is no such page"))
		return
	}
	if err != nil {
		f.blame(err)
		p.showBoard(w, r, f, statusOf(err))
		return
	}
	p.seeOrder(w, f, id)
}

// place places the order that a restaurant's form describes.
func (p *pages) place(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.trouble(w, r, fault.Errorf(fault.Invalid, "the form cannot be read: %w", err))
		return
	}
	f, err := p.frame(r)
	if err != nil {
		p.trouble(w, r, err)
		return
	}
	o, err := p.send(r, f.Context)
	if err == nil {
		p.seeOrder(w, f, o.ID)
		return
	}
	f.blame(err)
	t, missing := p.table(r, f)
	if missing != nil {
		p.trouble(w, r, missing)
		return
	}
	p.show(w, statusOf(err), "restaurant", t)
}

// send hands the form's order to the service.
func (p *pages) send(r *http.Request, context string) (delivery.Order, error) {
	o := delivery.PlaceParams{CustomerID: r.PostForm.Get("customer"), RestaurantID: r.PathValue("id"),
		Address: strings.TrimSpace(r.PostForm.Get("address"))}
	switch {
	case o.CustomerID == "":
		return delivery.Order{}, fault.Errorf(fault.Invalid, "choose who orders")
	case o.Address == "":
		return delivery.Order{}, fault.Errorf(fault.Invalid, "say where to bring it")
	}
	for name, values := range r.PostForm {
		dish, ok := strings.CutPrefix(name, quantityField)
		if !ok || values[0] == "" || values[0] == "0" {
			continue
		}
		n, err := strconv.Atoi(values[0])
		if err != nil {
			return delivery.Order{}, fault.Errorf(fault.Invalid, "%.20q is no number of dishes", values[0])
		}
		o.Lines = append(o.Lines, delivery.OrderLine{DishID: dish, Quantity: n})
	}
	if len(o.Lines) == 0 {
		return delivery.Order{}, fault.Errorf(fault.Invalid, "choose at least one dish")
	}
	c, err := delivery.Dial(r.Context(), context)
	if err != nil {
		return delivery.Order{}, err
	}
	defer c.Close()
	return c.Place(r.Context(), o)
}

// seeOrder sends the browser to the overview, at an order.
func (p *pages) seeOrder(w http.ResponseWriter, f frame, id string) {
	w.Header().Set("Location", f.Home+"#order-"+url.PathEscape(id))
	w.WriteHeader(http.StatusSeeOther)
}
