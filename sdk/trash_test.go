package sdk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// kept starts the service with a context that has a note in it.
func kept(t *testing.T, env sdk.Env) (call func(method string, params map[string]any) error, note func() (string, error), stop func() error) {
	t.Helper()
	ctx, stop := sdktest.Run(t, env, service(), domain(nil))
	c, err := sdk.DialService(ctx, "hero_notes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	acme, err := sdk.Dial(ctx, "hero_notes", "org_acme", "notes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(acme.Close)
	call = func(method string, params map[string]any) error { return c.Call(ctx, method, params, nil) }
	note = func() (string, error) {
		n, err := sdk.Invoke[Note](ctx, acme, "note.get", store.GetParams{ID: "n"})
		return n.Text, err
	}
	if err := call("context.create", map[string]any{"name": "org_acme", "id": "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := sdk.Invoke[Note](ctx, acme, "note.create", Note{Text: "remember", Base: store.Base{ID: "n"}}); err != nil && fault.Of(err) != fault.Conflict {
		t.Fatal(err)
	}
	return call, note, stop
}

func TestRestoreAndPurge(t *testing.T) {
	places := sdktest.Home(t)
	call, note, stop := kept(t, sdk.Env{Places: places})
	defer stop()
	acme := map[string]any{"name": "org_acme"}
	for _, step := range []struct {
		method string
		params map[string]any
		want   fault.Kind
		ok     bool
	}{
		{"context.create", map[string]any{"name": "org_acme", "id": "2"}, fault.Conflict, false},
		{"context.delete", map[string]any{"name": "org_acme", "id": "2"}, fault.NotFound, false},
		{"context.restore", acme, fault.Conflict, false}, // it is not deleted
		{"context.delete", map[string]any{"name": "org_acme", "id": "1"}, 0, true},
		{"context.delete", acme, fault.NotFound, false},
		{"context.restore", map[string]any{"name": "org_acme", "id": "2"}, fault.NotFound, false},
		{"context.restore", acme, 0, true},
		{"context.restore", map[string]any{"name": "org_acme", "id": "1"}, 0, true}, // again
	} {
		if err := call(step.method, step.params); step.ok != (err == nil) || err != nil && fault.Of(err) != step.want {
			t.Fatalf("%s %v: %v; want %v", step.method, step.params, err, step.want)
		}
	}
	if text, err := note(); err != nil || text != "remember" {
		t.Errorf("restored: %q, %v", text, err)
	}
	for _, method := range []string{"context.delete", "context.purge", "context.purge"} {
		if err := call(method, acme); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	if err := call("context.restore", acme); fault.Of(err) != fault.NotFound {
		t.Errorf("restore what was purged: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(places.Trash(), "hero_notes", "*")); err != nil || len(left) > 0 {
		t.Errorf("the trash holds %v, %v", left, err)
	}
}

// What a process leaves that is killed at each step of a restoration and of a
// purge is ended by the next one.
func TestCutOffAtEachStep(t *testing.T) {
	for name, c := range map[string]struct {
		edit     func(doc map[string]any, moveBack func())
		restored bool
	}{
		"restoration marked": {func(doc map[string]any, _ func()) { mark(doc) }, true},
		"data moved back":    {func(doc map[string]any, moveBack func()) { mark(doc); moveBack() }, true},
		"purge marked":       {func(doc map[string]any, _ func()) { trashOf(doc)["purging"] = true }, false},
		"data removed":       {func(doc map[string]any, _ func()) { trashOf(doc)["purging"] = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			places := sdktest.Home(t)
			env := sdk.Env{Places: places}
			svc := notesService(t)
			call, _, stop := kept(t, env)
			if err := call("context.delete", map[string]any{"name": "org_acme"}); err != nil {
				t.Fatal(err)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			data, err := os.ReadFile(places.ContextsFile(svc))
			if err == nil {
				err = json.Unmarshal(data, &doc)
			}
			if err != nil {
				t.Fatal(err)
			}
			acme, err := layout.ParseContext("org_acme")
			if err != nil {
				t.Fatal(err)
			}
			trash := places.TrashOf(svc, acme, trashOf(doc)["stamp"].(string))
			if name == "data removed" {
				if err := os.RemoveAll(trash); err != nil {
					t.Fatal(err)
				}
			}
			c.edit(doc, func() {
				if err := os.Rename(trash, places.DataIn(svc, acme)); err != nil {
					t.Fatal(err)
				}
			})
			if data, err = json.Marshal(doc); err == nil {
				err = os.WriteFile(places.ContextsFile(svc), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := sdktest.Run(t, env, service(), domain(nil))
			defer stop()
			cl, err := sdk.Dial(ctx, "hero_notes", "org_acme", "notes")
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			n, err := sdk.Invoke[Note](ctx, cl, "note.get", store.GetParams{ID: "n"})
			if c.restored != (err == nil && n.Text == "remember") {
				t.Errorf("the note: %+v, %v", n, err)
			}
			if _, err := os.Lstat(trash); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the trash still holds it: %v", err)
			}
		})
	}
}

func notesService(t *testing.T) layout.Service { return name(t, layout.ParseService, "hero_notes") }

func trashOf(doc map[string]any) map[string]any { return doc["trash"].([]any)[0].(map[string]any) }

func mark(doc map[string]any) {
	e := trashOf(doc)
	doc["contexts"] = append(doc["contexts"].([]any), map[string]any{
		"name": e["name"], "id": e["id"], "created_at": e["created_at"], "restoring": e["stamp"]})
}

// A trash that cannot be made stops a deletion before the context notices.
func TestNoTrashNoDeletion(t *testing.T) {
	places := sdktest.Home(t)
	call, note, stop := kept(t, sdk.Env{Places: places})
	defer stop()
	if err := os.WriteFile(places.Trash(), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := call("context.delete", map[string]any{"name": "org_acme"}); err == nil || !strings.Contains(err.Error(), "trash") {
		t.Errorf("delete: %v; want an error that names the trash", err)
	}
	if text, err := note(); err != nil || text != "remember" {
		t.Errorf("the context serves no more: %q, %v", text, err)
	}
	if err := os.Remove(places.Trash()); err != nil {
		t.Fatal(err)
	}
	if err := call("context.delete", map[string]any{"name": "org_acme"}); err != nil {
		t.Errorf("delete with room: %v", err)
	}
}
