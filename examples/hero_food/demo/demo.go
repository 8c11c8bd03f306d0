// Package demo fills hero_food with restaurants, people and orders to look at.
package demo

import (
	"context"
	_ "embed"
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/delivery"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

//go:embed demo.json
var file []byte

// set is what one context is given.
type set struct {
	Context  string             `json:"context"`
	Users    []identity.User    `json:"users"`
	Couriers []delivery.Courier `json:"couriers"`
	Menus    []restaurant.Menu  `json:"menus"`
	Orders   []order            `json:"orders"`
}

// order is an order to place, and how far it is to come.
type order struct {
	CustomerID   string               `json:"customer_id"`
	RestaurantID string               `json:"restaurant_id"`
	Address      string               `json:"address"`
	Lines        []delivery.OrderLine `json:"lines"`
	Status       delivery.Status      `json:"status"`
}

// Load fills the contexts root and org_acme, and makes org_acme where it is
// missing. A context with restaurants of its own is left alone, and so is one
// that was filled before. Where an earlier Load was cut short, it goes on.
func Load(ctx context.Context) error {
	var sets []set
	if err := json.Unmarshal(file, &sets, json.RejectUnknown()); err != nil {
		return fmt.Errorf("read the demo: %w", err)
	}
	service, err := sdk.DialService(ctx, delivery.Service)
	if err != nil {
		return err
	}
	defer service.Close()
	for _, s := range sets {
		name := map[string]string{"name": s.Context}
		if err := service.Call(ctx, "context.create", name, nil); fault.Of(err) == fault.Conflict {
			continue // it exists and lacks domains: it is somebody's own
		} else if err != nil {
			return err
		}
		if err := s.load(sdk.Cross(ctx, s.Context)); err != nil {
			return fmt.Errorf("load the demo into %s: %w", s.Context, err)
		}
	}
	return nil
}

// loader is a set with the clients that load it.
type loader struct {
	set
	people   *identity.Client
	kitchens *restaurant.Client
	orders   *delivery.Client
}

func (s set) load(ctx context.Context) (err error) {
	l := loader{set: s}
	if l.people, err = identity.Dial(ctx, delivery.Service, s.Context); err != nil {
		return err
	}
	defer l.people.Close()
	if l.kitchens, err = restaurant.Dial(ctx, s.Context); err != nil {
		return err
	}
	defer l.kitchens.Close()
	if l.orders, err = delivery.Dial(ctx, s.Context); err != nil {
		return err
	}
	defer l.orders.Close()
	if done, err := l.done(ctx); done || err != nil {
		return err
	}
	if err := l.loadMenus(ctx); err != nil {
		return err
	}
	if err := l.loadOrders(ctx); err != nil {
		return err
	}
	// The couriers come last: the last of them says that all is there.
	for _, c := range s.Couriers {
		if _, err := l.orders.CreateCourier(ctx, c); there(err) != nil {
			return err
		}
	}
	return nil
}

// there is err, unless it says that the object exists.
func there(err error) error {
	if fault.Of(err) == fault.Conflict {
		return nil
	}
	return err
}

// done reports whether the context is to be left alone: it has restaurants,
// and they are not what is left of a Load that was cut short.
func (l *loader) done(ctx context.Context) (bool, error) {
	ours := make(map[string]bool, len(l.Menus))
	for _, m := range l.Menus {
		ours[m.Restaurant.ID] = true
	}
	page, err := l.kitchens.Restaurants(ctx, store.ListParams{Limit: len(l.Menus) + 1})
	if err != nil || len(page.Items) == 0 {
		return false, err
	}
	for _, r := range page.Items {
		if !ours[r.ID] {
			return true, nil
		}
	}
	last := store.GetParams{ID: l.Couriers[len(l.Couriers)-1].ID}
	_, err = sdk.Invoke[delivery.Courier](ctx, l.orders.Client, "courier.get", last)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

func (l *loader) loadMenus(ctx context.Context) error {
	for _, u := range l.Users {
		if _, err := l.people.CreateUser(ctx, u); there(err) != nil {
			return err
		}
	}
	for _, m := range l.Menus {
		if _, err := l.kitchens.CreateRestaurant(ctx, m.Restaurant); there(err) != nil {
			return err
		}
		for _, d := range m.Dishes {
			d.RestaurantID = m.Restaurant.ID
			if _, err := l.kitchens.CreateDish(ctx, d); there(err) != nil {
				return err
			}
		}
	}
	return nil
}

// loadOrders places the orders that are missing. The set has at most one order
// of a customer at a restaurant: by that an earlier Load's are known.
func (l *loader) loadOrders(ctx context.Context) error {
	for _, want := range l.Orders {
		page, err := l.orders.Orders(ctx, store.ListParams{
			Filter: map[string]any{"customer_id": want.CustomerID, "restaurant_id": want.RestaurantID}, Limit: 1})
		if err != nil {
			return err
		}
		var o delivery.Order
		if len(page.Items) > 0 {
			o = page.Items[0]
		} else if o, err = l.orders.Place(ctx, delivery.PlaceParams{
			CustomerID: want.CustomerID, RestaurantID: want.RestaurantID, Address: want.Address, Lines: want.Lines}); err != nil {
			return err
		}
		if err := l.bring(ctx, o, want.Status); err != nil {
			return err
		}
	}
	return nil
}

// bring takes an order as far as a status. One that somebody else took
// further meanwhile stays there.
func (l *loader) bring(ctx context.Context, o delivery.Order, to delivery.Status) (err error) {
	for o.Status != to {
		if to == delivery.Cancelled {
			_, err = l.orders.Cancel(ctx, o.ID)
			return there(err)
		}
		if o, err = l.orders.Advance(ctx, o.ID); err != nil {
			return there(err)
		}
	}
	return nil
}
