package unit_test

import (
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

func TestScheduleNext(t *testing.T) {
	at := time.Date(2026, 3, 6, 4, 31, 10, 5, time.UTC) // a Friday
	for s, want := range map[unit.Schedule]string{
		"every 15m":        "2026-03-06 04:45:00",
		"every 1h":         "2026-03-06 05:00:00",
		"30 4 * * *":       "2026-03-07 04:30:00",
		"30 4 * * MON-FRI": "2026-03-09 04:30:00",
		"*/10 * * * *":     "2026-03-06 04:40:00",
		"0 0 29 2 *":       "2028-02-29 00:00:00",
		"@daily":           "2026-03-07 00:00:00",
	} {
		u := unit.Unit{Name: "a", Command: []string{"x"}, Kind: unit.Job, Schedule: s}
		if err := u.Validate(); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		if got := s.Next(at).UTC().Format(time.DateTime); got != want {
			t.Errorf("%s: next %s, want %s", s, got, want)
		}
	}
	for _, s := range []unit.Schedule{"", "every", "every x", "every 10ms", "every -5m", "61 * * * *", "* * *", "0 0 31 2 *", "* * * * * * *", "@never"} {
		u := unit.Unit{Name: "a", Command: []string{"x"}, Kind: unit.Job, Schedule: s}
		if err := u.Validate(); err == nil || !strings.Contains(err.Error(), "schedule: ") {
			t.Errorf("%q is taken for a schedule: %v", s, err)
		}
	}
	u := unit.Unit{Name: "a", Command: []string{"x"}, Schedule: "@daily"}
	if err := u.Validate(); err == nil || !strings.Contains(err.Error(), "of use only where kind is") {
		t.Errorf("a service with a schedule: %v", err)
	}
}

// FuzzSchedule holds that what is accepted has times, and each later than the
// one before.
func FuzzSchedule(f *testing.F) {
	f.Add("every 15m")
	f.Add("*/5 1-3 * * mon,fri")
	f.Fuzz(func(t *testing.T, text string) {
		u := unit.Unit{Name: "a", Command: []string{"x"}, Kind: unit.Job, Schedule: unit.Schedule(text)}
		if u.Validate() != nil {
			return
		}
		at := time.Date(2026, 3, 6, 4, 31, 10, 5, time.UTC)
		for range 3 {
			next := u.Schedule.Next(at)
			if next.IsZero() {
				return // none that is left
			}
			if !next.After(at) {
				t.Fatalf("%q: %v comes after %v", text, next, at)
			}
			at = next
		}
	})
}
