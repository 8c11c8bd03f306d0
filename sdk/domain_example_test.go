package sdk_test

import (
	"context"
	"fmt"
	"os"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Dish is the one object of the example's domain.
type Dish struct {
	store.Base
	Title string `json:"title,omitzero" doc:"What the menu calls it." index:"yes" search:"yes"`
	Price int    `json:"price,omitzero" doc:"In cents." index:"yes"`
}

// Validate reports the first field that cannot be.
func (d *Dish) Validate() error {
	if d.Title == "" {
		return fmt.Errorf("title: must not be empty")
	}
	return nil
}

// menu is a domain with one object: it has create, get, set, update, delete,
// exist, list, search and history, in a store of its own in each context.
func menu() sdk.Part {
	return sdk.Domain[*store.Objects[Dish]]{
		Name: "menu", Description: "What there is to eat.",
		Open: func(ctx context.Context, t *sdk.Tenant) (*store.Objects[Dish], error) {
			s, err := t.Store(ctx)
			if err != nil {
				return nil, err
			}
			return store.ObjectsOf[Dish](s, "dish")
		},
		Methods: sdk.Objects("dish", func(d *store.Objects[Dish]) *store.Objects[Dish] { return d }),
	}
}

func ExampleObjects() {
	home, err := os.MkdirTemp("", "hero")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	places := layout.Places{Home: home, Sockets: home + "/sockets"}
	ctx, stop := context.WithCancel(sdk.WithPlaces(context.Background(), places))
	ended := make(chan error, 1)
	ready := sdk.Task{Name: "ready", Setup: true, Run: func(ctx context.Context) error {
		c, err := sdk.Dial(ctx, "hero_diner", "root", "menu")
		if err != nil {
			return err
		}
		if _, err := sdk.Invoke[Dish](ctx, c, "dish.create", Dish{Title: "Tomato soup", Price: 750}); err != nil {
			return err
		}
		_, err = sdk.Invoke[Dish](ctx, c, "dish.create", Dish{Price: 1})
		fmt.Println(err)
		page, err := sdk.Invoke[store.Page[Dish]](ctx, c, "dish.search", store.SearchParams{Query: "soup"})
		if err == nil {
			fmt.Println(len(page.Items), page.Items[0].Title, page.Items[0].Version)
		}
		stop()
		return err
	}}
	go func() {
		ended <- sdk.Run(ctx, sdk.Env{Places: places}, sdk.Service{Name: "hero_diner", Version: "1"}, menu(), ready)
	}()
	fmt.Println(<-ended)
	// Output:
	// call dish.create of hero_diner root/menu: dish: title: must not be empty (code -32602)
	// 1 Tomato soup 1
	// <nil>
}
