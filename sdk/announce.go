package sdk

import (
	"context"
	"time"
)

// Core is the service that owns the list of contexts, CoreDomain the domain
// that does it, in the context root, and CoreSync the method that brings one
// service in step with the list.
const (
	Core       = "hero_core"
	CoreDomain = "contexts"
	CoreSync   = "context.sync"
)

// announce asks hero_core for the contexts that the service is to have, which
// makes and ends them over the service's own socket. Nobody waits for it: a
// machine may have no hero_core, and one that starts later looks by itself.
func (r *running) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := Dial(ctx, Core, "root", CoreDomain)
	if err == nil {
		defer c.Close()
		err = c.Call(ctx, CoreSync, map[string]string{"service": r.name.String()}, nil)
	}
	if err != nil && ctx.Err() == nil {
		r.log.Debug("hero_core was not asked for contexts", "error", err)
	}
}
