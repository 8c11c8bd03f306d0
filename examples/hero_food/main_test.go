package main_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/delivery"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/demo"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/restaurant"
	"forge.ourworld.tf/lhumina_code/hero/examples/hero_food/ui"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// run runs hero_food at places until stop.
func run(t *testing.T, places layout.Places, flags ...string) (ctx context.Context, stop func()) {
	t.Helper()
	env := sdk.Env{Places: places, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Flags: flags}
	ctx, end := sdktest.Run(t, env, sdk.Service{Name: "hero_food", Version: "0.1.0"},
		delivery.Domain(), restaurant.Domain(), identity.Domain(), sdk.UI{Handler: ui.Handler},
		sdk.Task{Name: "demo", Flag: "demo", Setup: true, Run: demo.Load})
	ended := false
	stop = func() {
		if !ended {
			ended = true
			if err := end(); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return ctx, stop
}

// food is a running hero_food with the demo in it, and a browser of sorts.
type food struct {
	*testing.T
	ctx  context.Context
	http *http.Client
}

func start(t *testing.T) *food {
	t.Helper()
	places := sdktest.Home(t)
	ctx, _ := run(t, places)
	if err := demo.Load(ctx); err != nil {
		t.Fatal(err)
	}
	service, err := layout.ParseService("hero_food")
	if err != nil {
		t.Fatal(err)
	}
	tr := unixsock.Transport(places.UISocket(service))
	t.Cleanup(tr.CloseIdleConnections)
	return &food{t, ctx, &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask sends a request; header holds names and values in turn.
func (f *food) ask(method, path string, form url.Values, header ...string) (*http.Response, string) {
	f.Helper()
	req, err := http.NewRequestWithContext(f.ctx, method, "http://food.test"+path, strings.NewReader(form.Encode()))
	if err != nil {
		f.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := f.http.Do(req)
	if err != nil {
		f.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return resp, string(body)
}

// page returns a page that is there.
func (f *food) page(path string, header ...string) string {
	f.Helper()
	resp, body := f.ask("GET", path, nil, header...)
	if resp.StatusCode != http.StatusOK {
		f.Fatalf("GET %s: %s\n%s", path, resp.Status, body)
	}
	return body
}

// post sends a form as one of the UI's own pages does.
func (f *food) post(path string, form url.Values) (*http.Response, string) {
	f.Helper()
	return f.ask("POST", path, form, "Sec-Fetch-Site", "same-origin")
}

func (f *food) counts(name string) map[string]int {
	f.Helper()
	c, err := delivery.Dial(f.ctx, name)
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close()
	n, err := c.Counts(f.ctx)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

// order returns the part of an overview that shows an order.
func order(body, id string) string {
	_, rest, _ := strings.Cut(body, `id="order-`+id+`"`)
	part, _, _ := strings.Cut(rest, "\n</li>")
	return part
}

func TestOrderAMeal(t *testing.T) {
	f := start(t)
	before := f.counts("root")
	menu := f.page("/restaurants/r-napoli")
	for _, want := range []string{`action="/restaurants/r-napoli"`, `name="quantity-d-diavola"`, "€ 13.90", `<option value="u-ann">Ann De Smet`} {
		if !strings.Contains(menu, want) {
			t.Errorf("the menu lacks %q", want)
		}
	}
	form := url.Values{"customer": {"u-ann"}, "address": {"Graslei 1 <here>"}, "quantity-d-diavola": {"2"}, "quantity-d-burrata": {"1"}, "quantity-d-funghi": {""}}
	resp, body := f.post("/restaurants/r-napoli", form)
	id, ok := strings.CutPrefix(resp.Header.Get("Location"), "/#order-")
	if resp.StatusCode != http.StatusSeeOther || !ok {
		t.Fatalf("order: %s to %q\n%s", resp.Status, resp.Header.Get("Location"), body)
	}
	shown := order(f.page("/"), id)
	for _, want := range []string{"Ann De Smet", "2 × Diavola", "1 × Burrata", "€ 37.60", "Graslei 1 &lt;here&gt;", `class="status placed"`, "/orders/" + id + "/cancel"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the order lacks %q:\n%s", want, shown)
		}
	}
	for _, want := range []string{`class="status cooking"`, `class="status on_the_way"`, `class="status delivered"`} {
		if resp, _ := f.post("/orders/"+id+"/advance", nil); resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("advance: %s", resp.Status)
		}
		if shown := order(f.page("/"), id); !strings.Contains(shown, want) {
			t.Errorf("the order lacks %s:\n%s", want, shown)
		}
	}
	if after := f.counts("root"); after["delivered"] != before["delivered"]+1 {
		t.Errorf("delivered: %d, before it was %d", after["delivered"], before["delivered"])
	}
	resp, body = f.post("/orders/"+id+"/cancel", nil)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(body, "is delivered and cannot be cancelled") || !strings.Contains(body, "Open orders") {
		t.Errorf("cancel what is delivered: %s\n%s", resp.Status, body)
	}
}

func TestWhatCannotBeOrderedIsSaid(t *testing.T) {
	f := start(t)
	before := f.counts("root")
	for _, c := range []struct {
		restaurant, field, value string
		want                     string
	}{
		{"r-saigon", "quantity-d-che", "1", "Chè ba màu is sold out"},
		{"r-green", "quantity-d-bowl", "1", "Groen &amp; Co is closed"},
		{"r-napoli", "quantity-d-diavola", "101", "101 is not 1 to 100"},
		{"r-napoli", "quantity-d-diavola", "-1", "-1 is not 1 to 100"},
		{"r-napoli", "quantity-d-diavola", "two", "&#34;two&#34; is no number"},
		{"r-napoli", "quantity-d-pho", "1", "has no dish"},
		{"r-napoli", "customer", "u-nobody", "choose at least one dish"},
		{"r-napoli", "customer", "", "choose who orders"},
		{"r-napoli", "address", " ", "say where to bring it"},
	} {
		form := url.Values{"customer": {"u-emma"}, "address": {"Graslei 1"}}
		form.Set(c.field, c.value)
		resp, body := f.post("/restaurants/"+c.restaurant, form)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, c.want) {
			t.Errorf("%v: %s, without %q:\n%s", form, resp.Status, c.want, body)
		}
		if strings.Contains(body, "call order.place") {
			t.Errorf("%v: the page tells how the error came:\n%s", form, body)
		}
		if strings.HasPrefix(c.field, "quantity") && c.restaurant == "r-napoli" &&
			(!strings.Contains(body, `value="Graslei 1"`) || !strings.Contains(body, `value="u-emma" selected`)) {
			t.Errorf("%v: what was typed is gone", form)
		}
	}
	if after := f.counts("root"); !maps.Equal(before, after) {
		t.Errorf("orders are %v and were %v", after, before)
	}
}

func TestContextsAreApart(t *testing.T) {
	f := start(t)
	root, acme := f.page("/"), f.page("/c/org_acme/")
	if strings.Contains(root, "Canteen") || strings.Contains(acme, "Napoli") || !strings.Contains(acme, "Canteen A") || !strings.Contains(root, "Da Napoli") {
		t.Error("a page shows the restaurants of another context, or none")
	}
	for _, body := range []string{root, acme} {
		if !strings.Contains(body, `<a href="/"`) || !strings.Contains(body, `<a href="/c/org_acme/"`) {
			t.Error("a page does not lead to the other contexts")
		}
	}
	if resp, _ := f.ask("GET", "/c/org_acme/restaurants/r-napoli", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("root's menu in org_acme: %s", resp.Status)
	}
	if resp, body := f.ask("GET", "/c/org_none/", nil); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "there is no context") {
		t.Errorf("a context that is not: %s\n%s", resp.Status, body)
	}
	before := f.counts("root")
	resp, body := f.post("/c/org_acme/restaurants/r-bar", url.Values{"customer": {"u-kim"}, "address": {"Desk 1"}, "quantity-d-tea": {"3"}})
	id, ok := strings.CutPrefix(resp.Header.Get("Location"), "/c/org_acme/#order-")
	if !ok {
		t.Fatalf("order: %s\n%s", resp.Status, body)
	}
	if resp, _ := f.post("/orders/"+id+"/advance", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("org_acme's order was advanced in root: %s", resp.Status)
	}
	if after := f.counts("root"); !maps.Equal(before, after) || f.counts("org_acme")["placed"] != 2 {
		t.Errorf("root has %v and had %v; org_acme has %v", after, before, f.counts("org_acme"))
	}
	// Who is bound to one context sees no other.
	if resp, body := f.ask("GET", "/c/org_acme/", nil, "X-Hero-Context", "root"); resp.StatusCode != http.StatusForbidden || strings.Contains(body, "Canteen") {
		t.Errorf("org_acme for a caller in root: %s", resp.Status)
	}
}

func TestBelowAPrefix(t *testing.T) {
	f := start(t)
	link := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	for _, path := range []string{"/", "/restaurants/r-napoli", "/c/org_acme/", "/c/org_acme/restaurants/r-bar"} {
		for _, x := range []struct{ given, want string }{
			{"", "/"}, {"/hero_food", "/hero_food/"}, {"/a/b/", "/a/b/"}, {"//evil.test", "/"}, {"/a/../b", "/"}, {`/"><b>`, "/"}, {"evil", "/"},
		} {
			links := link.FindAllStringSubmatch(f.page(path, "X-Forwarded-Prefix", x.given), -1)
			if len(links) < 6 {
				t.Errorf("%s: %d links", path, len(links))
			}
			for _, l := range links {
				if !strings.HasPrefix(l[1], x.want) || strings.HasPrefix(l[1], "//") || strings.Contains(l[1], "evil") {
					t.Errorf("%s below %q leads to %q", path, x.given, l[1])
				}
			}
		}
	}
	resp, _ := f.ask("POST", "/c/org_acme/restaurants/r-bar", url.Values{"customer": {"u-kim"}, "address": {"Desk 1"}, "quantity-d-tea": {"1"}},
		"X-Forwarded-Prefix", "/hero_food", "Sec-Fetch-Site", "same-origin")
	if to := resp.Header.Get("Location"); !strings.HasPrefix(to, "/hero_food/c/org_acme/#order-") {
		t.Errorf("an order leads to %q", to)
	}
}

func TestOnlyItsOwnPagesChangeAnything(t *testing.T) {
	f := start(t)
	before := f.counts("org_acme")
	c, err := delivery.Dial(f.ctx, "org_acme")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	page, err := c.Orders(f.ctx, store.ListParams{Filter: map[string]any{"status": "placed"}})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("orders: %+v, %v", page, err)
	}
	path := "/c/org_acme/orders/" + page.Items[0].ID + "/advance"
	for _, header := range [][]string{
		nil,
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Sec-Fetch-Site", "cross-site", "Origin", "http://food.test"},
		{"Origin", "http://evil.test"},
		{"Origin", "null"},
		{"Origin", "http://food.test", "X-Forwarded-Host", "outside.test"},
		{"Origin", "http://food.test:81"},
	} {
		if resp, _ := f.ask("POST", path, nil, header...); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %s", header, resp.Status)
		}
	}
	if after := f.counts("org_acme"); !maps.Equal(before, after) {
		t.Fatalf("orders are %v and were %v", after, before)
	}
	if resp, _ := f.ask("GET", path, nil); resp.StatusCode < 400 {
		t.Errorf("GET: %s", resp.Status)
	}
	for _, header := range [][]string{
		{"Origin", "http://food.test"},
		{"Origin", "https://outside.test", "X-Forwarded-Host", "outside.test"},
		{"Sec-Fetch-Site", "same-origin"},
	} {
		if resp, _ := f.ask("POST", path, nil, header...); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: %s", header, resp.Status)
		}
	}
}

func TestPagesNeedNothingFromElsewhere(t *testing.T) {
	f := start(t)
	for _, path := range []string{"/", "/restaurants/r-napoli", "/no/such/page"} {
		resp, body := f.ask("GET", path, nil)
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
		for _, bad := range []string{"<script", "<style", " style=", " onclick=", "http://", "https://"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: the page holds %q", path, bad)
			}
		}
	}
	for path, kind := range map[string]string{"/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"} {
		if resp, body := f.ask("GET", path, nil); resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
		}
	}
}

// all returns how many of everything there are, in both contexts.
func all(t *testing.T, ctx context.Context) map[string]int {
	t.Helper()
	n := make(map[string]int)
	for _, name := range []string{"root", "org_acme"} {
		for method, domain := range map[string]string{"user.list": "identity", "restaurant.list": "restaurant", "dish.list": "restaurant",
			"order.list": "delivery", "courier.list": "delivery"} {
			c, err := sdk.Dial(ctx, "hero_food", name, domain)
			if err != nil {
				t.Fatal(err)
			}
			page, err := sdk.Invoke[store.Page[store.Base]](ctx, c, method, store.ListParams{Limit: 1000})
			c.Close()
			if err != nil {
				t.Fatal(err)
			}
			n[name+" "+method] = len(page.Items)
		}
		c, err := delivery.Dial(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		counts, err := c.Counts(ctx)
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		for s, k := range counts {
			n[name+" "+s] = k
		}
	}
	return n
}

// whole is what the demo holds.
func whole() map[string]int {
	return map[string]int{
		"root user.list": 8, "root courier.list": 4, "root restaurant.list": 6, "root dish.list": 35, "root order.list": 14,
		"root placed": 3, "root cooking": 3, "root on_the_way": 2, "root delivered": 5, "root cancelled": 1,
		"org_acme user.list": 4, "org_acme courier.list": 2, "org_acme restaurant.list": 2, "org_acme dish.list": 10, "org_acme order.list": 5,
		"org_acme placed": 1, "org_acme cooking": 1, "org_acme on_the_way": 1, "org_acme delivered": 1, "org_acme cancelled": 1,
	}
}

func TestDemoLoadsOnce(t *testing.T) {
	places := sdktest.Home(t)
	for range 3 {
		ctx, stop := run(t, places)
		if err := demo.Load(ctx); err != nil {
			t.Fatal(err)
		}
		if got := all(t, ctx); !maps.Equal(got, whole()) {
			t.Errorf("loaded %v, want %v", got, whole())
		}
		stop()
	}
}

func TestDemoRunsWithItsFlagOnly(t *testing.T) {
	places := sdktest.Home(t)
	ctx, stop := run(t, places)
	c, err := restaurant.Dial(ctx, "root")
	if err != nil {
		t.Fatal(err)
	}
	if page, err := c.Restaurants(ctx, store.ListParams{}); err != nil || len(page.Items) > 0 {
		t.Errorf("without the flag: %+v, %v", page, err)
	}
	c.Close()
	stop()
	ctx, _ = run(t, places, "demo")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	d, err := delivery.Dial(ctx, "org_acme")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for {
		if page, err := sdk.Invoke[store.Page[delivery.Courier]](ctx, d.Client, "courier.list", nil); err == nil && len(page.Items) == 2 {
			break
		}
		select {
		case <-end:
			t.Fatal("the demo was not loaded")
		case <-tick.C:
		}
	}
	if got := all(t, ctx); !maps.Equal(got, whole()) {
		t.Errorf("loaded %v, want %v", got, whole())
	}
}

// However far it came when it was cut short, the next Load ends it.
func TestDemoGoesOnWhereItWasCutShort(t *testing.T) {
	for _, cut := range []struct {
		domain, method string
		after          int
	}{
		{"identity", "user.list", 3}, {"restaurant", "restaurant.list", 1}, {"restaurant", "dish.list", 20},
		{"delivery", "order.list", 1}, {"delivery", "order.list", 5}, {"delivery", "order.list", 12}, {"delivery", "courier.list", 2},
	} {
		ctx, _ := run(t, sdktest.Home(t))
		c, err := sdk.Dial(ctx, "hero_food", "root", cut.domain)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		loading, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- demo.Load(loading) }()
		for {
			page, err := sdk.Invoke[store.Page[store.Base]](ctx, c, cut.method, store.ListParams{})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) >= cut.after {
				break
			}
		}
		cancel()
		if err := <-ended; err == nil {
			t.Logf("%+v: it had ended before it was cut short", cut)
		} else if fault.Of(err) != fault.Canceled {
			t.Errorf("%+v: %v", cut, err)
		}
		if err := demo.Load(ctx); err != nil {
			t.Fatalf("after %+v: %v", cut, err)
		}
		if got := all(t, ctx); !maps.Equal(got, whole()) {
			t.Errorf("after %+v there are %v, want %v", cut, got, whole())
		}
	}
}

func TestDemoLeavesOthersAlone(t *testing.T) {
	ctx, _ := run(t, sdktest.Home(t))
	c, err := restaurant.Dial(ctx, "root")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.CreateRestaurant(ctx, restaurant.Restaurant{Base: store.Base{Name: "Mine"}}); err != nil {
		t.Fatal(err)
	}
	if err := demo.Load(ctx); err != nil {
		t.Fatal(err)
	}
	got := all(t, ctx)
	if got["root restaurant.list"] != 1 || got["root user.list"] != 0 || got["org_acme restaurant.list"] != 2 {
		t.Errorf("there are %v", got)
	}
}
