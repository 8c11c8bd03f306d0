package discovery

import (
	"context"
	"os"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// maxRounds is how many rounds of questions there are at most: the answers of
// one decide whom the next one asks, and two are the rule.
const maxRounds = 4

// Discover reads the sockets folder once and asks every service what it is.
// A folder that does not exist holds no services. Discover fails with
// fault.Canceled where ctx ended, and with fault.Denied where others than the
// owner may enter the folder.
func Discover(ctx context.Context, opts Options) (*Tree, error) {
	folder, err := open(opts.Places)
	if err != nil {
		return nil, err
	}
	v := newView()
	v.rivals = rivals
	if folder != nil {
		defer folder.Close()
		for dir, l := range listAll(folder.FS()) {
			v.put(dir, l)
		}
	}
	v.settle()
	a := newAsker(opts)
	for range maxRounds {
		var next []want
		for rel, w := range v.asked() {
			if e, ok := v.evidence[rel]; !ok || e.id != w.id {
				next = append(next, w)
			}
		}
		if len(next) == 0 {
			break
		}
		if err := askAll(ctx, a, v, next); err != nil {
			return nil, err
		}
		v.settle()
	}
	return v.tree(), nil
}

// askAll asks all of them at once and tells the view.
func askAll(ctx context.Context, a *asker, v *view, wants []want) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, w := range wants {
		wg.Go(func() {
			e, ok := a.ask(ctx, w)
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			v.learn(w.rel, e)
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fault.Errorf(fault.Canceled, "discover services: %w", context.Cause(ctx))
	}
	return nil
}

// open opens the sockets folder, through which no symbolic link leads out. It
// returns nil where there is none.
func open(p layout.Places) (*os.Root, error) {
	err := unixsock.CheckDir(p.Sockets)
	if fault.Of(err) == fault.NotFound && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	folder, err := os.OpenRoot(p.Sockets)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "open the sockets folder: %w", err)
	}
	return folder, nil
}
