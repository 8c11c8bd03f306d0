package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/handover"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

// run is a service at work in this process.
type run struct {
	stop  context.CancelFunc
	ready chan struct{} // closed when it says so
	ended chan error
}

// start runs the service; an heir is told to take over.
func start(t *testing.T, places layout.Places, heir bool, parts ...sdk.Part) *run {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{stop: cancel, ready: make(chan struct{}), ended: make(chan error, 1)}
	env := sdk.Env{Places: places, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Getenv: func(name string) string {
		if heir && name == handover.Variable {
			return "1"
		}
		return ""
	}}
	parts = append(parts, sdk.Task{Name: "ready", Run: func(context.Context) error { close(r.ready); return nil }})
	svc := service()
	svc.Grace = 5 * time.Second
	go func() { r.ended <- sdk.Run(ctx, env, svc, parts...) }()
	t.Cleanup(cancel)
	return r
}

func (r *run) untilReady(t *testing.T) {
	t.Helper()
	select {
	case <-r.ready:
	case err := <-r.ended:
		t.Fatalf("it ended: %v", err)
	}
}

func (r *run) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func notesSocket(t *testing.T, places layout.Places, c layout.Context) string {
	return places.DomainSocket(name(t, layout.ParseService, "hero_notes"), c, name(t, layout.ParseDomain, "notes"))
}

// Calls that go on while three heirs follow one another: none fails, none is
// lost, and none is done twice.
func TestNobodyNoticesAHandover(t *testing.T) {
	places := sdktest.Home(t)
	now := start(t, places, false, domain(nil), ui())
	now.untilReady(t)
	var made, asked atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 { // each with connections of its own that it keeps
		wg.Go(func() {
			calls, pages := unixsock.Transport(notesSocket(t, places, layout.Root)), unixsock.Transport(places.UISocket(name(t, layout.ParseService, "hero_notes")))
			defer calls.CloseIdleConnections()
			defer pages.CloseIdleConnections()
			for {
				select {
				case <-done:
					return
				default:
				}
				// A body that cannot be sent again: nobody mends a lost call in secret.
				body := io.NopCloser(strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"note.create","params":{"text":"x"}}`))
				for _, c := range []struct {
					tr   *http.Transport
					path string
					body io.Reader
				}{{calls, "POST /rpc", body}, {pages, "GET /page", nil}} {
					method, path, _ := strings.Cut(c.path, " ")
					req, err := http.NewRequestWithContext(context.Background(), method, "http://hero"+path, c.body)
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set("Content-Type", "application/json")
					resp, err := c.tr.RoundTrip(req)
					if err != nil {
						t.Errorf("%s: %v", c.path, err)
						return
					}
					b, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || resp.StatusCode != 200 || c.body != nil && !strings.Contains(string(b), `"result"`) {
						t.Errorf("%s: %s %v %s", c.path, resp.Status, err, b)
						return
					}
				}
				made.Add(1)
				asked.Add(2)
			}
		})
	}
	for range 3 {
		heir := start(t, places, true, domain(nil), ui())
		heir.untilReady(t)
		if err := <-now.ended; err != nil {
			t.Errorf("the one before: %v", err)
		}
		now = heir
	}
	close(done)
	wg.Wait()
	t.Logf("%d requests", asked.Load())
	if got := countNotes(t, places); got != made.Load() {
		t.Errorf("%d notes are there of %d that were made", got, made.Load())
	}
	now.end(t)
	if left, err := os.ReadDir(places.Sockets); err != nil || len(left) != 1 { // the lock's file
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func countNotes(t *testing.T, places layout.Places) int64 {
	t.Helper()
	c, err := sdk.Dial(sdk.WithPlaces(t.Context(), places), "hero_notes", "root", "notes")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var n int64
	cursor := ""
	for {
		var page struct {
			Items []Note `json:"items"`
			Next  string `json:"next"`
		}
		if err := c.Call(t.Context(), "note.list", map[string]any{"limit": 500, "cursor": cursor}, &page); err != nil {
			t.Fatal(err)
		}
		n += int64(len(page.Items))
		if cursor = page.Next; cursor == "" {
			return n
		}
	}
}

// An heir that is not healthy changes nothing, however long it tries.
func TestSickHeirTakesNothing(t *testing.T) {
	places := sdktest.Home(t)
	now := start(t, places, false, domain(nil), ui())
	now.untilReady(t)
	svc := name(t, layout.ParseService, "hero_notes")
	before, err := unixsock.Stat(places.ServiceSocket(svc))
	if err != nil {
		t.Fatal(err)
	}
	heir := start(t, places, true, domain(errors.New("no database")), ui())
	staged := places.Staging(svc)
	waitFor(t, "it serves where nobody sees it", func() bool {
		_, err := os.Lstat(staged.ServiceSocket(svc))
		return err == nil
	})
	if status, body := ask(t, notesSocket(t, staged, layout.Root), "GET", "/health", nil, ""); status != 503 {
		t.Fatalf("the heir: %d %s", status, body)
	}
	heir.stop()
	if err := <-heir.ended; err == nil || !strings.Contains(err.Error(), "get healthy") {
		t.Errorf("the heir: %v", err)
	}
	after, err := unixsock.Stat(places.ServiceSocket(svc))
	if err != nil || after != before {
		t.Errorf("the socket is another: %v, %v, %v", before, after, err)
	}
	if _, err := os.Lstat(staged.Sockets); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	makeContext(t, sdk.WithPlaces(t.Context(), places), "acme") // contexts change as ever
	now.end(t)
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within twenty seconds: %s", what)
		}
	}
}

// switchable is a domain that is sick until it is told otherwise.
func switchable(well *atomic.Bool) sdk.Part {
	return sdk.Domain[*gate]{Name: "gate", Description: "Opens", Open: func(context.Context, *sdk.Tenant) (*gate, error) { return &gate{well}, nil },
		Methods: []sdk.Method[*gate]{sdk.Call("gate.pass", func(*gate, context.Context, struct{}) (bool, error) { return true, nil }, sdk.Doc{Summary: "Passes."})}}
}

type gate struct{ well *atomic.Bool }

func (g *gate) Check(context.Context) error {
	if g.well.Load() {
		return nil
	}
	return errors.New("closed")
}

// What happens to the contexts while an heir gets ready is not lost.
func TestContextsChangeDuringAHandover(t *testing.T) {
	places := sdktest.Home(t)
	var yes, well atomic.Bool
	yes.Store(true)
	now := start(t, places, false, domain(nil), switchable(&yes))
	now.untilReady(t)
	ctx := sdk.WithPlaces(t.Context(), places)
	makeContext(t, ctx, "stays")
	makeContext(t, ctx, "goes")
	heir := start(t, places, true, domain(nil), switchable(&well))
	svc := name(t, layout.ParseService, "hero_notes")
	waitFor(t, "it serves where nobody sees it", func() bool {
		_, err := os.Lstat(places.Staging(svc).ServiceSocket(svc))
		return err == nil
	})
	makeContext(t, ctx, "comes")
	c, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Call(ctx, "context.delete", map[string]string{"name": "goes"}, nil); err != nil {
		t.Fatal(err)
	}
	well.Store(true)
	heir.untilReady(t)
	if err := <-now.ended; err != nil {
		t.Error(err)
	}
	var list []struct {
		Name string `json:"name"`
	}
	if err := c.Call(ctx, "context.list", nil, &list); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(list); got != "[{comes} {root} {stays}]" {
		t.Errorf("the contexts are %s", got)
	}
	for _, one := range []string{"comes", "stays"} {
		if status, _ := ask(t, notesSocket(t, places, name(t, layout.ParseContext, one)), "GET", "/health", nil, ""); status != 200 {
			t.Errorf("%s: %d", one, status)
		}
	}
	makeContext(t, ctx, "later")
	heir.end(t)
}

// An heir that dies when it has the lock and some of the sockets leaves a
// service that is whole.
func TestHeirDiesHalfway(t *testing.T) {
	places := sdktest.Home(t)
	now := start(t, places, false, domain(nil), ui())
	now.untilReady(t)
	svc := name(t, layout.ParseService, "hero_notes")
	heir, err := handover.Connect(t.Context(), places.HandoverSocket(svc))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := heir.Take(t.Context(), places.LockFile(svc))
	if err != nil {
		t.Fatal(err)
	}
	var dead []*unixsock.Listener
	for _, path := range []string{notesSocket(t, places, layout.Root), places.UISocket(svc)} {
		l, err := unixsock.Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		dead = append(dead, l)
	}
	for _, l := range dead { // as a process that is killed: the files stay
		l.UnixListener.Close()
	}
	lock.Unlock()
	heir.Close()
	makeContext(t, sdk.WithPlaces(t.Context(), places), "acme") // waits until that is mended
	for _, path := range []string{notesSocket(t, places, layout.Root), places.UISocket(svc), places.ServiceSocket(svc)} {
		if status, body := ask(t, path, "GET", "/health", nil, ""); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, err := unixsock.Lock(places.LockFile(svc)); fault.Of(err) != fault.Conflict {
		t.Errorf("the lock: %v", err)
	}
	next := start(t, places, true, domain(nil), ui())
	next.untilReady(t)
	if err := <-now.ended; err != nil {
		t.Error(err)
	}
	next.end(t)
}
