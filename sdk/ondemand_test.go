package sdk_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

// idleVariable makes this test's binary a service with a UI on demand.
const idleVariable = "HERO_TEST_UI_IDLE"

// brokenVariable names a file while which exists the UI does not start.
const brokenVariable = "HERO_TEST_UI_BROKEN"

// TestMain lets the test's binary be the service's: its UI role is a process
// of its own.
func TestMain(m *testing.M) {
	if idle := os.Getenv(idleVariable); idle != "" && os.Getenv("HERO_ROLE") != "" {
		d, err := time.ParseDuration(idle)
		if err != nil {
			panic(err)
		}
		sdk.Main(service(), pidUI(d))
	}
	os.Exit(m.Run())
}

// pidUI is a UI that answers with its process's id, and crashes when asked to.
func pidUI(idle time.Duration) sdk.Part {
	return sdk.UI{Idle: idle, Handler: func(sdk.Env) (http.Handler, error) {
		if broken := os.Getenv(brokenVariable); broken != "" {
			if _, err := os.Stat(broken); err == nil {
				return nil, fmt.Errorf("there is no theme")
			}
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/crash" {
				os.Exit(7)
			}
			fmt.Fprint(w, os.Getpid())
		}), nil
	}}
}

// startOnDemand runs the service with its UI in a process of its own.
func startOnDemand(t *testing.T, idle time.Duration) (ctx context.Context, socket string) {
	t.Helper()
	t.Setenv(idleVariable, idle.String())
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector makes each process end a second late
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	places := sdktest.Home(t)
	ctx, stop := sdktest.Run(t, sdk.Env{Places: places, Command: []string{exe}}, service(), pidUI(idle))
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return ctx, places.UISocket(name(t, layout.ParseService, "hero_notes"))
}

func uiState(t *testing.T, ctx context.Context) string {
	t.Helper()
	c, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var h struct {
		UI struct {
			State string `json:"state"`
		} `json:"ui"`
	}
	if err := c.Call(ctx, "service.health", nil, &h); err != nil {
		t.Fatal(err)
	}
	return h.UI.State
}

// waitState waits until the UI's state is the one wanted.
func waitState(t *testing.T, ctx context.Context, want string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	got := ""
	for range 2000 {
		if got = uiState(t, ctx); got == want {
			return
		}
		<-tick.C
	}
	t.Fatalf("the UI is %s; want %s", got, want)
}

func TestUIWakesAndSleeps(t *testing.T) {
	ctx, socket := startOnDemand(t, 100*time.Millisecond)
	if s := uiState(t, ctx); s != "asleep" {
		t.Fatalf("before anybody looked the UI is %s; want asleep", s)
	}
	status, first := ask(t, socket, "GET", "/", nil, "")
	if status != 200 || first == fmt.Sprint(os.Getpid()) {
		t.Fatalf("first request: %d from process %s; want another process's", status, first)
	}
	waitState(t, ctx, "asleep")
	if _, second := ask(t, socket, "GET", "/", nil, ""); second == first {
		t.Errorf("after it slept the UI is still process %s", second)
	}
}

func TestUIThatCrashesComesBack(t *testing.T) {
	ctx, socket := startOnDemand(t, time.Minute)
	_, first := ask(t, socket, "GET", "/", nil, "")
	crash(t, socket)
	_, second := ask(t, socket, "GET", "/", nil, "")
	if second == first || second == "" {
		t.Errorf("after the crash of %s process %q answers; want a new one", first, second)
	}
	c, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Call(ctx, "ui.restart", nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, third := ask(t, socket, "GET", "/", nil, ""); third == second {
		t.Errorf("after ui.restart the UI is still process %s", third)
	}
}

// crash asks the UI to end at once, which no answer can follow.
func crash(t *testing.T, socket string) {
	t.Helper()
	tr := transport(t, socket)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://hero/crash", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := tr.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Fatalf("the crash was answered: %s", resp.Status)
	}
}

func transport(t *testing.T, socket string) *http.Transport {
	tr := unixTransport(socket)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// Whoever connects in the moment between the UI's last request and its end
// must be answered: by the process that goes, or by the next.
func TestNobodyIsLostBetweenSleepAndWake(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	_, socket := startOnDemand(t, time.Millisecond)
	const callers, each = 30, 100
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			tick := time.NewTicker(time.Duration(2+n) * time.Millisecond)
			defer tick.Stop()
			for range each {
				<-tick.C
				tr := unixTransport(socket)
				req, err := http.NewRequestWithContext(t.Context(), "GET", "http://hero/", nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Close = true
				resp, err := tr.RoundTrip(req)
				if err != nil {
					t.Errorf("a caller was turned away: %v", strings.ReplaceAll(err.Error(), socket, "UI"))
					return
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
}

// Whoever looks at a UI that does not start is told so, and sees it as soon as
// it does. The service is as well as ever.
func TestUIThatNeverStartsSaysSo(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(brokenVariable, broken)
	ctx, socket := startOnDemand(t, time.Minute)
	status, page := ask(t, socket, "GET", "/", nil, "")
	for _, want := range []string{"The UI of Hero Notes does not start", "2 times in a row", "exit status", "hero_proc logs hero_notes"} {
		if status != http.StatusServiceUnavailable || !strings.Contains(page, want) {
			t.Errorf("%d %s; want %q in it", status, page, want)
		}
	}
	if s := uiState(t, ctx); s != "unhealthy" {
		t.Errorf("the UI is %s; want unhealthy", s)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the UI is back", func() bool {
		status, _ := ask(t, socket, "GET", "/", nil, "")
		return status == http.StatusOK
	})
	waitState(t, ctx, "healthy")
}

// Asking how everything is wakes nobody.
func TestHealthDoesNotWakeTheUI(t *testing.T) {
	ctx, socket := startOnDemand(t, time.Minute)
	service := strings.TrimSuffix(socket, "_ui.sock") + ".sock"
	for range 20 {
		ask(t, service, "GET", "/health", nil, "")
		ask(t, service, "GET", manifest.Path, nil, "")
		if s := uiState(t, ctx); s != "asleep" {
			t.Fatalf("the UI is %s; want asleep", s)
		}
	}
}

func TestStaticUI(t *testing.T) {
	places := sdktest.Home(t)
	files := fstest.MapFS{"index.html": {Data: []byte("<h1>Notes</h1>")}, "app.wasm": {Data: []byte("\x00asm")}}
	sdktest.Start(t, places, service(), sdk.UI{Files: files})
	socket := places.UISocket(name(t, layout.ParseService, "hero_notes"))
	for path, want := range map[string]string{"/": "<h1>Notes</h1>", "/app.wasm": "\x00asm", "/health": `"status":"ok"`} {
		if status, body := ask(t, socket, "GET", path, nil, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %q; want %q", path, status, body, want)
		}
	}
	if status, _ := ask(t, socket, "GET", "/../secret", nil, ""); status == 200 {
		t.Error("it serves what is not in the folder")
	}
	_, m := ask(t, places.ServiceSocket(name(t, layout.ParseService, "hero_notes")), "GET", manifest.Path, nil, "")
	if !strings.Contains(m, `"mode":"static"`) {
		t.Errorf("the manifest: %s", m)
	}
}
