package identity_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// A service that knows people has the domain in one line.
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
		c, err := identity.Dial(ctx, "hero_people", "root")
		if err != nil {
			return err
		}
		defer c.Close()
		ann, err := c.CreateUser(ctx, identity.User{Username: "ann", Email: "ann@example.org"})
		if err != nil {
			return err
		}
		_, err = c.CreateUser(ctx, identity.User{Username: "bo", Email: "nobody"})
		fmt.Println(err)
		_, err = sdk.Invoke[identity.Group](ctx, c.Client, "group.create", identity.Group{
			Base: store.Base{Name: "cooks"}, Members: []identity.Member{{UserID: ann.ID, Role: "owner"}},
		})
		if err != nil {
			return err
		}
		page, err := c.Users(ctx, store.ListParams{Filter: map[string]any{"email": "ann@example.org"}})
		for _, u := range page.Items {
			fmt.Println(u.Username, u.Status, u.Version)
		}
		return err
	}}
	fmt.Println(sdk.Run(ctx, sdk.Env{Places: places}, sdk.Service{Name: "hero_people", Version: "1"}, identity.Domain(), use))
	// Output:
	// call user.create of hero_people root/identity: user: email: "nobody" is no e-mail address (code -32602)
	// ann active 1
	// <nil>
}
