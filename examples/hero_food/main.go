// Command hero_food is an example of a service: restaurants and deliveries,
// in as many contexts as there are tenants.
package main

import (
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/delivery"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/demo"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/ui"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func main() {
	sdk.Main(sdk.Service{Name: "hero_food", Version: "0.1.0", Title: "Hero Food", Description: "Restaurants and deliveries"},
		delivery.Domain(), restaurant.Domain(), identity.Domain(),
		sdk.UI{Handler: ui.Handler},
		sdk.Task{Name: "demo", Flag: "demo", Setup: true, Usage: "load demo restaurants and orders into contexts that have none", Run: demo.Load})
}
