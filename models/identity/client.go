package identity

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Client calls the identity domain of a service in one context.
type Client struct{ *sdk.Client }

// Dial returns a client for the identity domain that service serves in a
// context; see sdk.Dial.
func Dial(ctx context.Context, service, context string) (*Client, error) {
	c, err := sdk.Dial(ctx, service, context, Name)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// User returns the user with the id.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	return sdk.Invoke[User](ctx, c.Client, "user.get", store.GetParams{ID: id})
}

// CreateUser stores a new user.
func (c *Client) CreateUser(ctx context.Context, u User) (User, error) {
	return sdk.Invoke[User](ctx, c.Client, "user.create", u)
}

// Users returns a page of the users that pass the filter.
func (c *Client) Users(ctx context.Context, p store.ListParams) (store.Page[User], error) {
	return sdk.Invoke[store.Page[User]](ctx, c.Client, "user.list", p)
}
