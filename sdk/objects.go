package sdk

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Objects returns the methods that every type of object has: {kind}.create,
// get, set, update, delete, exist, list, search and history. of picks the
// objects from what serves the domain:
//
//	sdk.Objects("user", func(d *Identity) *store.Objects[User] { return d.users })
func Objects[T, O any](kind string, of func(T) *store.Objects[O]) []Method[T] {
	return append(Readers(kind, of),
		Call(kind+".create", func(t T, ctx context.Context, o O) (O, error) { return of(t).Create(ctx, o) },
			Doc{Summary: "Stores a new " + kind + " and returns it with its id."}),
		Call(kind+".set", func(t T, ctx context.Context, o O) (O, error) { return of(t).Set(ctx, o) },
			Doc{Summary: "Creates the " + kind + " if it has no id, else replaces the one with that id.", Idempotent: true}),
		Call(kind+".update", func(t T, ctx context.Context, o O) (O, error) { return of(t).Update(ctx, o) },
			Doc{Summary: "Replaces a " + kind + " if its version is still the one given."}),
		Call(kind+".delete", func(t T, ctx context.Context, p store.DeleteParams) (bool, error) { return of(t).Delete(ctx, p) },
			Doc{Summary: "Deletes a " + kind + " and reports whether there was one. Its history stays.", Destructive: true, Idempotent: true}),
	)
}

// Readers returns those of Objects that change nothing, for objects that are
// changed in ways of their own.
func Readers[T, O any](kind string, of func(T) *store.Objects[O]) []Method[T] {
	return []Method[T]{
		Call(kind+".get", func(t T, ctx context.Context, p store.GetParams) (O, error) { return of(t).Get(ctx, p) },
			Doc{Summary: "Returns one " + kind + ".", ReadOnly: true}),
		Call(kind+".exist", func(t T, ctx context.Context, p store.GetParams) (bool, error) { return of(t).Exist(ctx, p) },
			Doc{Summary: "Reports whether there is a " + kind + " with the id.", ReadOnly: true}),
		Call(kind+".list", func(t T, ctx context.Context, p store.ListParams) (store.Page[O], error) { return of(t).List(ctx, p) },
			Doc{Summary: "Returns a page of those that pass the filter.", ReadOnly: true}),
		Call(kind+".search", func(t T, ctx context.Context, p store.SearchParams) (store.Page[O], error) {
			return of(t).Search(ctx, p)
		},
			Doc{Summary: "Returns a page of those in which all words occur, the best first.", ReadOnly: true}),
		Call(kind+".history", func(t T, ctx context.Context, p store.HistoryParams) (store.Page[store.Change[O]], error) {
			return of(t).History(ctx, p)
		}, Doc{Summary: "Returns what happened to a " + kind + ", the latest first.", ReadOnly: true}),
	}
}
