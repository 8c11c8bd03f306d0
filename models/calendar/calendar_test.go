package calendar_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/calendar"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// A tasting at nine in Brussels stays at nine when the clocks change.
func ExampleCalendarEvent_Occurrences() {
	e := calendar.CalendarEvent{
		Title: "Tasting", Timezone: "Europe/Brussels", Recurrence: "FREQ=WEEKLY;BYDAY=MO;COUNT=3",
		StartTime: store.TimeOf(at("2026-03-23T08:00:00Z")), EndTime: store.TimeOf(at("2026-03-23T09:30:00Z")),
	}
	all, err := e.Occurrences(at("2026-03-01T00:00:00Z"), at("2026-05-01T00:00:00Z"))
	for _, o := range all {
		fmt.Println(o.StartTime.Format(time.RFC3339), o.EndTime.Sub(o.StartTime.Time))
	}
	fmt.Println(err)
	// Output:
	// 2026-03-23T08:00:00Z 1h30m0s
	// 2026-03-30T07:00:00Z 1h30m0s
	// 2026-04-06T07:00:00Z 1h30m0s
	// <nil>
}

func TestOccurrences(t *testing.T) {
	start := store.TimeOf(at("2026-01-31T10:00:00Z"))
	for name, c := range map[string]struct {
		rule     string
		from, to string
		want     string // days, or part of the error
	}{
		"once":                {"", "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "01-31"},
		"once, too late":      {"", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", ""},
		"the 31st":            {"RRULE:FREQ=MONTHLY", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "01-31 03-31 05-31"},
		"the last day":        {"FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", "01-31 02-28 03-31"},
		"all but one":         {"RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260201T100000Z", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "01-31 02-02"},
		"until":               {"FREQ=DAILY;UNTIL=20260202T100000Z", "2026-02-01T00:00:00Z", "2027-01-01T00:00:00Z", "02-01 02-02"},
		"never":               {"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "2026-01-01T00:00:00Z", "2035-01-01T00:00:00Z", ""},
		"too many":            {"FREQ=DAILY;BYHOUR=1,2,3,4,5,6", "2026-01-01T00:00:00Z", "2035-01-01T00:00:00Z", "more than 1000"},
		"too long a span":     {"FREQ=YEARLY", "2026-01-01T00:00:00Z", "2046-01-01T00:00:00Z", "ten years"},
		"a span that is none": {"FREQ=YEARLY", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "after from"},
	} {
		e := calendar.CalendarEvent{StartTime: start, Recurrence: c.rule}
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all, err := e.Occurrences(at(c.from), at(c.to))
		var days []string
		for _, o := range all {
			days = append(days, o.StartTime.Format("01-02"))
		}
		if got := strings.Join(days, " "); err == nil && got != c.want || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

// FuzzRecurrence: whatever text a stranger gives is refused as invalid, or
// answered soon.
func FuzzRecurrence(f *testing.F) {
	for _, s := range []string{"FREQ=DAILY", "RRULE:FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU\nEXDATE:20260101T000000Z", "FREQ=YEARLY;INTERVAL=0",
		"FREQ=WEEKLY;BYDAY=+54XX", "RDATE:20260101T000000Z", "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYEASTER=1;BYWEEKNO=-53"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rule string) {
		e := calendar.CalendarEvent{Recurrence: rule, StartTime: store.TimeOf(at("2026-01-31T10:00:00Z"))}
		if err := e.Validate(); err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("validate: %v", err)
			}
			return
		}
		_, err := e.Occurrences(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"))
		if k := fault.Of(err); err != nil && k != fault.Invalid && k != fault.TooLarge {
			t.Errorf("occurrences: %v", err)
		}
	})
}
