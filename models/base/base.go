// Package base is the shared domain of what the others stand on: the contexts
// of the machine, as hero_core keeps them, and locations.
package base

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/internal/valid"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Name is the domain's name.
const Name = "base"

// Base serves the domain in one context.
type Base struct {
	context   layout.Context
	locations *store.Objects[Location]
}

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	return sdk.Domain[*Base]{
		Name: Name, Shared: Name, Version: "0.1.0", Title: "Base",
		Description: "Contexts, as hero_core keeps them, and locations.",
		Open:        open,
		Methods: sdk.Methods(
			sdk.Objects("location", func(d *Base) *store.Objects[Location] { return d.locations }),
			[]sdk.Method[*Base]{
				sdk.Call("context.get", (*Base).current, sdk.Doc{ReadOnly: true,
					Summary: "Returns what hero_core knows of the context that the call is made in."}),
			},
		),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*Base, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	locations, err := store.ObjectsOf[Location](s, "location")
	if err != nil {
		return nil, err
	}
	return &Base{context: t.Context, locations: locations}, nil
}

// ContextStatus says where a context is in its life.
type ContextStatus string

// The statuses. A deleted context's data waits in the trash; a purged one's is
// gone.
const (
	Active  ContextStatus = "active"
	Deleted ContextStatus = "deleted"
	Purged  ContextStatus = "purged"
)

// Enum returns the values a ContextStatus can have.
func (ContextStatus) Enum() []string { return []string{"active", "deleted", "purged"} }

// Context is a tenant of the machine. hero_core owns the list of them.
type Context struct {
	store.Base
	Title     string        `json:"title,omitzero" doc:"The name as people read it." search:"yes"`
	DBPath    string        `json:"db_path,omitzero" doc:"Folder of the context's data below a service's own, relative to it."`
	Status    ContextStatus `json:"status,omitzero" doc:"Where the context is in its life." index:"yes"`
	DeletedAt store.Time    `json:"deleted_at,omitzero" doc:"When it was deleted; its data may be purged some time after." index:"yes"`
}

// Validate reports the first field that cannot be.
func (c *Context) Validate() error {
	if _, err := layout.ParseContext(c.Name); err != nil {
		return fault.Errorf(fault.Invalid, "name: %w", err)
	}
	return valid.Default("status", &c.Status, Active)
}

// current asks hero_core for the context that the call is made in: no other is
// to be seen from it.
func (d *Base) current(ctx context.Context, _ struct{}) (Context, error) {
	c, err := sdk.Dial(ctx, sdk.Core, layout.Root.String(), sdk.CoreDomain)
	if err != nil {
		return Context{}, err
	}
	defer c.Close()
	page, err := sdk.Invoke[store.Page[Context]](sdk.Cross(ctx, layout.Root.String()), c, "context.list",
		store.ListParams{Filter: map[string]any{"name": d.context.String(), "status": Active}, Limit: 1})
	if err != nil {
		return Context{}, err
	}
	if len(page.Items) == 0 {
		return Context{}, fault.Errorf(fault.NotFound, "hero_core has no context %s", d.context)
	}
	return page.Items[0], nil
}

// LocationType says what a location is to whom it belongs.
type LocationType string

// Enum returns the values a LocationType can have.
func (LocationType) Enum() []string {
	return []string{"home", "work", "business", "delivery", "billing", "shipping", "other"}
}

// Location is a place on earth.
type Location struct {
	store.Base
	Addresses    []Address    `json:"addresses,omitzero" doc:"How post reaches it."`
	Coordinates  *Coordinates `json:"coordinates,omitzero" doc:"Where it is (WGS 84)."`
	Timezone     string       `json:"timezone,omitzero" doc:"IANA name of the time zone, such as Europe/Brussels." index:"yes"`
	IsVerified   bool         `json:"is_verified,omitzero" doc:"Whether somebody made sure of it." index:"yes"`
	LocationType LocationType `json:"location_type,omitzero" doc:"What it is to whom it belongs; other where empty." index:"yes"`
}

// Address is where post arrives.
type Address struct {
	Street     string `json:"street,omitzero"`
	City       string `json:"city,omitzero"`
	State      string `json:"state,omitzero"`
	PostalCode string `json:"postal_code,omitzero"`
	Country    string `json:"country,omitzero"`
	Company    string `json:"company,omitzero"`
}

// Coordinates are a point on or above the earth (WGS 84).
type Coordinates struct {
	Latitude  float64 `json:"latitude" doc:"Degrees, north positive."`
	Longitude float64 `json:"longitude" doc:"Degrees, east positive."`
	Altitude  float64 `json:"altitude,omitzero" doc:"Metres above the ellipsoid."`
}

// Validate reports the first field that cannot be.
func (l *Location) Validate() error {
	if c := l.Coordinates; c != nil {
		if err := valid.First(valid.Between("coordinates.latitude", c.Latitude, -90.0, 90.0),
			valid.Between("coordinates.longitude", c.Longitude, -180.0, 180.0)); err != nil {
			return err
		}
	}
	return valid.First(valid.Timezone("timezone", l.Timezone), valid.Default("location_type", &l.LocationType, "other"))
}
