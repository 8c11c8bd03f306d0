package sdk_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// Scales weigh things in one context.
type Scales struct{ tenant *sdk.Tenant }

// Weighing is what the scales are asked.
type Weighing struct {
	Grams int `json:"grams" doc:"What lies on the scales."`
}

// Weigh says how heavy that is.
func (s *Scales) Weigh(_ context.Context, w Weighing) (string, error) {
	if w.Grams < 0 {
		return "", fault.Errorf(fault.Invalid, "grams: must not be negative")
	}
	return fmt.Sprintf("%.1f kg in %s", float64(w.Grams)/1000, s.tenant.Context), nil
}

// A service is its name and its domains, a domain a type and its methods. It
// serves each context on a socket of its own; a service's main hands the same
// to Main, which runs it until SIGTERM.
func Example() {
	home, err := os.MkdirTemp("", "hero")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	places := layout.Places{Home: home, Sockets: filepath.Join(home, "sockets")}
	ctx, stop := context.WithCancel(sdk.WithPlaces(context.Background(), places))
	scales := sdk.Domain[*Scales]{
		Name: "scales", Description: "What things weigh.",
		Open: func(_ context.Context, t *sdk.Tenant) (*Scales, error) { return &Scales{t}, nil },
		Methods: []sdk.Method[*Scales]{
			sdk.Call("weigh", (*Scales).Weigh, sdk.Doc{Summary: "Says how heavy something is.", ReadOnly: true}),
		},
	}
	use := sdk.Task{Name: "use", Setup: true, Run: func(ctx context.Context) error {
		defer stop()
		svc, err := sdk.DialService(ctx, "hero_shop")
		if err != nil {
			return err
		}
		defer svc.Close()
		if err := svc.Call(ctx, "context.create", map[string]any{"name": "org_acme"}, nil); err != nil {
			return err
		}
		c, err := sdk.Dial(ctx, "hero_shop", "org_acme", "scales")
		if err != nil {
			return err
		}
		defer c.Close()
		weight, err := sdk.Invoke[string](ctx, c, "weigh", Weighing{Grams: 1500})
		fmt.Println(weight, err)
		_, err = sdk.Invoke[string](ctx, c, "weigh", Weighing{Grams: -1})
		fmt.Println(err)
		return nil
	}}
	fmt.Println(sdk.Run(ctx, sdk.Env{Places: places}, sdk.Service{Name: "hero_shop", Version: "1"}, scales, use))
	// Output:
	// 1.5 kg in org_acme <nil>
	// call weigh of hero_shop org_acme/scales: grams: must not be negative (code -32602)
	// <nil>
}
