package unit

import (
	"bufio"
	"errors"
	"os"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// ReadEnvFile reads a file of EnvFiles: lines of NAME=value. Empty lines and
// those that begin with # are passed over, and quotes around a value are taken
// off. A file that is missing is fault.NotFound, unless there is a "-" before its
// path.
func ReadEnvFile(path string) ([]string, error) {
	path, optional := strings.CutPrefix(path, "-")
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && optional {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "read environment file: %w", err)
	}
	defer f.Close()
	var vars []string
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.Contains(line, "\x00") {
			return nil, fault.Errorf(fault.Invalid, "%s:%d: no NAME=value", path, n)
		}
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		vars = append(vars, name+"="+value)
	}
	return vars, sc.Err()
}
