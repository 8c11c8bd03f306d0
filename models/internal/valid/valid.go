// Package valid checks the values that several shared domains have in common.
// Each check names the field in its error, and takes no value at all for fine
// where it does not say otherwise.
package valid

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Enum is a kind of text with a fixed number of values.
type Enum interface {
	~string
	Enum() []string
}

// First returns the first error there is, or nil.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// OneOf refuses a value that its type does not have, the empty one too.
func OneOf[E Enum](field string, v E) error {
	if slices.Contains(v.Enum(), string(v)) {
		return nil
	}
	return fault.Errorf(fault.Invalid, "%s: %.80q is none of %s", field, string(v), strings.Join(v.Enum(), ", "))
}

// Default gives *v the value that it has where nobody says otherwise, and
// refuses one that its type does not have.
func Default[E Enum](field string, v *E, otherwise E) error {
	if *v == "" {
		*v = otherwise
	}
	return OneOf(field, *v)
}

// Required refuses text that is empty or blank.
func Required(field, s string) error {
	if strings.TrimSpace(s) == "" {
		return fault.Errorf(fault.Invalid, "%s: must not be empty", field)
	}
	return nil
}

// Email refuses what is no bare e-mail address (RFC 5322).
func Email(field string, all ...string) error {
	for _, s := range all {
		if a, err := mail.ParseAddress(s); s != "" && (err != nil || a.Address != s) {
			return fault.Errorf(fault.Invalid, "%s: %.80q is no e-mail address", field, s)
		}
	}
	return nil
}

// Phone refuses what is no telephone number in international form.
func Phone(field string, all ...string) error {
	for _, s := range all {
		if s == "" {
			continue
		}
		n, err := phonenumbers.Parse(s, phonenumbers.UNKNOWN_REGION)
		if err != nil || !phonenumbers.IsPossibleNumber(n) {
			return fault.Errorf(fault.Invalid, "%s: %.80q is no telephone number with its country code, such as +32 2 123 45 67", field, s)
		}
	}
	return nil
}

// Timezone refuses what is not the IANA name of a time zone.
func Timezone(field, s string) error {
	if s == "Local" { // what time takes it for depends on the machine
		return fault.Errorf(fault.Invalid, "%s: %q is no time zone, such as Europe/Brussels", field, s)
	}
	if _, err := time.LoadLocation(s); err != nil {
		return fault.Errorf(fault.Invalid, "%s: %.80q is no time zone, such as Europe/Brussels", field, s)
	}
	return nil
}

// URL refuses what a browser could not open: anything but an absolute http or
// https URL.
func URL(field, s string) error {
	u, err := url.Parse(s)
	if s != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return fault.Errorf(fault.Invalid, "%s: %.80q is no http or https URL", field, s)
	}
	return nil
}

// Color refuses what is no colour in hexadecimal, such as #1a7f37.
func Color(field, s string) error {
	if s == "" || hexColor(s) {
		return nil
	}
	return fault.Errorf(fault.Invalid, "%s: %.80q is no colour such as #1a7f37", field, s)
}

func hexColor(s string) bool {
	ok, err := regexp.MatchString(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`, s)
	return ok && err == nil
}

// Order refuses an end that comes before its start; either may be missing.
func Order(field string, start, end store.Time) error {
	if !start.IsZero() && !end.IsZero() && end.Before(start.Time) {
		return fault.Errorf(fault.Invalid, "%s: comes before the start", field)
	}
	return nil
}

// Between refuses a number outside of low to high.
func Between[N int | float64](field string, v, low, high N) error {
	if v >= low && v <= high { // a NaN is nowhere
		return nil
	}
	return fault.Errorf(fault.Invalid, "%s: %v is not between %v and %v", field, v, low, high)
}
