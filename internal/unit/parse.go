package unit

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Parse reads a definition as it stands in a TOML file. A name that is missing
// is the file's. The error, of kind fault.Invalid, holds everything that is
// wrong, each with file, line and column.
func Parse(file string, data []byte) (Unit, error) {
	var u Unit
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var found []placed
	err := dec.Decode(&u)
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		for _, e := range strict.Errors {
			line, column := e.Position()
			found = append(found, placed{line, column, "unknown key " + strings.Join(e.Key(), ".") + suggestion(e.Key())})
		}
		// The keys that are known still want to be checked.
		err = toml.Unmarshal(data, &u)
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := e.Position()
		found = append(found, placed{line, column, strings.TrimPrefix(e.Error(), "toml: ")})
		return Unit{}, report(file, found)
	}
	if err != nil {
		found = append(found, placed{1, 1, strings.TrimPrefix(err.Error(), "toml: ")})
		return Unit{}, report(file, found)
	}
	if u.Name == "" {
		u.Name = strings.TrimSuffix(filepath.Base(file), ".toml")
	}
	places := placesOf(data)
	for _, p := range u.Problems() {
		at := placed{line: 1, column: 1, text: p.Key + ": " + p.Text}
		if place, ok := places[p.Key]; ok {
			at.line, at.column = place[0], place[1]
		}
		found = append(found, at)
	}
	if len(found) > 0 {
		return Unit{}, report(file, found)
	}
	return u, nil
}

// ParseJSON reads a definition as it comes over RPC, as strictly as Parse.
func ParseJSON(data []byte) (Unit, error) {
	var u Unit
	if err := json.Unmarshal(data, &u, json.RejectUnknown()); err != nil {
		return Unit{}, fault.Errorf(fault.Invalid, "read definition: %w", err)
	}
	return u, u.Validate()
}

// Format returns u as a TOML file.
func Format(u Unit) ([]byte, error) { return toml.Marshal(u) }

// placed is a problem at its place.
type placed struct {
	line, column int
	text         string
}

// report makes one error of all problems, in the order of the file.
func report(file string, found []placed) error {
	slices.SortStableFunc(found, func(a, b placed) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.column - b.column
	})
	var errs []error
	for _, p := range found {
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", file, p.line, p.column, p.text))
	}
	return invalid(errs)
}

// suggestion names the key that was probably meant.
func suggestion(key []string) string {
	const known = "name description label kind command interpreter script dir env env_files user group limits after requires wants " +
		"restart backoff max_restarts window stop_signal grace ready watchdog logs schedule restart_unhealthy memory cpu_weight open_files processes " +
		"initial max factor jitter mode url address delay interval timeout max_size max_files max_age drop on_demand sockets idle"
	last := key[len(key)-1]
	for word := range strings.FieldsSeq(known) {
		if distance(last, word) <= 1+len(word)/6 {
			return "; did you mean " + word + "?"
		}
	}
	return ""
}

// distance is how many letters are to be changed, added or taken away to get
// from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = min(before, row[j], row[j+1]) + 1
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// placesOf returns the line and column of every key in a TOML document.
func placesOf(data []byte) map[string][2]int {
	places := map[string][2]int{}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		var keys []string
		var at [2]int
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if len(keys) == 0 {
				start := p.Shape(n.Raw).Start
				at = [2]int{start.Line, start.Column}
			}
			keys = append(keys, string(n.Data))
		}
		name := strings.Join(keys, ".")
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = name + "."
		case unstable.KeyValue:
			name = table + name
		}
		places[name] = at
	}
	return places
}
