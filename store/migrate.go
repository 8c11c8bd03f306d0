package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Migration is one step of a schema, run once in a transaction of its own.
type Migration struct {
	// Name identifies the step, such as "0001_orders".
	Name string
	// SQL is one or more statements; it may not end the transaction.
	SQL string
	// Additive says that programs which do not know this step may go on using
	// the file: it adds tables, indexes, or columns that may be left out, and
	// changes nothing that they read or write. They refuse the file otherwise.
	Additive bool
}

// additive begins the checksum, in the file, of a step that is so.
const additive = "additive:"

func (m Migration) checksum() string {
	sum := sha256.Sum256([]byte(m.SQL))
	return hex.EncodeToString(sum[:])
}

// record returns what the file keeps of the step beside its name.
func (m Migration) record() string {
	if m.Additive {
		return additive + m.checksum()
	}
	return m.checksum()
}

// schema is the store's own part of the file: the objects of all kinds, what
// is known of each for filters and order, for search, and their past.
const schema = `
CREATE TABLE store_kinds (kind TEXT PRIMARY KEY, signature TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE store_ids (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
INSERT INTO store_ids VALUES (1, 0);
CREATE TABLE store_objects (
	seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,
	version INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id));
CREATE TABLE store_index (
	kind TEXT NOT NULL, field TEXT NOT NULL, value, seq INTEGER NOT NULL,
	PRIMARY KEY (kind, field, value, seq)) WITHOUT ROWID;
CREATE INDEX store_index_seq ON store_index (seq);
CREATE VIRTUAL TABLE store_search USING fts5(text, content='', contentless_delete=1);
CREATE TABLE store_history (
	kind TEXT NOT NULL, id TEXT NOT NULL, n INTEGER NOT NULL, version INTEGER NOT NULL,
	action TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, body TEXT NOT NULL,
	PRIMARY KEY (kind, id, n)) WITHOUT ROWID;
`

// own are the store's migrations; they run before the domain's.
func own() []Migration { return []Migration{{Name: "store_0001", SQL: schema}} }

func checkMigrations(ms []Migration) error {
	seen := map[string]bool{}
	for _, m := range append(own(), ms...) {
		if m.Name == "" || seen[m.Name] {
			return fault.Errorf(fault.Invalid, "migration %q: the name is empty or taken", m.Name)
		}
		seen[m.Name] = true
	}
	return nil
}

// migrate applies what is missing, each step in its own transaction, and
// refuses a file whose past is not the one this program knows: a newer one may
// have added to it, if it said that it only added. Several processes may do
// this at once: the lock of the transaction orders them.
func migrate(ctx context.Context, db *sql.DB, ms []Migration) error {
	err := inTx(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS store_migrations (
			part TEXT NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,
			at TEXT NOT NULL, PRIMARY KEY (part, n)) WITHOUT ROWID`)
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(migratePart(ctx, db, "store", own()), migratePart(ctx, db, "domain", ms))
}

func migratePart(ctx context.Context, db *sql.DB, part string, ms []Migration) error {
	var extra string
	err := db.QueryRowContext(ctx, `SELECT name FROM store_migrations WHERE part = ? AND n >= ? AND checksum NOT LIKE ? ORDER BY n LIMIT 1`,
		part, len(ms), additive+"%").Scan(&extra)
	if err == nil {
		return fault.WithHint(fault.Errorf(fault.Unsupported, "migration %q was applied to this file but is not known to this program", extra),
			"run the version of the program that wrote the file, or a newer one; a migration that only adds can be marked Additive, and older programs go on")
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for n, m := range ms {
		if err := inTx(ctx, db, func(tx *sql.Tx) error { return migrateOne(ctx, tx, part, n, m) }); err != nil {
			return fmt.Errorf("migration %q: %w", m.Name, err)
		}
	}
	return nil
}

func migrateOne(ctx context.Context, tx *sql.Tx, part string, n int, m Migration) error {
	var name, sum string
	err := tx.QueryRowContext(ctx, `SELECT name, checksum FROM store_migrations WHERE part = ? AND n = ?`, part, n).Scan(&name, &sum)
	switch {
	case err == nil && name == m.Name && strings.TrimPrefix(sum, additive) == m.checksum():
		return nil
	case err == nil:
		return fault.WithHint(fault.Errorf(fault.Unsupported, "step %d of this file is %q with checksum %.12s, not this one with %.12s",
			n, name, strings.TrimPrefix(sum, additive), m.checksum()),
			"never edit or reorder a migration that was applied: add a new one after it")
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO store_migrations VALUES (?, ?, ?, ?, ?)`,
		part, n, m.Name, m.record(), time.Now().UTC().Format(time.RFC3339))
	return err
}
