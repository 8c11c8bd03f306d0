package delivery

import (
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
)

// fill puts dishes of the menu into the order, at the menu's prices.
func (o *Order) fill(menu restaurant.Menu, lines []OrderLine) error {
	if menu.Restaurant.Closed {
		return &jsonrpc.Error{Code: codeClosed, Message: menu.Restaurant.Name + " is closed"}
	}
	if len(lines) == 0 {
		return fault.Errorf(fault.Invalid, "lines: an order needs at least one dish")
	}
	dishes := make(map[string]restaurant.Dish, len(menu.Dishes))
	for _, d := range menu.Dishes {
		dishes[d.ID] = d
	}
	for i, l := range lines {
		dish, ok := dishes[l.DishID]
		switch {
		case !ok:
			return fault.Errorf(fault.Invalid, "lines[%d].dish_id: %s has no dish %q", i, menu.Restaurant.Name, l.DishID)
		case l.Quantity < 1 || l.Quantity > 100:
			return fault.Errorf(fault.Invalid, "lines[%d].quantity: %d is not 1 to 100", i, l.Quantity)
		case dish.SoldOut:
			return &jsonrpc.Error{Code: codeSoldOut, Message: dish.Name + " is sold out"}
		}
		o.Lines = append(o.Lines, Line{DishID: dish.ID, Name: dish.Name, Quantity: l.Quantity, Cents: dish.Cents})
		o.TotalCents += dish.Cents * int64(l.Quantity)
	}
	return nil
}
