package store

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// field is a field of an object that can be filtered on or searched in.
type field struct {
	name          string
	path          []int
	typ           reflect.Type // of the value, or of each value of a list
	list          bool
	index, unique bool
	search        bool
}

// fieldsOf returns the tagged fields of t, those of Base among them.
func fieldsOf(t reflect.Type) ([]field, error) {
	always := map[string]bool{"name": true, "created_at": true, "updated_at": true, "created_by": true, "updated_by": true, "tags": true}
	var fields []field
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.Anonymous || !sf.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		f := field{name: name, path: sf.Index, typ: sf.Type, search: sf.Tag.Get("search") != ""}
		f.unique = sf.Tag.Get("index") == "unique"
		f.index = sf.Tag.Get("index") != "" || (len(sf.Index) == 2 && always[name])
		if !f.index && !f.search {
			continue
		}
		if f.typ.Kind() == reflect.Slice {
			f.list, f.typ = true, f.typ.Elem()
		}
		if _, err := columnOf(reflect.Zero(f.typ)); err != nil {
			return nil, fmt.Errorf("field %s of %v: %w", name, t, err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// columnOf returns a value as SQLite compares it: text, number or, for times,
// microseconds since 1970.
func columnOf(v reflect.Value) (any, error) {
	if t, ok := v.Interface().(Time); ok {
		if t.IsZero() {
			return int64(0), nil
		}
		return t.UnixMicro(), nil
	}
	switch {
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.Kind() == reflect.Bool && v.Bool():
		return int64(1), nil
	case v.Kind() == reflect.Bool:
		return int64(0), nil
	case v.CanInt():
		return v.Int(), nil
	case v.CanFloat():
		return v.Float(), nil
	case v.CanUint() && v.Uint() < 1<<63:
		return int64(v.Uint()), nil
	}
	return nil, fault.Errorf(fault.Invalid, "a %v can be neither indexed nor searched", v.Type())
}

// columns returns the field's values in object, each once.
func (f field) columns(object reflect.Value) ([]any, error) {
	v := object.FieldByIndex(f.path)
	if !f.list {
		c, err := columnOf(v)
		return []any{c}, err
	}
	var all []any
	for i := range v.Len() {
		c, err := columnOf(v.Index(i))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// index writes what filters, orders and searches of the object need.
func (o *Objects[T]) index(ctx context.Context, tx *sql.Tx, seq int64, object *T) error {
	var words []string
	for _, f := range o.fields {
		values, err := f.columns(reflect.ValueOf(object).Elem())
		if err != nil {
			return err
		}
		for _, v := range values {
			if f.search {
				words = append(words, fmt.Sprint(v))
			}
			if !f.index {
				continue
			}
			if f.unique && v != "" {
				if err := o.alone(ctx, tx, f, v, seq); err != nil {
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO store_index VALUES (?, ?, ?, ?)`, o.kind, f.name, v, seq); err != nil {
				return err
			}
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO store_search (rowid, text) VALUES (?, ?)`, seq, strings.Join(words, "\n"))
	return err
}

// alone refuses a value that another object has in a unique field.
func (o *Objects[T]) alone(ctx context.Context, tx *sql.Tx, f field, v any, seq int64) error {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM store_index WHERE kind = ? AND field = ? AND value = ? AND seq <> ?`,
		o.kind, f.name, v, seq).Scan(&n)
	if err == nil && n > 0 {
		err = fault.Errorf(fault.Conflict, "%s: another %s has the %s %.80q", f.name, o.kind, f.name, fmt.Sprint(v))
	}
	return err
}

// forget takes away what index wrote.
func (o *Objects[T]) forget(ctx context.Context, tx *sql.Tx, seq int64) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM store_index WHERE seq = ?`, seq); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM store_search WHERE rowid = ?`, seq)
	return err
}

// remember adds a step to the object's history.
func (o *Objects[T]) remember(ctx context.Context, tx *sql.Tx, action string, at time.Time, by string, object *T) error {
	body, err := json.Marshal(object, json.Deterministic())
	if err != nil {
		return err
	}
	b := baseOf(object)
	_, err = tx.ExecContext(ctx, `INSERT INTO store_history
		SELECT ?, ?, 1 + coalesce(max(n), 0), ?, ?, ?, ?, ? FROM store_history WHERE kind = ? AND id = ?`,
		o.kind, b.ID, b.Version, action, at.UnixMicro(), by, string(body), o.kind, b.ID)
	return err
}

func (o *Objects[T]) read(ctx context.Context, f func(*sql.Tx) error) error {
	if err := o.prepare(ctx); err != nil {
		return err
	}
	return o.store.Read(ctx, f)
}

func (o *Objects[T]) write(ctx context.Context, f func(*sql.Tx) error) error {
	if err := o.prepare(ctx); err != nil {
		return err
	}
	return o.store.Write(ctx, f)
}

// prepare rebuilds the index, once, if it was made for other fields.
func (o *Objects[T]) prepare(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ready {
		return nil
	}
	var signature strings.Builder
	for _, f := range o.fields {
		fmt.Fprintf(&signature, "%s %v %v %v %v %v\n", f.name, f.typ, f.list, f.index, f.unique, f.search)
	}
	var found sql.NullString
	const query = `SELECT max(signature) FROM store_kinds WHERE kind = ?`
	err := o.store.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, query, o.kind).Scan(&found)
	})
	if err == nil && found.String != signature.String() {
		err = o.store.Write(ctx, func(tx *sql.Tx) error { return o.rebuild(ctx, tx, signature.String()) })
	}
	o.ready = err == nil
	return err
}

func (o *Objects[T]) rebuild(ctx context.Context, tx *sql.Tx, signature string) error {
	seqs, bodies, err := o.all(ctx, tx)
	if err != nil {
		return err
	}
	for i, seq := range seqs {
		var object T
		if err := json.Unmarshal([]byte(bodies[i]), &object); err != nil {
			return fmt.Errorf("rebuild the index of %s: %w", o.kind, err)
		}
		if err := o.forget(ctx, tx, seq); err != nil {
			return err
		}
		if err := o.index(ctx, tx, seq, &object); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO store_kinds VALUES (?, ?)`, o.kind, signature)
	return err
}

func (o *Objects[T]) all(ctx context.Context, tx *sql.Tx) (seqs []int64, bodies []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq, body FROM store_objects WHERE kind = ?`, o.kind)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var body string
		if err := rows.Scan(&seq, &body); err != nil {
			return nil, nil, err
		}
		seqs, bodies = append(seqs, seq), append(bodies, body)
	}
	return seqs, bodies, rows.Err()
}
