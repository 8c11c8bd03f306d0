// Package sdktest runs services within tests.
package sdktest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// Home returns places in a new folder that goes with the test.
func Home(t testing.TB) layout.Places {
	t.Helper()
	dir, err := os.MkdirTemp("", "hero")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	places, err := layout.PlacesOf(func(name string) string {
		if name == "HERO_HOME" {
			return dir
		}
		return ""
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// Start runs the service at places until the test ends, and returns when its
// sockets accept, with a context to dial in. A service that does not start, or
// does not end in order, fails the test.
func Start(t testing.TB, places layout.Places, svc sdk.Service, parts ...sdk.Part) context.Context {
	t.Helper()
	ctx, stop := Run(t, sdk.Env{Places: places, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, svc, parts...)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop %s: %v", svc.Name, err)
		}
	})
	return ctx
}

// Run is Start for tests that say how the service runs, and end it themselves:
// stop ends it and returns what Run of package sdk returned.
func Run(t testing.TB, env sdk.Env, svc sdk.Service, parts ...sdk.Part) (ctx context.Context, stop func() error) {
	t.Helper()
	name, err := layout.ParseService(svc.Name)
	if err != nil {
		t.Fatal(err)
	}
	run, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sdk.Run(run, env, svc, parts...) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	path := env.Places.ServiceSocket(name)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case err := <-ended:
			cancel()
			t.Fatalf("start %s: %v", svc.Name, err)
		case <-deadline:
			cancel()
			t.Fatalf("start %s: its socket did not appear", svc.Name)
		case <-tick.C:
			if c, err := unixsock.Dial(run, path); err == nil {
				c.Close()
				return sdk.WithPlaces(context.Background(), env.Places), stop
			}
		}
	}
}
