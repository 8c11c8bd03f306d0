package manifest_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
)

var started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// service returns the name s, which must be one.
func service(s string) layout.Service {
	n, err := layout.ParseService(s)
	if err != nil {
		panic(err)
	}
	return n
}

// food is a whole manifest as a service makes it.
func food() *manifest.Manifest {
	s := service("hero_food")
	return &manifest.Manifest{
		Protocol: manifest.Protocol, Name: "hero_food", Title: "Hero Food", Version: "0.1.0",
		Description: "Restaurants and deliveries", Socket: manifest.Socket,
		HeroSDK: "0.1.0", PID: 12345, StartedAt: manifest.At(started),
		Sockets: manifest.SocketsOf(s, true),
		UI:      &manifest.UI{Mode: manifest.OnDemand, State: "asleep"},
		Domains: []manifest.Domain{{
			Name: "identity", Origin: manifest.Shared, Module: "identity", Version: "0.1.0", Title: "Identity",
			OpenRPCSHA256: strings.Repeat("0f", 32),
			Schemas:       manifest.Unknown{"Person": json.Value(`{"type":"object"}`)},
		}},
		Contexts: []manifest.Context{{
			Name: "root", CreatedAt: manifest.At(started),
			Domains: map[string]string{"identity": "hero_food_server/root/identity.sock"},
		}},
	}
}

// compile returns the schema that the package ships.
func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("manifest.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conforms returns what the schema says about data.
func conforms(t *testing.T, s *jsonschema.Schema, data []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestSamples(t *testing.T) {
	schema := compile(t)
	for name, isNew := range map[string]bool{"new.json": true, "old.json": false, "later.json": true} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.IsNew() != isNew || m.Layers() != isNew {
			t.Errorf("%s: IsNew is %t, want %t", name, m.IsNew(), isNew)
		}
		out, err := m.JSON()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := conforms(t, schema, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := conforms(t, schema, out); err != nil {
			t.Errorf("%s, written: %v", name, err)
		}
		if got, want := canonical(t, out), canonical(t, data); got != want {
			t.Errorf("%s: was\n%s\nis\n%s", name, want, got)
		}
	}
}

func TestProduced(t *testing.T) {
	one, err := food().JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := conforms(t, compile(t), one); err != nil {
		t.Error(err)
	}
	two, err := food().JSON()
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("written twice: %s\n%s (%v)", one, two, err)
	}
	m, err := manifest.Parse(one)
	if err != nil {
		t.Fatal(err)
	}
	at, err := m.StartedAt.Parse()
	if err != nil || !at.Equal(started) {
		t.Errorf("started %v (%v), want %v", at, err, started)
	}
}

// Each fault is found by Validate and, where a schema can tell, by the schema.
func TestFaults(t *testing.T) {
	schema := compile(t)
	tests := []struct {
		pointer  string
		bySchema bool
		harm     func(m *manifest.Manifest)
	}{
		{"/protocol", true, func(m *manifest.Manifest) { m.Protocol = "soap" }},
		{"/name", true, func(m *manifest.Manifest) { m.Name = "../food" }},
		{"/name", true, func(m *manifest.Manifest) { m.Name = "food_ui" }},
		{"/version", true, func(m *manifest.Manifest) { m.Version = "" }},
		{"/socket", true, func(m *manifest.Manifest) { m.Socket = "" }},
		{"/hero_sdk", true, func(m *manifest.Manifest) { m.HeroSDK = "" }},
		{"/pid", true, func(m *manifest.Manifest) { m.PID = -1 }},
		{"/started_at", true, func(m *manifest.Manifest) { m.StartedAt = "yesterday" }},
		{"/sockets/service", false, func(m *manifest.Manifest) { m.Sockets.Service = "hero_other.sock" }},
		{"/sockets/service", true, func(m *manifest.Manifest) { m.Sockets.Service = "/run/hero_food.sock" }},
		{"/sockets/ui", false, func(m *manifest.Manifest) { m.Sockets.UI = "" }},
		{"/sockets/domains", true, func(m *manifest.Manifest) { m.Sockets.Domains = "hero_food_server/{domain}.sock" }},
		{"/ui/mode", true, func(m *manifest.Manifest) { m.UI.Mode = "always" }},
		{"/ui/state", true, func(m *manifest.Manifest) { m.UI.State = "fine" }},
		{"/domains/0/name", true, func(m *manifest.Manifest) { m.Domains[0].Name = "rpc" }},
		{"/domains/1/name", false, func(m *manifest.Manifest) { m.Domains = append(m.Domains, m.Domains[0]) }},
		{"/domains/0/origin", true, func(m *manifest.Manifest) { m.Domains[0].Origin = "found" }},
		{"/domains/0/openrpc_sha256", true, func(m *manifest.Manifest) { m.Domains[0].OpenRPCSHA256 = "0f" }},
		{"/domains/0/schemas/Person", true, func(m *manifest.Manifest) { m.Domains[0].Schemas["Person"] = json.Value(`3`) }},
		{"/contexts/0/name", true, func(m *manifest.Manifest) { m.Contexts[0].Name = "health" }},
		{"/contexts/1/name", false, func(m *manifest.Manifest) { m.Contexts = append(m.Contexts, m.Contexts[0]) }},
		{"/contexts/0/created_at", true, func(m *manifest.Manifest) { m.Contexts[0].CreatedAt = "" }},
		{"/contexts/0/domains/identity", false, func(m *manifest.Manifest) { m.Contexts[0].Domains["identity"] = "hero_food_server/org/identity.sock" }},
		{"/contexts/0/domains/identity", true, func(m *manifest.Manifest) { m.Contexts[0].Domains["identity"] = "../identity.sock" }},
		{"/contexts/0/domains/other", false, func(m *manifest.Manifest) { m.Contexts[0].Domains["other"] = "hero_food_server/root/other.sock" }},
	}
	for _, test := range tests {
		m := food()
		test.harm(m)
		err := m.Validate()
		if fault.Of(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), test.pointer+": ") {
			t.Errorf("%s: Validate says %v", test.pointer, err)
		}
		if data, err := m.JSON(); err == nil {
			t.Errorf("%s: written all the same: %s", test.pointer, data)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := conforms(t, schema, data); (err != nil) != test.bySchema {
			t.Errorf("%s: the schema says %v", test.pointer, err)
		}
	}
}

// Validate reports all faults at once.
func TestAllFaults(t *testing.T) {
	m := &manifest.Manifest{Sockets: &manifest.Sockets{}, UI: &manifest.UI{}, Domains: []manifest.Domain{{}}, Contexts: []manifest.Context{{}}}
	err := fmt.Sprint(m.Validate())
	for _, pointer := range []string{"/protocol", "/name", "/version", "/socket", "/hero_sdk", "/pid", "/started_at",
		"/ui/mode", "/ui/state", "/domains/0/name", "/domains/0/origin", "/contexts/0/name", "/contexts/0/created_at"} {
		if !strings.Contains(err, pointer+": ") {
			t.Errorf("no word of %s in\n%s", pointer, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]fault.Kind{
		``: fault.Invalid, `null`: fault.Invalid, `[]`: fault.Invalid, `{"name":1}`: fault.Invalid,
		`{"name":"a","name":"b"}`: fault.Invalid, `{} {}`: fault.Invalid, "{\"name\":\"\xff\"}": fault.Invalid,
		`"` + strings.Repeat("a", manifest.MaxSize) + `"`: fault.TooLarge,
	}
	for in, want := range tests {
		if m, err := manifest.Parse([]byte(in)); err == nil || fault.Of(err) != want {
			t.Errorf("Parse(%.40q) = %v, %v; want %v", in, m, err, want)
		}
	}
}

// A manifest that is too large for its readers is not written.
func TestTooLargeToWrite(t *testing.T) {
	m := food()
	m.Description = strings.Repeat("a", manifest.MaxSize)
	if _, err := m.JSON(); fault.Of(err) != fault.TooLarge {
		t.Errorf("got %v", err)
	}
}

// canonical returns data with its members sorted.
func canonical(t *testing.T, data []byte) string {
	t.Helper()
	v := json.Value(slices.Clone(data))
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// FuzzParse holds that a manifest that was read and written has each member
// that it had, known or not, but for those that say nothing.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"new.json", "old.json", "later.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"x":{"y":[1e400,-0,9007199254740993]},"sockets":{},"ui":{"mode":""},"contexts":[],"domains":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Parse(data)
		if err != nil {
			return
		}
		if err := m.Validate(); err == nil {
			if _, err := m.JSON(); err != nil {
				t.Fatalf("valid, and not written: %v", err)
			}
		}
		out, err := json.Marshal(m, json.Deterministic())
		if err != nil {
			t.Fatalf("read, and not written: %v", err)
		}
		if got, want := strip(t, out), strip(t, data); got != want {
			t.Fatalf("was\n%s\nis\n%s", want, got)
		}
	})
}

// silent are the values that a known member need not be written with.
var silent = []string{`null`, `""`, `0`, `-0`}

// known are the members that the document's types have fields for.
var known = strings.Fields("protocol name title version description socket hero_sdk pid started_at sockets ui domains contexts " +
	"service mode state origin module openrpc_sha256 schemas created_at")

// strip returns data in sorted order, without the known members that say nothing.
func strip(t *testing.T, data json.Value) string {
	t.Helper()
	var members map[string]json.Value
	var items []json.Value
	switch data.Kind() {
	case '{':
		if err := json.Unmarshal(data, &members); err != nil {
			t.Fatal(err)
		}
	case '[':
		if err := json.Unmarshal(data, &items); err != nil {
			t.Fatal(err)
		}
		out := make([]string, len(items))
		for i, item := range items {
			out[i] = strip(t, item)
		}
		return "[" + strings.Join(out, ",") + "]"
	case 'n':
		return "{}" // an item that is null is read as one that is empty
	default:
		v := slices.Clone(data)
		if err := v.Compact(); err != nil {
			t.Fatal(err)
		}
		if v.Kind() == '"' {
			s, err := json.AppendUnquote(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%q", s)
		}
		return string(v)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		v := members[name]
		if slices.Contains(known, name) && slices.Contains(silent, string(v)) {
			continue
		}
		out = append(out, fmt.Sprintf("%q:%s", name, strip(t, v)))
	}
	return "{" + strings.Join(out, ",") + "}"
}

// A service that has just started says what it is.
func ExampleManifest_JSON() {
	m := &manifest.Manifest{
		Protocol: manifest.Protocol, Name: "hero_food", Version: "0.1.0", Socket: manifest.Socket,
		HeroSDK: "0.1.0", PID: 12345, StartedAt: manifest.At(started),
		Sockets: manifest.SocketsOf(service("hero_food"), false),
	}
	data, err := m.JSON()
	fmt.Println(string(data), err)
	// Output:
	// {"protocol":"openrpc","name":"hero_food","version":"0.1.0","socket":"rpc","hero_sdk":"0.1.0","pid":12345,"started_at":"2026-01-02T03:04:05Z","sockets":{"service":"hero_food.sock","domains":"hero_food_server/{context}/{domain}.sock"}} <nil>
}

// A reader tells a new service from an older one.
func ExampleParse() {
	m, err := manifest.Parse([]byte(`{"protocol":"openrpc","name":"hero_old","version":"0.9.0","socket":"rpc"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Name, m.IsNew())
	// Output:
	// hero_old false
}
