package sdk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"reflect"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Domain is a piece of a service's business. T is what serves it: one value in
// each context, made by Open and shared by all calls there. If T is an
// io.Closer it is closed when the context or the service ends; if it is a
// [Checker] it has a say in the domain's health.
type Domain[T any] struct {
	Name        string
	Version     string // "" is the service's
	Title       string // "" is made of Name
	Description string
	// Shared is the name of the model that the domain is, where it is one that
	// services share; "" is a domain of the service's own.
	Shared string
	// Migrations are the changes of the store's schema that Tenant.Store
	// applies, in order.
	Migrations []store.Migration
	// Open makes the domain in one context.
	Open func(ctx context.Context, t *Tenant) (T, error)
	// Methods are the RPC methods, made by Call and Objects.
	Methods []Method[T]
	// Stream answers GET /stream on the domain's socket with server-sent
	// events; nil where the domain has none.
	Stream func(T) http.Handler
}

// Checker is a domain that knows whether it works.
type Checker interface {
	// Check returns what is wrong, in words for those who run the service.
	Check(ctx context.Context) error
}

// Method is an RPC method of a domain that T serves. Call makes one.
type Method[T any] struct {
	spec openrpc.MethodSpec
	bind func(T) jsonrpc.Handler
}

// Doc describes a method to people and agents.
type Doc struct {
	Summary     string // one line
	Description string
	Errors      []openrpc.ErrorSpec   // those of its own, -32099..-32020
	Examples    []openrpc.ExampleSpec // calls as they could be
	ReadOnly    bool                  // changes nothing
	Destructive bool                  // may lose something
	Idempotent  bool                  // a second call changes nothing more
	Deprecated  bool
}

// Call makes the RPC method name of a function, as a rule a method expression:
//
//	sdk.Call("delivery.create", (*Delivery).Create, sdk.Doc{Summary: "Orders a meal."})
//
// The fields of P are the parameters, by name and in order; see jsonrpc.Func.
func Call[T, P, R any](name string, f func(T, context.Context, P) (R, error), doc Doc) Method[T] {
	return Method[T]{
		spec: openrpc.MethodSpec{
			Name: name, Summary: doc.Summary, Description: doc.Description,
			Params: reflect.TypeFor[P](), Result: reflect.TypeFor[R](),
			Errors: doc.Errors, Examples: doc.Examples,
			ReadOnly: doc.ReadOnly, Destructive: doc.Destructive,
			Idempotent: doc.Idempotent, Deprecated: doc.Deprecated,
		},
		bind: jsonrpc.Bind(f),
	}
}

// Methods puts lists of methods together, for a Domain that has its own beside
// those that Objects makes.
func Methods[T any](lists ...[]Method[T]) []Method[T] {
	var out []Method[T]
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// domain is a Domain without its type.
type domain interface {
	name() layout.Domain
	facts() manifest.Domain
	document() *document
	open(ctx context.Context, t *Tenant) (*instance, error)
}

// instance is a domain at work in one context.
type instance struct {
	methods map[string]jsonrpc.Handler
	stream  http.Handler // nil: there is none
	close   func() error
	check   func(context.Context) error // nil: there is nothing to ask
}

func (d Domain[T]) join(p *plan) error {
	name, err := layout.ParseDomain(d.Name)
	if err != nil {
		return err
	}
	if p.domain(name) != nil {
		return fault.Errorf(fault.Internal, "domain %s is there twice", name)
	}
	if d.Open == nil {
		return fault.Errorf(fault.Internal, "domain %s has no Open", name)
	}
	if d.Version == "" {
		d.Version = p.Version
	}
	if d.Title == "" {
		d.Title = titleOf(d.Name)
	}
	specs := make([]openrpc.MethodSpec, len(d.Methods))
	for i, m := range d.Methods {
		specs[i] = m.spec
	}
	doc, err := newDocument(openrpc.Info{Title: d.Title, Description: d.Description, Version: d.Version}, specs)
	if err != nil {
		return fmt.Errorf("domain %s: %w", name, err)
	}
	p.domains = append(p.domains, &typed[T]{Domain: d, id: name, doc: doc})
	return nil
}

// typed is a Domain that was found to be in order.
type typed[T any] struct {
	Domain[T]
	id  layout.Domain
	doc *document
}

func (d *typed[T]) name() layout.Domain { return d.id }

func (d *typed[T]) document() *document { return d.doc }

func (d *typed[T]) facts() manifest.Domain {
	m := manifest.Domain{
		Name: d.Name, Origin: manifest.Custom, Module: d.Name, Version: d.Version,
		Title: d.Title, OpenRPCSHA256: d.doc.hash,
	}
	if d.Shared != "" {
		m.Origin, m.Module = manifest.Shared, d.Shared
	}
	if c := d.doc.doc.Components; c != nil {
		m.Schemas = c.Schemas
	}
	return m
}

func (d *typed[T]) open(ctx context.Context, t *Tenant) (*instance, error) {
	t.migrations = d.Migrations
	v, err := d.Open(ctx, t)
	if err != nil {
		return nil, err
	}
	in := &instance{methods: make(map[string]jsonrpc.Handler, len(d.Methods)+1), close: func() error { return nil }}
	for _, m := range d.Methods {
		in.methods[m.spec.Name] = m.bind(v)
	}
	in.methods["rpc.discover"] = d.doc.discover
	if d.Stream != nil {
		in.stream = d.Stream(v)
	}
	if c, ok := any(v).(interface{ Close() error }); ok {
		in.close = c.Close
	}
	if c, ok := any(v).(Checker); ok {
		in.check = c.Check
	}
	return in, nil
}

// document is an OpenRPC document in the forms that are asked for.
type document struct {
	doc         *openrpc.Document
	text, older []byte
	hash        string // SHA-256 of text, in hexadecimal
}

func newDocument(info openrpc.Info, methods []openrpc.MethodSpec) (*document, error) {
	doc, err := openrpc.Build(info, methods)
	if err != nil {
		return nil, err
	}
	text, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	older, err := doc.Downgrade().JSON()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return &document{doc: doc, text: text, older: older, hash: hex.EncodeToString(sum[:])}, nil
}

// discover is the method rpc.discover.
func (d *document) discover(context.Context, json.Value) (any, error) { return json.Value(d.text), nil }
