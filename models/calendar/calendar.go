// Package calendar is the shared domain of time: calendars and their events,
// which may recur, rules for planning them, and desks to register at.
package calendar

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/models/internal/valid"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Name is the domain's name.
const Name = "calendar"

// domain serves in one context.
type domain struct {
	calendars *store.Objects[Calendar]
	events    *store.Objects[CalendarEvent]
	plannings *store.Objects[Planning]
	desks     *store.Objects[RegistrationDesk]
}

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	return sdk.Domain[*domain]{
		Name: Name, Shared: Name, Version: "0.1.0", Title: "Calendar",
		Description: "Calendars, events that may recur, planning and registration.",
		Open:        open,
		Methods: sdk.Methods(
			sdk.Objects("calendar", func(d *domain) *store.Objects[Calendar] { return d.calendars }),
			sdk.Objects("calendar_event", func(d *domain) *store.Objects[CalendarEvent] { return d.events }),
			sdk.Objects("planning", func(d *domain) *store.Objects[Planning] { return d.plannings }),
			sdk.Objects("registration_desk", func(d *domain) *store.Objects[RegistrationDesk] { return d.desks }),
			[]sdk.Method[*domain]{
				sdk.Call("calendar_event.occurrences", (*domain).occurrences, sdk.Doc{ReadOnly: true,
					Summary: "Returns when an event takes place within a span of time, each time that it recurs."}),
			},
		),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*domain, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := new(domain)
	if d.calendars, err = store.ObjectsOf[Calendar](s, "calendar"); err != nil {
		return nil, err
	}
	if d.events, err = store.ObjectsOf[CalendarEvent](s, "calendar_event"); err != nil {
		return nil, err
	}
	if d.plannings, err = store.ObjectsOf[Planning](s, "planning"); err != nil {
		return nil, err
	}
	d.desks, err = store.ObjectsOf[RegistrationDesk](s, "registration_desk")
	return d, err
}

// Calendar is a number of events that belong together.
type Calendar struct {
	store.Base
	Events   []string `json:"events,omitzero" doc:"Ids of the events." index:"yes"`
	Color    string   `json:"color,omitzero" doc:"Colour to show it in, such as #1a7f37."`
	Timezone string   `json:"timezone,omitzero" doc:"IANA name of the time zone, such as Europe/Brussels." index:"yes"`
	IsPublic bool     `json:"is_public,omitzero" doc:"Whether everyone may see it." index:"yes"`
}

// Validate reports the first field that cannot be.
func (c *Calendar) Validate() error {
	return valid.First(valid.Color("color", c.Color), valid.Timezone("timezone", c.Timezone))
}

// Planning says when events may be planned, and who comes to them.
type Planning struct {
	store.Base
	Color              string   `json:"color,omitzero" doc:"Colour to show it in, such as #1a7f37."`
	Timezone           string   `json:"timezone,omitzero" doc:"IANA name of the time zone, such as Europe/Brussels."`
	IsPublic           bool     `json:"is_public,omitzero" doc:"Whether everyone may see it." index:"yes"`
	CalendarTemplateID string   `json:"calendar_template_id,omitzero" doc:"Id of the calendar that planned events are made like." index:"yes"`
	RegistrationDeskID string   `json:"registration_desk_id,omitzero" doc:"Id of the desk to register at." index:"yes"`
	AutoscheduleRules  []Rule   `json:"autoschedule_rules,omitzero" doc:"When events are planned without asking."`
	InviteRules        []Rule   `json:"invite_rules,omitzero" doc:"When others may ask for an event."`
	AttendeesRequired  []string `json:"attendees_required,omitzero" doc:"Ids of the users who have to come." index:"yes"`
	AttendeesOptional  []string `json:"attendees_optional,omitzero" doc:"Ids of the users who may come." index:"yes"`
}

// Rule says on which days, and within which hours, something may take place.
type Rule struct {
	Until      store.Time `json:"until,omitzero" doc:"The last moment at which the rule holds."`
	ByWeekday  []int      `json:"by_weekday,omitzero" doc:"Days of the week; 0 is Sunday."`
	ByMonthday []int      `json:"by_monthday,omitzero" doc:"Days of the month, 1 to 31."`
	HourFrom   int        `json:"hour_from,omitzero" doc:"First hour of the day, 0 to 23."`
	HourTo     int        `json:"hour_to,omitzero" doc:"Hour of the day at which it ends, up to 24."`
	Duration   int        `json:"duration,omitzero" doc:"Minutes."`
	Priority   int        `json:"priority,omitzero" doc:"0 to 10; the higher one wins."`
}

func (r Rule) check(field string) error {
	for _, d := range r.ByWeekday {
		if err := valid.Between(field+".by_weekday", d, 0, 6); err != nil {
			return err
		}
	}
	for _, d := range r.ByMonthday {
		if err := valid.Between(field+".by_monthday", d, 1, 31); err != nil {
			return err
		}
	}
	return valid.First(valid.Between(field+".hour_from", r.HourFrom, 0, 23), valid.Between(field+".hour_to", r.HourTo, 0, 24),
		valid.Between(field+".duration", r.Duration, 0, 366*24*60), valid.Between(field+".priority", r.Priority, 0, 10))
}

// Validate reports the first field that cannot be.
func (p *Planning) Validate() error {
	for _, r := range p.AutoscheduleRules {
		if err := r.check("autoschedule_rules"); err != nil {
			return err
		}
	}
	for _, r := range p.InviteRules {
		if err := r.check("invite_rules"); err != nil {
			return err
		}
	}
	return valid.First(valid.Color("color", p.Color), valid.Timezone("timezone", p.Timezone))
}

// RegistrationDesk is where users register for events.
type RegistrationDesk struct {
	store.Base
	FSItems            []string       `json:"fs_items,omitzero" doc:"Ids of files to hand out."`
	WhiteList          []string       `json:"white_list,omitzero" doc:"Ids of users who may register; everyone where empty." index:"yes"`
	WhiteListAccepted  []string       `json:"white_list_accepted,omitzero" doc:"Ids of users who are accepted at once." index:"yes"`
	RequiredList       []string       `json:"required_list,omitzero" doc:"Ids of users who have to register." index:"yes"`
	BlackList          []string       `json:"black_list,omitzero" doc:"Ids of users who may not register." index:"yes"`
	StartTime          store.Time     `json:"start_time,omitzero" doc:"When the desk opens." index:"yes"`
	EndTime            store.Time     `json:"end_time,omitzero" doc:"When the desk closes." index:"yes"`
	AcceptanceRequired bool           `json:"acceptance_required,omitzero" doc:"Whether somebody has to accept a registration." index:"yes"`
	Registrations      []Registration `json:"registrations,omitzero" doc:"Who registered."`
}

// Registration is a user who registered.
type Registration struct {
	UserID              string     `json:"user_id"`
	Accepted            bool       `json:"accepted,omitzero"`
	AcceptedBy          string     `json:"accepted_by,omitzero" doc:"Id of the user who accepted it."`
	Timestamp           store.Time `json:"timestamp,omitzero" doc:"When the user registered."`
	TimestampAcceptance store.Time `json:"timestamp_acceptation,omitzero" doc:"When it was accepted."`
}

// Validate reports the first field that cannot be.
func (d *RegistrationDesk) Validate() error {
	for _, r := range d.Registrations {
		if err := valid.Required("registrations.user_id", r.UserID); err != nil {
			return err
		}
	}
	return valid.Order("end_time", d.StartTime, d.EndTime)
}
