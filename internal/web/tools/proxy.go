package tools

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

// ProxyOptions is what hero_proxy's dashboard is made of. The zero value works.
type ProxyOptions struct {
	Log *slog.Logger // what went wrong on our side; nil discards it
}

// door serves hero_proxy's dashboard.
type door struct {
	*page.Board
	seq atomic.Uint64 // grows with every look at the decisions
}

// Proxy returns hero_proxy's dashboard. It knows hero_proxy by its sockets
// alone, which the contexts of its requests lead to: see sdk.Dial.
func Proxy(opts ProxyOptions) http.Handler {
	b, err := page.New("proxy", files, "proxy", opts.Log, page.Crumb{Name: "Routes"}, page.Crumb{Name: "Tokens", URL: "tokens"},
		page.Crumb{Name: "Decisions", URL: "decisions"}, page.Crumb{Name: "Check", URL: "check"})
	if err != nil {
		return page.Broken(opts.Log, err)
	}
	d := &door{Board: b}
	b.State = d.seq.Load
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.Page(d.routes))
	mux.HandleFunc("GET /tokens", d.Page(d.tokens))
	mux.HandleFunc("POST /tokens", d.Page(d.create))
	mux.HandleFunc("POST /tokens/{name}/remove", d.Act(d.remove))
	mux.HandleFunc("GET /decisions", d.Page(d.decisions))
	mux.HandleFunc("GET /check", d.Page(d.check))
	mux.HandleFunc("GET /assets/{file}", page.Asset)
	mux.HandleFunc("GET /events", d.events)
	mux.HandleFunc("/", d.Page(page.Absent))
	return page.Secure(mux)
}

func ofDoor[R any](ctx context.Context, method string, params any) (R, error) {
	return page.Ask[R](ctx, page.Proxy, "door", method, params)
}

// routesUpTo is how many addresses a page shows.
const routesUpTo = 500

type routeRow struct {
	URL    string `json:"url"`
	Layer  string `json:"layer"`
	Layout string `json:"layout"`
	State  string `json:"state"`
	Socket string `json:"socket"`
	Link   string `json:"-"` // where it can be looked at
}

// routesPage lists the addresses that the proxy answers.
type routesPage struct {
	page.Frame
	Routes []routeRow
	Total  int
}

func (d *door) routes(v *page.Visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "Routes", "Routes", v.FormValue("q")
	all, err := ofDoor[[]routeRow](v.Context(), "route.list", struct{}{})
	if err != nil {
		return "", nil, err
	}
	p := routesPage{Frame: v.Frame}
	words := strings.Fields(strings.ToLower(v.Query))
	root, behind := strings.CutSuffix(v.Base, "/hero_proxy/")
	for _, r := range all {
		if !page.Holds(strings.ToLower(r.URL+" "+r.Layer+" "+r.Layout+" "+r.State), words) {
			continue
		}
		if p.Total++; len(p.Routes) < routesUpTo {
			if behind && r.Layer == "ui" {
				r.Link = root + r.URL
			}
			p.Routes = append(p.Routes, r)
		}
	}
	return "routes", p, nil
}

type tokenRow struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
	Until   string    `json:"-"`
	Remove  string    `json:"-"`
}

// tokensPage lists tokens, and shows a new one once.
type tokensPage struct {
	page.Frame
	Tokens  []tokenRow
	Made    string // the name of a new token
	Secret  string // and the token
	Trouble string
	Hint    string
	Form    struct{ Name, Allow, Methods, Expires string }
}

func (d *door) tokensPage(v *page.Visit) (tokensPage, error) {
	v.Nav, v.Title = "Tokens", "Tokens"
	p := tokensPage{Frame: v.Frame}
	list, err := ofDoor[[]tokenRow](v.Context(), "token.list", struct{}{})
	for _, t := range list {
		t.Until, t.Remove = "never", v.To("tokens", t.Name, "remove")
		if !t.Expires.IsZero() {
			t.Until = t.Expires.Local().Format("2006-01-02 15:04")
		}
		p.Tokens = append(p.Tokens, t)
	}
	return p, err
}

func (d *door) tokens(v *page.Visit) (string, any, error) {
	p, err := d.tokensPage(v)
	return "tokens", p, err
}

// create makes a token and shows it: an address of its own would keep the
// secret in the browser's history.
func (d *door) create(v *page.Visit) (string, any, error) {
	v.Body = http.MaxBytesReader(nil, v.Body, page.MaxForm)
	form := struct{ Name, Allow, Methods, Expires string }{
		v.PostFormValue("name"), v.PostFormValue("allow"), v.PostFormValue("methods"), strings.TrimSpace(v.PostFormValue("expires"))}
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' })
	}
	made, failed := ofDoor[struct {
		Name  string `json:"name"`
		Token string `json:"token"`
	}](v.Context(), "token.create", map[string]any{"name": strings.TrimSpace(form.Name), "allow": split(form.Allow), "methods": split(form.Methods), "expires": form.Expires})
	p, err := d.tokensPage(v)
	if err != nil {
		return "", nil, err
	}
	if failed != nil {
		p.Trouble, p.Hint, p.Form = failed.Error(), fault.Hint(failed), form
	} else {
		p.Made, p.Secret = made.Name, made.Token
	}
	return "tokens", p, nil
}

func (d *door) remove(v *page.Visit) (string, error) {
	_, err := ofDoor[bool](v.Context(), "token.remove", map[string]string{"name": v.PathValue("name")})
	return v.To("tokens"), err
}

type decisionRow struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Decision string    `json:"decision"`
	Caller   string    `json:"caller"`
	Verb     string    `json:"verb"`
	Target   string    `json:"target"`
	Layer    string    `json:"layer"`
	Methods  string    `json:"methods"`
	Rule     string    `json:"rule"`
	Status   int       `json:"status"`
	MS       int64     `json:"ms"`
	Time     string    `json:"-"`
	Took     string    `json:"-"`
}

// decisionsPage is what was decided lately, the newest first.
type decisionsPage struct {
	page.Frame
	Decisions []decisionRow
	Open      bool // there is no policy, and so nothing is decided
}

func (d *door) decisions(v *page.Visit) (string, any, error) {
	v.Nav, v.Title, v.Query = "Decisions", "Decisions", v.FormValue("q")
	list, err := ofDoor[[]decisionRow](v.Context(), "decision.list", struct{}{})
	if err != nil {
		return "", nil, err
	}
	p := decisionsPage{Frame: v.Frame, Open: len(list) == 0}
	words := strings.Fields(strings.ToLower(v.Query))
	for i := len(list) - 1; i >= 0 && len(p.Decisions) < page.EventsUpTo; i-- {
		x := list[i]
		if !x.elsewhere() || !page.Holds(strings.ToLower(strings.Join([]string{x.Decision, x.Caller, x.Verb, x.Target, x.Layer, x.Methods, x.Rule}, " ")), words) {
			continue
		}
		x.Time, x.Took = x.At.Local().Format("15:04:05"), strconv.FormatInt(x.MS, 10)+" ms"
		p.Decisions = append(p.Decisions, x)
	}
	return "decisions", p, nil
}

// checkPage asks what would become of a request.
type checkPage struct {
	page.Frame
	Caller, Path, Method string
	Asked                bool
	Word                 string // allowed or denied
	Rule, Detail, Socket string
	Trouble              string
}

func (d *door) check(v *page.Visit) (string, any, error) {
	v.Nav, v.Title = "Check", "Check"
	p := checkPage{Frame: v.Frame, Caller: v.FormValue("caller"), Path: v.FormValue("path"), Method: v.FormValue("method")}
	if p.Path == "" {
		return "check", p, nil
	}
	type verdict struct {
		Allowed bool   `json:"allowed"`
		Rule    string `json:"rule"`
		Detail  string `json:"detail"`
		Socket  string `json:"socket"`
	}
	answer, err := ofDoor[verdict](v.Context(), "check.ask", map[string]string{"caller": p.Caller, "path": p.Path, "method": p.Method})
	if err != nil {
		p.Trouble = err.Error()
		return "check", p, nil
	}
	p.Asked, p.Word, p.Rule, p.Detail, p.Socket = true, "denied", answer.Rule, answer.Detail, answer.Socket
	if answer.Allowed {
		p.Word = "allowed"
	}
	return "check", p, nil
}

// events tells when something was decided.
func (d *door) events(w http.ResponseWriter, r *http.Request) {
	since := int64(0)
	if list, err := ofDoor[[]decisionRow](r.Context(), "decision.list", struct{}{}); err == nil && len(list) > 0 { // an answer that fails now is told by the next
		since = list[len(list)-1].ID
	}
	page.Pulse(w, r, d.seq.Load(), func(ctx context.Context) (uint64, error) {
		for {
			list, err := ofDoor[[]decisionRow](ctx, "decision.list", map[string]any{"since": since, "wait": lookAgain.Seconds()})
			if err != nil {
				select {
				case <-time.After(lookAgain):
				case <-ctx.Done():
				}
			} else if len(list) > 0 {
				since = list[len(list)-1].ID
				if slices.ContainsFunc(list, decisionRow.elsewhere) {
					return d.seq.Add(1), nil
				}
			}
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
		}
	})
}

// elsewhere reports whether the decision is of anything but this dashboard,
// which would otherwise show that it is looked at, again and again.
func (x decisionRow) elsewhere() bool { return x.Target != page.Proxy || x.Layer != "ui" }
