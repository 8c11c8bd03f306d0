package store

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Objects are the objects of one type in a store. T is a struct that embeds
// Base; a field tagged `index:"yes"` can be filtered on and, unless it is a
// list, ordered by; one tagged `index:"unique"` is moreover the only one with
// its value; one tagged `search:"yes"` is found by its words. If *T has
// Validate() error, an object that it refuses is not stored.
type Objects[T any] struct {
	// Check, if set before the first use, is asked before an object is
	// stored, in the transaction that stores it: for rules that concern more
	// than one object. Load reads others within it.
	Check func(ctx context.Context, tx *sql.Tx, object *T) error

	store  *Store
	kind   string
	fields []field

	// mu guards ready: whether the index is known to match the fields.
	mu    sync.Mutex
	ready bool
}

// GetParams names an object.
type GetParams struct {
	ID string `json:"id" doc:"Id of the object."`
}

// DeleteParams names an object to delete.
type DeleteParams struct {
	ID      string `json:"id" doc:"Id of the object."`
	Version int64  `json:"version,omitzero" doc:"Delete it only if this is its version."`
}

// ObjectsOf returns the objects of type T in s under the name kind, such as
// "user". It does not touch the file. When T's tags change, the first use
// rebuilds the index.
func ObjectsOf[T any](s *Store, kind string) (*Objects[T], error) {
	if _, ok := any(new(T)).(based); !ok || kind == "" {
		return nil, fault.Errorf(fault.Invalid, "objects %q of %v: the type must embed store.Base and the kind have a name", kind, reflect.TypeFor[T]())
	}
	fields, err := fieldsOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return &Objects[T]{store: s, kind: kind, fields: fields}, nil
}

// Create stores a new object and returns it as stored. An id that is given is
// kept; one that exists is a conflict.
func (o *Objects[T]) Create(ctx context.Context, object T) (T, error) {
	return o.put(ctx, object, true, false)
}

// Update replaces the object with the same id, if its version is still the one
// given; if it changed meanwhile the answer is a conflict and nothing happens.
func (o *Objects[T]) Update(ctx context.Context, object T) (T, error) {
	return o.put(ctx, object, false, true)
}

// Set creates the object if it has no id, else replaces the one with that id.
// A version of zero replaces whatever is there; any other is held as by Update.
func (o *Objects[T]) Set(ctx context.Context, object T) (T, error) {
	b := baseOf(&object)
	return o.put(ctx, object, b.ID == "", b.Version != 0)
}

// Get returns an object; one that does not exist is a fault of kind NotFound.
func (o *Objects[T]) Get(ctx context.Context, p GetParams) (T, error) {
	var got T
	err := o.read(ctx, func(tx *sql.Tx) (err error) {
		got, err = o.Load(ctx, tx, p.ID)
		return err
	})
	return got, err
}

// Exist reports whether there is an object with the id.
func (o *Objects[T]) Exist(ctx context.Context, p GetParams) (bool, error) {
	_, err := o.Get(ctx, p)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

// Delete takes the object away and reports whether there was one. Its history
// stays.
func (o *Objects[T]) Delete(ctx context.Context, p DeleteParams) (bool, error) {
	found := false
	err := o.write(ctx, func(tx *sql.Tx) error {
		seq, object, err := o.load(ctx, tx, p.ID)
		if fault.Of(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		b := baseOf(&object)
		if p.Version != 0 && p.Version != b.Version {
			return o.conflict(p.ID, p.Version, b.Version)
		}
		found = true
		if err := o.forget(ctx, tx, seq); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM store_objects WHERE seq = ?`, seq); err != nil {
			return err
		}
		return o.remember(ctx, tx, "delete", time.Now(), o.user(ctx), &object)
	})
	return found && err == nil, err
}

// Load reads an object within a transaction of the store, for Check and Write.
func (o *Objects[T]) Load(ctx context.Context, tx *sql.Tx, id string) (T, error) {
	_, object, err := o.load(ctx, tx, id)
	return object, err
}

func (o *Objects[T]) load(ctx context.Context, tx *sql.Tx, id string) (seq int64, object T, err error) {
	var body string
	err = tx.QueryRowContext(ctx, `SELECT seq, body FROM store_objects WHERE kind = ? AND id = ?`, o.kind, id).Scan(&seq, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, object, fault.Errorf(fault.NotFound, "%s %.80q does not exist", o.kind, id)
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &object)
	}
	return seq, object, err
}

// put stores an object: a new one, or in place of the one with its id, whose
// version must then be the one given if held is set.
func (o *Objects[T]) put(ctx context.Context, object T, create, held bool) (T, error) {
	b := baseOf(&object)
	if err := checkID(b.ID); err != nil {
		return object, err
	}
	if v, ok := any(&object).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return object, fault.Errorf(fault.Invalid, "%s: %w", o.kind, err)
		}
	}
	err := o.write(ctx, func(tx *sql.Tx) error {
		now, user := TimeOf(time.Now()), o.user(ctx)
		var seq int64
		action := "create"
		if create {
			if err := o.fresh(ctx, tx, b, now.UnixMilli()); err != nil {
				return err
			}
			b.Version, b.CreatedAt, b.CreatedBy = 1, now, user
		} else {
			old, before, err := o.load(ctx, tx, b.ID)
			if err != nil {
				return err
			}
			was := baseOf(&before)
			if held && b.Version != was.Version {
				return o.conflict(b.ID, b.Version, was.Version)
			}
			seq, action = old, "update"
			b.Version, b.CreatedAt, b.CreatedBy = was.Version+1, was.CreatedAt, was.CreatedBy
		}
		b.UpdatedAt, b.UpdatedBy = now, user
		if o.Check != nil {
			if err := o.Check(ctx, tx, &object); err != nil {
				return err
			}
		}
		return o.save(ctx, tx, seq, action, &object)
	})
	return object, err
}

// fresh gives b an id if it has none, later than every id given before.
func (o *Objects[T]) fresh(ctx context.Context, tx *sql.Tx, b *Base, ms int64) error {
	if b.ID != "" {
		_, _, err := o.load(ctx, tx, b.ID)
		if fault.Of(err) == fault.NotFound {
			return nil
		}
		if err == nil {
			err = fault.Errorf(fault.Conflict, "%s %q exists already", o.kind, b.ID)
		}
		return err
	}
	var last int64
	err := tx.QueryRowContext(ctx, `UPDATE store_ids SET last = max(last + 1, ?) RETURNING last`, ms<<15).Scan(&last)
	b.ID = formatID(last)
	return err
}

// save writes the object, its index, its words and its history.
func (o *Objects[T]) save(ctx context.Context, tx *sql.Tx, seq int64, action string, object *T) error {
	body, err := json.Marshal(object, json.Deterministic())
	if err != nil {
		return fault.Errorf(fault.Invalid, "%s: %w", o.kind, err)
	}
	b := baseOf(object)
	if seq == 0 {
		err = tx.QueryRowContext(ctx, `INSERT INTO store_objects (kind, id, version, body) VALUES (?, ?, ?, ?) RETURNING seq`,
			o.kind, b.ID, b.Version, string(body)).Scan(&seq)
	} else {
		_, err = tx.ExecContext(ctx, `UPDATE store_objects SET version = ?, body = ? WHERE seq = ?`, b.Version, string(body), seq)
		if err == nil {
			err = o.forget(ctx, tx, seq)
		}
	}
	if err != nil {
		return err
	}
	if err := o.index(ctx, tx, seq, object); err != nil {
		return err
	}
	return o.remember(ctx, tx, action, b.UpdatedAt.Time, b.UpdatedBy, object)
}

func (o *Objects[T]) conflict(id string, given, found int64) error {
	return fault.WithHint(fault.Errorf(fault.Conflict, "%s %q: version %d was given, it is at %d", o.kind, id, given, found),
		"get it again, repeat the change on what you got, and send that version")
}

func (o *Objects[T]) user(ctx context.Context) string {
	if o.store.opts.User == nil {
		return ""
	}
	return o.store.opts.User(ctx)
}

func baseOf[T any](object *T) *Base { return any(object).(based).base() }
