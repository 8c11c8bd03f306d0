package logs_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
)

// FuzzParseLine holds that whatever stands in a log's file is read as text that
// JSON can carry, and that a whole line keeps its parts.
func FuzzParseLine(f *testing.F) {
	f.Add([]byte("2026-11-24T14:15:29.000000001Z stdout hello"))
	f.Add([]byte("2026-11-24T14:15:29Z stderr+ \xff"))
	f.Add([]byte("no line of ours"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := logs.ParseLine(b)
		if !utf8.ValidString(l.Text) {
			t.Fatalf("%q: text %q", b, l.Text)
		}
		at := time.Unix(1, 2).UTC()
		line := append([]byte(at.Format(time.RFC3339Nano)+" stdout "), b...)
		if l := logs.ParseLine(line); l.Stream != "stdout" || !l.Time.Equal(at) || len(b) > 0 && utf8.Valid(b) && l.Text != string(b) {
			t.Fatalf("%q: %+v", line, l)
		}
	})
}
