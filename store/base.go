package store

import (
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Base holds the fields that every object has; a type of object embeds it.
// The store sets those that say how the object came about.
type Base struct {
	ID             string          `json:"id,omitzero" doc:"Short id; ids sort by creation. Given by the store where empty."`
	Name           string          `json:"name,omitzero" doc:"Name for people." search:"yes"`
	Description    string          `json:"description,omitzero" doc:"What it is, in words." search:"yes"`
	CreatedAt      Time            `json:"created_at,omitzero" doc:"When it was created; set by the store."`
	UpdatedAt      Time            `json:"updated_at,omitzero" doc:"When it was last changed; set by the store."`
	CreatedBy      string          `json:"created_by,omitzero" doc:"Who created it; set by the store."`
	UpdatedBy      string          `json:"updated_by,omitzero" doc:"Who changed it last; set by the store."`
	Version        int64           `json:"version,omitzero" doc:"Grows with every change; an update names the one it is based on."`
	SecurityPolicy *SecurityPolicy `json:"securitypolicy,omitzero" doc:"Who may read, write and delete it."`
	Tags           []string        `json:"tags,omitzero" doc:"Free labels." search:"yes"`
	Messages       []string        `json:"messages,omitzero" doc:"Ids of the comments on it."`
}

// SecurityPolicy names the users and groups that may use an object. The store
// keeps it; whoever serves the object enforces it.
type SecurityPolicy struct {
	Read   []string `json:"read,omitzero" doc:"Ids of users and groups that may read."`
	Write  []string `json:"write,omitzero" doc:"Ids of users and groups that may change."`
	Delete []string `json:"delete,omitzero" doc:"Ids of users and groups that may delete."`
	Public bool     `json:"public,omitzero" doc:"Whether everyone may read."`
}

// based is what embedding Base gives a type.
type based interface{ base() *Base }

func (b *Base) base() *Base { return b }

// Time is an instant: RFC 3339 on the wire, UTC, to the microsecond. A number
// is taken too, as seconds since 1970.
type Time struct{ time.Time }

// TimeOf returns t as a Time.
func TimeOf(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// JSONSchema returns the schema of a Time.
func (Time) JSONSchema() []byte { return []byte(`{"type":"string","format":"date-time"}`) }

// MarshalText returns t in RFC 3339.
func (t Time) MarshalText() ([]byte, error) { return TimeOf(t.Time).Time.MarshalText() }

// MarshalJSON returns t as a string in RFC 3339.
func (t Time) MarshalJSON() ([]byte, error) { return TimeOf(t.Time).Time.MarshalJSON() }

// UnmarshalJSON reads a string in RFC 3339 or a number of seconds.
func (t *Time) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		got, err := parseTime(text)
		if err == nil {
			*t = got
		}
		return err
	}
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil || seconds < -62135596800 || seconds > 253402300799 {
		return fault.Errorf(fault.Invalid, "time %.40s: neither RFC 3339 nor seconds since 1970", data)
	}
	*t = TimeOf(time.UnixMicro(int64(seconds * 1e6)))
	return nil
}

func parseTime(text string) (Time, error) {
	got, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return Time{}, fault.Errorf(fault.Invalid, "time %.40q: not RFC 3339, such as 2026-01-31T09:30:00Z", text)
	}
	return TimeOf(got), nil
}

const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32: sorts as its values do

// formatID returns n, 60 bits of it, as 12 characters that sort as n does.
func formatID(n int64) string {
	var id [12]byte
	for i := len(id) - 1; i >= 0; i-- {
		id[i] = idAlphabet[n&31]
		n >>= 5
	}
	return string(id[:])
}

// checkID reports whether a caller may give an object this id.
func checkID(id string) error {
	const others = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
	if len(id) > 64 || strings.Trim(id, others) != "" {
		return fault.Errorf(fault.Invalid, "id: at most 64 letters, digits, '_', '-' and '.'")
	}
	return nil
}

func timeAt(micros int64) Time { return TimeOf(time.UnixMicro(micros)) }
