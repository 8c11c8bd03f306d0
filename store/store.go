// Package store keeps a domain's data in one context: one SQLite file, with
// migrations, and typed objects that have create, get, set, list, search and
// history.
//
// A Store opens its file at the first use and may close it again when idle, so
// a service can hold thousands of them. Every write is one transaction that is
// on the disk (WAL, synchronous=FULL) before it is acknowledged: neither a kill
// nor a loss of power takes back what a caller was told. Two processes may have
// the same file open, as they do for a moment in a graceful restart.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // which registers itself as the driver "sqlite"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// FileName is the name of the data file in a store's folder.
const FileName = "data.sqlite"

// Options say where a store is and how it behaves. Only Dir is needed.
type Options struct {
	// Dir is the store's folder, made with mode 0700 where it is missing.
	Dir string
	// Migrations are the domain's own changes of schema, in order. Those once
	// applied may not be changed or taken away.
	Migrations []Migration
	// User returns who makes a call, for created_by and updated_by. Nil means
	// that nobody is known.
	User func(context.Context) string
	// IdleClose is how long after its last use the file is closed; the next
	// use opens it again. Zero keeps it open until Close.
	IdleClose time.Duration
	// Log receives what no caller is told, such as a failure to close. Nil
	// discards it.
	Log *slog.Logger
}

// Store is one domain's data in one context. It is safe for concurrent use:
// one writer and a few readers work at a time, the others wait.
type Store struct {
	opts Options
	path string

	// mu guards the fields below it.
	mu     sync.Mutex
	files  *handles
	users  int
	idle   *time.Timer
	uses   uint64 // grows with every use, so that a stale timer is known
	closed bool
	quiet  chan struct{} // closed by the last user once the store is closed
}

// handles are the open connections: one that writes and a few that read.
type handles struct{ write, read *sql.DB }

func (h *handles) close() error {
	return errors.Join(h.read.Close(), h.write.Close())
}

// Open returns the store in opts.Dir, making the folder. It does not touch the
// file: the first use opens and migrates it and reports what is wrong with it.
func Open(_ context.Context, opts Options) (*Store, error) {
	if opts.Dir == "" {
		return nil, fault.Errorf(fault.Invalid, "open store: no folder given")
	}
	if err := checkMigrations(opts.Migrations); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "open store: %w", err)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{opts: opts, path: filepath.Join(dir, FileName), quiet: make(chan struct{})}, nil
}

// Path returns the absolute path of the data file.
func (s *Store) Path() string { return s.path }

// Write runs f in a transaction that may change the data, alone among all
// writers. An error of f undoes everything f did; nil commits, and Write then
// returns nil only when the change is on the disk. f must not call the store.
func (s *Store) Write(ctx context.Context, f func(*sql.Tx) error) error {
	return s.use(ctx, func(h *handles) error { return inTx(ctx, h.write, f) })
}

// Read runs f in a transaction that sees one state of the data and cannot
// change it. It neither waits for a writer nor stops one.
func (s *Store) Read(ctx context.Context, f func(*sql.Tx) error) error {
	return s.use(ctx, func(h *handles) error { return inTx(ctx, h.read, f) })
}

// Close waits for the calls under way, closes the file and makes every later
// use fail with a fault of kind Unavailable. Closing twice is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.users == 0 {
			close(s.quiet)
		}
	}
	s.mu.Unlock()
	<-s.quiet
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeLocked()
}

// closeLocked closes the file, if it is open.
func (s *Store) closeLocked() error {
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	if s.files == nil {
		return nil
	}
	err := s.files.close()
	s.files = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// use runs f with the file open.
func (s *Store) use(ctx context.Context, f func(*handles) error) error {
	h, err := s.acquire(ctx)
	if err != nil {
		return s.explain(err)
	}
	defer s.release()
	return s.explain(f(h))
}

// acquire opens the file if need be, and holds it open until release.
func (s *Store) acquire(ctx context.Context) (*handles, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fault.Errorf(fault.Unavailable, "store is closed")
	}
	if s.files == nil {
		h, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		s.files = h
	}
	s.users++
	s.uses++
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	return s.files, nil
}

func (s *Store) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	if s.users > 0 {
		return
	}
	if s.closed {
		close(s.quiet)
		return
	}
	if s.opts.IdleClose > 0 {
		uses := s.uses
		s.idle = time.AfterFunc(s.opts.IdleClose, func() { s.closeIdle(uses) })
	}
}

// closeIdle closes the file unless it was used since the timer was set.
func (s *Store) closeIdle(uses uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uses != uses || s.users > 0 {
		return
	}
	if err := s.closeLocked(); err != nil {
		s.opts.Log.Error("close idle store", "err", err)
	}
}

// open opens the file, creating it with mode 0600, and brings it up to date.
func (s *Store) open(ctx context.Context) (*handles, error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "open: %w", err)
	}
	// SQLite would make it with the mode of the umask; the files beside it
	// (-wal, -shm) take the mode of this one.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "open: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	h := new(handles)
	if h.write, err = sql.Open("sqlite", s.dsn("immediate", "journal_mode(wal)", "synchronous(full)")); err != nil {
		return nil, err
	}
	h.write.SetMaxOpenConns(1)
	if h.read, err = sql.Open("sqlite", s.dsn("deferred", "query_only(1)")); err != nil {
		return nil, errors.Join(err, h.write.Close())
	}
	h.read.SetMaxOpenConns(4)
	h.read.SetMaxIdleConns(1)
	if err := s.migrateWaiting(ctx, h.write); err != nil {
		if closing := h.close(); closing != nil {
			s.opts.Log.Error("close store", "err", closing)
		}
		return nil, fmt.Errorf("open %s: %w", s.path, err)
	}
	return h, nil
}

// migrateWaiting migrates, and repeats that for up to ten seconds while another
// process opens the file too: SQLite waits for no lock when it turns a new file
// to WAL, whatever the busy timeout.
func (s *Store) migrateWaiting(ctx context.Context, db *sql.DB) error {
	for tries := 0; ; tries++ {
		err := migrate(ctx, db, s.opts.Migrations)
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != codeBusy || tries == 500 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// dsn returns the name by which the driver opens the file. The cache is small,
// for there may be thousands of stores; the system's own cache serves them all.
func (s *Store) dsn(lock string, pragmas ...string) string {
	q := url.Values{"_txlock": {lock}, "_pragma": append([]string{
		"busy_timeout(10000)", "foreign_keys(1)", "cache_size(-256)", "trusted_schema(0)",
	}, pragmas...)}
	u := url.URL{Scheme: "file", OmitHost: true, Path: s.path, RawQuery: q.Encode()}
	return u.String()
}

// inTx runs f in a transaction of db.
func inTx(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect once committed
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
