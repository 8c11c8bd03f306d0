package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts chromium and returns a context for its one tab.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil && path == "" {
			path = p
		}
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // starts it
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// keep writes what the browser shows to the folder HERO_E2E_SHOTS, for people
// to look at.
func keep(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HERO_E2E_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Promise: in a browser, from the list of services down to a method, a call,
// and its answer.
func TestInspectorInBrowser(t *testing.T) {
	m := newMachine(t)
	ctx := browser(t)
	m.start("--demo")
	step := func(name string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keep(t, ctx, name)
	}
	step("inspector", chromedp.Navigate("http://"+m.addr+"/hero_inspector/"), chromedp.WaitVisible(`//a[.="hero_food"]`))
	step("service", chromedp.Click(`//a[.="hero_food"]`), chromedp.WaitVisible(`//a[contains(@href,"/root/delivery")]`))
	step("domain", chromedp.Click(`//a[contains(@href,"/root/delivery")]`), chromedp.WaitVisible(`//span[.="order.counts"]`))
	step("method", chromedp.Click(`//span[.="order.counts"]`), chromedp.WaitVisible(`#params`))
	step("answer", chromedp.Click(`//button[.="Call"]`), chromedp.WaitVisible(`#answer pre`))
	answer, err := chromedp.Run(ctx, chromedp.Text(`#answer pre`))
	if err != nil || !strings.Contains(answer, `"delivered"`) {
		t.Errorf("the answer is %q, %v", answer, err)
	}
}

// Promise: in a browser, a service is stopped and started, its past and its
// output are there to read; a token is given out, asked about and taken back.
func TestDashboardsInBrowser(t *testing.T) {
	m := newMachine(t)
	ctx := browser(t)
	m.start("--demo")
	base := "http://" + m.addr
	step := func(name string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keep(t, ctx, name)
	}
	step("supervised", chromedp.Navigate(base+"/hero_proc/"), chromedp.WaitVisible(`//a[.="hero_food"]`))
	step("supervised-service", chromedp.Click(`//a[.="hero_food"]`), chromedp.WaitVisible(`//h1[.="hero_food"]`), chromedp.WaitVisible(`.matrix`))
	step("stopped", chromedp.Click(`#stop`), chromedp.WaitVisible(`//div[@id="top"]//span[.="stopped"]`))
	step("started", chromedp.Click(`#start`), chromedp.WaitVisible(`//div[@id="top"]//span[.="running"]`))
	step("history", chromedp.Click(`//a[.="History"]`), chromedp.WaitVisible(`//td[contains(.,"told to stop")]`))
	step("output", chromedp.Click(`//a[.="Logs"]`), chromedp.WaitVisible(`.log div`))
	step("definition", chromedp.Click(`//a[.="Definition"]`), chromedp.WaitVisible(`pre`))
	step("graph", chromedp.Navigate(base+"/hero_proc/graph"), chromedp.WaitVisible(`.drawing svg`))
	step("inspected-output", chromedp.Navigate(base+"/hero_inspector/s/hero_food/logs"), chromedp.WaitVisible(`.log div`))
	step("routes", chromedp.Navigate(base+"/hero_proxy/"), chromedp.WaitVisible(`//code[.="/hero_food/root/delivery/rpc"]`))
	step("token", chromedp.Navigate(base+"/hero_proxy/tokens"), chromedp.WaitVisible(`#name`), chromedp.SetValue(`#name`, "ann"),
		chromedp.SetValue(`#allow`, "hero_food/root/delivery"), chromedp.SetValue(`#methods`, "order.counts"),
		chromedp.Click(`//button[.="Create"]`), chromedp.WaitVisible(`.secret`))
	step("denied", chromedp.Navigate(base+"/hero_proxy/check?caller=ann&path=/hero_food/root/delivery/rpc&method=order.purge"), chromedp.WaitVisible(`.word.denied`))
	step("allowed", chromedp.Navigate(base+"/hero_proxy/check?caller=ann&path=/hero_food/root/delivery/rpc&method=order.counts"), chromedp.WaitVisible(`.word.allowed`))
	step("taken-back", chromedp.Navigate(base+"/hero_proxy/tokens"), chromedp.Click(`//button[.="Take back"]`), chromedp.WaitVisible(`//p[contains(.,"No token")]`))
}

// Promise: the demo's own page works below its prefix.
func TestFoodInBrowser(t *testing.T) {
	m := newMachine(t)
	ctx := browser(t)
	m.start("--demo")
	if err := chromedp.Do(ctx, chromedp.Navigate("http://"+m.addr+"/hero_food/"), chromedp.WaitVisible("h1")); err != nil {
		t.Fatal(err)
	}
	keep(t, ctx, "food")
	title, err := chromedp.Run(ctx, chromedp.Title())
	if err != nil || !strings.Contains(title, "Hero Food") {
		t.Errorf("the title is %q, %v", title, err)
	}
}
