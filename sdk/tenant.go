package sdk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Tenant is one domain in one context: what [Domain.Open] is given.
type Tenant struct {
	Service layout.Service
	Context layout.Context
	Domain  layout.Domain
	// Dir is where the domain keeps its data in this context. It is made when
	// the store is opened; a domain that keeps files of its own makes it with
	// mode 0700.
	Dir string
	Log *slog.Logger

	migrations []store.Migration

	mu    sync.Mutex // guards store
	store *store.Store
}

// idleStore is how long a store stays open after its last use: a service may
// have thousands, and one that is open costs about 180 KB.
const idleStore = time.Minute

// Store returns the domain's store in this context. It is one file in Dir,
// opened when it is first used, closed while nobody uses it, and at the end
// after the tenant.
func (t *Tenant) Store(ctx context.Context) (*store.Store, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.store != nil {
		return t.store, nil
	}
	if err := unixsock.MkdirAll(t.Dir); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, store.Options{
		Dir: t.Dir, Migrations: t.migrations, Log: t.Log, IdleClose: idleStore,
		User: func(ctx context.Context) string { return jsonrpc.MetaFrom(ctx).User },
	})
	if err != nil {
		return nil, err
	}
	t.store = s
	return s, nil
}

func (t *Tenant) closeStore() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.store == nil {
		return nil
	}
	return t.store.Close()
}

// closeBoth closes the domain and then the store under it.
func (t *Tenant) closeBoth(in *instance) error {
	return errors.Join(in.close(), t.closeStore())
}
