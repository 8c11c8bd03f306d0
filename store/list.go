package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// ListParams say which objects to list, and in what order.
type ListParams struct {
	Filter map[string]any `json:"filter,omitzero" doc:"Indexed fields and the value each must have; a list must hold the value."`
	Order  string         `json:"order,omitzero" doc:"Indexed field to order by, with - in front for descending; the id where empty."`
	Limit  int            `json:"limit,omitzero" doc:"How many at most: 100 where empty, 1000 at most."`
	Cursor string         `json:"cursor,omitzero" doc:"The next of the page before."`
}

// SearchParams say which words to look for.
type SearchParams struct {
	Query  string `json:"query" doc:"Words that must all occur; the last may be the start of one."`
	Limit  int    `json:"limit,omitzero" doc:"How many at most: 100 where empty, 1000 at most."`
	Cursor string `json:"cursor,omitzero" doc:"The next of the page before."`
}

// HistoryParams say of which object to tell the past.
type HistoryParams struct {
	ID     string `json:"id" doc:"Id of the object, which may be deleted."`
	Limit  int    `json:"limit,omitzero" doc:"How many at most: 100 where empty, 1000 at most."`
	Cursor string `json:"cursor,omitzero" doc:"The next of the page before."`
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items" doc:"The objects, in order."`
	Next  string `json:"next,omitzero" doc:"Cursor of the page that follows; absent on the last."`
}

// Change is a step in an object's history.
type Change[T any] struct {
	Version int64  `json:"version" doc:"Version of the object after the step, or the one deleted."`
	Action  string `json:"action" doc:"One of create, update, delete."`
	At      Time   `json:"at" doc:"When it happened."`
	By      string `json:"by,omitzero" doc:"Who did it."`
	Object  T      `json:"object" doc:"The object after the step, or as it was when deleted."`
}

// cursor is the place of the last object of a page in its order.
type cursor struct {
	Order  string   `json:"o"`
	Text   *string  `json:"t,omitzero"`
	Int    *int64   `json:"i,omitzero"`
	Float  *float64 `json:"f,omitzero"`
	ID     string   `json:"d,omitzero"`
	Offset int64    `json:"n,omitzero"`
}

func (c cursor) String() string {
	data, err := json.Marshal(c)
	if err != nil { // text that is not UTF-8 cannot have been stored
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func (c cursor) value() any {
	switch {
	case c.Text != nil:
		return *c.Text
	case c.Int != nil:
		return *c.Int
	case c.Float != nil:
		return *c.Float
	}
	return nil
}

// parseCursor reads the cursor of a list in the given order; "" is its start.
func parseCursor(text, order string) (c cursor, err error) {
	if text == "" {
		return cursor{Order: order}, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c, json.RejectUnknown())
	}
	if err != nil || c.Order != order || c.Offset < 0 {
		return c, fault.Errorf(fault.Invalid, "cursor: not one that a page of this list gave")
	}
	return c, nil
}

func limitOf(n int) (int, error) {
	if n == 0 {
		return defaultLimit, nil
	}
	if n < 0 || n > maxLimit {
		return 0, fault.Errorf(fault.Invalid, "limit: must be 1 to %d", maxLimit)
	}
	return n, nil
}

// List returns a page of the objects that pass the filter. Objects that come
// or go between two pages neither repeat nor hide others.
func (o *Objects[T]) List(ctx context.Context, p ListParams) (Page[T], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return Page[T]{}, err
	}
	at, err := parseCursor(p.Cursor, "l"+p.Order)
	if err != nil {
		return Page[T]{}, err
	}
	query, args, err := o.listQuery(p, at)
	if err != nil {
		return Page[T]{}, err
	}
	return o.page(ctx, query+strconv.Itoa(limit+1), args, limit, func(id string, v any) cursor {
		next := cursor{Order: at.Order, ID: id}
		switch v := v.(type) {
		case string:
			next.Text = &v
		case int64:
			next.Int = &v
		case float64:
			next.Float = &v
		}
		return next
	})
}

// listQuery returns the query up to its limit. Only names of fields and
// parameters enter it, never a value of the caller's.
func (o *Objects[T]) listQuery(p ListParams, at cursor) (string, []any, error) {
	name, descending := strings.CutPrefix(p.Order, "-")
	key, join, args := "o.id", "", []any{}
	if name != "" && name != "id" {
		i := slices.IndexFunc(o.fields, func(f field) bool { return f.name == name && f.index && !f.list })
		if i < 0 {
			return "", nil, fault.Errorf(fault.Invalid, "order: a %s cannot be ordered by %.80q", o.kind, name)
		}
		key, join, args = "k.value", ` JOIN store_index k ON k.seq = o.seq AND k.kind = o.kind AND k.field = ?`, []any{name}
	}
	where, filters, err := o.filters(p.Filter)
	if err != nil {
		return "", nil, err
	}
	where, args = ` WHERE o.kind = ?`+where, append(append(args, o.kind), filters...)
	than, dir := ">", " ASC"
	if descending {
		than, dir = "<", " DESC"
	}
	if at.ID != "" {
		if join == "" {
			where, args = where+` AND o.id `+than+` ?`, append(args, at.ID)
		} else {
			where += ` AND (k.value, o.id) ` + than + ` (?, ?)`
			args = append(args, at.value(), at.ID)
		}
	}
	return `SELECT o.id, ` + key + `, o.body FROM store_objects o` + join + where +
		` ORDER BY ` + key + dir + `, o.id` + dir + ` LIMIT `, args, nil
}

func (o *Objects[T]) filters(filter map[string]any) (where string, args []any, err error) {
	for name, v := range filter {
		if text, ok := v.(string); ok && name == "id" {
			where, args = where+` AND o.id = ?`, append(args, text)
			continue
		}
		i := slices.IndexFunc(o.fields, func(f field) bool { return f.name == name && f.index })
		if i < 0 {
			return "", nil, fault.Errorf(fault.Invalid, "filter: a %s cannot be filtered on %.80q", o.kind, name)
		}
		value, err := o.fields[i].wanted(v)
		if err != nil {
			return "", nil, err
		}
		where += ` AND EXISTS (SELECT 1 FROM store_index WHERE seq = o.seq AND kind = o.kind AND field = ? AND value = ?)`
		args = append(args, name, value)
	}
	return where, args, nil
}

// wanted returns a value of a filter as the index holds it.
func (f field) wanted(v any) (any, error) {
	data, err := json.Marshal(v)
	if err == nil {
		into := reflect.New(f.typ)
		if err = json.Unmarshal(data, into.Interface()); err == nil {
			return columnOf(into.Elem())
		}
	}
	return nil, fault.Errorf(fault.Invalid, "filter: %s: not a value of that field: %w", f.name, err)
}

// Search returns a page of the objects in which all words of the query occur,
// the best first. A query is words and nothing else: marks only part them.
func (o *Objects[T]) Search(ctx context.Context, p SearchParams) (Page[T], error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return Page[T]{}, err
	}
	at, err := parseCursor(p.Cursor, "s")
	if err != nil {
		return Page[T]{}, err
	}
	match, err := matchOf(p.Query)
	if err != nil {
		return Page[T]{}, err
	}
	n := at.Offset
	query := `SELECT o.id, NULL, o.body FROM store_search s JOIN store_objects o ON o.seq = s.rowid
		WHERE store_search MATCH ? AND o.kind = ? ORDER BY s.rank, o.seq LIMIT ` + strconv.Itoa(limit+1) + ` OFFSET ?`
	return o.page(ctx, query, []any{match, o.kind, n}, limit, func(string, any) cursor {
		return cursor{Order: "s", Offset: n + int64(limit)}
	})
}

// matchOf returns the words of a query in the syntax of FTS5: each in quotes,
// so that none is an operator.
func matchOf(query string) (string, error) {
	if len(query) > 1000 {
		return "", fault.Errorf(fault.Invalid, "query: longer than 1000 bytes")
	}
	words := strings.FieldsFunc(query, func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.In(r, unicode.L, unicode.N, unicode.M)
	})
	if len(words) == 0 || len(words) > 50 {
		return "", fault.Errorf(fault.Invalid, "query: must have 1 to 50 words")
	}
	return `"` + strings.Join(words, `" "`) + `"*`, nil
}

// History returns a page of what happened to an object, the latest first.
func (o *Objects[T]) History(ctx context.Context, p HistoryParams) (page Page[Change[T]], err error) {
	limit, err := limitOf(p.Limit)
	if err != nil {
		return page, err
	}
	at, err := parseCursor(p.Cursor, "h")
	if err != nil {
		return page, err
	}
	page.Items = []Change[T]{}
	err = o.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT n, version, action, at, by, body FROM store_history
			WHERE kind = ? AND id = ? AND (n < ? OR ? = 0) ORDER BY n DESC LIMIT ?`, o.kind, p.ID, at.Offset, at.Offset, limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		var last int64
		for rows.Next() {
			if len(page.Items) == limit {
				page.Next = cursor{Order: "h", Offset: last}.String()
				break
			}
			var c Change[T]
			var micros int64
			var body string
			if err := rows.Scan(&last, &c.Version, &c.Action, &micros, &c.By, &body); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(body), &c.Object); err != nil {
				return err
			}
			c.At = timeAt(micros)
			page.Items = append(page.Items, c)
		}
		return rows.Err()
	})
	if err == nil && len(page.Items) == 0 && p.Cursor == "" {
		err = fault.Errorf(fault.NotFound, "%s %.80q never existed", o.kind, p.ID)
	}
	return page, err
}

// page reads up to limit objects of a query that asks for one more.
func (o *Objects[T]) page(ctx context.Context, query string, args []any, limit int, next func(id string, v any) cursor) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	err := o.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		var id string
		var value any
		for rows.Next() {
			if len(page.Items) == limit {
				page.Next = next(id, value).String()
				break
			}
			var body string
			if err := rows.Scan(&id, &value, &body); err != nil {
				return err
			}
			var object T
			if err := json.Unmarshal([]byte(body), &object); err != nil {
				return err
			}
			page.Items = append(page.Items, object)
		}
		return rows.Err()
	})
	return page, err
}
