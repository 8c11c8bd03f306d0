package layout_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

var (
	narrow = regexp.MustCompile(`\A[a-z][a-z0-9_]{0,62}\z`)
	wide   = regexp.MustCompile(`\A[a-z0-9][a-z0-9_-]{0,62}\z`)
)

var hostile = []string{
	"", ".", "..", "../x", "a/b", "a\x00", "A", "é", "🙂", " a", "a ", "a.b", "-a", "_a", "0a", "rpc", "health", "mcp", "openrpc",
	strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 200), "hero_food", "org-acme", "x_ui", "x_server", "root", "a%2f",
}

// FuzzParse holds the three doors against the contract's own expressions.
func FuzzParse(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	words := map[string]bool{"rpc": true, "health": true, "mcp": true, "openrpc": true}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := layout.ParseService(s)
		if (err == nil) != narrow.MatchString(s) {
			t.Errorf("ParseService(%q): %v", s, err)
		}
		c, err := layout.ParseContext(s)
		if (err == nil) != (wide.MatchString(s) && !words[s]) {
			t.Errorf("ParseContext(%q): %v", s, err)
		}
		if err == nil && c.String() != s {
			t.Errorf("ParseContext(%q) = %q", s, c)
		}
		if err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("ParseContext(%q): kind %v", s, fault.Of(err))
		}
		_, err = layout.ParseDomain(s)
		if (err == nil) != (narrow.MatchString(s) && !words[s]) {
			t.Errorf("ParseDomain(%q): %v", s, err)
		}
		p := layout.Places{Home: "/h", Sockets: "/h/var/sockets"}
		if abs, err := p.Socket(s); err == nil && !strings.HasPrefix(abs, "/h/var/sockets/") && s != "." {
			t.Errorf("Socket(%q) = %q leaves the folder", s, abs)
		}
	})
}

func TestParseNewService(t *testing.T) {
	for name, ok := range map[string]bool{"hero_food": true, "x_ui": false, "x_server": false, "ui": true, "server": true} {
		if _, err := layout.ParseNewService(name); (err == nil) != ok {
			t.Errorf("ParseNewService(%q): %v", name, err)
		}
	}
}

func TestPlacesOf(t *testing.T) {
	for _, tc := range []struct {
		env           map[string]string
		home, sockets string
		bad           bool
	}{
		{nil, "/home/u/hero", "/home/u/hero/var/sockets", false},
		{map[string]string{"HERO_HOME": "/x/"}, "/x", "/x/var/sockets", false},
		{map[string]string{"PATH_SOCKET": "/s"}, "/home/u/hero", "/s", false},
		{map[string]string{"HERO_SOCKET_DIR": "/d", "PATH_SOCKET": "/s"}, "/home/u/hero", "/d", false},
		{map[string]string{"HERO_HOME": "x"}, "", "", true},
		{map[string]string{"HERO_SOCKET_DIR": "../d"}, "", "", true},
		{map[string]string{"HERO_SOCKET_DIR": "/d\x00"}, "", "", true},
	} {
		p, err := layout.PlacesOf(func(k string) string { return tc.env[k] }, "/home/u")
		if (err != nil) != tc.bad || p.Home != tc.home || p.Sockets != tc.sockets {
			t.Errorf("%v: %+v, %v", tc.env, p, err)
		}
	}
	if _, err := layout.PlacesOf(func(string) string { return "" }, ""); err == nil {
		t.Error("no home at all is accepted")
	}
}

func TestPaths(t *testing.T) {
	p := layout.Places{Home: "/h", Sockets: "/s"}
	s, _ := layout.ParseService("hero_food")
	c, _ := layout.ParseContext("org_acme")
	d, _ := layout.ParseDomain("delivery")
	for got, want := range map[string]string{
		p.ServiceSocket(s):      "/s/hero_food.sock",
		p.UISocket(s):           "/s/hero_food_ui.sock",
		p.DomainSocket(s, c, d): "/s/hero_food_server/org_acme/delivery.sock",
		p.ContextFolder(s, c):   "/s/hero_food_server/org_acme",
		p.DataOf(s, c, d):       "/h/var/data/hero_food/org_acme/delivery",
		p.Logs(s):               "/h/var/logs/hero_food",
		p.Trash():               "/h/var/trash",
		p.Definitions():         "/h/etc/services",
		p.Policy():              "/h/etc/proxy.toml",
	} {
		if filepath.ToSlash(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := p.Socket("../x.sock"); err == nil {
		t.Error("a path that leaves the folder is taken")
	}
}
