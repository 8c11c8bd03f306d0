package discovery_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

// folder makes a sockets folder in memory. A path that ends in ".sock" is a
// socket; "->" before it makes it a symbolic link, "=" a plain file.
func folder(paths ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for _, p := range paths {
		mode := fs.ModeSocket | 0o600
		switch {
		case strings.HasPrefix(p, "->"):
			p, mode = p[2:], fs.ModeSymlink|0o777
		case strings.HasPrefix(p, "="):
			p, mode = p[1:], 0o600
		case strings.HasSuffix(p, "/"):
			p, mode = p[:len(p)-1], fs.ModeDir|0o700
		}
		m[p] = &fstest.MapFile{Mode: mode}
	}
	return m
}

// sketch writes a tree in one line a service, and one a stray.
func sketch(t *discovery.Tree) []string {
	var out []string
	for _, s := range t.Services {
		line := s.Name.String() + " " + s.Layout.String()
		for _, x := range []struct {
			word string
			sock *discovery.Socket
		}{{"server", s.Server}, {"ui", s.UI}, {"admin", s.Admin}} {
			if x.sock != nil {
				line += " " + x.word + "=" + x.sock.Rel
				if x.sock.State != discovery.Unasked {
					line += "(" + x.sock.State.String() + ")"
				}
			}
		}
		for _, c := range s.Contexts {
			line += " " + c.Name.String() + ":"
			for i, d := range c.Domains {
				if i > 0 {
					line += ","
				}
				line += d.Name.String()
			}
		}
		for _, n := range s.Web {
			line += " web:" + n.Name
		}
		for _, n := range s.More {
			line += " more:" + n.Name
		}
		for _, l := range s.Legacy {
			line += " legacy=" + l.Rel
		}
		if len(s.Split) > 0 {
			line += fmt.Sprint(" split", s.Split)
		}
		if s.Fault != "" {
			line += " fault: " + s.Fault
		}
		out = append(out, line)
	}
	for _, s := range t.Strays {
		out = append(out, "stray "+s.Path)
	}
	return out
}

func newManifest(name string, ui bool) *manifest.Manifest {
	s, err := layout.ParseService(name)
	if err != nil {
		panic(err)
	}
	return &manifest.Manifest{Protocol: manifest.Protocol, Name: name, Sockets: manifest.SocketsOf(s, ui)}
}

func oldManifest(name string) *manifest.Manifest {
	return &manifest.Manifest{Protocol: manifest.Protocol, Name: name, Socket: "rpc"}
}

func live(m *manifest.Manifest) discovery.Said {
	return discovery.Said{State: discovery.Live, Manifest: m, OpenRPC: m == nil}
}

var (
	stale = discovery.Said{State: discovery.Stale, Fault: "nobody listens"}
	hang  = discovery.Said{State: discovery.Hang, Fault: "no answer"}
	page  = discovery.Said{State: discovery.Live, Fault: "no document"}
)

func TestScan(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files []string
		said  map[string]discovery.Said
		want  []string
	}{
		{"nothing", nil, nil, nil},
		{
			"layers by evidence",
			[]string{"food.sock", "food_ui.sock", "food_server/root/delivery.sock", "food_server/root/identity.sock", "food_server/org-a/delivery.sock"},
			map[string]discovery.Said{"food.sock": live(newManifest("food", true))},
			[]string{"food layers server=food.sock(live) ui=food_ui.sock org-a:delivery root:delivery,identity"},
		},
		{
			"layers by names while nobody answered",
			[]string{"food.sock", "food_ui.sock", "food_server/root/delivery.sock"}, nil,
			[]string{"food layers server=food.sock ui=food_ui.sock root:delivery"},
		},
		{
			"layers by its lock",
			[]string{"food.sock", "=.food.lock", ".new-ABCDEFGH"}, nil,
			[]string{"food layers server=food.sock"},
		},
		{
			"layers with a context that has no domain yet",
			[]string{"food.sock", "food_server/root/"}, map[string]discovery.Said{"food.sock": live(newManifest("food", false))},
			[]string{"food layers server=food.sock(live) root:"},
		},
		{"what a stopped service leaves", []string{"food_server/root/", "=.food.lock"}, nil, nil},
		{
			"layers without its service socket",
			[]string{"food_server/root/delivery.sock"}, nil,
			[]string{"food layers root:delivery fault: its service socket food.sock is missing"},
		},
		{
			"pair", []string{"old_server.sock", "old_ui.sock"}, map[string]discovery.Said{"old_server.sock": live(nil), "old_ui.sock": page},
			[]string{"old pair server=old_server.sock(live) ui=old_ui.sock"},
		},
		{
			"pair with the manifest of a binary's name", []string{"old_server.sock", "old_ui.sock"},
			map[string]discovery.Said{"old_server.sock": live(oldManifest("old_server")), "old_ui.sock": page},
			[]string{"old pair server=old_server.sock(live) ui=old_ui.sock"},
		},
		{"half a pair", []string{"old_ui.sock"}, map[string]discovery.Said{"old_ui.sock": page}, []string{"old pair ui=old_ui.sock"}},
		{"the other half", []string{"old_server.sock"}, map[string]discovery.Said{"old_server.sock": live(nil)}, []string{"old pair server=old_server.sock(live)"}},
		{"single", []string{"calc.sock"}, map[string]discovery.Said{"calc.sock": live(nil)}, []string{"calc single server=calc.sock(live)"}},
		{
			"single with six members", []string{"calc.sock"}, map[string]discovery.Said{"calc.sock": live(oldManifest("calc"))},
			[]string{"calc single server=calc.sock(live)"},
		},
		{
			"folder", []string{"books/rpc.sock", "books/ui.sock", "books/admin.sock", "books/web_shop.sock", "books/service.sock", "books/stock_rpc.sock"},
			map[string]discovery.Said{"books/rpc.sock": live(nil)},
			[]string{"books folder server=books/rpc.sock(live) ui=books/ui.sock admin=books/admin.sock web:shop more:service more:stock_rpc"},
		},
		{
			"not HTTP", []string{"db/resp.sock"}, map[string]discovery.Said{"db/resp.sock": {State: discovery.NonRPC}},
			[]string{"db folder more:resp"},
		},
		{
			"a folder service whose name ends in _server",
			[]string{"mail_server/rpc.sock"}, map[string]discovery.Said{"mail_server/rpc.sock": live(nil)},
			[]string{"mail_server folder server=mail_server/rpc.sock(live)"},
		},
		{
			"a folder that is both",
			[]string{"mail_server/rpc.sock", "mail_server/root/inbox.sock", "mail.sock"},
			map[string]discovery.Said{"mail.sock": live(newManifest("mail", false)), "mail_server/rpc.sock": live(nil)},
			[]string{"mail layers server=mail.sock(live) root:inbox", "mail_server folder server=mail_server/rpc.sock(live)"},
		},
		{
			"a real service whose name ends in _server",
			[]string{"mail_server.sock"}, map[string]discovery.Said{"mail_server.sock": live(oldManifest("mail_server"))},
			[]string{"mail_server single server=mail_server.sock(live)"},
		},
		{
			"a real service whose name ends in _ui",
			[]string{"kit.sock", "kit_ui.sock"},
			map[string]discovery.Said{"kit.sock": live(oldManifest("kit")), "kit_ui.sock": live(oldManifest("kit_ui"))},
			[]string{"kit single server=kit.sock(live)", "kit_ui single server=kit_ui.sock(live)"},
		},
		{
			"a pair whose name ends in _ui",
			[]string{"kit_ui_server.sock", "kit_ui_ui.sock"},
			map[string]discovery.Said{"kit_ui_server.sock": live(nil), "kit_ui_ui.sock": page},
			[]string{"kit_ui pair server=kit_ui_server.sock(live) ui=kit_ui_ui.sock"},
		},
		{
			"both layouts at once",
			[]string{"food.sock", "food_ui.sock", "food_server.sock", "food_server/root/a.sock", "food/rpc.sock"},
			map[string]discovery.Said{"food.sock": live(newManifest("food", true)), "food_server.sock": live(nil), "food/rpc.sock": stale},
			[]string{"food layers server=food.sock(live) ui=food_ui.sock root:a legacy=food/rpc.sock legacy=food_server.sock"},
		},
		{
			"rolled back to the older layout",
			[]string{"food.sock", "food_ui.sock", "food_server.sock", "=.food.lock"},
			map[string]discovery.Said{"food.sock": stale, "food_server.sock": live(nil)},
			[]string{"food pair server=food_server.sock(live) ui=food_ui.sock legacy=food.sock"},
		},
		{
			"dead, and nothing else", []string{"calc.sock"}, map[string]discovery.Said{"calc.sock": stale},
			[]string{"calc single server=calc.sock(stale) fault: nobody listens"},
		},
		{
			"hangs", []string{"food.sock", "food_server/root/a.sock"}, map[string]discovery.Said{"food.sock": hang},
			[]string{"food layers server=food.sock(hang) root:a fault: no answer"},
		},
		{
			"another's manifest", []string{"food.sock"}, map[string]discovery.Said{"food.sock": live(newManifest("drinks", true))},
			[]string{`food single server=food.sock(live) fault: its manifest names "drinks", not "food"`},
		},
		{
			"two processes", []string{"food.sock", "food_server/org/a.sock", "food_server/root/a.sock"},
			map[string]discovery.Said{
				"food.sock":               {State: discovery.Live, PID: 20, Manifest: newManifest("food", false)},
				"food_server/root/a.sock": {PID: 10}, "food_server/org/a.sock": {PID: 20},
			},
			[]string{"food layers server=food.sock(live) org:a root:a split[10 20]"},
		},
		{
			"strays",
			[]string{
				"=a.sock", "->b.sock", "C.sock", "d", "=README", "->e", "x/y/z.sock", "x_server/rpc/a.sock", "x_server/root/health.sock",
				"x_server/root/deep/a.sock", "x_server/root/A.sock", "x_ui_server/root/a.sock", "x_server/0k/a.sock", "-/",
			},
			nil,
			[]string{
				"x layers 0k:a root: fault: its service socket x.sock is missing",
				"stray -", "stray C.sock", "stray README", "stray a.sock", "stray b.sock", "stray d", "stray e",
				"stray x/y", "stray x_server/root/A.sock", "stray x_server/root/deep", "stray x_server/root/health.sock", "stray x_server/rpc", "stray x_ui_server/root",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree, _ := discovery.ScanWith(folder(tc.files...), tc.said)
			if got := sketch(tree); !slices.Equal(got, tc.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.want, "\n  "))
			}
			for _, s := range tree.Strays {
				if s.Reason == "" {
					t.Errorf("%s has no reason", s.Path)
				}
			}
		})
	}
}

// A connection would wake a UI of the newest layout.
func TestSleepersAreNotAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		said  map[string]discovery.Said
	}{
		"unknown yet": {files: []string{"food.sock", "food_ui.sock"}},
		"stale":       {[]string{"food.sock", "food_ui.sock"}, map[string]discovery.Said{"food.sock": stale}},
		"hangs":       {[]string{"food.sock", "food_ui.sock"}, map[string]discovery.Said{"food.sock": hang}},
		"manifest":    {[]string{"food.sock", "food_ui.sock"}, map[string]discovery.Said{"food.sock": live(newManifest("food", true))}},
		"lock alone":  {files: []string{"food_ui.sock", "=.food.lock"}},
		"tree alone":  {files: []string{"food_ui.sock", "food_server/root/a.sock"}},
		"folder":      {files: []string{"food/rpc.sock", "food/ui.sock", "food/admin.sock", "food/web_x.sock"}},
	} {
		_, asked := discovery.ScanWith(folder(tc.files...), tc.said)
		for _, rel := range asked {
			if strings.HasSuffix(rel, "ui.sock") || strings.Contains(rel, "admin") || strings.Contains(rel, "web_") {
				t.Errorf("%s: %s is asked", name, rel)
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add("food.sock\nfood_ui.sock\nfood_server/root/a.sock\nfood_server.sock", uint64(0))
	f.Add("x_server/rpc.sock\nx_server/root/a.sock\n=x.sock\n->y.sock\n.x.lock", uint64(7))
	f.Add("_ui.sock\n_server.sock\na_ui_ui.sock\na_ui_server.sock\na_server_server.sock", uint64(3))
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		var files []string
		for _, p := range strings.Split(text, "\n") {
			if bare := strings.TrimLeft(p, "->="); fs.ValidPath(bare) && bare != "." && len(files) < 40 {
				files = append(files, p)
			}
		}
		fsys := folder(files...)
		said := map[string]discovery.Said{}
		for i, p := range files {
			said[p] = []discovery.Said{{}, stale, hang, page, live(nil), live(oldManifest("x")), live(newManifest("x", true))}[(seed>>(3*(i%20)))%7]
		}
		tree, _ := discovery.ScanWith(fsys, said)
		once := map[string]int{}
		count := func(s *discovery.Socket) {
			if s != nil {
				once[s.Rel]++
			}
		}
		for i, s := range tree.Services {
			if tree.Service(s.Name) != s || (i > 0 && tree.Services[i-1].Name.String() >= s.Name.String()) {
				t.Fatalf("%s is not where its name puts it", s.Name)
			}
			if s.Layout == layout.Unknown {
				t.Errorf("%s has no layout", s.Name)
			}
			for _, x := range append(s.Legacy, s.Server, s.UI, s.Admin) {
				count(x)
			}
			for _, n := range append(s.Web, s.More...) {
				count(n.Socket)
			}
			for _, c := range s.Contexts {
				for _, d := range c.Domains {
					count(d.Socket)
				}
			}
		}
		for _, s := range tree.Strays {
			once[s.Path]++
		}
		for rel, n := range once {
			if n != 1 {
				t.Errorf("%s is listed %d times", rel, n)
			}
		}
		// Nothing of a socket's name is lost: it is in a service, or a stray,
		// or below one.
		for p, file := range fsys {
			if file.Mode.Type() != fs.ModeSocket || strings.HasPrefix(p, ".") || strings.Contains(p, "/.") {
				continue
			}
			found := once[p] > 0
			for _, s := range tree.Strays {
				found = found || strings.HasPrefix(p, s.Path+"/")
			}
			if !found {
				if _, err := fs.Stat(fsys, p); err == nil {
					t.Errorf("%s is lost\n%s", p, strings.Join(sketch(tree), "\n"))
				}
			}
		}
	})
}

func TestRetry(t *testing.T) {
	for _, tc := range []struct {
		state   discovery.State
		known   bool
		attempt int
		after   string
		again   bool
	}{
		{discovery.Hang, false, 0, "100ms", true},
		{discovery.Hang, false, 1, "200ms", true},
		{discovery.Hang, false, 500, "30s", true},
		{discovery.Stale, false, 0, "100ms", true},
		{discovery.Stale, false, 9, "30s", false},
		{discovery.NonRPC, false, 0, "100ms", false},
		{discovery.Live, true, 0, "100ms", false},
		{discovery.Live, false, 3, "800ms", true},
	} {
		after, again := discovery.Retry(tc.state, tc.known, tc.attempt)
		if after.String() != tc.after || again != tc.again {
			t.Errorf("%v, %d: %v, %v; want %s, %v", tc.state, tc.attempt, after, again, tc.after, tc.again)
		}
	}
}
