package unit_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

const whole = `
name = "hero_food"
description = "restaurants"
label = "demo"
command = ["hero_food", "serve"]
dir = "/srv"
env_files = ["-/etc/food"]
user = "nobody"
after = ["hero_db"]
requires = ["hero_proxy"]
restart = "on-failure"
max_restarts = -1
window = "2m"
stop_signal = "SIGINT"
grace = "1.5s"
watchdog = "30"
env = { A = "b" }
[limits]
memory = "512MiB"
cpu_weight = 50
open_files = 99
processes = 12
[backoff]
initial = "100ms"
max = "1m0s"
factor = 1.5
jitter = -1
[ready]
mode = "http"
url = "http://127.0.0.1:80/"
[logs]
max_size = "1MiB"
max_age = "24h"
drop = true
`

func TestParse(t *testing.T) {
	u, err := unit.Parse("etc/hero_food.toml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if u.Limits.Memory != 512<<20 || u.Grace.Std() != 1500*time.Millisecond || u.Watchdog.Std() != 30*time.Second || u.Env["A"] != "b" || u.Ready.Mode != unit.ReadyHTTP {
		t.Errorf("parsed %+v", u)
	}
	again, err := unit.Format(u)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := unit.Parse("x.toml", again); err != nil || !reflect.DeepEqual(u, v) {
		t.Errorf("written as TOML and read again: %+v, %v\n%s", v, err, again)
	}
	b, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := unit.ParseJSON(b); err != nil || !reflect.DeepEqual(u, v) {
		t.Errorf("written as JSON and read again: %+v, %v\n%s", v, err, b)
	}
	if u, err := unit.Parse("/etc/hero_db.toml", []byte(`command = ["x"]`)); err != nil || u.Name != "hero_db" {
		t.Errorf("name %q, %v", u.Name, err)
	}
}

// TestParseTellsAllFaultsAtOnce is also of "a misspelt key in a definition
// silently ignored".
func TestParseTellsAllFaultsAtOnce(t *testing.T) {
	for text, want := range map[string]string{
		"comand = [\"x\"]\nrestart = \"maybe\"\n[ready]\nmode = \"tcp\"\n  intervall = \"1s\"": `f.toml:1:1: unknown key comand; did you mean command?
f.toml:1:1: command: is missing: give a command, or a script
f.toml:2:1: restart: "maybe" is none of always, on-failure, never
f.toml:4:1: mode`,
		"command = [\"x\"]\ngrace = \"soon\"":                            `f.toml:2:9: `,
		"command = \"x\"":                                                `f.toml:1:11: `,
		"command = [\"x\"":                                               `f.toml:1:`,
		"command = [\"x\"]\nscript = \"y\"\nafter = [\"../x\"]":          "f.toml:2:1: script: stands beside command: give one of the two\nf.toml:3:1: after: ",
		"command = [\"x\"]\nidle = \"1m\"":                               "f.toml:2:1: idle: is of use only with on_demand = true",
		"command = [\"x\"]\non_demand = true\nkind = \"oneshot\"":        "f.toml:2:1: on_demand: is for services",
		"command = [\"x\"]\non_demand = true\nsockets = [\"../x.sock\"]": "f.toml:3:1: sockets: \"../x.sock\" is no path of a socket",
		"command = [\"x\"]\nlimits.memory = \"12\"":                      "f.toml:2:1: limits.memory: 12 is less than 1MiB",
		"command = [\"x\"]\nrequires = [\"f\"]":                          "f.toml:2:1: requires: names the unit itself",
		"command = [\"x\"]\nname = \"F/..\"":                             "f.toml:2:1: name: ",
	} {
		_, err := unit.Parse("f.toml", []byte(text))
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for _, line := range strings.Split(want, "\n") {
			if strings.HasSuffix(line, ": mode") {
				line = "ready.address: is missing, and ready.mode is \"tcp\""
			}
			if !strings.Contains(err.Error(), line) {
				t.Errorf("%q: got\n%v\nwant\n%s", text, err, line)
			}
		}
	}
}

// What is wrong in a definition that comes over RPC is told with its place.
func TestParseJSONNamesThePlace(t *testing.T) {
	for text, want := range map[string]string{
		`"comand": 1`:                     `"comand"`,
		`"limits": {"memory": "12"}`:      "limits.memory: 12 is less than 1MiB",
		`"ready": {"mode": 7}`:            `"/ready/mode"`,
		`"ready": {"intervall": "1s"}`:    `"intervall" within "/ready"`,
		`"grace": "soon"`:                 `"/grace": "soon" is not a length of time`,
		`"after": ["b", 1]`:               `"/after/1"`,
		`"backoff": {"factor": "double"}`: `"/backoff/factor"`,
	} {
		_, err := unit.ParseJSON([]byte(`{"name": "a", "command": ["x"], ` + text + `}`))
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestCycle(t *testing.T) {
	units := map[string]unit.Unit{
		"a": {After: []string{"b", "gone"}}, "b": {Requires: []string{"c"}}, "c": {Wants: []string{"a"}}, "d": {After: []string{"a"}},
	}
	if got := strings.Join(unit.Cycle(units), " "); got != "a b c a" {
		t.Errorf("cycle %q", got)
	}
	units["c"] = unit.Unit{}
	if got := unit.Cycle(units); got != nil {
		t.Errorf("cycle %q", got)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]unit.Size{"0": 0, "12": 12, "1.5K": 1536, "2GiB": 2 << 30, "3MB": 3e6, " 7 B ": 7} {
		var s unit.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1PB", "NaN", "9999999999GiB"} {
		var s unit.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %d", text, s)
		}
	}
}

func TestLogical(t *testing.T) {
	for name, want := range map[string]string{"hero_food": "hero_food", "hero_food_server": "hero_food", "hero_food_ui": "hero_food", "_ui": "_ui"} {
		if got := (unit.Unit{Name: name}).Logical(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// FuzzParse holds that what is accepted is written and read again as the same,
// and is valid with its defaults.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("command=['x']\nlimits.memory='1TiB'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := unit.Parse("f.toml", data)
		if err != nil {
			return
		}
		if err := u.WithDefaults().Validate(); err != nil {
			t.Fatalf("not valid with its defaults: %v", err)
		}
		b, err := unit.Format(u)
		if err != nil {
			t.Fatal(err)
		}
		v, err := unit.Parse("f.toml", b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if c, _ := unit.Format(v); string(c) != string(b) {
			t.Fatalf("written as\n%s\nthen as\n%s", b, c)
		}
	})
}
