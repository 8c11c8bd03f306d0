package unit

import (
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// shortest is the shortest time between two runs of a job.
const shortest = time.Second

// Schedule says when a job runs: "every 15m", at the full quarters of an hour,
// or the five fields of cron(8) in local time, such as "30 4 * * mon-fri", or
// one of cron's words such as "@daily".
type Schedule string

// period returns the time between two runs, where s says that.
func (s Schedule) period() (time.Duration, bool, error) {
	text, ok := strings.CutPrefix(string(s), "every ")
	if !ok {
		return 0, false, nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < shortest {
		return 0, true, fault.Errorf(fault.Invalid, "%q is no time of at least %v, such as in \"every 15m\"", text, shortest)
	}
	return d, true, nil
}

// check reports what is wrong with s.
func (s Schedule) check() error {
	if _, periodic, err := s.period(); periodic {
		return err
	}
	if n := len(strings.Fields(string(s))); !gronx.IsValid(string(s)) || n != 5 && n != 1 {
		return fault.Errorf(fault.Invalid, "%q is no schedule such as \"every 15m\" or \"30 4 * * *\"", string(s))
	}
	_, err := gronx.NextTickAfter(string(s), time.Now(), false)
	if err != nil {
		return fault.Errorf(fault.Invalid, "%q never comes", string(s))
	}
	return nil
}

// Next returns the first time after t at which the job runs, and the zero time
// where there is none.
func (s Schedule) Next(t time.Time) time.Time {
	t = t.Round(0) // by the wall clock
	if d, periodic, err := s.period(); periodic {
		if err != nil {
			return time.Time{}
		}
		return t.Truncate(d).Add(d)
	}
	next, err := gronx.NextTickAfter(string(s), t, false)
	if err != nil {
		return time.Time{}
	}
	return next
}
