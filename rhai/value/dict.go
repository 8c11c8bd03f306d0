package value

import (
	"iter"
	"slices"
	"strings"
)

// small is the number of properties up to which a Dict is searched in a row.
const small = 8

type entry struct {
	key string
	val Value
}

// Dict is the storage of an object map: names and values, in the order of the
// names for whoever walks over it. The zero Dict is empty.
type Dict struct {
	entries []entry
	index   map[string]int32 // nil for few entries
	sorted  bool
	cow     bool
}

// NewDict returns an empty map with room for n properties.
func NewDict(n int) *Dict { return &Dict{entries: make([]entry, 0, n)} }

func (d *Dict) clone() *Dict {
	out := &Dict{entries: make([]entry, len(d.entries)), sorted: d.sorted}
	for i, e := range d.entries {
		out.entries[i] = entry{e.key, e.val.Copy()}
	}
	if d.index != nil {
		out.reindex()
	}
	return out
}

func (d *Dict) reindex() {
	d.index = nil
	if len(d.entries) <= small {
		return
	}
	d.index = make(map[string]int32, len(d.entries)*2)
	for i, e := range d.entries {
		d.index[e.key] = int32(i)
	}
}

func (d *Dict) find(key string) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return int(i)
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].key == key {
			return i
		}
	}
	return -1
}

// Len returns the number of properties.
func (d *Dict) Len() int { return len(d.entries) }

// Get returns the value of a property.
func (d *Dict) Get(key string) (Value, bool) {
	if i := d.find(key); i >= 0 {
		return d.entries[i].val, true
	}
	return Value{}, false
}

// Ref returns the place of a property's value, nil where there is none. It is
// good until the map changes.
func (d *Dict) Ref(key string) *Value {
	if i := d.find(key); i >= 0 {
		return &d.entries[i].val
	}
	return nil
}

// Place returns the place of a property's value, which it makes if need be.
func (d *Dict) Place(key string) *Value {
	if i := d.find(key); i >= 0 {
		return &d.entries[i].val
	}
	n := len(d.entries)
	d.sorted = n == 0 || d.sorted && d.entries[n-1].key < key
	d.entries = append(d.entries, entry{key: key})
	switch {
	case d.index != nil:
		d.index[key] = int32(n)
	case n >= small:
		d.reindex()
	}
	return &d.entries[n].val
}

// Set gives a property a value.
func (d *Dict) Set(key string, v Value) { *d.Place(key) = v }

// Delete removes a property and returns its value.
func (d *Dict) Delete(key string) (Value, bool) {
	i := d.find(key)
	if i < 0 {
		return Value{}, false
	}
	v := d.entries[i].val
	last := len(d.entries) - 1
	if d.index != nil {
		delete(d.index, key)
		if i != last {
			d.index[d.entries[last].key] = int32(i)
		}
	}
	d.sorted = d.sorted && i == last
	d.entries[i] = d.entries[last]
	d.entries[last] = entry{}
	d.entries = d.entries[:last]
	return v, true
}

// Clear removes all properties.
func (d *Dict) Clear() { *d = Dict{} }

// sort puts the entries in the order of their names.
func (d *Dict) sort() {
	if d.sorted {
		return
	}
	slices.SortFunc(d.entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	if d.index != nil {
		d.reindex()
	}
	d.sorted = true
}

// Keys returns the names, sorted.
func (d *Dict) Keys() []string {
	d.sort()
	keys := make([]string, len(d.entries))
	for i, e := range d.entries {
		keys[i] = e.key
	}
	return keys
}

// All walks over the properties in the order of their names. The map must not
// change meanwhile.
func (d *Dict) All() iter.Seq2[string, Value] {
	d.sort()
	return func(yield func(string, Value) bool) {
		for _, e := range d.entries {
			if !yield(e.key, e.val) {
				return
			}
		}
	}
}
