// Package registry keeps what a supervisor knows: the record of every unit and
// the last transitions, in one SQLite file that survives a kill at any
// instruction.
package registry

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// keep is how many transitions the registry holds.
const keep = 20_000

const schema = `
CREATE TABLE IF NOT EXISTS units (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transitions (id INTEGER PRIMARY KEY, unit TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS transitions_unit ON transitions (unit, id);
`

// Transition is one change of a unit's state, or of the health of one of its
// layers.
type Transition struct {
	ID    int64     `json:"id"` // grows over all units
	Unit  string    `json:"unit"`
	Layer string    `json:"layer,omitempty"` // "service", "ui" or "root/delivery" where it is about health; From and To are its words then
	At    time.Time `json:"at"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	Cause string    `json:"cause"`
	PID   int       `json:"pid,omitempty"`
}

// Record is what the registry holds of a unit.
type Record struct {
	Unit     unit.Unit `json:"unit"`
	Up       bool      `json:"up"`              // wanted
	File     bool      `json:"file,omitempty"`  // it stands in a file
	Renew    bool      `json:"renew,omitempty"` // its process is to be replaced by one that goes by Unit
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Cause    string    `json:"cause"`
	Restarts int       `json:"restarts"`
	Run      string    `json:"run,omitempty"`
	ID       osproc.ID `json:"id,omitzero"`
	Started  time.Time `json:"started,omitzero"`
	Ready    bool      `json:"ready,omitempty"`
	Boot     string    `json:"boot,omitempty"` // of the last change
}

// Registry keeps units and transitions in one SQLite file. Writes are queued
// and go to the disk in batches, so that no restart waits for a disk; Flush
// waits for those that are to be acknowledged. What a kill takes from the queue
// is found again by the marks of the processes.
type Registry struct {
	db   *sql.DB
	path string
	wg   sync.WaitGroup
	kick chan struct{}
	stop chan struct{}

	// mu guards the fields below it.
	mu      sync.Mutex
	units   map[string]*Record // to write; nil to delete
	events  []Transition
	waiting []chan error
	added   int // transitions
}

// Open opens the file in dir. One that is damaged is set aside, under
// the name that aside gives.
func Open(ctx context.Context, dir string) (r *Registry, aside string, err error) {
	path := filepath.Join(dir, "registry.sqlite")
	db, err := openDB(ctx, path)
	if err != nil && ctx.Err() == nil {
		if _, serr := os.Stat(path); serr != nil {
			return nil, "", fault.Errorf(fault.Unavailable, "open registry: %w", err)
		}
		aside = path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000000")
		for _, ending := range []string{"", "-wal", "-shm"} {
			if rerr := os.Rename(path+ending, aside+ending); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
				return nil, "", fault.Errorf(fault.Unavailable, "set the damaged registry aside: %w", rerr)
			}
		}
		db, err = openDB(ctx, path)
	}
	if err != nil {
		return nil, "", fault.Errorf(fault.Unavailable, "open registry %s: %w", path, err)
	}
	r = &Registry{db: db, path: path, kick: make(chan struct{}, 1), stop: make(chan struct{}), units: map[string]*Record{}}
	r.wg.Go(r.write)
	return r, aside, nil
}

func openDB(ctx context.Context, path string) (*sql.DB, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(normal)", "cache_size(-512)"}}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var word string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&word)
	if err == nil && word != "ok" {
		err = errors.New(word)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, schema)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Load returns all records, the names of those that cannot be read, and the id
// of the last transition.
func (r *Registry) Load(ctx context.Context) (records map[string]Record, bad []string, last int64, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT name, body FROM units")
	if err != nil {
		return nil, nil, 0, err
	}
	defer rows.Close()
	records = map[string]Record{}
	for rows.Next() {
		var name, body string
		var rec Record
		if err := rows.Scan(&name, &body); err != nil {
			return nil, nil, 0, err
		}
		if err := json.Unmarshal([]byte(body), &rec); err != nil {
			bad = append(bad, name)
			continue
		}
		records[name] = rec
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, nil, 0, err
	}
	var id sql.NullInt64
	err = r.db.QueryRowContext(ctx, "SELECT max(id) FROM transitions").Scan(&id)
	return records, bad, id.Int64, err
}

// Put queues a unit's record, or with nil its end.
func (r *Registry) Put(name string, rec *Record) {
	r.mu.Lock()
	r.units[name] = rec
	r.mu.Unlock()
	r.poke()
}

// Add queues a transition.
func (r *Registry) Add(t Transition) {
	r.mu.Lock()
	r.events = append(r.events, t)
	r.mu.Unlock()
	r.poke()
}

func (r *Registry) poke() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Flush waits until all that is queued is in the file.
func (r *Registry) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	r.mu.Lock()
	r.waiting = append(r.waiting, done)
	r.mu.Unlock()
	r.poke()
	select {
	case <-ctx.Done():
		return fault.Errorf(fault.Canceled, "write registry: %w", ctx.Err())
	case err := <-done:
		if err != nil {
			return fault.Errorf(fault.Unavailable, "write registry %s: %w", r.path, err)
		}
		return nil
	}
}

// write is the one writer. What could not be written stays queued.
func (r *Registry) write() {
	for last := false; ; {
		select {
		case <-r.kick:
		case <-r.stop:
			last = true
		}
		r.mu.Lock()
		units, events, waiting := r.units, r.events, r.waiting
		r.units, r.events, r.waiting = map[string]*Record{}, nil, nil
		r.mu.Unlock()
		err := r.batch(units, events)
		if err != nil {
			r.mu.Lock()
			for name, rec := range units {
				if _, newer := r.units[name]; !newer {
					r.units[name] = rec
				}
			}
			r.events = append(events, r.events...)
			r.events = r.events[max(0, len(r.events)-keep):]
			r.mu.Unlock()
		}
		for _, w := range waiting {
			w <- err
		}
		if last {
			return
		}
	}
}

// batch writes in one transaction.
func (r *Registry) batch(units map[string]*Record, events []Transition) error {
	if len(units) == 0 && len(events) == 0 {
		return nil
	}
	tx, err := r.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect once committed
	for name, rec := range units {
		if rec == nil {
			_, err = tx.Exec("DELETE FROM units WHERE name = ?", name)
		} else {
			var body []byte
			if body, err = json.Marshal(rec); err == nil {
				_, err = tx.Exec("INSERT INTO units VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", name, string(body))
			}
		}
		if err != nil {
			return err
		}
	}
	for _, t := range events {
		body, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT OR REPLACE INTO transitions VALUES (?, ?, ?)", t.ID, t.Unit, string(body)); err != nil {
			return err
		}
		if r.added++; r.added%1000 == 0 {
			_, err := tx.Exec("DELETE FROM transitions WHERE id <= (SELECT id FROM transitions ORDER BY id DESC LIMIT 1 OFFSET ?)", keep)
			if err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// History returns the last n transitions of a unit, or of all.
func (r *Registry) History(ctx context.Context, name string, n int) ([]Transition, error) {
	if err := r.Flush(ctx); err != nil {
		return nil, err
	}
	if n <= 0 {
		n = keep
	}
	return r.transitions(ctx, `SELECT body FROM
		(SELECT id, body FROM transitions WHERE unit = ?1 OR ?1 = '' ORDER BY id DESC LIMIT ?2) ORDER BY id`, name, n)
}

// After returns the first n transitions whose id is greater.
func (r *Registry) After(ctx context.Context, id int64, n int) ([]Transition, error) {
	if err := r.Flush(ctx); err != nil {
		return nil, err
	}
	return r.transitions(ctx, "SELECT body FROM transitions WHERE id > ? ORDER BY id LIMIT ?", id, n)
}

// transitions reads those that a query selects.
func (r *Registry) transitions(ctx context.Context, query string, args ...any) ([]Transition, error) {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "read history: %w", err)
	}
	defer rows.Close()
	out := []Transition{}
	for rows.Next() {
		var body string
		var t Transition
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// Close writes what is queued and closes the file.
func (r *Registry) Close() error {
	close(r.stop)
	r.wg.Wait()
	return r.db.Close()
}
