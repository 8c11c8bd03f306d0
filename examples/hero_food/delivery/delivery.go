// Package delivery is hero_food's domain of orders and of those who bring
// them. What a dish costs it asks the restaurant domain, and who ordered it
// the identity domain: over their sockets, in the caller's context.
package delivery

import (
	"context"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Service and Name say where the domain is found.
const (
	Service = "hero_food"
	Name    = "delivery"
)

// Status is how far an order has come.
type Status string

// The statuses of an order, in the order in which it has them.
const (
	Placed    Status = "placed"
	Cooking   Status = "cooking"
	OnTheWay  Status = "on_the_way"
	Delivered Status = "delivered"
	Cancelled Status = "cancelled"
)

// Enum returns the values a Status can have.
func (Status) Enum() []string {
	return []string{string(Placed), string(Cooking), string(OnTheWay), string(Delivered), string(Cancelled)}
}

// Order is a meal that someone has ordered.
type Order struct {
	store.Base
	CustomerID     string `json:"customer_id" doc:"Id of the user who ordered." index:"yes"`
	CustomerName   string `json:"customer_name,omitzero" doc:"Their name, when they ordered." search:"yes"`
	RestaurantID   string `json:"restaurant_id" doc:"Id of the restaurant." index:"yes"`
	RestaurantName string `json:"restaurant_name,omitzero" doc:"Its name, when the order was placed." search:"yes"`
	Address        string `json:"address" doc:"Where to bring it." search:"yes"`
	Lines          []Line `json:"lines" doc:"What was ordered."`
	TotalCents     int64  `json:"total_cents,omitzero" doc:"What it costs, in euro cents."`
	Status         Status `json:"status,omitzero" doc:"How far it has come." index:"yes"`
	CourierID      string `json:"courier_id,omitzero" doc:"Id of who brings it." index:"yes"`
}

// Validate reports the first field that cannot be.
func (o *Order) Validate() error {
	if !slices.Contains(o.Status.Enum(), string(o.Status)) {
		return fault.Errorf(fault.Invalid, "status: %q is none of %s", o.Status, strings.Join(o.Status.Enum(), ", "))
	}
	return nil
}

// Line is a dish of an order.
type Line struct {
	DishID   string `json:"dish_id" doc:"Id of the dish."`
	Name     string `json:"name,omitzero" doc:"Its name, when it was ordered."`
	Quantity int    `json:"quantity" doc:"How many of it."`
	Cents    int64  `json:"cents,omitzero" doc:"Price of one in euro cents, when it was ordered."`
}

// Courier is someone who brings orders.
type Courier struct {
	store.Base
	Vehicle string `json:"vehicle" doc:"How they come: bicycle, scooter, car, foot." index:"yes"`
	City    string `json:"city,omitzero" index:"yes" search:"yes"`
	OffDuty bool   `json:"off_duty,omitzero" index:"yes"`
}

// Validate reports the first field that cannot be.
func (c *Courier) Validate() error {
	if c.Base.Name == "" {
		return fault.Errorf(fault.Invalid, "name: a courier needs one")
	}
	return nil
}

// Deliveries serves the domain in one context.
type Deliveries struct {
	context  string
	orders   *store.Objects[Order]
	couriers *store.Objects[Courier]
}

// The errors of the domain's own.
const (
	codeSoldOut = -32020
	codeClosed  = -32021
)

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	objects := sdk.Objects("order", func(d *Deliveries) *store.Objects[Order] { return d.orders })
	return sdk.Domain[*Deliveries]{
		Name: Name, Title: "Deliveries", Description: "Orders, and the couriers who bring them.", Open: open,
		Methods: sdk.Methods(
			[]sdk.Method[*Deliveries]{
				sdk.Call("order.place", (*Deliveries).Place, sdk.Doc{
					Summary:     "Orders dishes of one restaurant.",
					Description: "Prices are those of the menu at this moment, whatever the caller believes.",
					Errors: []openrpc.ErrorSpec{
						{Code: codeSoldOut, Message: "A dish is sold out."},
						{Code: codeClosed, Message: "The restaurant is closed."},
					},
					Examples: []openrpc.ExampleSpec{{
						Name:   "two pizzas",
						Params: PlaceParams{CustomerID: "u1", RestaurantID: "r1", Address: "Korenmarkt 1", Lines: []OrderLine{{DishID: "d1", Quantity: 2}}},
						Result: Order{CustomerID: "u1", RestaurantID: "r1", Address: "Korenmarkt 1", TotalCents: 2400, Status: Placed,
							Lines: []Line{{DishID: "d1", Name: "Margherita", Quantity: 2, Cents: 1200}}},
					}},
				}),
				sdk.Call("order.advance", (*Deliveries).Advance, sdk.Doc{Summary: "Takes an order one step further: cooking, on the way, delivered."}),
				sdk.Call("order.cancel", (*Deliveries).Cancel, sdk.Doc{Summary: "Cancels an order that is not on its way yet.", Destructive: true}),
				sdk.Call("order.counts", (*Deliveries).Counts, sdk.Doc{Summary: "Returns how many orders there are in each status.", ReadOnly: true}),
			},
			objects,
			sdk.Objects("courier", func(d *Deliveries) *store.Objects[Courier] { return d.couriers })),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*Deliveries, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := &Deliveries{context: t.Context.String()}
	if d.orders, err = store.ObjectsOf[Order](s, "order"); err != nil {
		return nil, err
	}
	d.couriers, err = store.ObjectsOf[Courier](s, "courier")
	return d, err
}

// PlaceParams say what to order.
type PlaceParams struct {
	CustomerID   string      `json:"customer_id" doc:"Id of the user who orders."`
	RestaurantID string      `json:"restaurant_id" doc:"Id of the restaurant."`
	Address      string      `json:"address" doc:"Where to bring it." example:"Korenmarkt 1"`
	Lines        []OrderLine `json:"lines" doc:"Dishes of that restaurant."`
}

// OrderLine is a dish to order.
type OrderLine struct {
	DishID   string `json:"dish_id" doc:"Id of the dish."`
	Quantity int    `json:"quantity" doc:"How many of it, 1 to 100."`
}

// Place orders dishes of one restaurant.
func (d *Deliveries) Place(ctx context.Context, p PlaceParams) (Order, error) {
	people, err := identity.Dial(ctx, Service, d.context)
	if err != nil {
		return Order{}, err
	}
	defer people.Close()
	customer, err := people.User(ctx, p.CustomerID)
	if fault.Of(err) == fault.NotFound {
		return Order{}, fault.Errorf(fault.Invalid, "customer_id: there is no user %q", p.CustomerID)
	}
	if err != nil {
		return Order{}, err
	}
	kitchens, err := restaurant.Dial(ctx, d.context)
	if err != nil {
		return Order{}, err
	}
	defer kitchens.Close()
	menu, err := kitchens.Menu(ctx, p.RestaurantID)
	if fault.Of(err) == fault.NotFound {
		return Order{}, fault.Errorf(fault.Invalid, "restaurant_id: there is no restaurant %q", p.RestaurantID)
	}
	if err != nil {
		return Order{}, err
	}
	o := Order{
		CustomerID: customer.ID, CustomerName: customer.Name,
		RestaurantID: menu.Restaurant.ID, RestaurantName: menu.Restaurant.Name,
		Address: p.Address, Status: Placed,
	}
	if err := o.fill(menu, p.Lines); err != nil {
		return Order{}, err
	}
	return d.orders.Create(ctx, o)
}

// StepParams name the order.
type StepParams struct {
	ID string `json:"id" doc:"Id of the order."`
}

// Advance takes an order one step further.
func (d *Deliveries) Advance(ctx context.Context, p StepParams) (Order, error) {
	o, err := d.orders.Get(ctx, store.GetParams{ID: p.ID})
	if err != nil {
		return Order{}, err
	}
	switch o.Status {
	case Placed:
		o.Status = Cooking
	case Cooking:
		o.Status = OnTheWay
	case OnTheWay:
		o.Status = Delivered
	default:
		return Order{}, fault.Errorf(fault.Conflict, "order %s is %s: there is no further step", o.ID, o.Status)
	}
	return d.orders.Update(ctx, o)
}

// Cancel cancels an order that is not on its way yet.
func (d *Deliveries) Cancel(ctx context.Context, p StepParams) (Order, error) {
	o, err := d.orders.Get(ctx, store.GetParams{ID: p.ID})
	if err != nil {
		return Order{}, err
	}
	if o.Status != Placed && o.Status != Cooking {
		return Order{}, fault.Errorf(fault.Conflict, "order %s is %s and cannot be cancelled", o.ID, o.Status)
	}
	o.Status = Cancelled
	return d.orders.Update(ctx, o)
}

// Counts returns how many orders there are in each status.
func (d *Deliveries) Counts(ctx context.Context, _ struct{}) (map[string]int, error) {
	out := make(map[string]int)
	for _, s := range Placed.Enum() {
		list := store.ListParams{Filter: map[string]any{"status": s}, Limit: 1000}
		for {
			page, err := d.orders.List(ctx, list)
			if err != nil {
				return nil, err
			}
			out[s] += len(page.Items)
			if list.Cursor = page.Next; list.Cursor == "" {
				break
			}
		}
	}
	return out, nil
}
