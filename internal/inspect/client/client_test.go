package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/client"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

type Color string

func (Color) Enum() []string { return []string{"red", "light green"} }

type Item struct {
	Name   string           `json:"name" doc:"What it is called."`
	Color  Color            `json:"color"`
	Prices map[string]int64 `json:"prices,omitzero"`
	Parts  []Item           `json:"parts,omitzero"`
	Parent *Item            `json:"parent,omitzero"`
}

type createParams struct {
	Item  Item   `json:"item"`
	Count int    `json:"count" doc:"How many."`
	Note  string `json:"note,omitzero"`
	Class string `json:"class,omitzero"`
}

type created struct {
	ID      string `json:"id"`
	Context string `json:"context"`
	Item    Item   `json:"item"`
	Note    *string
}

type addParams struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

// source is a service of two domains, and what serves them at the addresses of
// the proxy and at /rpc.
func source(t *testing.T) (client.Source, http.Handler) {
	t.Helper()
	shop, err := openrpc.Build(openrpc.Info{Title: "Shop", Version: "1.2.0"}, []openrpc.MethodSpec{
		{Name: "item.create", Summary: "Create an item.", Description: "*/ \"\"\" ` as it comes\u2028second", Params: reflect.TypeFor[createParams](), Result: reflect.TypeFor[created]()},
		{Name: "item.list", Result: reflect.TypeFor[[]Item]()},
		{Name: "item.clear"},
		{Name: "fail"},
		{Name: "import"},
	})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := openrpc.Build(openrpc.Info{Title: "Sums", Version: "1"}, []openrpc.MethodSpec{
		{Name: "add", Params: reflect.TypeFor[addParams](), Result: reflect.TypeFor[float64]()},
	})
	if err != nil {
		t.Fatal(err)
	}
	sums.Methods[0].ParamStructure = "by-position"
	server := &jsonrpc.Server{Methods: map[string]jsonrpc.Handler{
		"item.create": jsonrpc.Func(func(ctx context.Context, p createParams) (created, error) {
			return created{ID: "i1 " + p.Note, Context: jsonrpc.MetaFrom(ctx).Context, Item: p.Item}, nil
		}),
		"item.list":  func(context.Context, json.Value) (any, error) { return []Item{{Name: "a", Color: "red"}}, nil },
		"item.clear": func(context.Context, json.Value) (any, error) { return nil, nil },
		"fail": func(context.Context, json.Value) (any, error) {
			return nil, &jsonrpc.Error{Code: -32042, Message: "closed"}
		},
		"add": jsonrpc.Func(func(_ context.Context, p addParams) (float64, error) { return p.A + p.B, nil }),
	}}
	mux := http.NewServeMux()
	mux.Handle("POST /hero_shop/org_acme/shop/rpc", server)
	mux.Handle("POST /hero_shop/org_acme/sums/rpc", server)
	mux.Handle("POST /rpc", server)
	return client.Source{Service: "hero_shop", Parts: []openrpc.Part{{Name: "shop", Document: shop}, {Name: "sums", Document: sums}}}, mux
}

// run runs a program that was written for the test and returns what it says.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("left out: there is no %s here", program)
	}
	if testing.Short() {
		t.Skip("left out: -short")
	}
}

// wants is what each of the programs says.
const wants = "i1 hello org_acme red 5\n1.5\n1 a\n-32042 closed\n"

const goMain = `package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"x/heroshop"
)

func main() {
	ctx := context.Background()
	c := &heroshop.Client{Base: os.Args[1], Context: "org_acme"}
	note := "hello"
	prices := map[string]int64{"eur": 5}
	made, err := c.Shop().ItemCreate(ctx, heroshop.ShopItemCreateParams{Item: heroshop.Item{Name: "x", Color: heroshop.ItemColorRed, Prices: prices}, Count: 2, Note: &note})
	check(err)
	fmt.Println(made.ID, made.Context, made.Item.Color, made.Item.Prices["eur"])
	sum, err := c.Sums().Add(ctx, heroshop.SumsAddParams{A: 1, B: 0.5})
	check(err)
	fmt.Println(sum)
	list, err := c.Shop().ItemList(ctx)
	check(err)
	fmt.Println(len(list), list[0].Name)
	check(c.Shop().ItemClear(ctx))
	var e *heroshop.Error
	if err := c.Shop().Fail(ctx); errors.As(err, &e) {
		fmt.Println(e.Code, e.Message)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
`

func TestGo(t *testing.T) {
	need(t, "go")
	s, h := source(t)
	server := httptest.NewServer(h)
	defer server.Close()
	text, err := client.Write("go", s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "go.mod", []byte("module x\n\ngo 1.24\n"))
	write(t, dir, "heroshop/hero_shop.go", text)
	write(t, dir, "main.go", []byte(goMain))
	run(t, dir, "go", "vet", "./...")
	if got := run(t, dir, "go", "run", ".", server.URL); got != wants {
		t.Errorf("said %q, want %q", got, wants)
	}
}

const pyMain = `import sys
import hero_shop
where = {"unix": sys.argv[1]} if sys.argv[1].startswith("/") else {"base": sys.argv[1]}
c = hero_shop.Client(context="org_acme", **where)
made = c.shop.item_create(item={"name": "x", "color": "red", "prices": {"eur": 5}}, count=2, note="hello")
print(made["id"], made["context"], made["item"]["color"], made["item"]["prices"]["eur"])
print(c.sums.add(a=1, b=0.5))
items = c.shop.item_list()
print(len(items), items[0]["name"])
c.shop.item_clear()
c.shop.import_
try:
    c.shop.fail()
except hero_shop.RPCError as error:
    print(error.code, error.message)
`

func TestPython(t *testing.T) {
	need(t, "python3")
	if exec.CommandContext(t.Context(), "python3", "-c", "from typing import NotRequired").Run() != nil {
		t.Skip("left out: python3 here is older than 3.11")
	}
	s, h := source(t)
	server := httptest.NewServer(h)
	defer server.Close()
	text, err := client.Write("python", s)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write(t, dir, "hero_shop.py", text)
	write(t, dir, "main.py", []byte(pyMain))
	l, err := unixsock.Listen(filepath.Join(dir, "shop.sock"))
	if err != nil {
		t.Fatal(err)
	}
	local := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = local.Serve(l) }()
	defer func() { local.Close(); <-done }()
	for _, where := range []string{server.URL, filepath.Join(dir, "shop.sock")} {
		if got := run(t, dir, "python3", "-W", "error", "main.py", where); got != wants {
			t.Errorf("%s: said %q, want %q", where, got, wants)
		}
	}
	if _, err := exec.LookPath("mypy"); err == nil {
		run(t, dir, "mypy", "--strict", "hero_shop.py")
	}
}

const tsMain = `import { Client, RPCError } from "./hero_shop.js";
declare const process: { argv: string[] };
const c = new Client({ base: process.argv[2], context: "org_acme" });
const made = await c.shop.itemCreate({ item: { name: "x", color: "red", prices: { eur: 5 } }, count: 2, note: "hello" });
console.log(made.id, made.context, made.item.color, made.item.prices?.["eur"]);
console.log(await c.sums.add({ a: 1, b: 0.5 }));
const items = await c.shop.itemList();
console.log(items?.length, items?.[0]?.name);
await c.shop.itemClear();
try {
  await c.shop.fail();
} catch (error) {
  if (error instanceof RPCError) {
    console.log(error.code, error.message);
  }
}
`

func TestTypeScript(t *testing.T) {
	need(t, "tsc")
	need(t, "node")
	s, h := source(t)
	server := httptest.NewServer(h)
	defer server.Close()
	text, err := client.Write("typescript", s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "hero_shop.ts", text)
	write(t, dir, "main.ts", []byte(tsMain))
	write(t, dir, "package.json", []byte(`{"type":"module"}`))
	run(t, dir, "tsc", "--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "main.ts")
	if got := run(t, dir, "node", "main.js", server.URL); got != wants {
		t.Errorf("said %q, want %q", got, wants)
	}
}

const rustMain = `#[path = "hero_shop.rs"]
mod hero_shop;
use hero_shop::*;

fn main() -> Result<(), Error> {
    let at = std::env::args().nth(1).unwrap();
    let mut c = Client { context: "org_acme".into(), ..Default::default() };
    if at.starts_with('/') {
        c.unix = Some(at.into());
    } else {
        c.base = at;
    }
    let item = Item { name: "x".into(), color: ItemColor::Red, prices: Some([("eur".to_string(), 5)].into()), ..Default::default() };
    let made = c.shop().item_create(&ShopItemCreateParams { item, count: 2, note: Some("hello".into()), ..Default::default() })?;
    println!("{} {} {} {}", made.id, made.context, made.item.color.to_json().to_string().trim_matches('"'), made.item.prices.unwrap()["eur"]);
    println!("{}", c.sums().add(&SumsAddParams { a: 1.0, b: 0.5 })?);
    let items = c.shop().item_list()?;
    println!("{} {}", items.len(), items[0].name);
    c.shop().item_clear()?;
    if let Err(Error::Rpc { code, message, .. }) = c.shop().fail() {
        println!("{code} {message}");
    }
    let odd: Json = r#"{"a":[1,-2.5,"\u00e9\ud83d\ude00\n",null,true,{}]}"#.parse()?;
    assert_eq!(odd.to_string().parse::<Json>()?, odd);
    for bad in ["", "[1", "{\"a\" 1}", "[1] 2", "nul", "\"\\u12\"", &"[".repeat(600)] {
        assert!(bad.parse::<Json>().is_err(), "{bad}");
    }
    Ok(())
}
`

func TestRust(t *testing.T) {
	need(t, "rustc")
	s, h := source(t)
	server := httptest.NewServer(h)
	defer server.Close()
	text, err := client.Write("rust", s)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write(t, dir, "hero_shop.rs", text)
	write(t, dir, "main.rs", []byte(rustMain))
	l, err := unixsock.Listen(filepath.Join(dir, "shop.sock"))
	if err != nil {
		t.Fatal(err)
	}
	local := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = local.Serve(l) }()
	defer func() { local.Close(); <-done }()
	run(t, dir, "rustc", "--edition", "2021", "-D", "warnings", "-A", "dead_code", "main.rs")
	for _, where := range []string{server.URL, filepath.Join(dir, "shop.sock")} {
		if got := run(t, dir, "./main", where); got != wants {
			t.Errorf("%s: said %q, want %q", where, got, wants)
		}
	}
}

// TestRealDocuments writes clients of real documents, and of one that is made
// to break them, and has each language read them.
func TestRealDocuments(t *testing.T) {
	files, err := filepath.Glob("../../../openrpc/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	files = append(files, "testdata/hostile.json")
	// Documents that are too large, or not ours to keep here: see docs/benchmarks.md.
	if dir := os.Getenv("HERO_DOCUMENTS"); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(more) == 0 {
			t.Fatal("no documents in", dir, err)
		}
		files = append(files, more...)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := openrpc.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			sources := []client.Source{{Service: "hero_x", Parts: []openrpc.Part{{Name: "one", Document: doc}, {Name: "client", Document: doc}}}}
			if strings.HasPrefix(file, "testdata") {
				sources = append(sources, client.Source{Service: "hero_x", Parts: []openrpc.Part{{Document: doc}}})
			}
			for _, s := range sources {
				dir := t.TempDir()
				for _, language := range client.Languages() {
					text, err := client.Write(language, s)
					if err != nil {
						t.Fatalf("%s: %v", language, err)
					}
					write(t, dir, client.FileName(language, "hero_x"), text)
				}
				write(t, dir, "go.mod", []byte("module x\n\ngo 1.24\n"))
				if testing.Short() {
					continue
				}
				run(t, dir, "go", "vet", ".")
				if _, err := exec.LookPath("python3"); err == nil {
					run(t, dir, "python3", "-W", "error", "-c", "import hero_x")
				}
				if _, err := exec.LookPath("rustc"); err == nil {
					run(t, dir, "rustc", "--edition", "2021", "--crate-type", "lib", "--emit", "metadata", "-D", "warnings", "hero_x.rs")
				}
				if _, err := exec.LookPath("tsc"); err == nil {
					run(t, dir, "tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--noEmit", "hero_x.ts")
				}
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	s, _ := source(t)
	if _, err := client.Write("cobol", s); fault.Of(err) != fault.Unsupported || !strings.Contains(fault.Hint(err), "typescript") {
		t.Errorf("%v, hint %q", err, fault.Hint(err))
	}
	if _, err := client.Write("go", client.Source{Service: "x"}); fault.Of(err) != fault.Invalid {
		t.Errorf("without a document: %v", err)
	}
}
