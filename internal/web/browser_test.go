package web_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
)

// browser returns the context of a tab of a headless Chromium, and what went
// wrong in it: exceptions, console errors, and requests to other hosts.
func browser(t *testing.T, host string) (context.Context, func() []string) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" || testing.Short() {
		t.Skip("left out: there is no chromium here (apt-get install chromium), or -short was asked for")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1200, 900))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	wrong := make(chan string, 100)
	var asked atomic.Int64 // requests seen, so that an empty list means something
	note := func(s string) {
		select {
		case wrong <- s:
		default:
		}
	}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			note("exception: " + e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError {
				note("console error")
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError { // what the content security policy stopped, too
				note(e.Entry.Text + " " + e.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			asked.Add(1)
			if u := e.Request.URL; !strings.HasPrefix(u, host) && !strings.HasPrefix(u, "data:") {
				note("request to " + u)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return ctx, func() (out []string) {
		if asked.Load() == 0 {
			out = append(out, "no request was seen at all")
		}
		for {
			select {
			case s := <-wrong:
				out = append(out, s)
			default:
				return out
			}
		}
	}
}

// shot keeps a picture of the page where HERO_SHOTS names a folder.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HERO_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBrowser goes from the list to a method, calls it and reads the answer;
// once below a prefix, once in the dark, once as wide as a phone.
func TestBrowser(t *testing.T) {
	m := newMachine(t)
	ctx, wrong := browser(t, m.server.URL)
	for _, c := range []struct {
		name, prefix, scheme string
		width                int64
	}{
		{"light", "", "light", 1200}, {"dark", "/hero_inspector", "dark", 1200}, {"phone", "/hero_inspector", "light", 390},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := func(what string, actions ...chromedp.Action[chromedp.Void]) {
				t.Helper()
				if err := chromedp.Do(ctx, actions...); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				shot(t, ctx, c.name+"-"+what)
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth + 1`))
				if err != nil || wide {
					t.Errorf("%s is wider than the window (%v)", what, err)
				}
			}
			if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
				Width: c.width, Height: 850, DeviceScaleFactor: 1, Mobile: c.width < 500}); err != nil {
				t.Fatal(err)
			}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.scheme}}}); err != nil {
				t.Fatal(err)
			}
			step("list",
				chromedp.Navigate(m.server.URL+c.prefix+"/"),
				chromedp.WaitVisible(`//a[.="hero_food"]`))
			step("service", chromedp.Click(`//a[.="hero_food"]`), chromedp.WaitVisible(`.matrix`))
			step("domain", chromedp.Click(`//a[contains(@href,"/root/delivery")]`), chromedp.WaitVisible(`.methods`))
			step("method", chromedp.Click(`//span[.="order.create"]`), chromedp.WaitVisible(`#params`))
			step("answer",
				chromedp.SetValue(`#params`, `{"dish": "stew", "pieces": 3}`),
				chromedp.Click(`//button[.="Call"]`),
				chromedp.WaitVisible(`#answer pre`))
			answer, err := chromedp.Run(ctx, chromedp.Text(`#answer pre`))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"o42"`, `"stew"`, `"root"`} {
				if !strings.Contains(answer, want) {
					t.Errorf("the answer %s lacks %s", answer, want)
				}
			}
			step("form", chromedp.Click(`//a[.="Form"]`), chromedp.WaitVisible(`#p0`), chromedp.SetValue(`#p0`, "pie"),
				chromedp.Click(`//button[.="Call"]`), chromedp.WaitVisible(`#answer pre`))
			if answer, err = chromedp.Run(ctx, chromedp.Text(`#answer pre`)); err != nil || !strings.Contains(answer, `"pie"`) {
				t.Errorf("the form's answer: %s %v", answer, err)
			}
			step("history", chromedp.Click(`//a[.="JSON"]`), chromedp.WaitVisible(`#params`), chromedp.WaitVisible(`//ul[contains(@class,"calls")]//a[contains(.,"stew")]`),
				chromedp.Click(`//ul[contains(@class,"calls")]//a[contains(.,"stew")]`), chromedp.WaitVisible(`//textarea[contains(.,"stew")]`),
				chromedp.Click(`//button[.="Forget them"]`), chromedp.WaitNotVisible(`#history`))
			if left, err := chromedp.Run(ctx, chromedp.Evaluate[int](`localStorage.length`)); err != nil || left != 0 {
				t.Errorf("%d lists of calls are kept after they were forgotten (%v)", left, err)
			}
			step("docs", chromedp.Navigate(m.server.URL+c.prefix+"/s/hero_food/docs"), chromedp.WaitVisible(`.manual article`))
			step("isolation", chromedp.Click(`//a[.="Isolation"]`), chromedp.WaitVisible(`//th[.="identity"]`))
			step("search",
				chromedp.Navigate(m.server.URL+c.prefix+"/methods"),
				chromedp.SendKeys(`input[name=q]`, "purge"),
				chromedp.WaitNotPresent(`//span[.="order.list"]`),
				chromedp.WaitVisible(`//span[.="order.purge"]`))
		})
	}
	for _, s := range wrong() {
		t.Error(s)
	}
}

// TestBrowserFollows holds that a page shows a change without being loaded
// again, and how soon.
func TestBrowserFollows(t *testing.T) {
	m := newMachine(t)
	ctx, wrong := browser(t, m.server.URL)
	if err := chromedp.Do(ctx, chromedp.Navigate(m.server.URL+"/"), chromedp.WaitVisible(`#live[data-state=on]`),
		chromedp.Evaluate[chromedp.Void](`window.kept = true; new MutationObserver(() => { window.changed = performance.timeOrigin + performance.now() }).observe(document.getElementById("services"), {childList: true})`)); err != nil {
		t.Fatal(err)
	}
	before := m.trees.Tree()
	begin := time.Now()
	m.trees.set(&discovery.Tree{Services: before.Services[1:]})
	if err := chromedp.Do(ctx, chromedp.WaitNotPresent(`//a[.="hero_food"]`), chromedp.WaitVisible(`//a[.="oldsite"]`)); err != nil {
		t.Fatal(err)
	}
	if kept, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.kept === true`)); err != nil || !kept {
		t.Errorf("the page was loaded again: %v", err)
	}
	changed, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`window.changed`))
	if err != nil {
		t.Fatal(err)
	}
	took := time.UnixMilli(int64(changed)).Sub(begin)
	t.Logf("on the page after %s", took)
	if took > 2*time.Second {
		t.Errorf("the change was on the page after %s", took)
	}
	for _, s := range wrong() {
		t.Error(s)
	}
}

// TestAccessibility has axe look at every page in both themes.
func TestAccessibility(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("HERO_AXE"))
	if err != nil {
		t.Skip("left out: HERO_AXE does not name an axe.min.js (npm install axe-core)")
	}
	m := newMachine(t)
	ctx, _ := browser(t, m.server.URL)
	for _, scheme := range []string{"light", "dark"} {
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/s/hero_food", "/s/hero_food/root/delivery", createPath, createPath + "&as=form", "/methods", "/s/hero_food/docs", "/s/hero_food/logs", "/s/hero_food/events", "/s/hero_food/isolation", "/s/nothing"} {
			if err := chromedp.Do(ctx, chromedp.Navigate(m.server.URL+path), chromedp.WaitVisible("#main"), chromedp.Evaluate[chromedp.Void](string(axe))); err != nil {
				t.Fatal(err)
			}
			found, err := chromedp.Run(ctx, chromedp.Evaluate[string](
				`axe.run().then(r => r.violations.map(v => v.impact + " " + v.id + ": " + v.nodes.map(n => n.target).join(" | ")).join("\n"))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			if found != "" {
				t.Errorf("%s, %s:\n%s", path, scheme, found)
			}
		}
	}
}
