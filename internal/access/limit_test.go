package access_test

import (
	"fmt"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

func TestParseRate(t *testing.T) {
	for s, want := range map[string]access.Rate{"": {}, "10/s": {10, time.Second}, "1/m": {1, time.Minute}, "1000/h": {1000, time.Hour}} {
		if got, err := access.ParseRate(s); err != nil || got != want {
			t.Errorf("%q: %v %v", s, got, err)
		}
	}
	for _, s := range []string{"10", "0/s", "-1/s", "x/s", "10/", "10/d", "10/s/s", "/s", "99999999999/s"} {
		if got, err := access.ParseRate(s); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
	for _, rule := range []string{"deny = [\"x\"]\nrate = \"1/s\"", "deny = [\"x\"]\nmax_body = 1", "allow = [\"x\"]\nmax_body = -1", "allow = [\"x\"]\nrate = \"often\""} {
		if _, err := access.Parse([]byte("[[rule]]\nwho = [\"a\"]\n" + rule)); err == nil {
			t.Errorf("%s is read", rule)
		}
	}
}

func TestSpend(t *testing.T) {
	p, err := access.Parse([]byte(`
[[rule]]
who = ["a", "b"]
allow = ["x/root/y"]
methods = ["one", "two"]
rate = "2/m"
[[rule]]
who = ["a", "b"]
allow = ["x/root/y"]
methods = ["two"]
rate = "1/h"
max_body = 10
[[rule]]
who = ["free"]
allow = ["**"]
`))
	if err != nil {
		t.Fatal(err)
	}
	at := access.Target{Layer: "domain", Service: "x", Context: "root", Domain: "y"}
	var m access.Meter
	start := time.Unix(1_000_000, 0)
	for i, c := range []struct {
		after   time.Duration
		who     string
		methods []string
		size    int64
		want    string // the rule, or why not
	}{
		{0, "a", []string{"one"}, 5, "rule 1"},
		{0, "a", []string{"one"}, 5, "rule 1"},
		{0, "a", []string{"one"}, 5, "wait 30s"},
		{0, "a", []string{"two"}, 50, "wait 30s"}, // too large for rule 2
		{0, "a", []string{"two"}, 5, "rule 2"},
		{0, "a", []string{"two"}, 5, "wait 30s"},
		{0, "b", []string{"one", "two", "two"}, 5, "rule 2"}, // another caller
		{0, "b", nil, 5, "wait 30s"},
		{30 * time.Second, "a", []string{"one"}, 5, "rule 1"}, // one has come back
		{30 * time.Second, "a", []string{"one"}, 5, "wait 30s"},
		{20 * time.Second, "a", []string{"one"}, 5, "wait 30s"}, // a clock that went back gives nothing
		{100 * time.Hour, "a", []string{"one", "one", "one"}, 5, "wait 30s"},
		{0, "free", []string{"one"}, 1 << 40, "rule 3"},
	} {
		d := p.Decide(access.Caller{Name: c.who}, at)
		s := d.Spend(&m, access.Caller{Name: c.who}, c.methods, c.size, start.Add(c.after))
		got := s.Rule
		if s.Wait > 0 {
			got = fmt.Sprint("wait ", s.Wait)
		}
		if got != c.want || d.Limited() != (c.who != "free") {
			t.Errorf("%d: %s, limited %v; want %s", i, got, d.Limited(), c.want)
		}
	}
	// Whoever may go by either rule has spent both.
	var n access.Meter
	reach := p.Reach(access.Caller{Name: "a"})
	if s := reach.Spend(&n, access.Caller{Name: "a"}, nil, 5, start); s.Wait > 0 || s.TooLarge {
		t.Errorf("first: %+v", s)
	}
	if s := reach.Spend(&n, access.Caller{Name: "a"}, nil, 5, start); s.Wait != time.Hour {
		t.Errorf("second: %+v", s)
	}
	if s := reach.Spend(&access.Meter{}, access.Caller{Name: "a"}, nil, 11, start); !s.TooLarge {
		t.Errorf("large: %+v", s)
	}
}

// A meter forgets whoever has been idle, and nobody else.
func TestMeterForgets(t *testing.T) {
	p, err := access.Parse([]byte("[[rule]]\nwho = [\"*\"]\nallow = [\"**\"]\nrate = \"1/s\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var m access.Meter
	now := time.Unix(1_000_000, 0)
	spend := func(name string) access.Spent {
		c := access.Caller{Name: name}
		return p.Decide(c, access.Target{Layer: "ui", Service: "x"}).Spend(&m, c, nil, 0, now)
	}
	for i := range 10_000 {
		spend(fmt.Sprint("c", i))
	}
	now = now.Add(500 * time.Millisecond)
	spend("late")
	if s := spend("late"); s.Wait == 0 {
		t.Error("one that was just met is forgotten")
	}
	now = now.Add(600 * time.Millisecond)
	spend("another")
	if got := m.Len(); got != 2 {
		t.Errorf("%d are kept", got)
	}
}
