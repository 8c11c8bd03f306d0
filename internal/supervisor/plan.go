package supervisor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// What a Change does.
const (
	DoAdd    = "add"    // register and start
	DoChange = "change" // the definition
	DoStart  = "start"  // the definition is the same, and it is not up though it shall be
	DoRemove = "remove" // stop and forget
)

// Change is one step of a Plan.
type Change struct {
	Do      string      `json:"do"`
	Unit    string      `json:"unit"`
	Diff    []unit.Diff `json:"diff,omitzero"`
	Restart bool        `json:"restart,omitzero"` // a running process is replaced by a new one
	Why     string      `json:"why,omitzero"`
}

// Plan says what Apply would do. Its ID tells it from every other plan.
type Plan struct {
	ID      string   `json:"id"`
	Changes []Change `json:"changes"`
}

// Plan compares the definitions of the files with what is registered and what
// runs. A unit that no file ever defined, as one added by a command, is none of
// its business; one whose file is gone is removed. What an operator stopped
// stays stopped. A circle of dependencies is fault.Conflict.
func (s *Supervisor) Plan(files []unit.Unit) (Plan, error) {
	p := Plan{Changes: []Change{}}
	all := map[string]unit.Unit{}
	for _, u := range files {
		if err := u.Validate(); err != nil {
			return p, err
		}
		if _, twice := all[u.Name]; twice {
			return p, fault.Errorf(fault.Invalid, "%s is defined twice", u.Name)
		}
		all[u.Name] = u
		if c, differs := s.change(u); differs {
			p.Changes = append(p.Changes, c)
		}
	}
	for _, k := range s.sorted() {
		if _, stays := all[k.name]; stays {
			continue
		}
		k.mu.Lock()
		fromFile := k.file
		k.mu.Unlock()
		if fromFile {
			p.Changes = append(p.Changes, Change{Do: DoRemove, Unit: k.name, Why: "its file is gone"})
		} else {
			all[k.name] = k.definition()
		}
	}
	if err := refuseCycle("apply", all); err != nil {
		return p, err
	}
	text, err := json.Marshal(p.Changes)
	if err != nil {
		return p, err
	}
	sum := sha256.Sum256(text)
	p.ID = hex.EncodeToString(sum[:8])
	return p, nil
}

// change returns what is to be done for a unit to be as its file says.
func (s *Supervisor) change(u unit.Unit) (Change, bool) {
	k := s.keeperOf(u.Name)
	if k == nil {
		return Change{Do: DoAdd, Unit: u.Name}, true
	}
	st := k.snapshot()
	up := st.Desired == "up"
	if diff := unit.Compare(k.definition(), u); len(diff) > 0 {
		c := Change{Do: DoChange, Unit: u.Name, Diff: diff}
		live := !slices.ContainsFunc(diff, func(d unit.Diff) bool { return !d.Live })
		c.Restart = !live && st.PID != 0 && up
		switch {
		case !up:
			c.Why = "it stays down, as it was told to be"
		case !live && !c.Restart:
			c.Why = "it is " + st.State + " and started with the change"
		}
		return c, true
	}
	k.mu.Lock()
	renew := k.renew
	k.mu.Unlock()
	if up && renew && st.PID != 0 {
		return Change{Do: DoChange, Unit: u.Name, Restart: true, Why: "its process is older than its definition: an apply before was cut off"}, true
	}
	if up && (st.State == "failed" || st.State == "stopped") {
		return Change{Do: DoStart, Unit: u.Name, Why: "it shall be up and is " + st.State}, true
	}
	return Change{}, false
}

func refuseCycle(what string, all map[string]unit.Unit) error {
	if c := unit.Cycle(all); c != nil {
		return fault.WithHint(fault.Errorf(fault.Conflict, "%s: its dependencies go in a circle: %s", what, strings.Join(c, " → ")),
			"take one of these out of after, requires or wants")
	}
	return nil
}

// registerAll registers the definitions, and with each what is to be done about it, so
// that an apply that is cut off after this is not taken for one that was carried
// out: what is added is wanted up, and what is to be replaced is known to be.
func (s *Supervisor) registerAll(ctx context.Context, files []unit.Unit, changes []Change) error {
	todo := map[string]Change{}
	for _, c := range changes {
		todo[c.Unit] = c
	}
	var errs []error
	for _, u := range files {
		c := todo[u.Name]
		errs = append(errs, s.register(ctx, u, false, func(k *keeper) {
			k.file = true
			if c.Do == DoAdd {
				k.up, k.status.Desired = true, "up"
			}
			k.renew = k.renew || c.Restart
		}))
	}
	// On the disk before anything starts: a process whose unit a killed supervisor
	// never wrote down would be nobody's.
	return errors.Join(append(errs, s.reg.Flush(ctx))...)
}

// Apply makes what runs equal to the files and returns the plan that it went
// by. With an id it fails with fault.Conflict, before it does anything, where
// the plan is no longer the one of that id. Every step is tried; the error
// holds those that failed.
func (s *Supervisor) Apply(ctx context.Context, files []unit.Unit, id string) (Plan, error) {
	s.applying.Lock()
	defer s.applying.Unlock()
	p, err := s.Plan(files)
	if err != nil {
		return p, err
	}
	if id != "" && id != p.ID {
		return p, fault.WithHint(fault.Errorf(fault.Conflict, "apply: the plan is no longer the one that was shown"), "look at the new plan, and apply again")
	}
	var errs []error
	for _, c := range p.Changes {
		if c.Do == DoRemove {
			errs = append(errs, s.Remove(ctx, c.Unit))
		}
	}
	errs = append(errs, s.registerAll(ctx, files, p.Changes))
	var wg sync.WaitGroup
	results := make([]error, len(p.Changes))
	for i, c := range p.Changes {
		wg.Go(func() {
			up := false
			if k := s.keeperOf(c.Unit); k != nil {
				up = k.snapshot().Desired == "up"
			}
			switch {
			case c.Restart && up:
				results[i] = s.Restart(ctx, c.Unit)
			case c.Do == DoAdd, c.Do == DoStart, c.Do == DoChange && up:
				results[i] = s.Start(ctx, c.Unit)
			}
		})
	}
	wg.Wait()
	errs = append(append(errs, results...), s.reg.Flush(ctx))
	return p, errors.Join(errs...)
}
