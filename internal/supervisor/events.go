package supervisor

import (
	"context"
	"iter"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/stats"
)

// remembered is how many transitions are held in memory for Events.
const remembered = 512

// Events yields the transitions of all units, and of the health of their
// layers, whose id is greater than after, and goes on with new ones until ctx
// ends: none is left out, however slow its reader, unless the registry holds it
// no more, which a gap in the ids tells. after = -1 stands for new ones only.
// An id that is yet to come, as of a registry that was rebuilt since, begins
// with the first. It ends after an error.
func (s *Supervisor) Events(ctx context.Context, after int64) iter.Seq2[Transition, error] {
	s.mu.Lock()
	switch {
	case after < 0:
		after = s.last
	case after > s.last:
		after = 0
	}
	s.mu.Unlock()
	return func(yield func(Transition, error) bool) {
		for {
			ts, news, err := s.since(ctx, after)
			if err != nil {
				if ctx.Err() == nil {
					yield(Transition{}, err)
				}
				return
			}
			for _, t := range ts {
				if !yield(t, nil) {
					return
				}
				after = t.ID
			}
			if len(ts) > 0 {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-s.done:
				yield(Transition{}, errClosed())
				return
			case <-news:
			}
		}
	}
}

// LastEvent returns the id of the last transition.
func (s *Supervisor) LastEvent() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Processes returns all living processes of all units with what each uses, in
// one look at the machine.
func (s *Supervisor) Processes() ([]osproc.Member, error) { return s.runner.Survey() }

// since returns transitions behind an id, and what is closed at the next one.
func (s *Supervisor) since(ctx context.Context, after int64) ([]Transition, <-chan struct{}, error) {
	s.mu.Lock()
	news, last, closing := s.news, s.last, s.closing
	var out []Transition
	if n := last - after; n > 0 && n <= int64(len(s.recent)) {
		out = append(out, s.recent[int64(len(s.recent))-n:]...)
	}
	s.mu.Unlock()
	if len(out) > 0 || last <= after {
		return out, news, nil
	}
	if closing {
		return nil, nil, errClosed()
	}
	out, err := s.reg.After(ctx, after, remembered)
	return out, news, err
}

// tell notes a transition and hands it to those who listen.
func (s *Supervisor) tell(t Transition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	t.ID = s.last
	s.reg.Add(t)
	if s.recent = append(s.recent, t); len(s.recent) >= 2*remembered {
		s.recent = append(s.recent[:0:0], s.recent[remembered:]...)
	}
	close(s.news)
	s.news = make(chan struct{})
}

// Stats returns what a unit uses now and used over the last hour.
func (s *Supervisor) Stats(name string) (stats.Stats, error) {
	k, err := s.find(name)
	if err != nil {
		return stats.Stats{}, err
	}
	return s.usage.Of(k.source()), nil
}

// AllStats returns what all units use now, sorted by name, without their hours.
// It costs little where little happens: asking each second is fine.
func (s *Supervisor) AllStats() []stats.Stats { return s.usage.All() }

// sources are the units, for the sampler.
func (s *Supervisor) sources() []stats.Source {
	keepers := s.sorted()
	out := make([]stats.Source, len(keepers))
	for i, k := range keepers {
		out[i] = k.source()
	}
	return out
}

func (k *keeper) source() stats.Source { return stats.Source{Name: k.name, Measure: k.measure} }

// measure asks what the unit's processes use. Where the kernel counts their CPU
// time and it has not grown, nothing else can have changed by their doing.
func (k *keeper) measure(last stats.Usage) stats.Usage {
	k.mu.Lock()
	p := k.visible
	k.mu.Unlock()
	if p == nil {
		return stats.Usage{}
	}
	if q, ok := p.(interface{ CPU() (time.Duration, bool) }); ok && last.Processes > 0 {
		if cpu, ok := q.CPU(); ok && cpu == last.CPU {
			return last
		}
	}
	u, err := p.Usage()
	if err != nil && fault.Of(err) != fault.NotFound {
		k.sup.log.Debug("usage is not known", "unit", k.name, "err", err)
	}
	return stats.Usage{CPU: u.CPU, Memory: u.Memory, OpenFiles: u.OpenFiles, Processes: u.Processes}
}
