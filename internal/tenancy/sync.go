package tenancy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// State says how far a service is with a context.
type State string

// The states. In step is a service that had nothing to do; one that waits is
// down, and catches up when it returns; one that refused is asked again.
const (
	WasCreated  State = "created"
	WasRestored State = "restored"
	WasDeleted  State = "deleted"
	WasPurged   State = "purged"
	InStep      State = "in step"
	Working     State = "working"
	Waiting     State = "waiting"
	Refused     State = "refused"
)

// Enum returns the values a State can have.
func (State) Enum() []string {
	return []string{"created", "restored", "deleted", "purged", "in step", "working", "waiting", "refused"}
}

// Outcome is what a service has done about a context.
type Outcome struct {
	Service string     `json:"service" doc:"Name of the service."`
	State   State      `json:"state" doc:"How far it is."`
	Error   string     `json:"error,omitzero" doc:"Why it refused, in its own words."`
	At      store.Time `json:"at,omitzero" doc:"When that was."`
}

// Report is a context and what every service has done about it.
type Report struct {
	Context  base.Context `json:"context"`
	Done     int          `json:"done" doc:"How many services are in step with the list, as far as this context goes."`
	Total    int          `json:"total" doc:"How many services take part."`
	Services []Outcome    `json:"services" doc:"Each service that takes part."`
}

// patience is how long one service may take with one context: it lets its
// requests in flight end first.
const patience = 60 * time.Second

// member is a service as the core knows it while both run.
type member struct {
	name string
	sync sync.Mutex // held while the service is brought in step

	mu       sync.Mutex         // guards what follows
	outcomes map[string]Outcome // by the context's id: the last thing done
	looked   bool               // it was looked at since it started
	stale    bool               // the list has changed since the look that is under way began
	failed   error              // why the last time did not end well
	outside  bool               // takes no part
	run      string             // which run of the service was looked at
}

func (m *member) note(id string, o Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o.Service, o.At = m.name, store.TimeOf(time.Now())
	m.outcomes[id] = o
}

// ended says how a look at the service ended.
func (m *member) ended(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked, m.failed, m.outside = !m.stale, err, false
	if fault.Of(err) == fault.Unsupported {
		m.failed, m.outside = nil, true
	}
}

// inStep reports whether the service was looked at and had all it should.
func (m *member) inStep() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looked && m.failed == nil
}

// expect says that something is to be done about a context.
func (m *member) expect(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.outcomes, id)
}

// outcome returns how far the service, which runs, is with a context.
func (m *member) outcome(id string) Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.outcomes[id]
	switch {
	case ok:
		return o
	case m.failed == nil && m.looked:
		return Outcome{Service: m.name, State: InStep}
	case fault.Of(m.failed) == fault.Unavailable:
		return Outcome{Service: m.name, State: Waiting, Error: m.failed.Error()}
	case m.failed != nil:
		return Outcome{Service: m.name, State: Refused, Error: m.failed.Error()}
	}
	return Outcome{Service: m.name, State: Working}
}

func (c *Core) member(name string) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[name]
	if m == nil {
		m = &member{name: name, outcomes: make(map[string]Outcome)}
		c.members[name] = m
	}
	return m
}

// running returns the services that run now and may take part.
func (c *Core) running() []string {
	var names []string
	tree := c.opts.Watcher.Tree()
	if tree == nil {
		return nil
	}
	for _, s := range tree.Services {
		if takesPart(s) {
			m := c.member(s.Name.String())
			m.mu.Lock()
			if !m.outside {
				names = append(names, m.name)
			}
			m.mu.Unlock()
		}
	}
	return names
}

func takesPart(s *discovery.Service) bool {
	return s.Layout == layout.Layers && s.Manifest != nil && !s.Manifest.RootOnly
}

func (c *Core) hasData(service string) bool {
	s, err := layout.ParseService(service)
	if err != nil {
		return false
	}
	_, err = os.Lstat(c.opts.Places.Data(s))
	return err == nil
}

// SyncParams name a service.
type SyncParams struct {
	Service layout.Service `json:"service" doc:"Name of the service."`
}

// Sync brings one service in step, and returns how many contexts it changed.
func (c *Core) Sync(ctx context.Context, p SyncParams) (int, error) {
	return c.sync(ctx, p.Service.String(), "")
}

// spread brings every running service in step and reports about one context.
// What it has begun goes on when the caller leaves.
func (c *Core) spread(ctx context.Context, x base.Context) (Report, error) {
	ctx = context.WithoutCancel(ctx)
	names := c.running()
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for _, name := range names {
		c.member(name).expect(x.ID)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if _, err := c.sync(ctx, name, x.ID); err != nil {
				c.opts.Log.Warn("a service is not in step with the list of contexts", "service", name, "context", x.Name, "error", err)
			}
		})
	}
	wg.Wait()
	return c.report(ctx, x)
}

// Progress reports about a context without doing anything.
func (c *Core) Progress(ctx context.Context, p NameParams) (Report, error) {
	filter := map[string]any{"name": p.Name.String()}
	if p.ID != "" {
		filter["id"] = p.ID
	}
	page, err := c.contexts.List(ctx, store.ListParams{Filter: filter, Order: "-id", Limit: 1})
	if err != nil {
		return Report{}, err
	}
	if len(page.Items) == 0 {
		return Report{}, fault.Errorf(fault.NotFound, "there never was a context %s", p.Name)
	}
	return c.report(ctx, page.Items[0])
}

func (c *Core) report(ctx context.Context, x base.Context) (Report, error) {
	names, err := c.participants(ctx)
	if err != nil {
		return Report{}, err
	}
	now := c.running()
	r := Report{Context: x, Total: len(names), Services: []Outcome{}}
	for _, name := range names {
		o := Outcome{Service: name, State: Waiting}
		if slices.Contains(now, name) {
			o = c.member(name).outcome(x.ID)
		}
		if o.State != Waiting && o.State != Working && o.State != Refused {
			r.Done++
		}
		r.Services = append(r.Services, o)
	}
	return r, nil
}

// sync asks a service what it has, and gives it what it lacks. Where it was in
// step before one context changed, that is looked at alone.
func (c *Core) sync(ctx context.Context, name, one string) (changed int, err error) {
	m := c.member(name)
	m.sync.Lock()
	defer m.sync.Unlock()
	defer func() { m.ended(err) }()
	client, err := sdk.DialService(sdk.WithPlaces(ctx, c.opts.Places), name)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if one != "" && m.inStep() && c.short(ctx, m, client, one) {
		return 1, nil
	}
	m.begin()
	m.expect(one)
	list, err := c.list(ctx)
	if err != nil {
		return 0, err
	}
	var have []manifest.Context
	var trash []trashed
	if have, err = ask[[]manifest.Context](ctx, client, "context.list"); err == nil {
		trash, err = ask[[]trashed](ctx, client, "context.trash")
	}
	if err != nil {
		return 0, err
	}
	adopted, err := c.adopt(ctx, m, lost(list, have))
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, s := range plan(append(list, adopted...), have, trash) {
		c.opts.Step("before " + s.method)
		err := c.take(ctx, m, client, s)
		c.opts.Step("after " + s.method)
		switch {
		case fault.Of(err) == fault.Unsupported:
			return changed, err // it takes no part
		case err != nil:
			errs = append(errs, err)
		default:
			changed++
		}
		if fault.Of(err) == fault.Unavailable && len(errs) > 3 {
			break // it has gone
		}
	}
	if err := c.remember(ctx, name); err != nil {
		errs = append(errs, err)
	}
	return changed, errors.Join(errs...)
}

// adopt puts contexts that a service serves back into the list, as they were.
// The other services are looked at again: they may have been asked before.
func (c *Core) adopt(ctx context.Context, m *member, all []manifest.Context) ([]base.Context, error) {
	var adopted []base.Context
	for _, h := range all {
		x, err := c.turn(ctx, "adopt", func() (base.Context, error) {
			name, err := layout.ParseContext(h.Name)
			if err != nil {
				return base.Context{}, err
			}
			if _, err := c.find(ctx, NameParams{Name: name}, base.Active); fault.Of(err) != fault.NotFound {
				return base.Context{}, cmp.Or(err, errTaken)
			}
			return c.contexts.Create(ctx, base.Context{DBPath: h.Name, Base: store.Base{ID: h.ID, Name: h.Name}})
		})
		switch {
		case err == nil:
			adopted = append(adopted, x)
			c.opts.Log.Warn("a context that the list had lost is in it again", "service", m.name, "context", h.Name, "id", h.ID)
		case errors.Is(err, errTaken) || fault.Of(err) == fault.Conflict: // made, or known, since the list was read
		default:
			return nil, fmt.Errorf("adopt the context %s of %s: %w", h.Name, m.name, err)
		}
	}
	if len(adopted) > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, other := range c.members {
			if other != m {
				other.again()
			}
		}
	}
	return adopted, nil
}

// errTaken tells that a name belongs to another context.
var errTaken = errors.New("the name is taken")

// again says that the service is to be looked at once more, whether or not a
// look is under way.
func (m *member) again() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked, m.stale = false, true
}

// begin says that a look at the service begins.
func (m *member) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stale = false
}

// short does what one context needs that was made or deleted a moment ago, and
// reports whether that was all.
func (c *Core) short(ctx context.Context, m *member, client *sdk.Client, id string) bool {
	x, err := c.contexts.Get(ctx, store.GetParams{ID: id})
	if err != nil || x.Version > 2 { // it has been in the trash: the service is to be asked
		return false
	}
	var have []manifest.Context
	if x.Status != base.Active {
		have = []manifest.Context{{Name: x.Name, ID: x.ID}}
	}
	for _, s := range plan([]base.Context{x}, have, nil) {
		c.opts.Step("before " + s.method)
		err = c.take(ctx, m, client, s)
		c.opts.Step("after " + s.method)
	}
	return err == nil
}

func ask[R any](ctx context.Context, client *sdk.Client, method string) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return sdk.Invoke[R](ctx, client, method, nil)
}

// take does one step and notes how it went.
func (c *Core) take(ctx context.Context, m *member, client *sdk.Client, s step) error {
	m.note(s.id, Outcome{State: Working})
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := client.Call(ctx, s.method, s.params, nil)
	if err != nil {
		m.note(s.id, Outcome{State: Refused, Error: err.Error()})
		return err
	}
	m.note(s.id, Outcome{State: s.done})
	return nil
}

// remember writes down that a service takes part.
func (c *Core) remember(ctx context.Context, name string) error {
	known, err := c.services.Exist(ctx, store.GetParams{ID: name})
	if err != nil || known {
		return err
	}
	_, err = c.services.Create(ctx, participant{store.Base{ID: name, Name: name}})
	if fault.Of(err) == fault.Conflict {
		return nil
	}
	return err
}

// again is how long after a failure a service is looked at again.
const again = 5 * time.Second

// run looks at each service when it comes, and again where that failed, and
// purges what waited in the trash for long enough, until ctx ends.
func (c *Core) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.expire(ctx) })
	wg.Go(func() { c.retry(ctx) })
	var tree *discovery.Tree
	for {
		next, err := c.opts.Watcher.Wait(ctx, tree)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("follow the services: %w", err)
		}
		tree = next
		for _, s := range tree.Services {
			if takesPart(s) && c.member(s.Name.String()).isNew(s.Manifest) {
				wg.Go(func() { c.look(ctx, s.Name.String()) })
			}
		}
	}
}

// isNew reports whether this run of the service was not looked at yet.
func (m *member) isNew(f *manifest.Manifest) bool {
	run := fmt.Sprint(f.PID, " ", f.StartedAt)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.run == run {
		return false
	}
	m.run, m.looked, m.outside = run, false, false
	return true
}

func (c *Core) look(ctx context.Context, name string) {
	changed, err := c.sync(ctx, name, "")
	switch {
	case err != nil && ctx.Err() == nil && fault.Of(err) != fault.Unsupported:
		c.opts.Log.Warn("a service is not in step with the list of contexts", "service", name, "error", err)
	case changed > 0:
		c.opts.Log.Info("a service was brought in step", "service", name, "contexts", changed)
	}
}

// retry looks again at those that failed.
func (c *Core) retry(ctx context.Context) {
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, name := range c.running() {
			if !c.member(name).inStep() {
				c.look(ctx, name)
			}
		}
	}
}

// expire purges what waited in the trash for its time to live.
func (c *Core) expire(ctx context.Context) {
	every := min(c.opts.TrashTTL, time.Hour)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := c.purgeOld(ctx); err != nil && ctx.Err() == nil {
			c.opts.Log.Error("the trash was not looked through", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Core) purgeOld(ctx context.Context) error {
	all, err := c.list(ctx)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.Status != base.Deleted || time.Since(x.DeletedAt.Time) < c.opts.TrashTTL {
			continue
		}
		name, err := layout.ParseContext(x.Name)
		if err != nil {
			return err
		}
		if _, err := c.Purge(ctx, NameParams{Name: name, ID: x.ID}); err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		c.opts.Log.Info("a context's time in the trash is over", "context", x.Name, "deleted", x.DeletedAt.Time)
	}
	return nil
}
