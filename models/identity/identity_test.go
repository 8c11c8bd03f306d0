package identity_test

import (
	"context"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

func start(t *testing.T) (context.Context, *identity.Client) {
	t.Helper()
	ctx := sdktest.Start(t, sdktest.Home(t), sdk.Service{Name: "people", Version: "1"}, identity.Domain())
	c, err := identity.Dial(ctx, "people", "root")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return ctx, c
}

func TestUser(t *testing.T) {
	ctx, c := start(t)
	ann, err := c.CreateUser(ctx, identity.User{Username: "ann", Email: "ann@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	if ann.Status != "active" || ann.ID == "" || ann.Version != 1 {
		t.Errorf("created %+v", ann)
	}
	if got, err := c.User(ctx, ann.ID); err != nil || got.Username != "ann" {
		t.Errorf("get: %+v, %v", got, err)
	}
	page, err := c.Users(ctx, store.ListParams{Filter: map[string]any{"username": "ann"}})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("list: %+v, %v", page, err)
	}
	for _, bad := range []struct {
		user identity.User
		kind fault.Kind
		has  string
	}{
		{identity.User{Username: "b", Email: "nobody"}, fault.Invalid, "email"},
		{identity.User{Username: "b", Email: "B <b@example.org>"}, fault.Invalid, "email"},
		{identity.User{Username: "b", Status: "gone"}, fault.Invalid, "status"},
		{identity.User{Username: "ann"}, fault.Conflict, "username"},
	} {
		_, err := c.CreateUser(ctx, bad.user)
		if fault.Of(err) != bad.kind || !strings.Contains(err.Error(), bad.has) {
			t.Errorf("create %+v: %v; want %v that names %s", bad.user, err, bad.kind, bad.has)
		}
	}
}

func TestGroupsDoNotContainThemselves(t *testing.T) {
	ctx, c := start(t)
	create := func(g identity.Group) (identity.Group, error) {
		return sdk.Invoke[identity.Group](ctx, c.Client, "group.create", g)
	}
	inner, err := create(identity.Group{Base: store.Base{Name: "inner"}})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := create(identity.Group{Subgroups: []string{inner.ID}})
	if err != nil {
		t.Fatal(err)
	}
	inner.Subgroups = []string{outer.ID}
	for name, g := range map[string]identity.Group{
		"cycle over two groups": inner,
		"missing group":         {Base: inner.Base, ParentGroup: "nothing"},
		"its own parent":        {Base: inner.Base, ParentGroup: inner.ID},
		"member without a user": {Base: inner.Base, Members: []identity.Member{{Role: "reader"}}},
		"member with no role":   {Base: inner.Base, Members: []identity.Member{{UserID: "u", Role: "king"}}},
	} {
		_, err := sdk.Invoke[identity.Group](ctx, c.Client, "group.update", g)
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want invalid", name, err)
		}
	}
}
