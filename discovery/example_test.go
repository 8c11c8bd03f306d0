package discovery_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// A folder with a dead service in it, read once.
func ExampleDiscover() {
	home, err := os.MkdirTemp("", "h")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	places := layout.Places{Home: home, Sockets: filepath.Join(home, "sockets")}
	for _, rel := range []string{"hero_food.sock", "hero_food_server/root/delivery.sock"} {
		path, err := places.Socket(rel)
		if err != nil {
			panic(err)
		}
		l, err := unixsock.Listen(path)
		if err != nil {
			panic(err)
		}
		l.UnixListener.Close()
	}
	tree, err := discovery.Discover(context.Background(), discovery.Options{Places: places})
	if err != nil {
		panic(err)
	}
	for _, s := range tree.Services {
		fmt.Println(s.Name, s.Layout, s.Server.State)
		for _, c := range s.Contexts {
			for _, d := range c.Domains {
				fmt.Printf("  %s/%s at %s\n", c.Name, d.Name, d.Socket.Rel)
			}
		}
	}
	// Output:
	// hero_food layers stale
	//   root/delivery at hero_food_server/root/delivery.sock
}

// A program that follows the folder, whatever happens to it.
func ExampleWatcher() {
	follow := func(ctx context.Context, places layout.Places) error {
		w := discovery.NewWatcher(discovery.Options{Places: places})
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		defer func() { <-ended }()
		defer cancel()
		var tree *discovery.Tree
		for {
			next, err := w.Wait(ctx, tree)
			if err != nil {
				return err
			}
			tree = next
			fmt.Println(len(tree.Services), "services")
		}
	}
	_ = follow
}
