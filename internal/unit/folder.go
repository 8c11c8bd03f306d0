package unit

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// ReadDir reads all definitions of a folder, sorted by name. A folder that does
// not exist holds none. The error, of kind fault.Invalid, holds everything that
// is wrong in all files, each with file, line and column.
func ReadDir(dir string) ([]Unit, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "read definitions in %s: %w", dir, err)
	}
	var out []Unit
	var errs []error
	from := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		u, err := Parse(path, data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if other, twice := from[u.Name]; twice {
			at := placesOf(data)["name"]
			errs = append(errs, fmt.Errorf("%s:%d:%d: name: %s is defined in %s already", path, max(1, at[0]), max(1, at[1]), u.Name, other))
			continue
		}
		from[u.Name] = path
		out = append(out, u)
	}
	if err := invalid(errs); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Unit) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Diff is one key in which two definitions differ.
type Diff struct {
	Key string `json:"key"` // its place, such as "ready.mode" or "env.PATH"
	Old string `json:"old"` // as JSON; empty where it has the default. Values of variables are not told
	New string `json:"new"`
	// Live reports whether the change holds at once, with no new process.
	Live bool `json:"live"`
}

// Compare returns in what two definitions differ, in the order of the Unit's
// fields. A value that is spelt out is no different from a default.
func Compare(a, b Unit) []Diff {
	return compare("", reflect.ValueOf(a.WithDefaults()), reflect.ValueOf(b.WithDefaults()))
}

func compare(prefix string, a, b reflect.Value) []Diff {
	var out []Diff
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("toml"), ",")
		key, x, y := prefix+name, a.Field(i), b.Field(i)
		switch {
		case x.Kind() == reflect.Struct:
			out = append(out, compare(key+".", x, y)...)
		case x.Kind() == reflect.Map:
			out = append(out, compareEnv(key, x.Interface().(map[string]string), y.Interface().(map[string]string))...)
		case x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0:
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			out = append(out, Diff{Key: key, Old: shown(x), New: shown(y), Live: live(key)})
		}
	}
	return out
}

// compareEnv compares variables without telling their values, which may be
// secret.
func compareEnv(key string, a, b map[string]string) []Diff {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []Diff
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		if inA == inB && x == y {
			continue
		}
		d := Diff{Key: key + "." + name}
		if inA {
			d.Old = `"…"`
		}
		if inB {
			d.New = `"…"`
		}
		out = append(out, d)
	}
	return out
}

// shown returns a value as JSON, and nothing for the zero value.
func shown(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// live reports whether a change of a key holds without a new process.
func live(key string) bool {
	group, _, _ := strings.Cut(key, ".")
	return slices.Contains([]string{"description", "label", "after", "requires", "wants", "restart", "backoff", "max_restarts", "window",
		"stop_signal", "grace", "ready", "logs", "schedule", "restart_unhealthy"}, group)
}
