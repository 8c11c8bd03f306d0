package main

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// reader is the inspector's domain: what the pages know, for programs.
type reader struct {
	in   *inspect.Inspector
	tree func() *discovery.Tree
}

type serviceParams struct {
	Service string `json:"service" doc:"Name of the service."`
}

type searchParams struct {
	Query string `json:"query,omitzero" doc:"Words that all occur in a method's name, place or text."`
	Limit int    `json:"limit,omitzero" doc:"How many at most; 100 where empty."`
}

// catalog is the domain that tells of all services.
func catalog(in *inspect.Inspector, tree func() *discovery.Tree) sdk.Part {
	return sdk.Domain[*reader]{
		Name: "catalog", Title: "Catalog", Description: "What the services of this machine serve.",
		Open: func(context.Context, *sdk.Tenant) (*reader, error) { return &reader{in, tree}, nil },
		Methods: []sdk.Method[*reader]{
			sdk.Call("catalog.list", (*reader).list, sdk.Doc{Summary: "Returns all services with their contexts and domains.", ReadOnly: true}),
			sdk.Call("catalog.document", (*reader).document, sdk.Doc{Summary: "Returns all domains of a service as one OpenRPC document.", ReadOnly: true}),
			sdk.Call("catalog.search", (*reader).search, sdk.Doc{Summary: "Finds methods of all services.", ReadOnly: true}),
		},
	}
}

func (r *reader) list(context.Context, struct{}) ([]inspect.View, error) {
	return inspect.Overview(r.tree()), nil
}

func (r *reader) document(ctx context.Context, p serviceParams) (*openrpc.Document, error) {
	name, err := layout.ParseService(p.Service)
	if err != nil {
		return nil, err
	}
	if t := r.tree(); t != nil {
		if s := t.Service(name); s != nil {
			return r.in.Composite(ctx, s)
		}
	}
	return nil, fault.Errorf(fault.NotFound, "there is no service %q", p.Service)
}

func (r *reader) search(ctx context.Context, p searchParams) (inspect.Found, error) {
	if p.Limit <= 0 {
		p.Limit = 100
	}
	// The caller's own context is root, that of the services is another.
	return r.in.Search(jsonrpc.WithMeta(ctx, jsonrpc.Meta{}), r.tree(), nil, p.Query, p.Limit), nil
}
