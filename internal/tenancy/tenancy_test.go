package tenancy_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/tenancy"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// killEnv makes this program hero_core, which kills itself before the step of
// that number; 0 is never.
const killEnv = "TENANCY_TEST_KILL"

func TestMain(m *testing.M) {
	if n := os.Getenv(killEnv); n != "" {
		if err := beCore(n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func beCore(kill string) error {
	left, err := strconv.Atoi(kill)
	if err != nil {
		return err
	}
	env, err := sdk.ProcessEnv()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	return sdk.Run(context.Background(), env, tenancy.Service(), parts(tenancy.Options{Places: env.Places, Step: func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			fmt.Fprintln(os.Stderr, "killed:", step)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})...)
}

func parts(o tenancy.Options) []sdk.Part {
	o.Watcher = discovery.NewWatcher(discovery.Options{Places: o.Places})
	return append(tenancy.New(o).Parts(), sdk.Task{Name: "watch", Run: o.Watcher.Run})
}

// service runs a service that takes part.
func service(t *testing.T, places layout.Places, name string) (stop func() error) {
	t.Helper()
	_, stop = sdktest.Run(t, sdk.Env{Places: places}, sdk.Service{Name: name, Version: "1", Grace: time.Second}, base.Domain())
	return stop
}

// core calls hero_core.
type core struct {
	t   *testing.T
	ctx context.Context
	c   *sdk.Client
}

func dial(t *testing.T, places layout.Places) core {
	t.Helper()
	ctx := sdk.WithPlaces(t.Context(), places)
	c, err := sdk.Dial(ctx, sdk.Core, "root", sdk.CoreDomain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return core{t, ctx, c}
}

func (c core) call(verb, name string) (tenancy.Report, error) {
	return sdk.Invoke[tenancy.Report](c.ctx, c.c, "context."+verb, map[string]any{"name": name})
}

// states returns what each service did, such as "a:created b:waiting".
func states(r tenancy.Report) string {
	var all []string
	for _, o := range r.Services {
		all = append(all, o.Service+":"+string(o.State))
	}
	return strings.Join(all, " ")
}

// await waits until ok.
func await(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		done, last := ok()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: %s", what, last)
		}
	}
}

func startCore(t *testing.T, places layout.Places) {
	t.Helper()
	sdktest.Start(t, places, tenancy.Service(), parts(tenancy.Options{Places: places, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})...)
}

// inStep compares what the services have with the list.
func inStep(c core, services ...string) (bool, string) {
	page, err := sdk.Invoke[store.Page[base.Context]](c.ctx, c.c, "context.list", store.ListParams{})
	if err != nil {
		return false, err.Error()
	}
	active, deleted := []string{"root "}, []string{}
	for _, x := range page.Items {
		switch {
		case x.ID == "root":
		case x.Status == base.Active:
			active = append(active, x.Name+" "+x.ID)
		case x.Status == base.Deleted:
			deleted = append(deleted, x.Name+" "+x.ID)
		}
	}
	type entry struct {
		Name string `json:"name"`
		ID   string `json:"id,omitzero"`
	}
	for _, name := range services {
		s, err := sdk.DialService(c.ctx, name)
		if err != nil {
			return false, err.Error()
		}
		defer s.Close()
		for method, want := range map[string][]string{"context.list": slices.Clone(active), "context.trash": slices.Clone(deleted)} {
			got := []string{}
			all, err := sdk.Invoke[[]entry](c.ctx, s, method, nil)
			if err != nil {
				return false, err.Error()
			}
			for _, e := range all {
				got = append(got, e.Name+" "+e.ID)
			}
			slices.Sort(got)
			slices.Sort(want)
			if method == "context.trash" { // one that came and went unnoticed left nothing
				want = slices.DeleteFunc(want, func(x string) bool { return !slices.Contains(got, x) })
			}
			if !slices.Equal(got, want) {
				return false, fmt.Sprintf("%s of %s is %q, the list says %q", method, name, got, want)
			}
		}
	}
	return true, ""
}

func TestLifeOfAContext(t *testing.T) {
	places := sdktest.Home(t)
	defer service(t, places, "svc_a")()
	stopB := service(t, places, "svc_b")
	startCore(t, places)
	c := dial(t, places)
	await(t, "both services are known", func() (bool, string) {
		r, err := c.call("progress", "root")
		return err == nil && r.Done == 2, states(r)
	})
	for _, step := range []struct{ verb, name, want string }{
		{"create", "org_acme", "svc_a:created svc_b:created"},
		{"create", "org_acme", "svc_a:created svc_b:created"},
		{"delete", "org_acme", "svc_a:deleted svc_b:deleted"},
		{"restore", "org_acme", "svc_a:restored svc_b:restored"},
		{"delete", "org_acme", "svc_a:deleted svc_b:deleted"},
		{"purge", "org_acme", "svc_a:purged svc_b:purged"},
	} {
		r, err := c.call(step.verb, step.name)
		if err != nil || states(r) != step.want {
			t.Fatalf("%s %s: %s, %v; want %s", step.verb, step.name, states(r), err, step.want)
		}
	}
	for _, bad := range []struct {
		verb, name string
		kind       fault.Kind
	}{
		{"create", "../x", fault.Invalid}, {"create", "a\x00b", fault.Invalid}, {"create", strings.Repeat("x", 200), fault.Invalid},
		{"create", "Org", fault.Invalid}, {"create", "🍕", fault.Invalid}, {"create", "", fault.Invalid}, {"create", "rpc", fault.Invalid},
		{"delete", "root", fault.Denied}, {"delete", "org_acme", fault.NotFound}, {"restore", "org_acme", fault.NotFound}, {"purge", "nobody", fault.NotFound},
	} {
		if _, err := c.call(bad.verb, bad.name); fault.Of(err) != bad.kind || err == nil {
			t.Errorf("%s %.20q: %v; want %v", bad.verb, bad.name, err, bad.kind)
		}
	}
	// A service that is down catches up when it returns, with a context that
	// was made anew under its old name too.
	if _, err := c.call("create", "org_down"); err != nil {
		t.Fatal(err)
	}
	if err := stopB(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"delete", "create"} {
		await(t, verb+" while one is down", func() (bool, string) {
			r, err := c.call(verb, "org_down")
			if verb == "delete" && fault.Of(err) == fault.NotFound {
				r, err = c.call("progress", "org_down")
			}
			return err == nil && strings.HasSuffix(states(r), "svc_b:waiting"), fmt.Sprint(states(r), err)
		})
	}
	defer service(t, places, "svc_b")()
	await(t, "both are in step", func() (bool, string) { return inStep(c, "svc_a", "svc_b") })
}

// hero_core loses its store. What the services serve by its ids is in the list
// again when it comes back, in services that were asked before too; and what
// was made past it is left alone.
func TestListIsLost(t *testing.T) {
	places := sdktest.Home(t)
	defer service(t, places, "svc_a")()
	stopB := service(t, places, "svc_b")
	_, stopCore := sdktest.Run(t, sdk.Env{Places: places}, tenancy.Service(), parts(tenancy.Options{Places: places})...)
	c := dial(t, places)
	var before tenancy.Report
	await(t, "both have it", func() (_ bool, last string) {
		var err error
		before, err = c.call("create", "org_acme")
		return err == nil && before.Done == 2, states(before)
	})
	if err := stopB(); err != nil {
		t.Fatal(err)
	}
	await(t, "one has a context alone", func() (bool, string) {
		r, err := c.call("create", "org_a_only")
		return err == nil && states(r) == "svc_a:created svc_b:waiting", states(r)
	})
	if err := stopCore(); err != nil {
		t.Fatal(err)
	}
	a, err := sdk.DialService(c.ctx, "svc_a")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Call(c.ctx, "context.create", map[string]any{"name": "by_hand"}, nil); err != nil {
		t.Fatal(err)
	}
	name, err := layout.ParseService(sdk.Core)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(places.Data(name)); err != nil {
		t.Fatal(err)
	}
	defer service(t, places, "svc_b")()
	startCore(t, places)
	await(t, "the list has them again", func() (bool, string) {
		page, err := sdk.Invoke[store.Page[base.Context]](c.ctx, c.c, "context.list", store.ListParams{Order: "name"})
		var got []string
		for _, x := range page.Items {
			got = append(got, x.Name+" "+string(x.Status))
			if x.Name == "org_acme" && x.ID != before.Context.ID {
				t.Fatalf("org_acme came back as %s; it was %s", x.ID, before.Context.ID)
			}
		}
		last := fmt.Sprint(got, err)
		return last == "[org_a_only active org_acme active root active] <nil>", last
	})
	await(t, "a service that was down has the rest", func() (bool, string) {
		r, err := c.call("progress", "org_a_only")
		return err == nil && r.Done == 2, states(r)
	})
	if r, err := c.call("create", "org_acme"); err != nil || r.Context.ID != before.Context.ID || r.Done != 2 {
		t.Errorf("create again: %s, %v", states(r), err)
	}
	if r, err := c.call("delete", "org_acme"); err != nil || states(r) != "svc_a:deleted svc_b:deleted" {
		t.Errorf("delete: %s, %v", states(r), err)
	}
}

// A service that refuses a context is told of, and asked again.
func TestRefusal(t *testing.T) {
	places := sdktest.Home(t)
	var mu sync.Mutex
	full := true
	_, stop := sdktest.Run(t, sdk.Env{Places: places}, sdk.Service{Name: "svc_full", Version: "1"}, sdk.Domain[int]{Name: "x",
		Open: func(_ context.Context, tenant *sdk.Tenant) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			if full && tenant.Context != layout.Root {
				return 0, fault.Errorf(fault.Conflict, "there is no room for %s", tenant.Context)
			}
			return 1, nil
		}})
	defer stop()
	startCore(t, places)
	c := dial(t, places)
	await(t, "the refusal is told", func() (bool, string) {
		r, err := c.call("create", "org_acme")
		return err == nil && states(r) == "svc_full:refused" && strings.Contains(r.Services[0].Error, "no room"), fmt.Sprint(states(r), err)
	})
	mu.Lock()
	full = false
	mu.Unlock()
	await(t, "it is asked again", func() (bool, string) { return inStep(c, "svc_full") })
}

// Creations and deletions of one name at the same time end in one of the two.
func TestCreateWhileDeleteRuns(t *testing.T) {
	places := sdktest.Home(t)
	defer service(t, places, "svc_a")()
	startCore(t, places)
	c := dial(t, places)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := c.call([]string{"create", "delete"}[i%2], "org_acme")
			if k := fault.Of(err); err != nil && k != fault.NotFound {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	await(t, "in step", func() (bool, string) { return inStep(c, "svc_a") })
}

// What waited in the trash for its time to live is purged.
func TestTimeToLive(t *testing.T) {
	places := sdktest.Home(t)
	defer service(t, places, "svc_a")()
	sdktest.Start(t, places, tenancy.Service(), parts(tenancy.Options{Places: places, TrashTTL: 100 * time.Millisecond})...)
	c := dial(t, places)
	for _, verb := range []string{"create", "delete"} {
		if _, err := c.call(verb, "org_acme"); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "it is purged", func() (bool, string) {
		r, err := c.call("progress", "org_acme")
		return err == nil && r.Context.Status == base.Purged, fmt.Sprint(r.Context.Status, err)
	})
	await(t, "in step", func() (bool, string) { return inStep(c, "svc_a") })
}

// Killed before any of its steps, hero_core leaves nothing half made: the next
// one ends with the services in step with the list.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	script := []struct{ verb, name string }{
		{"create", "a"}, {"delete", "a"}, {"restore", "a"}, {"delete", "a"}, {"create", "a"}, {"create", "b"}, {"delete", "b"}, {"purge", "b"},
	}
	places := sdktest.Home(t)
	defer service(t, places, "svc_a")()
	defer service(t, places, "svc_b")()
	c := dial(t, places)
	for n := 1; ; n++ {
		child, ended := spawn(t, places, n)
		killed := false
		for _, s := range script {
			if _, err := c.call(s.verb, s.name); fault.Of(err) == fault.Unavailable || fault.Of(err) == fault.Internal && err != nil {
				killed = true
				break
			}
		}
		if !killed { // it got through
			child.Process.Signal(syscall.SIGTERM)
			<-ended
			if n < 20 {
				t.Fatalf("only %d steps", n)
			}
			t.Logf("%d steps", n)
			return
		}
		<-ended
		child, ended = spawn(t, places, 0)
		await(t, fmt.Sprintf("killed at step %d, in step", n), func() (bool, string) { return inStep(c, "svc_a", "svc_b") })
		for _, name := range []string{"a", "b"} {
			c.call("delete", name)
			for { // every one of that name
				if _, err := c.call("purge", name); err != nil {
					break
				}
			}
		}
		await(t, "emptied", func() (bool, string) { return inStep(c, "svc_a", "svc_b") })
		child.Process.Kill()
		<-ended
	}
}

// spawn runs hero_core in a process of its own and waits until it answers.
func spawn(t *testing.T, places layout.Places, kill int) (*exec.Cmd, chan error) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), append(places.Env(), killEnv+"="+strconv.Itoa(kill))...)
	child.Stderr = t.Output()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait(); close(ended) }()
	t.Cleanup(func() { child.Process.Kill(); <-ended })
	c := dial(t, places)
	await(t, "hero_core answers", func() (bool, string) {
		select {
		case <-ended:
			return true, "" // it was killed before
		default:
		}
		r, err := c.call("progress", "root")
		return err == nil && r.Done == 2, fmt.Sprint(states(r), err)
	})
	return child, ended
}
