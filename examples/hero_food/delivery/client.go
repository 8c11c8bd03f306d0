package delivery

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

// Place orders dishes of one restaurant.
func (c *Client) Place(ctx context.Context, p PlaceParams) (Order, error) {
	return sdk.Invoke[Order](ctx, c.Client, "order.place", p)
}

// Advance takes an order one step further.
func (c *Client) Advance(ctx context.Context, id string) (Order, error) {
	return sdk.Invoke[Order](ctx, c.Client, "order.advance", StepParams{ID: id})
}

// Cancel cancels an order.
func (c *Client) Cancel(ctx context.Context, id string) (Order, error) {
	return sdk.Invoke[Order](ctx, c.Client, "order.cancel", StepParams{ID: id})
}

// Orders returns a page of orders.
func (c *Client) Orders(ctx context.Context, p store.ListParams) (store.Page[Order], error) {
	return sdk.Invoke[store.Page[Order]](ctx, c.Client, "order.list", p)
}

// Counts returns how many orders there are in each status.
func (c *Client) Counts(ctx context.Context) (map[string]int, error) {
	return sdk.Invoke[map[string]int](ctx, c.Client, "order.counts", nil)
}

// CreateCourier stores a new courier.
func (c *Client) CreateCourier(ctx context.Context, x Courier) (Courier, error) {
	return sdk.Invoke[Courier](ctx, c.Client, "courier.create", x)
}
