package sdk_test

import (
	"bufio"
	"context"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/sse"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

// board shows what is said in one context to those who listen there.
type board struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed when there is another line
}

type line struct {
	Text string `json:"text"`
}

func (b *board) Say(_ context.Context, l line) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, l.Text)
	close(b.more)
	b.more = make(chan struct{})
	return len(b.lines), nil
}

func (b *board) events(ctx context.Context, _ url.Values, _ string) (iter.Seq[sse.Event], error) {
	return func(yield func(sse.Event) bool) {
		for n := 0; ; {
			b.mu.Lock()
			lines, more := b.lines[n:], b.more
			b.mu.Unlock()
			for _, l := range lines {
				if !yield(sse.Event{Data: l}) {
					return
				}
			}
			n += len(lines)
			select {
			case <-more:
			case <-ctx.Done():
				return
			}
		}
	}, nil
}

func boards() sdk.Part {
	return sdk.Domain[*board]{
		Name: "board", Description: "What is said.",
		Open:    func(context.Context, *sdk.Tenant) (*board, error) { return &board{more: make(chan struct{})}, nil },
		Methods: []sdk.Method[*board]{sdk.Call("say", (*board).Say, sdk.Doc{Summary: "Says a line."})},
		Stream:  func(b *board) http.Handler { return sse.Handler(b.events) },
	}
}

// The events of a context are heard on its own socket alone, whatever the
// request says of another.
func TestStreamsOfContextsStayApart(t *testing.T) {
	places := sdktest.Home(t)
	ctx := sdktest.Start(t, places, service(), boards())
	svc, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	names := []string{"root", "org_a", "org_b"}
	heard := make(map[string]*bufio.Scanner)
	for _, n := range names {
		if err := svc.Call(ctx, "context.create", map[string]any{"name": n}, nil); err != nil {
			t.Fatal(err)
		}
		// One asks as plainly as can be, the others for the context they are in.
		header := []string{n}
		if n == "root" {
			header = nil
		}
		resp := openStream(t, places, n, "/stream", header...)
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("stream of %s: %s", n, resp.Status)
		}
		heard[n] = bufio.NewScanner(resp.Body)
	}
	for _, text := range []string{"first", "second", "third"} {
		for _, n := range names {
			c, err := sdk.Dial(ctx, "hero_notes", n, "board")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Call(ctx, "say", line{n + " " + text}, nil); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	for _, n := range names { // an event of another would come before the last of one's own
		for _, text := range []string{"first", "second", "third"} {
			if got, want := nextData(heard[n]), `"`+n+" "+text+`"`; got != want {
				t.Errorf("the stream of %s has %s; want %s", n, got, want)
			}
		}
	}
	for _, c := range []struct {
		path   string
		header []string
	}{
		{"/stream", []string{"org_a"}}, {"/stream", []string{"root"}}, {"/stream", []string{"0"}}, {"/stream", []string{"ORG_B"}},
		{"/stream", []string{"org_b", "org_a"}}, {"/stream", []string{"org_a", "org_b"}}, {"/stream", []string{"", "org_a"}},
		{"/stream", []string{"org_b, org_a"}}, {"/org_a/board/stream", nil}, {"/../org_a/board/stream", nil}, {"/stream/../../org_a/stream", nil},
	} {
		resp := openStream(t, places, "org_b", c.path, c.header...)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("%s of org_b with context %q: %s", c.path, c.header, resp.Status)
		}
	}
}

// openStream asks the board's socket in a context.
func openStream(t *testing.T, places layout.Places, tenant, path string, header ...string) *http.Response {
	t.Helper()
	socket := places.DomainSocket(name(t, layout.ParseService, "hero_notes"), name(t, layout.ParseContext, tenant), name(t, layout.ParseDomain, "board"))
	tr := unixsock.Transport(socket)
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://hero"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) > 0 {
		req.Header["X-Hero-Context"] = header
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// nextData returns the data of the next event.
func nextData(s *bufio.Scanner) string {
	for s.Scan() {
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			return data
		}
	}
	return ""
}
