package calendar

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/internal/valid"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// EventStatus says how far an event is.
type EventStatus string

// Enum returns the values an EventStatus can have.
func (EventStatus) Enum() []string { return []string{"draft", "published", "cancelled", "completed"} }

// Priority says how much an event matters.
type Priority string

// Enum returns the values a Priority can have.
func (Priority) Enum() []string { return []string{"low", "normal", "urgent"} }

// AttendeeStatus is what a user said to an invitation.
type AttendeeStatus string

// Enum returns the values an AttendeeStatus can have.
func (AttendeeStatus) Enum() []string {
	return []string{"invited", "accepted", "declined", "tentative"}
}

// LocationCategory says in which way one is at a location.
type LocationCategory string

// Enum returns the values a LocationCategory can have.
func (LocationCategory) Enum() []string { return []string{"online", "physical", "hybrid"} }

// CalendarEvent is something that takes place, once or again and again.
type CalendarEvent struct {
	store.Base
	Title             string      `json:"title,omitzero" doc:"What it is." index:"yes" search:"yes"`
	StartTime         store.Time  `json:"start_time,omitzero" doc:"When it starts, the first time." index:"yes"`
	EndTime           store.Time  `json:"end_time,omitzero" doc:"When it ends, the first time." index:"yes"`
	CalendarID        string      `json:"calendar_id,omitzero" doc:"Id of the calendar." index:"yes"`
	Recurrence        string      `json:"recurrence,omitzero" doc:"How it recurs (RFC 5545), such as FREQ=WEEKLY;BYDAY=MO; lines of RRULE, RDATE and EXDATE are taken too."`
	Attendees         []Attendee  `json:"attendees,omitzero" doc:"Who is invited."`
	Locations         []Location  `json:"locations,omitzero" doc:"Where it takes place."`
	Status            EventStatus `json:"status,omitzero" doc:"How far it is; draft where empty." index:"yes"`
	IsAllDay          bool        `json:"is_all_day,omitzero" doc:"Whether it takes the whole day." index:"yes"`
	ReminderMins      []int       `json:"reminder_mins,omitzero" doc:"How many minutes before its start to remind."`
	Color             string      `json:"color,omitzero" doc:"Colour to show it in, such as #1a7f37."`
	Timezone          string      `json:"timezone,omitzero" doc:"IANA name of the time zone that it recurs in; UTC where empty."`
	Priority          Priority    `json:"priority,omitzero" doc:"How much it matters; normal where empty." index:"yes"`
	Public            bool        `json:"public,omitzero" doc:"Whether everyone may see it." index:"yes"`
	IsTemplate        bool        `json:"is_template,omitzero" doc:"Whether others are made like it." index:"yes"`
	RegistrationDesks []string    `json:"registration_desks,omitzero" doc:"Ids of the desks to register at." index:"yes"`
	Docs              []string    `json:"docs,omitzero" doc:"Ids or URLs of documents."`
}

// Attendee is a user who is invited.
type Attendee struct {
	UserID             string         `json:"user_id"`
	StatusLatest       AttendeeStatus `json:"status_latest,omitzero" doc:"What the user said last; invited where empty."`
	AttendanceRequired bool           `json:"attendance_required,omitzero"`
	Admin              bool           `json:"admin,omitzero" doc:"Whether the user may change the event."`
	Organizer          bool           `json:"organizer,omitzero"`
	Log                []AttendeeLog  `json:"log,omitzero" doc:"What the user said before."`
	Location           string         `json:"location,omitzero" doc:"From where the user takes part."`
}

// AttendeeLog is what an attendee said at one time.
type AttendeeLog struct {
	Timestamp store.Time     `json:"timestamp"`
	Status    AttendeeStatus `json:"status"`
	Remark    string         `json:"remark,omitzero"`
}

// Location is where an event takes place.
type Location struct {
	Name        string           `json:"name"`
	Description string           `json:"description,omitzero"`
	Cat         LocationCategory `json:"cat,omitzero" doc:"In which way one is there; physical where empty."`
}

// Validate reports the first field that cannot be.
func (e *CalendarEvent) Validate() error {
	for i := range e.Attendees {
		a := &e.Attendees[i]
		if err := valid.First(valid.Required("attendees.user_id", a.UserID),
			valid.Default("attendees.status_latest", &a.StatusLatest, "invited")); err != nil {
			return err
		}
		for _, l := range a.Log {
			if err := valid.OneOf("attendees.log.status", l.Status); err != nil {
				return err
			}
		}
	}
	for i := range e.Locations {
		if err := valid.Default("locations.cat", &e.Locations[i].Cat, "physical"); err != nil {
			return err
		}
	}
	for _, m := range e.ReminderMins {
		if err := valid.Between("reminder_mins", m, 0, 366*24*60); err != nil {
			return err
		}
	}
	if err := valid.First(valid.Order("end_time", e.StartTime, e.EndTime),
		valid.Default("status", &e.Status, "draft"), valid.Default("priority", &e.Priority, "normal"),
		valid.Color("color", e.Color), valid.Timezone("timezone", e.Timezone)); err != nil {
		return err
	}
	if e.Recurrence == "" {
		return nil
	}
	if e.StartTime.IsZero() {
		return fault.Errorf(fault.Invalid, "start_time: an event that recurs needs one")
	}
	_, err := e.recurs()
	return err
}

const maxRecurrence = 1000 // bytes

// recurs reads the recurrence, which counts from the event's start in its own
// time zone: an event at nine stays at nine when the clocks change.
func (e *CalendarEvent) recurs() (*rrule.Set, error) {
	if len(e.Recurrence) > maxRecurrence {
		return nil, fault.Errorf(fault.Invalid, "recurrence: longer than %d bytes", maxRecurrence)
	}
	zone, err := time.LoadLocation(e.Timezone)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "timezone: %w", err)
	}
	lines := strings.Fields(e.Recurrence)
	for i, l := range lines {
		if strings.HasPrefix(l, "DTSTART") {
			return nil, fault.Errorf(fault.Invalid, "recurrence: DTSTART has no place there: start_time says it")
		}
		if strings.HasPrefix(l, "FREQ=") {
			lines[i] = "RRULE:" + l
		}
	}
	set, err := parse(lines, zone)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "recurrence: %w", err)
	}
	rule := set.GetRRule()
	if rule == nil {
		return nil, fault.Errorf(fault.Invalid, "recurrence: has no rule such as FREQ=WEEKLY;BYDAY=MO")
	}
	if rule.OrigOptions.Freq > rrule.DAILY || rule.OrigOptions.Interval < 0 || rule.OrigOptions.Count < 0 {
		return nil, fault.Errorf(fault.Invalid, "recurrence: an event recurs every day at the most (BYHOUR says how often within it), in steps of one or more")
	}
	set.DTStart(e.StartTime.In(zone))
	return set, nil
}

// parse reads the lines of a recurrence. The library stumbles over some that
// are none, which is an error like any other.
func parse(lines []string, zone *time.Location) (set *rrule.Set, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("not as RFC 5545 has it")
		}
	}()
	return rrule.StrSliceToRRuleSetInLoc(lines, zone)
}

const (
	maxSpan        = 10 * 366 * 24 * time.Hour
	maxOccurrences = 1000
)

// Occurrences returns the times at which an event takes place from from until
// before to, each time that it recurs: at most 1,000, in at most ten years.
func (e *CalendarEvent) Occurrences(from, to time.Time) ([]Occurrence, error) {
	if to.Before(from) || to.Sub(from) > maxSpan {
		return nil, fault.Errorf(fault.Invalid, "to: must be after from, by ten years at the most")
	}
	length := max(e.EndTime.Sub(e.StartTime.Time), 0)
	if e.EndTime.IsZero() {
		length = 0
	}
	occurrence := func(at time.Time) Occurrence {
		return Occurrence{StartTime: store.TimeOf(at), EndTime: store.TimeOf(at.Add(length))}
	}
	all := []Occurrence{}
	if e.Recurrence == "" {
		if at := e.StartTime.Time; at.Before(to) && !at.Before(from) {
			all = append(all, occurrence(at))
		}
		return all, nil
	}
	set, err := e.recurs()
	if err != nil {
		return nil, err
	}
	// A rule that never fits would be followed to the year 9999.
	rule := set.GetRRule()
	if rule.OrigOptions.Until.IsZero() || rule.OrigOptions.Until.After(to) {
		rule.Until(to)
	}
	if to.Sub(e.StartTime.Time) > 10*maxSpan {
		return nil, fault.Errorf(fault.Invalid, "to: more than a hundred years after the event's start")
	}
	for next := set.Iterator(); ; {
		at, ok := next()
		if !ok || !at.Before(to) {
			return all, nil
		}
		if at.Before(from) {
			continue
		}
		if len(all) == maxOccurrences {
			return nil, fault.WithHint(fault.Errorf(fault.TooLarge, "the event takes place more than %d times in that span", maxOccurrences),
				"ask for a shorter one")
		}
		all = append(all, occurrence(at))
	}
}

// Occurrence is one time at which an event takes place.
type Occurrence struct {
	StartTime store.Time `json:"start_time"`
	EndTime   store.Time `json:"end_time"`
}

// OccurrencesParams name an event and a span of time.
type OccurrencesParams struct {
	ID   string     `json:"id" doc:"Id of the event."`
	From store.Time `json:"from" doc:"Start of the span."`
	To   store.Time `json:"to" doc:"End of the span, ten years later at the most."`
}

func (d *domain) occurrences(ctx context.Context, p OccurrencesParams) ([]Occurrence, error) {
	e, err := d.events.Get(ctx, store.GetParams{ID: p.ID})
	if err != nil {
		return nil, err
	}
	return e.Occurrences(p.From.Time, p.To.Time)
}
