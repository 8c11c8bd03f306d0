package page

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// apps are the dashboards, by the names of their services without "hero_".
func apps() []string { return []string{"inspector", "proc", "proxy"} }

// Board is what the dashboards share: pages in one frame, their faults, and
// streams of server-sent events.
type Board struct {
	app    string
	nav    []Crumb // the main navigation; addresses relative to the base
	render *renderer
	base   func(*http.Request) string
	Log    *slog.Logger // what went wrong on our side; never nil
	// State returns a number of what a page shows; nil where pages do not
	// follow changes.
	State func() uint64
}

// New parses the pages of a dashboard: those in a folder of own.
func New(app string, own fs.FS, folder string, log *slog.Logger, nav ...Crumb) (*Board, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r, err := newRenderer(own, folder)
	if err != nil {
		return nil, err
	}
	return &Board{app: app, nav: nav, render: r, base: baseOf(), Log: log}, nil
}

// Broken answers for a build whose pages cannot be parsed.
func Broken(log *slog.Logger, err error) http.Handler {
	if log != nil {
		log.Error("templates", "err", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "internal error: the pages of this build are broken", http.StatusInternalServerError)
	})
}

// Visit is one request for a page.
type Visit struct {
	*http.Request
	Frame
}

// Visit returns r as a visit, with its frame.
func (b *Board) Visit(r *http.Request) *Visit {
	f := Frame{App: b.app, Base: b.base(r), Assets: b.render.assets}
	if b.State != nil {
		f.Tree = b.State()
	}
	for _, n := range b.nav {
		f.Links = append(f.Links, Crumb{n.Name, f.Base + n.URL})
	}
	if root, ok := strings.CutSuffix(f.Base, "hero_"+b.app+"/"); ok {
		for _, other := range apps() {
			if other != b.app {
				f.Sisters = append(f.Sisters, Crumb{other, root + "hero_" + other + "/"})
			}
		}
	}
	return &Visit{Request: r, Frame: f}
}

// To returns an address inside the dashboard.
func (v *Visit) To(segments ...string) string {
	out := v.Base
	for i, s := range segments {
		if i > 0 {
			out += "/"
		}
		out += url.PathEscape(s)
	}
	return out
}

// Page turns what makes a view into a handler; the view's template is named by
// what it returns first.
func (b *Board) Page(view func(*Visit) (string, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := b.Visit(r)
		name, shown, err := view(v)
		if err != nil {
			b.refuse(w, v, err)
			return
		}
		b.show(w, v, http.StatusOK, name, shown)
	}
}

// Act turns what does something into a handler; who asked is led to the address
// that it returns.
func (b *Board) Act(do func(*Visit) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := b.Visit(r)
		r.Body = http.MaxBytesReader(w, r.Body, MaxForm)
		to, err := do(v)
		if err != nil {
			b.refuse(w, v, err)
			return
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
	}
}

// refuse answers with the page of an error.
func (b *Board) refuse(w http.ResponseWriter, v *Visit, err error) {
	v.Frame.Title = "Not shown"
	b.show(w, v, fault.Of(err).HTTP(), "fault",
		Fault{Frame: v.Frame, Message: err.Error(), Hint: fault.Hint(err), Kind: fault.Of(err).String()})
}

func (b *Board) show(w http.ResponseWriter, v *Visit, status int, name string, view any) {
	text, err := b.Execute(name, view)
	if err != nil {
		b.Log.ErrorContext(v.Context(), "page", "path", v.URL.Path, "err", err)
		http.Error(w, "internal error: the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a reader that has gone is no fault of ours
}

// Absent is the page of an address that leads nowhere.
func Absent(*Visit) (string, any, error) {
	return "", nil, fault.Errorf(fault.NotFound, "there is no such page")
}

// MaxForm is the largest form that a page takes, in bytes.
const MaxForm = 4 << 20

// heartbeat is how often an idle stream of events shows that it lives.
const heartbeat = 20 * time.Second

// Stream begins a stream of server-sent events. send reports whether the reader
// is still there.
func Stream(w http.ResponseWriter) (send func(name string, data any) bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	return func(name string, data any) bool {
		text := ": \n\n"
		if name != "" {
			line, err := json.Marshal(data)
			if err != nil {
				return false
			}
			text = "event: " + name + "\ndata: " + string(line) + "\n\n"
		}
		_ = out.SetWriteDeadline(time.Now().Add(heartbeat)) // where the connection can
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
}

// Pulse sends the number of the state whenever wait returns, which it does at
// a change or when its context ends.
func Pulse(w http.ResponseWriter, r *http.Request, first uint64, wait func(context.Context) (uint64, error)) {
	send := Stream(w)
	if !send("tree", first) {
		return
	}
	for {
		ctx, cancel := context.WithTimeout(r.Context(), heartbeat)
		seq, err := wait(ctx)
		idle := ctx.Err() != nil
		cancel()
		switch {
		case r.Context().Err() != nil:
			return
		case err == nil:
			if !send("tree", seq) {
				return
			}
		case !idle: // there is nothing to wait for any more
			return
		case !send("", nil):
			return
		}
	}
}

// Plain writes a number with as many digits as tell something.
func Plain(f float64) string {
	switch {
	case f >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

// Bytes writes a size in bytes for people.
func Bytes(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "KB", "MB"} {
		if f < 1024 {
			if unit == "B" {
				return strconv.FormatInt(n, 10) + " B"
			}
			return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + " " + unit
		}
		f /= 1024
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " GB"
}
