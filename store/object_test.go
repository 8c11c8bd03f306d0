package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

type note struct {
	store.Base
	Text   string     `json:"text" search:"yes"`
	Colour string     `json:"colour,omitzero" index:"yes"`
	Rank   int        `json:"rank,omitzero" index:"yes"`
	Slug   string     `json:"slug,omitzero" index:"unique"`
	Due    store.Time `json:"due,omitzero" index:"yes"`
}

func (n *note) Validate() error {
	if n.Text == "" {
		return errors.New("text: must not be empty")
	}
	return nil
}

func notesIn(t testing.TB, s *store.Store) *store.Objects[note] {
	t.Helper()
	notes, err := store.ObjectsOf[note](s, "note")
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

func Example() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	notes, err := store.ObjectsOf[note](s, "note")
	if err != nil {
		panic(err)
	}
	n, err := notes.Create(ctx, note{Text: "Buy apples", Colour: "red"})
	fmt.Println(n.Version, err)
	n.Text = "Buy pears"
	n, err = notes.Update(ctx, n)
	fmt.Println(n.Version, err)
	page, err := notes.Search(ctx, store.SearchParams{Query: "pear"})
	fmt.Println(page.Items[0].Text, err)
	_, err = notes.Create(ctx, note{})
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// 2 <nil>
	// Buy pears <nil>
	// note: text: must not be empty
}

func TestObjects(t *testing.T) {
	ctx := t.Context()
	s := open(t, store.Options{User: func(context.Context) string { return "ann" }})
	notes := notesIn(t, s)
	a, err := notes.Create(ctx, note{Text: "first", Slug: "a", Base: store.Base{CreatedBy: "forged", Version: 9}})
	if err != nil || a.CreatedBy != "ann" || a.UpdatedBy != "ann" || a.Version != 1 || a.CreatedAt.IsZero() || len(a.ID) != 12 {
		t.Fatalf("created %+v, %v", a, err)
	}
	changed := a
	changed.Text = "second"
	if changed, err = notes.Update(ctx, changed); err != nil || changed.Version != 2 {
		t.Fatalf("updated %+v, %v", changed, err)
	}
	last := a
	last.Version, last.Text = 0, "third"
	if last, err = notes.Set(ctx, last); err != nil || last.Version != 3 || last.CreatedAt != a.CreatedAt {
		t.Fatalf("set %+v, %v", last, err)
	}
	for name, tc := range map[string]struct {
		err  func() error
		want fault.Kind
	}{
		"stale update":  {func() error { _, err := notes.Update(ctx, a); return err }, fault.Conflict},
		"stale set":     {func() error { _, err := notes.Set(ctx, a); return err }, fault.Conflict},
		"stale delete":  {func() error { _, err := notes.Delete(ctx, store.DeleteParams{ID: a.ID, Version: 1}); return err }, fault.Conflict},
		"taken id":      {func() error { _, err := notes.Create(ctx, note{Text: "x", Base: store.Base{ID: a.ID}}); return err }, fault.Conflict},
		"taken slug":    {func() error { _, err := notes.Create(ctx, note{Text: "x", Slug: "a"}); return err }, fault.Conflict},
		"invalid":       {func() error { _, err := notes.Create(ctx, note{}); return err }, fault.Invalid},
		"bad id":        {func() error { _, err := notes.Create(ctx, note{Text: "x", Base: store.Base{ID: "../x"}}); return err }, fault.Invalid},
		"no such":       {func() error { _, err := notes.Get(ctx, store.GetParams{ID: "x"}); return err }, fault.NotFound},
		"no past":       {func() error { _, err := notes.History(ctx, store.HistoryParams{ID: "x"}); return err }, fault.NotFound},
		"update absent": {func() error { _, err := notes.Update(ctx, note{Text: "x", Base: store.Base{ID: "x"}}); return err }, fault.NotFound},
	} {
		if err := tc.err(); fault.Of(err) != tc.want || err == nil {
			t.Errorf("%s: %v is %v, want %v", name, err, fault.Of(err), tc.want)
		}
	}
	for _, want := range []bool{true, false} {
		if ok, err := notes.Exist(ctx, store.GetParams{ID: a.ID}); ok != want || err != nil {
			t.Errorf("exist %v, %v", ok, err)
		}
		if ok, err := notes.Delete(ctx, store.DeleteParams{ID: a.ID}); ok != want || err != nil {
			t.Errorf("delete %v, %v", ok, err)
		}
	}
	past, err := notes.History(ctx, store.HistoryParams{ID: a.ID, Limit: 3})
	if err != nil || len(past.Items) != 3 || past.Items[0].Action != "delete" || past.Items[2].Object.Text != "second" {
		t.Fatalf("history %+v, %v", past, err)
	}
	past, err = notes.History(ctx, store.HistoryParams{ID: a.ID, Cursor: past.Next})
	if err != nil || len(past.Items) != 1 || past.Items[0].Object.Text != "first" || past.Items[0].By != "ann" || past.Next != "" {
		t.Fatalf("history %+v, %v", past, err)
	}
	if other, err := store.ObjectsOf[note](s, "other"); err != nil {
		t.Fatal(err)
	} else if page, err := other.List(ctx, store.ListParams{}); err != nil || len(page.Items) != 0 {
		t.Errorf("another kind lists %v, %v", page, err)
	}
}

// TestModel does the same at random to a store and to a map.
func TestModel(t *testing.T) {
	ctx, notes, model := t.Context(), notesIn(t, open(t, store.Options{})), map[string]note{}
	random := rand.New(rand.NewPCG(1, 2))
	colours := []string{"red", "green", "blue", ""}
	for range 150 {
		n := note{Text: "word" + fmt.Sprint(random.IntN(5)), Colour: colours[random.IntN(4)], Rank: random.IntN(7) - 3}
		n.Tags = []string{"t" + fmt.Sprint(random.IntN(3)), "t" + fmt.Sprint(random.IntN(3))}
		n.Due = store.TimeOf(time.Unix(int64(random.IntN(4)), 0))
		for id := range model {
			switch random.IntN(6) {
			case 0:
				n.ID = id
			case 1:
				if ok, err := notes.Delete(ctx, store.DeleteParams{ID: id}); !ok || err != nil {
					t.Fatal(ok, err)
				}
				delete(model, id)
			}
			break
		}
		if _, there := model[n.ID]; !there {
			n.ID = ""
		}
		got, err := notes.Set(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		model[got.ID] = got
	}
	orders := map[string]func(a, b note) int{
		"id":   func(a, b note) int { return strings.Compare(a.ID, b.ID) },
		"rank": func(a, b note) int { return a.Rank - b.Rank },
		"due":  func(a, b note) int { return a.Due.Compare(b.Due.Time) },
	}
	filters := map[string]func(n note) bool{
		`{}`:                             func(note) bool { return true },
		`{"colour":"red"}`:               func(n note) bool { return n.Colour == "red" },
		`{"colour":"","rank":2}`:         func(n note) bool { return n.Colour == "" && n.Rank == 2 },
		`{"tags":"t1"}`:                  func(n note) bool { return slices.Contains(n.Tags, "t1") },
		`{"due":"1970-01-01T00:00:03Z"}`: func(n note) bool { return n.Due.Unix() == 3 },
		`{"due":3,"rank":-1}`:            func(n note) bool { return n.Due.Unix() == 3 && n.Rank == -1 },
	}
	for order, compare := range orders {
		for filter, keep := range filters {
			for _, descending := range []bool{false, true} {
				var want []string
				for _, n := range sorted(model, compare, descending) {
					if keep(n) {
						want = append(want, n.ID)
					}
				}
				p := store.ListParams{Order: order, Limit: 1 + random.IntN(20)}
				if descending {
					p.Order = "-" + order
				}
				if err := json.Unmarshal([]byte(filter), &p.Filter); err != nil {
					t.Fatal(err)
				}
				if got := idsOf(t, notes, p); !slices.Equal(got, want) {
					t.Errorf("%s of %s: got %v, want %v", p.Order, filter, got, want)
				}
			}
		}
	}
	found, err := notes.Search(ctx, store.SearchParams{Query: "WORD3"})
	want := 0
	for _, n := range model {
		if n.Text == "word3" {
			want++
		}
	}
	if err != nil || len(found.Items) != want || want == 0 {
		t.Errorf("search found %d, %v; want %d", len(found.Items), err, want)
	}
}

func sorted(model map[string]note, compare func(a, b note) int, descending bool) []note {
	var all []note
	for _, n := range model {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b note) int {
		c := compare(a, b)
		if c == 0 {
			c = strings.Compare(a.ID, b.ID)
		}
		if descending {
			return -c
		}
		return c
	})
	return all
}

func idsOf(t *testing.T, notes *store.Objects[note], p store.ListParams) (ids []string) {
	t.Helper()
	for {
		page, err := notes.List(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range page.Items {
			ids = append(ids, n.ID)
		}
		if page.Next == "" {
			return ids
		}
		p.Cursor = page.Next
	}
}

// TestIndexFollowsTags opens objects with a type that indexes another field.
func TestIndexFollowsTags(t *testing.T) {
	type older struct {
		store.Base
		Text   string `json:"text"`
		Colour string `json:"colour,omitzero"`
	}
	s := open(t, store.Options{})
	before, err := store.ObjectsOf[older](s, "note")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Create(t.Context(), older{Text: "hello", Colour: "red"}); err != nil {
		t.Fatal(err)
	}
	page, err := notesIn(t, s).List(t.Context(), store.ListParams{Filter: map[string]any{"colour": "red"}})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("list %v, %v", page, err)
	}
	if page, err = notesIn(t, s).Search(t.Context(), store.SearchParams{Query: "hel"}); err != nil || len(page.Items) != 1 {
		t.Errorf("search %v, %v", page, err)
	}
}

func TestCheckUndoes(t *testing.T) {
	notes := notesIn(t, open(t, store.Options{}))
	refused := errors.New("refused")
	notes.Check = func(context.Context, *sql.Tx, *note) error { return refused }
	if _, err := notes.Create(t.Context(), note{Text: "x", Base: store.Base{ID: "x"}}); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if ok, err := notes.Exist(t.Context(), store.GetParams{ID: "x"}); ok || err != nil {
		t.Errorf("stored all the same: %v, %v", ok, err)
	}
}

// FuzzAsk: what strangers ask is answered or refused as invalid, and never
// shows them an object of another kind.
func FuzzAsk(f *testing.F) {
	s := open(f, store.Options{})
	notes := notesIn(f, s)
	secret, err := store.ObjectsOf[note](s, "secret")
	if err != nil {
		f.Fatal(err)
	}
	if _, err := secret.Create(f.Context(), note{Text: "secret word", Colour: "red"}); err != nil {
		f.Fatal(err)
	}
	if _, err := notes.Create(f.Context(), note{Text: "open word", Colour: "red"}); err != nil {
		f.Fatal(err)
	}
	f.Add("secret", "", "", `{}`)
	f.Add(`" OR text:* NEAR(a b) -x ^ {`, "-colour", "eyJvIjoibCJ9", `{"colour":"' OR 1=1 --"}`)
	f.Add("word\x00*", "colour; DROP TABLE store_objects", "%%%", `{"kind":"secret"}`)
	f.Add("wor", "rank", "eyJvIjoibHJhbmsiLCJ0IjoiIiwiZCI6IngifQ", `{"rank":1e400,"due":"x"}`)
	f.Fuzz(func(t *testing.T, query, order, cursor, filter string) {
		list := store.ListParams{Order: order, Cursor: cursor}
		if err := json.Unmarshal([]byte(filter), &list.Filter); err != nil {
			list.Filter = nil
		}
		found, err1 := notes.Search(t.Context(), store.SearchParams{Query: query})
		page, err2 := notes.List(t.Context(), list)
		for _, err := range []error{err1, err2} {
			if err != nil && fault.Of(err) != fault.Invalid {
				t.Errorf("not refused as invalid: %v", err)
			}
		}
		for _, n := range slices.Concat(found.Items, page.Items) {
			if n.Text != "open word" {
				t.Errorf("leaked %q", n.Text)
			}
		}
	})
}
