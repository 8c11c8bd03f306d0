package base_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Locations are found by their fields and by the words in them.
func Example() {
	home, err := os.MkdirTemp("", "hero")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	places := layout.Places{Home: home, Sockets: filepath.Join(home, "sockets")}
	ctx, stop := context.WithCancel(sdk.WithPlaces(context.Background(), places))
	use := sdk.Task{Name: "use", Setup: true, Run: func(ctx context.Context) error {
		defer stop()
		c, err := sdk.Dial(ctx, "hero_places", "root", base.Name)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = sdk.Invoke[base.Location](ctx, c, "location.create", base.Location{
			Base: store.Base{Name: "Ghent"}, Timezone: "Europe/Brussels", LocationType: "work",
			Coordinates: &base.Coordinates{Latitude: 51.05, Longitude: 3.72},
		})
		if err != nil {
			return err
		}
		_, err = sdk.Invoke[base.Location](ctx, c, "location.create", base.Location{Coordinates: &base.Coordinates{Latitude: 91}})
		fmt.Println(err)
		page, err := sdk.Invoke[store.Page[base.Location]](ctx, c, "location.list",
			store.ListParams{Filter: map[string]any{"location_type": "work"}})
		for _, l := range page.Items {
			fmt.Println(l.Name, l.Timezone, *l.Coordinates)
		}
		return err
	}}
	fmt.Println(sdk.Run(ctx, sdk.Env{Places: places}, sdk.Service{Name: "hero_places", Version: "1"}, base.Domain(), use))
	// Output:
	// call location.create of hero_places root/base: location: coordinates.latitude: 91 is not between -90 and 90 (code -32602)
	// Ghent Europe/Brussels {51.05 3.72 0}
	// <nil>
}
