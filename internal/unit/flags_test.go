package unit_test

import (
	"flag"
	"reflect"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// keys returns all keys of a definition as they stand in a file.
func keys(prefix string, t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		if t.Field(i).Type.Kind() == reflect.Struct && hasKeys(t.Field(i).Type) {
			out = append(out, keys(prefix+key+".", t.Field(i).Type)...)
			continue
		}
		out = append(out, prefix+key)
	}
	return out
}

func hasKeys(t reflect.Type) bool { return t.NumField() > 0 && t.Field(0).Tag.Get("toml") != "" }

func TestEveryKeyIsAFlagThatSaysWhatItIsFor(t *testing.T) {
	var u unit.Unit
	f := flag.NewFlagSet("add", flag.ContinueOnError)
	u.Flags(f)
	for _, key := range keys("", reflect.TypeFor[unit.Unit]()) {
		if key == "name" || key == "command" {
			continue
		}
		name := strings.NewReplacer(".", "-", "_", "-").Replace(key)
		fl := f.Lookup(name)
		if fl == nil {
			t.Errorf("%s is no flag", key)
			continue
		}
		if strings.HasPrefix(fl.Usage, "the `value` of") {
			t.Errorf("--%s does not say what it is for", name)
		}
	}
}

func TestFlags(t *testing.T) {
	var u unit.Unit
	f := flag.NewFlagSet("add", flag.ContinueOnError)
	u.Flags(f)
	err := f.Parse(strings.Fields("--limits-memory 64MiB --env A=b=c --env D= --after x --after y --restart on-failure --backoff-factor 1.5 " +
		"--max-restarts -1 --grace 3s --ready-mode tcp --ready-address 127.0.0.1:1 --logs-drop"))
	if err != nil {
		t.Fatal(err)
	}
	want := unit.Unit{Env: map[string]string{"A": "b=c", "D": ""}, After: []string{"x", "y"}, Restart: unit.OnFailure, MaxRestarts: -1,
		Limits: unit.Limits{Memory: 64 << 20}, Backoff: unit.Backoff{Factor: 1.5}, Grace: unit.Duration(3 * time.Second),
		Ready: unit.Ready{Mode: unit.ReadyTCP, Address: "127.0.0.1:1"}, Logs: unit.Logs{Drop: true}}
	if !reflect.DeepEqual(u, want) {
		t.Errorf("flags make %+v, want %+v", u, want)
	}
	for _, bad := range []string{"--env A", "--limits-memory lots", "--grace soon", "--max-restarts many"} {
		var u unit.Unit
		f := flag.NewFlagSet("add", flag.ContinueOnError)
		f.SetOutput(new(strings.Builder))
		u.Flags(f)
		if err := f.Parse(strings.Fields(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
