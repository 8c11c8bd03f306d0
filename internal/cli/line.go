package cli

import (
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Line shows a line of a log that is a JSON object, as loggers write them, the way
// a person would: level, message, and the rest. Any other line stays as it is.
func (p Paint) Line(text string) string {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") {
		return text
	}
	var members map[string]json.Value
	if json.Unmarshal([]byte(trimmed), &members) != nil {
		return text
	}
	take := func(names ...string) string {
		for _, n := range names {
			if v, ok := members[n]; ok && v.Kind() == '"' {
				delete(members, n)
				return value(v)
			}
		}
		return ""
	}
	take("time", "ts", "timestamp", "@timestamp") // every line has its time already
	level, message := strings.ToUpper(take("level", "lvl", "severity")), take("msg", "message")
	var parts []string
	switch {
	case level == "":
	case strings.HasPrefix(level, "ERR") || strings.HasPrefix(level, "FATAL") || level == "PANIC":
		parts = append(parts, p.Bad(level))
	case strings.HasPrefix(level, "WARN"):
		parts = append(parts, p.Warn(level))
	default:
		parts = append(parts, p.Dim(level))
	}
	if message != "" {
		parts = append(parts, message)
	}
	names := make([]string, 0, len(members))
	for n := range members {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		parts = append(parts, p.Dim(n+"=")+value(members[n]))
	}
	return strings.Join(parts, " ")
}

// value is a JSON value as a person reads it.
func value(v json.Value) string {
	var s string
	if v.Kind() != '"' || json.Unmarshal(v, &s) != nil {
		return string(v)
	}
	return s
}
