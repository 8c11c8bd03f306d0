package restaurant

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Client calls the domain in one context.
type Client struct{ *sdk.Client }

// Dial returns a client for the domain in a context; see sdk.Dial.
func Dial(ctx context.Context, context string) (*Client, error) {
	c, err := sdk.Dial(ctx, Service, context, Name)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// Menu returns a restaurant with its dishes.
func (c *Client) Menu(ctx context.Context, restaurantID string) (Menu, error) {
	return sdk.Invoke[Menu](ctx, c.Client, "menu.get", MenuParams{RestaurantID: restaurantID})
}

// Restaurants returns a page of restaurants.
func (c *Client) Restaurants(ctx context.Context, p store.ListParams) (store.Page[Restaurant], error) {
	return sdk.Invoke[store.Page[Restaurant]](ctx, c.Client, "restaurant.list", p)
}

// CreateRestaurant stores a new restaurant.
func (c *Client) CreateRestaurant(ctx context.Context, r Restaurant) (Restaurant, error) {
	return sdk.Invoke[Restaurant](ctx, c.Client, "restaurant.create", r)
}

// CreateDish puts a dish on a menu.
func (c *Client) CreateDish(ctx context.Context, d Dish) (Dish, error) {
	return sdk.Invoke[Dish](ctx, c.Client, "dish.create", d)
}
