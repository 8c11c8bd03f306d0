// Package identity is the shared domain of people: users, their profiles,
// groups of them, and contacts.
package identity

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/internal/valid"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Name is the domain's name.
const Name = "identity"

// Identity serves the domain in one context.
type Identity struct {
	users    *store.Objects[User]
	profiles *store.Objects[Profile]
	groups   *store.Objects[Group]
	contacts *store.Objects[Contact]
}

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	return sdk.Domain[*Identity]{
		Name: Name, Shared: Name, Version: "0.1.0", Title: "Identity",
		Description: "People: users, profiles, groups and contacts.",
		Open:        open,
		Methods: sdk.Methods(
			sdk.Objects("user", func(d *Identity) *store.Objects[User] { return d.users }),
			sdk.Objects("profile", func(d *Identity) *store.Objects[Profile] { return d.profiles }),
			sdk.Objects("group", func(d *Identity) *store.Objects[Group] { return d.groups }),
			sdk.Objects("contact", func(d *Identity) *store.Objects[Contact] { return d.contacts }),
		),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*Identity, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := new(Identity)
	if d.users, err = store.ObjectsOf[User](s, "user"); err != nil {
		return nil, err
	}
	if d.profiles, err = store.ObjectsOf[Profile](s, "profile"); err != nil {
		return nil, err
	}
	if d.groups, err = store.ObjectsOf[Group](s, "group"); err != nil {
		return nil, err
	}
	if d.contacts, err = store.ObjectsOf[Contact](s, "contact"); err != nil {
		return nil, err
	}
	d.groups.Check = d.checkGroup
	return d, nil
}

// Status says whether a user takes part.
type Status string

// Enum returns the values a Status can have.
func (Status) Enum() []string { return []string{"active", "inactive", "suspended", "pending"} }

// Role says what a member may do in a group.
type Role string

// Enum returns the values a Role can have.
func (Role) Enum() []string { return []string{"reader", "writer", "admin", "owner"} }

// User is someone who can act.
type User struct {
	store.Base
	UserID     string   `json:"user_id,omitzero" doc:"The id under which other systems know the user." index:"unique"`
	ContactID  string   `json:"contact_id,omitzero" doc:"Id of the contact that tells how to reach the user." index:"yes"`
	Status     Status   `json:"status,omitzero" doc:"Whether the user takes part; active where empty." index:"yes"`
	ProfileIDs []string `json:"profile_ids,omitzero" doc:"Ids of the user's profiles."`
	Username   string   `json:"username,omitzero" doc:"Name to sign in with; unique." index:"unique" search:"yes"`
	PublicKey  string   `json:"public_key,omitzero" doc:"Public key of the user, as text."`
	Email      string   `json:"email,omitzero" doc:"E-mail address (RFC 5322)." index:"yes" search:"yes"`
	Roles      []string `json:"roles,omitzero" doc:"Names of the user's roles." index:"yes"`
}

// Validate reports the first field that cannot be.
func (u *User) Validate() error {
	return valid.First(valid.Default("status", &u.Status, "active"), valid.Email("email", u.Email))
}

// Profile is what a user tells of themself.
type Profile struct {
	store.Base
	UserID             string       `json:"user_id,omitzero" doc:"Id of the user." index:"yes"`
	Summary            string       `json:"summary,omitzero" search:"yes"`
	Headline           string       `json:"headline,omitzero" search:"yes"`
	Location           string       `json:"location,omitzero" index:"yes" search:"yes"`
	Industry           string       `json:"industry,omitzero" index:"yes" search:"yes"`
	PictureURL         string       `json:"picture_url,omitzero"`
	BackgroundImageURL string       `json:"background_image_url,omitzero"`
	Email              string       `json:"email,omitzero"`
	Phone              string       `json:"phone,omitzero"`
	Website            string       `json:"website,omitzero"`
	Experience         []Experience `json:"experience,omitzero" doc:"Positions held."`
	Education          []Education  `json:"education,omitzero" doc:"Schools attended."`
	Skills             []string     `json:"skills,omitzero" index:"yes" search:"yes"`
	Languages          []string     `json:"languages,omitzero" index:"yes"`
}

// Validate reports the first field that cannot be.
func (p *Profile) Validate() error {
	return valid.First(valid.Email("email", p.Email), valid.Phone("phone", p.Phone), valid.URL("picture_url", p.PictureURL),
		valid.URL("background_image_url", p.BackgroundImageURL), valid.URL("website", p.Website))
}

// Experience is a position someone held.
type Experience struct {
	Title       string     `json:"title,omitzero"`
	Company     string     `json:"company,omitzero"`
	Location    string     `json:"location,omitzero"`
	StartDate   store.Time `json:"start_date,omitzero"`
	EndDate     store.Time `json:"end_date,omitzero"`
	Current     bool       `json:"current,omitzero"`
	Description string     `json:"description,omitzero"`
}

// Education is a school someone attended.
type Education struct {
	School       string     `json:"school,omitzero"`
	Degree       string     `json:"degree,omitzero"`
	FieldOfStudy string     `json:"field_of_study,omitzero"`
	StartDate    store.Time `json:"start_date,omitzero"`
	EndDate      store.Time `json:"end_date,omitzero"`
	Description  string     `json:"description,omitzero"`
}

// Group is a number of users, and of other groups.
type Group struct {
	store.Base
	Members     []Member `json:"members,omitzero" doc:"Users in the group."`
	Subgroups   []string `json:"subgroups,omitzero" doc:"Ids of groups whose members belong to this one too." index:"yes"`
	ParentGroup string   `json:"parent_group,omitzero" doc:"Id of the group that this one is part of." index:"yes"`
	IsPublic    bool     `json:"is_public,omitzero" index:"yes"`
}

// Member is a user in a group.
type Member struct {
	UserID   string     `json:"user_id"`
	Role     Role       `json:"role"`
	JoinedAt store.Time `json:"joined_at,omitzero"`
}

// Validate reports the first field that cannot be.
func (g *Group) Validate() error {
	for i, m := range g.Members {
		if m.UserID == "" {
			return fault.Errorf(fault.Invalid, "members[%d].user_id: a member needs the id of a user", i)
		}
		if err := valid.OneOf(fmt.Sprintf("members[%d].role", i), m.Role); err != nil {
			return err
		}
	}
	return nil
}

// checkGroup refuses a group that would contain itself.
func (d *Identity) checkGroup(ctx context.Context, tx *sql.Tx, g *Group) error {
	if err := d.walk(ctx, tx, "subgroups", g.ID, g.Subgroups, func(x Group) []string { return x.Subgroups }); err != nil {
		return err
	}
	if g.ParentGroup == "" {
		return nil
	}
	return d.walk(ctx, tx, "parent_group", g.ID, []string{g.ParentGroup}, func(x Group) []string {
		if x.ParentGroup == "" {
			return nil
		}
		return []string{x.ParentGroup}
	})
}

// walk follows next from the groups in from, and refuses where it comes back
// to id or to a group that is not there.
func (d *Identity) walk(ctx context.Context, tx *sql.Tx, field, id string, from []string, next func(Group) []string) error {
	seen := make(map[string]bool)
	todo := slices.Clone(from)
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at == id {
			return fault.Errorf(fault.Invalid, "%s: the group would contain itself", field)
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		x, err := d.groups.Load(ctx, tx, at)
		if fault.Of(err) == fault.NotFound {
			return fault.Errorf(fault.Invalid, "%s: there is no group %q", field, at)
		}
		if err != nil {
			return err
		}
		todo = append(todo, next(x)...)
	}
	return nil
}

// Contact tells how to reach someone.
type Contact struct {
	store.Base
	Emails     []string  `json:"emails,omitzero" doc:"E-mail addresses (RFC 5322)." index:"yes" search:"yes"`
	UserID     string    `json:"user_id,omitzero" doc:"Id of the user, where it is one." index:"yes"`
	Phones     []string  `json:"phones,omitzero" index:"yes" search:"yes"`
	Addresses  []Address `json:"addresses,omitzero"`
	AvatarURL  string    `json:"avatar_url,omitzero"`
	Bio        string    `json:"bio,omitzero" search:"yes"`
	Timezone   string    `json:"timezone,omitzero" doc:"IANA name of the time zone, such as Europe/Brussels."`
	Status     Status    `json:"status,omitzero" doc:"Whether it is in use; active where empty." index:"yes"`
	ProfileIDs []string  `json:"profile_ids,omitzero"`
}

// Address is where someone lives or works.
type Address struct {
	Street     string `json:"street,omitzero"`
	City       string `json:"city,omitzero"`
	State      string `json:"state,omitzero"`
	PostalCode string `json:"postal_code,omitzero"`
	Country    string `json:"country,omitzero"`
	Company    string `json:"company,omitzero"`
}

// Validate reports the first field that cannot be.
func (c *Contact) Validate() error {
	return valid.First(valid.Email("emails", c.Emails...), valid.Phone("phones", c.Phones...),
		valid.URL("avatar_url", c.AvatarURL), valid.Timezone("timezone", c.Timezone), valid.Default("status", &c.Status, "active"))
}
