package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

const writerEnv = "STORE_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever creates objects and prints the id of each once it is stored.
func writeForever(dir string) error {
	s, err := store.Open(context.Background(), store.Options{Dir: dir})
	if err != nil {
		return err
	}
	notes, err := store.ObjectsOf[note](s, "note")
	if err != nil {
		return err
	}
	for {
		n, err := notes.Create(context.Background(), note{Text: "kept whatever happens"})
		if err != nil {
			return err
		}
		fmt.Println(n.ID)
	}
}

func open(t testing.TB, opts store.Options) *store.Store {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = filepath.Join(t.TempDir(), "shop", "root", "notes")
	}
	s, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func exec1(ctx context.Context, s *store.Store, query string, args ...any) error {
	return s.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func one(t *testing.T, s *store.Store, query string) (got string) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *sql.Tx) error { return tx.QueryRow(query).Scan(&got) })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestKilledWriterLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), writerEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + rand.IntN(40)
		for lines := bufio.NewScanner(out); lines.Scan(); left-- {
			acknowledged[lines.Text()] = true
			if left == 0 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil || left > 0 {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		s := open(t, store.Options{Dir: dir})
		notes := notesIn(t, s)
		for id := range acknowledged {
			if _, err := notes.Get(t.Context(), store.GetParams{ID: id}); err != nil {
				t.Fatalf("acknowledged, then lost: %v", err)
			}
		}
		if got := one(t, s, "PRAGMA integrity_check"); got != "ok" {
			t.Fatal(got)
		}
	}
}

func TestModes(t *testing.T) {
	s := open(t, store.Options{})
	if _, err := os.Stat(s.Path()); !os.IsNotExist(err) {
		t.Errorf("the file was touched before its first use: %v", err)
	}
	if err := exec1(t.Context(), s, "CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{s.Path(): 0o600, s.Path() + "-wal": 0o600, filepath.Dir(s.Path()): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, want)
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1"} {
		if got := one(t, s, "PRAGMA "+pragma); got != want {
			t.Errorf("%s = %s, want %s", pragma, got, want)
		}
	}
	err := s.Read(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec("DROP TABLE t"); return err })
	if err == nil {
		t.Error("a reader changed the schema")
	}
}

func TestMigrations(t *testing.T) {
	dir := t.TempDir()
	first := store.Migration{Name: "1", SQL: "CREATE TABLE a (x); INSERT INTO a VALUES (7);"}
	second := store.Migration{Name: "2", SQL: "ALTER TABLE a ADD COLUMN y;"}
	for _, tc := range []struct {
		name  string
		steps []store.Migration
		want  string // part of the error
	}{
		{"first", []store.Migration{first}, ""},
		{"again", []store.Migration{first}, ""},
		{"a bad one is undone", []store.Migration{first, {Name: "2", SQL: "CREATE TABLE b (x); CREATE TABLE a (x);"}}, "already exists"},
		{"and can be mended", []store.Migration{first, second}, ""},
		{"changed", []store.Migration{first, {Name: "2", SQL: "SELECT 1"}}, "checksum"},
		{"renamed", []store.Migration{{Name: "1b", SQL: first.SQL}, second}, "checksum"},
		{"older program", []store.Migration{first}, "not known to this program"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, store.Options{Dir: dir, Migrations: tc.steps})
			err := s.Read(t.Context(), func(*sql.Tx) error { return nil })
			if (tc.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			if err == nil && one(t, s, "SELECT x FROM a") != "7" {
				t.Error("the data changed")
			}
		})
	}
	if _, err := store.Open(t.Context(), store.Options{Dir: dir, Migrations: []store.Migration{first, first}}); fault.Of(err) != fault.Invalid {
		t.Errorf("a name taken twice: %v", err)
	}
}

// A new version migrates the file of one that runs, and is withdrawn. The old
// one goes on, after the file was closed while idle too, and so does the new
// one when it comes back; unless the step was one that takes something away.
func TestMigratedAndWithdrawn(t *testing.T) {
	first := store.Migration{Name: "1", SQL: "CREATE TABLE a (x)"}
	adds := store.Migration{Name: "2", SQL: "ALTER TABLE a ADD COLUMN y DEFAULT 3; CREATE TABLE b (x);", Additive: true}
	adds2 := store.Migration{Name: "3", SQL: "CREATE INDEX a_y ON a (y)", Additive: true}
	takes := store.Migration{Name: "3", SQL: "DROP TABLE b"}
	for name, tc := range map[string]struct {
		newer []store.Migration
		want  string // part of the error when the old one opens the file again
	}{
		"adds":             {[]store.Migration{first, adds}, ""},
		"adds twice":       {[]store.Migration{first, adds, adds2}, ""},
		"adds, then takes": {[]store.Migration{first, adds, takes}, `migration "3" was applied`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			const insert = "INSERT INTO a (x) VALUES (7)"
			at := func(steps ...store.Migration) *store.Store {
				return open(t, store.Options{Dir: dir, Migrations: steps})
			}
			old := at(first)
			if err := exec1(t.Context(), old, insert); err != nil {
				t.Fatal(err)
			}
			heir := at(tc.newer...)
			if err := exec1(t.Context(), heir, "INSERT INTO a (x, y) VALUES (8, 9)"); err != nil {
				t.Fatal(err)
			}
			if err := heir.Close(); err != nil {
				t.Fatal(err)
			}
			if err := exec1(t.Context(), old, insert); err != nil {
				t.Errorf("the file is open, and the old one says %v", err)
			}
			err := exec1(t.Context(), at(first), insert)
			if tc.want == "" {
				if err != nil {
					t.Fatalf("opened again: %v", err)
				}
				if got := one(t, at(tc.newer...), "SELECT group_concat(y, ' ') FROM (SELECT y FROM a ORDER BY rowid)"); got != "3 9 3 3" {
					t.Errorf("the new one comes back to %s", got)
				}
				return
			}
			if fault.Of(err) != fault.Unsupported || !strings.Contains(err.Error(), tc.want) || fault.Hint(err) == "" {
				t.Errorf("opened again: %v, hint %q; want %q", err, fault.Hint(err), tc.want)
			}
		})
	}
}

func TestFullDisk(t *testing.T) {
	s := open(t, store.Options{})
	notes := notesIn(t, s)
	kept, err := notes.Create(t.Context(), note{Text: "before"})
	if err != nil {
		t.Fatal(err)
	}
	size, err := strconv.Atoi(one(t, s, "PRAGMA page_count"))
	if err != nil {
		t.Fatal(err)
	}
	// The limit belongs to the one connection that writes.
	if err := exec1(t.Context(), s, "PRAGMA max_page_count = "+strconv.Itoa(size)); err != nil {
		t.Fatal(err)
	}
	_, err = notes.Create(t.Context(), note{Text: strings.Repeat("too much ", 10_000)})
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), s.Path()) || !strings.Contains(fault.Hint(err), "free space") {
		t.Fatalf("a full disk: %v (%v), hint %q", err, fault.Of(err), fault.Hint(err))
	}
	if got, err := notes.Get(t.Context(), store.GetParams{ID: kept.ID}); err != nil || got.Text != "before" {
		t.Fatalf("what was stored before: %v, %v", got, err)
	}
	if err := exec1(t.Context(), s, "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if _, err = notes.Create(t.Context(), note{Text: strings.Repeat("too much ", 10_000)}); err != nil {
		t.Fatalf("with space again: %v", err)
	}
}

func TestDamagedFile(t *testing.T) {
	s := open(t, store.Options{})
	if err := os.WriteFile(s.Path(), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	err := s.Read(t.Context(), func(*sql.Tx) error { return nil })
	if err == nil || !strings.Contains(err.Error(), s.Path()) || !strings.Contains(err.Error(), "damaged") || fault.Hint(err) == "" {
		t.Fatalf("error %v, hint %q", err, fault.Hint(err))
	}
}

func TestTwoStoresOnOneFile(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 2 { // as two processes do in a graceful restart
		notes := notesIn(t, open(t, store.Options{Dir: dir}))
		group.Go(func() {
			for range 25 {
				if _, err := notes.Create(t.Context(), note{Text: "both"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	page, err := notesIn(t, open(t, store.Options{Dir: dir})).List(t.Context(), store.ListParams{})
	if err != nil || len(page.Items) != 50 {
		t.Fatalf("%d notes, %v; want 50", len(page.Items), err)
	}
}

func TestIdleClose(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), store.Options{Dir: dir, IdleClose: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		// The last connection to close takes the -wal file away.
		opened := func() bool { _, err := os.Stat(s.Path() + "-wal"); return err == nil }
		for range 2 {
			if err := exec1(t.Context(), s, "CREATE TABLE IF NOT EXISTS t (a)"); err != nil {
				t.Fatal(err)
			}
			if !opened() {
				t.Error("closed right after its use")
			}
			<-time.After(2 * time.Minute) // of the bubble's own time
			synctest.Wait()
			if opened() {
				t.Error("open after two idle minutes")
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := exec1(t.Context(), s, "SELECT 1"); fault.Of(err) != fault.Unavailable {
			t.Errorf("use after close: %v", err)
		}
	})
}
