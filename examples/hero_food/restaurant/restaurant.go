// Package restaurant is hero_food's domain of restaurants and what they cook.
package restaurant

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Service and Name say where the domain is found.
const (
	Service = "hero_food"
	Name    = "restaurant"
)

// Restaurant is a place that cooks.
type Restaurant struct {
	store.Base
	Cuisine string `json:"cuisine" doc:"Kind of kitchen, such as italian." index:"yes" search:"yes" example:"italian"`
	Address string `json:"address" doc:"Street and number." search:"yes"`
	City    string `json:"city" index:"yes" search:"yes"`
	Minutes int    `json:"minutes,omitzero" doc:"Minutes that an order takes to cook, as a rule."`
	Closed  bool   `json:"closed,omitzero" doc:"Whether it takes no orders now." index:"yes"`
}

// Validate reports the first field that cannot be.
func (r *Restaurant) Validate() error {
	switch {
	case r.Base.Name == "":
		return fault.Errorf(fault.Invalid, "name: a restaurant needs one")
	case r.Minutes < 0:
		return fault.Errorf(fault.Invalid, "minutes: %d is less than none", r.Minutes)
	}
	return nil
}

// Dish is something on a menu.
type Dish struct {
	store.Base
	RestaurantID string `json:"restaurant_id" doc:"Id of the restaurant that cooks it." index:"yes"`
	Course       string `json:"course,omitzero" doc:"Where it stands on the menu, such as main." index:"yes"`
	Cents        int64  `json:"cents" doc:"Price in euro cents."`
	Vegetarian   bool   `json:"vegetarian,omitzero" index:"yes"`
	SoldOut      bool   `json:"sold_out,omitzero" doc:"Whether there is none left today."`
}

// Validate reports the first field that cannot be.
func (d *Dish) Validate() error {
	switch {
	case d.Base.Name == "":
		return fault.Errorf(fault.Invalid, "name: a dish needs one")
	case d.RestaurantID == "":
		return fault.Errorf(fault.Invalid, "restaurant_id: a dish needs a restaurant")
	case d.Cents <= 0:
		return fault.Errorf(fault.Invalid, "cents: %d is no price", d.Cents)
	}
	return nil
}

// Menu is a restaurant with its dishes.
type Menu struct {
	Restaurant Restaurant `json:"restaurant"`
	Dishes     []Dish     `json:"dishes"`
}

// MenuParams name the restaurant.
type MenuParams struct {
	RestaurantID string `json:"restaurant_id" doc:"Id of the restaurant."`
}

// Restaurants serves the domain in one context.
type Restaurants struct {
	restaurants *store.Objects[Restaurant]
	dishes      *store.Objects[Dish]
}

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	return sdk.Domain[*Restaurants]{
		Name: Name, Title: "Restaurants", Description: "Restaurants and their menus.", Open: open,
		Methods: sdk.Methods(
			sdk.Objects("restaurant", func(d *Restaurants) *store.Objects[Restaurant] { return d.restaurants }),
			sdk.Objects("dish", func(d *Restaurants) *store.Objects[Dish] { return d.dishes }),
			[]sdk.Method[*Restaurants]{
				sdk.Call("menu.get", (*Restaurants).Menu, sdk.Doc{Summary: "Returns a restaurant with all of its dishes.", ReadOnly: true}),
			}),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*Restaurants, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := new(Restaurants)
	if d.restaurants, err = store.ObjectsOf[Restaurant](s, "restaurant"); err != nil {
		return nil, err
	}
	d.dishes, err = store.ObjectsOf[Dish](s, "dish")
	return d, err
}

// Menu returns a restaurant with all of its dishes.
func (d *Restaurants) Menu(ctx context.Context, p MenuParams) (Menu, error) {
	r, err := d.restaurants.Get(ctx, store.GetParams{ID: p.RestaurantID})
	if err != nil {
		return Menu{}, err
	}
	m := Menu{Restaurant: r, Dishes: []Dish{}}
	list := store.ListParams{Filter: map[string]any{"restaurant_id": r.ID}, Limit: 1000}
	for {
		page, err := d.dishes.List(ctx, list)
		if err != nil {
			return Menu{}, err
		}
		m.Dishes = append(m.Dishes, page.Items...)
		if list.Cursor = page.Next; list.Cursor == "" {
			return m, nil
		}
	}
}
