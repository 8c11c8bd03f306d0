package openrpc_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

var update = flag.Bool("update", false, "write the golden files")

// Color has three values.
type Color string

func (Color) Enum() []string { return []string{"red", "green", "blue"} }

// Amount says its schema itself.
type Amount struct{ cents int64 }

func (Amount) JSONSchema() []byte { return []byte(`{"type":"string","pattern":"^[0-9]+\\.[0-9]{2}$"}`) }
func (a Amount) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%02d", a.cents/100, a.cents%100), nil
}

// Raw is written in a way that reflection cannot know.
type Raw struct{}

func (Raw) MarshalJSON() ([]byte, error) { return []byte(`[]`), nil }

type Stamp struct {
	Created time.Time `json:"created"`
	Hidden  string    `json:"name"` // Dish's own wins
}

type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitzero"`
}

type Tree map[string]Tree

type Dish struct {
	_        struct{} `doc:"What a restaurant serves."`
	Stamp    `json:",embed"`
	Name     string                `json:"name" doc:"As on the menu." example:"Lasagne"`
	Price    Amount                `json:"price" doc:"In euros."`
	Color    Color                 `json:"color" doc:"Of the plate."`
	Mood     *Color                `json:"mood"`
	Photo    []byte                `json:"photo,omitempty"`
	Hash     [32]byte              `json:"hash"`
	Corners  [4]float64            `json:"corners"`
	Stars    uint8                 `json:"stars" example:"5"`
	Delta    int16                 `json:"delta"`
	Views    uint64                `json:"views"`
	Big      int64                 `json:"big,string"`
	With     []Dish                `json:"with"`
	Parent   *Dish                 `json:"parent" doc:"What it is part of."`
	Other    *Dish                 `json:"other,omitzero"`
	Count    *int                  `json:"count"`
	Origin   netip.Addr            `json:"origin"`
	Extra    json.Value            `json:"extra,omitzero"`
	Raw      Raw                   `json:"raw"`
	Any      any                   `json:"any"`
	MaybeAny *any                  `json:"maybe_any"`
	Prices   map[string]Amount     `json:"prices"`
	ByNumber map[int]Page[[]Dish]  `json:"by_number"`
	Tree     Tree                  `json:"tree"`
	Inline   struct{ A, B bool }   `json:"inline"`
	Ignored  func()                `json:"-"`
	Unknown  map[string]json.Value `json:",embed"`
}

type FindParams struct {
	Text  string   `json:"text" doc:"What to look for."`
	Color *Color   `json:"color"`
	Limit int      `json:"limit,omitzero" doc:"How many at most." example:"20"`
	Tags  []string `json:"tags,omitempty"`
}

func rich() []openrpc.MethodSpec {
	red := Color("red")
	return []openrpc.MethodSpec{
		{
			Name: "dish.find", Summary: "Find dishes", Description: "Finds by name.",
			Params: reflect.TypeFor[FindParams](), Result: reflect.TypeFor[Page[Dish]](),
			Errors: []openrpc.ErrorSpec{{Code: -32020, Message: "the kitchen is closed"}},
			Examples: []openrpc.ExampleSpec{{
				Name: "pasta", Params: FindParams{Text: "lasagne", Color: &red},
				Result: map[string]any{"items": []any{}},
			}},
			Tags: []string{"dish"}, ReadOnly: true, Idempotent: true,
		},
		{Name: "dish.get", Params: reflect.TypeFor[struct {
			Name string `json:"name"`
		}](), Result: reflect.TypeFor[*Dish](), ReadOnly: true},
		{Name: "dish.delete", Params: reflect.TypeFor[*struct {
			Name string `json:"name"`
		}](), Destructive: true, Deprecated: true},
		{Name: "ping"},
	}
}

var info = openrpc.Info{Title: "hero_food menu", Version: "0.1.0", Description: "Dishes"}

func build(t testing.TB) *openrpc.Document {
	t.Helper()
	d, err := openrpc.Build(info, rich())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func text(t testing.TB, d *openrpc.Document) []byte {
	t.Helper()
	data, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGolden(t *testing.T) {
	data := text(t, build(t))
	if again := text(t, build(t)); !bytes.Equal(data, again) {
		t.Error("two builds differ")
	}
	pretty := json.Value(slices.Clone(data))
	if err := pretty.Indent(); err != nil {
		t.Fatal(err)
	}
	pretty = append(pretty, '\n')
	golden := filepath.Join("testdata", "rich.json")
	if *update {
		if err := os.WriteFile(golden, pretty, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pretty, want) {
		t.Errorf("differs from %s; run with -update and look at the difference\n%s", golden, pretty)
	}
}

// What Build makes satisfies the meta-schema of its version, and so does the
// older form; neither satisfies the other's.
func TestVersions(t *testing.T) {
	d := build(t)
	for version, data := range map[string][]byte{openrpc.Version: text(t, d), openrpc.OlderVersion: text(t, d.Downgrade())} {
		if !bytes.Contains(data, []byte(`"openrpc":"`+version+`"`)) {
			t.Errorf("%s: %.60s", version, data)
		}
		if err := openrpc.Validate(data); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
	if d.OpenRPC != openrpc.Version {
		t.Errorf("Downgrade changed the document to %s", d.OpenRPC)
	}
}

func TestValidateNamesThePlace(t *testing.T) {
	tests := map[string]string{
		`{`:                             "unexpected EOF",
		`{"openrpc":"1.4.1","info":{}}`: "/info",
		`{"openrpc":"2.0.0","info":{"title":"a","version":"1"},"methods":[]}`:                                                                                             "/openrpc",
		`{"openrpc":"1.4.1","info":{"title":"a","version":"1"},"methods":[{"name":"x"}]}`:                                                                                 "/methods/0",
		`{"openrpc":"1.3.2","info":{"title":"a","version":"1"},"methods":[{"name":"x","params":[{"name":"p"}]}]}`:                                                         "/methods/0/params/0",
		`{"openrpc":"1.4.1","info":{"title":"a","version":"1"},"methods":[{"name":"x","params":[{"name":"p","schema":{"type":"text"}}]}]}`:                                "/methods/0/params/0/schema/type",
		`{"openrpc":"1.4.1","info":{"title":"a","version":"1"},"methods":[],"components":{"schemas":{"A":{"properties":{"x":{"minLength":-1}}}}}}`:                        "/components/schemas/A/properties/x/minLength",
		`{"openrpc":"1.4.1","info":{"title":"a","version":"1"},"methods":[{"name":"x","params":[],"errors":[{"code":-32020,"message":"m"},{"code":"x","message":"m"}]}]}`: "/methods/0/errors/1/code",
	}
	for doc, want := range tests {
		err := openrpc.Validate([]byte(doc))
		if fault.Of(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: want %s, got %v", doc, want, err)
		}
	}
}

// Documents of the OpenRPC project pass through unchanged.
func TestRealDocuments(t *testing.T) {
	for name, methods := range map[string]int{"petstore-expanded.json": 4, "link-example.json": 6, "simple-math.json": 2} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := openrpc.Validate(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d, err := openrpc.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(d.Methods) != methods {
			t.Errorf("%s: %d methods, want %d", name, len(d.Methods), methods)
		}
		if got, want := canonical(t, text(t, d)), canonical(t, data); got != want {
			t.Errorf("%s: was\n%s\nis\n%s", name, want, got)
		}
	}
}

func TestParseIsLenient(t *testing.T) {
	const doc = `{"openrpc":"1.2.6","info":{"title":"a"},"x-more":1,"methods":[{"name":"m","tags":["old",{"name":"new"}],"x-y":{}}]}`
	quoted, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{doc, string(quoted)} {
		d, err := openrpc.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		tags := d.Methods[0].Tags
		if len(tags) != 2 || tags[0].Name != "old" || tags[1].Name != "new" {
			t.Errorf("tags are %v", tags)
		}
		if string(d.Unknown["x-more"]) != "1" || string(d.Methods[0].Unknown["x-y"]) != "{}" {
			t.Errorf("unknown members are lost: %s", text(t, d))
		}
	}
	refused := map[string]fault.Kind{
		``: fault.Invalid, `null`: fault.Invalid, `"null"`: fault.Invalid, `"x"`: fault.Invalid, `[]`: fault.Invalid,
		`{"info":{},"info":{}}`: fault.Invalid, `{"methods":{}}`: fault.Invalid,
		strings.Repeat(" ", openrpc.MaxSize) + `{}`: fault.TooLarge,
	}
	for in, want := range refused {
		if d, err := openrpc.Parse([]byte(in)); err == nil || fault.Of(err) != want {
			t.Errorf("Parse(%.40q) = %v, %v; want %v", in, d, err, want)
		}
	}
}

// Build names every method that it cannot describe.
func TestBuildRefuses(t *testing.T) {
	type loop struct {
		F func() `json:"f"`
	}
	_, err := openrpc.Build(openrpc.Info{}, []openrpc.MethodSpec{
		{},
		{Name: "twice"}, {Name: "twice"},
		{Name: "scalar", Params: reflect.TypeFor[int]()},
		{Name: "func", Result: reflect.TypeFor[loop]()},
		{Name: "duration", Result: reflect.TypeFor[time.Duration]()},
		{Name: "codes", Errors: []openrpc.ErrorSpec{{Code: 1, Message: "a"}, {Code: 1, Message: "b"}}},
		{Name: "keys", Result: reflect.TypeFor[map[bool]int]()},
		{Name: "member", Params: reflect.TypeFor[FindParams](), Examples: []openrpc.ExampleSpec{{Name: "e", Params: map[string]int{"text": 1, "x": 2}}}},
		{Name: "lacking", Params: reflect.TypeFor[FindParams](), Examples: []openrpc.ExampleSpec{{Name: "e"}}},
		{Name: "tag", Result: reflect.TypeFor[struct {
			N int `json:"n" example:"five"`
		}]()},
	})
	for _, want := range []string{"title and a version", `method "": has no name`, `"twice": stands twice`, `"scalar": params: int is not a struct`,
		`"func": result: f of`, `"duration": result`, `"codes": error 1 stands twice`, `"keys": result: key of a map: bool`,
		`"member": example "e": there is no param x`, `"lacking": example "e": param text is missing`, `"tag": result: n of`} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("no word of %s in\n%v", want, err)
		}
	}
	if fault.Of(err) != fault.Internal {
		t.Errorf("kind %v", fault.Of(err))
	}
}

func TestSchemaOf(t *testing.T) {
	type Addr struct{ City string }
	tests := []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[string](), `{"type":"string"}`},
		{reflect.TypeFor[*string](), `{"type":["string","null"]}`},
		{reflect.TypeFor[**string](), `{"type":["string","null"]}`},
		{reflect.TypeFor[[]*int32](), `{"type":"array","items":{"type":["integer","null"],"minimum":-2147483648,"maximum":2147483647}}`},
		{reflect.TypeFor[uint32](), `{"type":"integer","minimum":0,"maximum":4294967295}`},
		{reflect.TypeFor[[0]int](), `{"type":"array","items":{"type":"integer"},"maxItems":0}`},
		{reflect.TypeFor[[]byte](), `{"type":"string","contentEncoding":"base64"}`},
		{reflect.TypeFor[json.Value](), `{}`},
		{reflect.TypeFor[*any](), `{}`},
		{reflect.TypeFor[time.Time](), `{"type":"string","format":"date-time"}`},
		{reflect.TypeFor[Color](), `{"type":"string","enum":["red","green","blue"]}`},
		{reflect.TypeFor[*Color](), `{"anyOf":[{"type":"string","enum":["red","green","blue"]},{"type":"null"}]}`},
		{reflect.TypeFor[struct{}](), `{"type":"object"}`},
		{reflect.TypeFor[map[netip.Addr]bool](), `{"type":"object","additionalProperties":{"type":"boolean"}}`},
		{reflect.TypeFor[Page[netip.Addr]](), `{"$ref":"#/components/schemas/PageAddr"} PageAddr`},
		{reflect.TypeFor[Page[Page[Addr]]](), `{"$ref":"#/components/schemas/PagePageAddr"} Addr PageAddr PagePageAddr`},
		{reflect.TypeFor[Page[[]map[string]*Addr]](), `{"$ref":"#/components/schemas/PageListOfMapStringAddr"} Addr PageListOfMapStringAddr`},
		{reflect.TypeFor[Tree](), `{"$ref":"#/components/schemas/Tree"} Tree`},
	}
	for _, test := range tests {
		got, components, err := openrpc.SchemaOf(test.typ)
		if err != nil {
			t.Errorf("%s: %v", test.typ, err)
			continue
		}
		words := []string{string(got)}
		for name := range components {
			words = append(words, name)
		}
		slices.Sort(words[1:])
		if s := strings.Join(words, " "); s != test.want {
			t.Errorf("%s: %s, want %s", test.typ, s, test.want)
		}
	}
}

// The parameters that the document names are those that the server takes, in
// the order in which it takes them.
func TestParamsAreTheServers(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[FindParams](), reflect.TypeFor[*FindParams](), reflect.TypeFor[struct {
		Page[int]
		Plain  bool
		Hidden int `json:"-"`
	}](), nil} {
		d, err := openrpc.Build(info, []openrpc.MethodSpec{{Name: "m", Params: typ}})
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, p := range d.Methods[0].Params {
			got = append(got, fmt.Sprint(p.Name, p.Required))
		}
		for _, p := range jsonrpc.ParamsOf(typ) {
			want = append(want, fmt.Sprint(p.Name, p.Required))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: the document has %v, the server %v", typ, got, want)
		}
	}
}

// What is written of a Go value satisfies the schema of its type.
func TestSchemaFitsValues(t *testing.T) {
	n, red := 3, Color("red")
	var anything any = "x"
	plain := Dish{Color: red}
	dish := Dish{
		Stamp: Stamp{Created: time.Unix(0, 0)}, Name: "a", Color: red, Mood: &red, Photo: []byte("jpg"), Stars: 255,
		Delta: -32768, Views: 1 << 63, Big: -1 << 63, Count: &n, Origin: netip.IPv6Loopback(), Extra: json.Value(`[1]`),
		Any: 1, MaybeAny: &anything, Prices: map[string]Amount{"a": {105}}, Tree: Tree{"a": Tree{"b": nil}},
		ByNumber: map[int]Page[[]Dish]{-7: {Items: [][]Dish{{plain}}}}, Unknown: map[string]json.Value{"later": json.Value(`{}`)},
	}
	dish.With = []Dish{plain}
	dish.Parent, dish.Other = &plain, &plain

	schema, components, err := openrpc.SchemaOf(reflect.TypeFor[*Dish]())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(map[string]any{"$schema": "http://json-schema.org/draft-07/schema#",
		"allOf": []json.Value{schema}, "components": map[string]any{"schemas": components}})
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := jsonschema.UnmarshalJSON(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("dish.json", compiled); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("dish.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{dish, plain, &dish, (*Dish)(nil)} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
	if s.Validate(map[string]any{}) == nil {
		t.Error("an empty object is a dish")
	}
}

// Types of one name do not share a schema.
func TestClash(t *testing.T) {
	type Page struct{ A int }
	inner := func() reflect.Type {
		type Page struct{ B Color }
		return reflect.TypeFor[Page]()
	}()
	d, err := openrpc.Build(info, []openrpc.MethodSpec{
		{Name: "a", Result: reflect.TypeFor[Page]()}, {Name: "b", Result: inner},
		{Name: "c", Result: reflect.TypeFor[*Page]()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, m := range d.Methods {
		refs = append(refs, string(m.Result.Schema))
	}
	want := []string{
		`{"$ref":"#/components/schemas/Page"}`, `{"$ref":"#/components/schemas/Openrpc_testPage"}`,
		`{"anyOf":[{"$ref":"#/components/schemas/Page"},{"type":"null"}]}`,
	}
	if !slices.Equal(refs, want) || len(d.Components.Schemas) != 2 {
		t.Errorf("refer to %s, with %s", refs, d.Components.Schemas)
	}
}

func canonical(t testing.TB, data []byte) string {
	t.Helper()
	v := json.Value(slices.Clone(data))
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// FuzzParse holds that what was read is written, and read again as the same.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"petstore-expanded.json", "link-example.json", "simple-math.json", "rich.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`"{\"methods\":[{\"tags\":[\"a\"],\"params\":[{\"$ref\":\"#/a\"}],\"x-read-only\":true}],\"x\":1e400}"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := openrpc.Parse(data)
		if err != nil {
			return
		}
		one := text(t, d)
		again, err := openrpc.Parse(one)
		if err != nil {
			t.Fatalf("%v: %s", err, one)
		}
		if two := text(t, again); !bytes.Equal(one, two) {
			t.Fatalf("was\n%s\nis\n%s", one, two)
		}
		for name, value := range d.Unknown {
			if !bytes.Equal(again.Unknown[name], value) && canonical(t, again.Unknown[name]) != canonical(t, value) {
				t.Fatalf("%s was %s, is %s", name, value, again.Unknown[name])
			}
		}
	})
}

// A method is described by the types of its parameters and its result.
func ExampleBuild() {
	type params struct {
		Name string `json:"name" doc:"Whom to greet."`
	}
	d, err := openrpc.Build(openrpc.Info{Title: "hero_hello", Version: "0.1.0"}, []openrpc.MethodSpec{{
		Name: "greet", Summary: "Greet somebody", ReadOnly: true,
		Params: reflect.TypeFor[params](), Result: reflect.TypeFor[string](),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := d.JSON()
	fmt.Println(string(data), err, openrpc.Validate(data))
	// Output:
	// {"openrpc":"1.4.1","info":{"title":"hero_hello","version":"0.1.0"},"methods":[{"name":"greet","summary":"Greet somebody","paramStructure":"either","params":[{"name":"name","description":"Whom to greet.","required":true,"schema":{"type":"string"}}],"result":{"name":"result","schema":{"type":"string"}},"x-read-only":true}]} <nil> <nil>
}

// Some older services answer rpc.discover with a string.
func ExampleParse() {
	d, err := openrpc.Parse([]byte(`"{\"openrpc\":\"1.2.6\",\"methods\":[{\"name\":\"calendar.get\"}]}"`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.OpenRPC, d.Methods[0].Name)
	// Output:
	// 1.2.6 calendar.get
}
