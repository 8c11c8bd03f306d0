// Package stats keeps what units use: now, and minute by minute over the last
// hour. It measures nothing itself; a Sampler asks its sources, and so seldom
// that a thousand idle ones cost next to nothing.
package stats

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Usage is what the processes of a unit use together.
type Usage struct {
	CPU       time.Duration // since the start of the run
	Memory    int64         // bytes, resident
	OpenFiles int
	Processes int
}

// Source is one unit that is measured.
type Source struct {
	Name string
	// Measure returns what the unit uses. It may return last, with the time of
	// the CPU brought up to date, where that tells that nothing has happened.
	// A unit without processes returns the zero Usage.
	Measure func(last Usage) Usage
}

// Point is one minute of a unit.
type Point struct {
	At        time.Time `json:"at"`         // the minute's begin
	CPU       float64   `json:"cpu"`        // share of one core, 1 being all of it
	Memory    int64     `json:"memory"`     // bytes, the most that was seen
	OpenFiles int       `json:"open_files"` // the most that was seen
	Processes int       `json:"processes"`  // the most that was seen
	Restarts  int       `json:"restarts"`
}

// Stats is what a unit uses now and used over the last hour.
type Stats struct {
	Unit       string  `json:"unit"`
	CPU        float64 `json:"cpu"`         // share of one core, between the last two measurements
	CPUSeconds float64 `json:"cpu_seconds"` // since the start of the run
	Memory     int64   `json:"memory"`      // bytes, resident
	OpenFiles  int     `json:"open_files"`
	Processes  int     `json:"processes"`
	Restarts   int     `json:"restarts"` // over the last hour
	Hour       []Point `json:"hour"`     // the oldest first; minutes in which nothing was seen are left out
}

const (
	minutes = 60
	// The sampler rests share times as long as it measures, unless a pass would
	// take longer than slowest.
	share    = 1000
	atOnce   = time.Millisecond // of measuring between two rests
	pace     = 10 * time.Second // from one pass to the next, at least
	slowest  = 60 * time.Second
	fresh    = 500 * time.Millisecond // a measurement that young is not repeated
	goOnFor  = 3 * time.Hour          // after which a unit that is gone is forgotten
	millisec = float64(time.Minute / time.Millisecond)
)

// bucket is a minute as it is kept.
type bucket struct {
	minute       int64 // since 1970
	memory       int64
	cpu          uint32 // milliseconds
	files, procs int32
	restarts     int32
}

// series is what is kept of a unit.
type series struct {
	last    Usage
	at      time.Time // of last
	rate    float64   // CPU between the last two measurements
	buckets []bucket  // a ring by minute; nil until there is something to keep
}

// Sampler measures its sources from time to time, while Run runs. It is safe
// for concurrent use.
type Sampler struct {
	list func() []Source

	// mu guards units.
	mu    sync.Mutex
	units map[string]*series
}

// New returns a Sampler of the sources that list returns.
func New(list func() []Source) *Sampler {
	return &Sampler{list: list, units: map[string]*series{}}
}

// Run measures until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	for wait := pace; pause(ctx, wait); {
		begin := time.Now()
		if !s.pass(ctx, s.list()) {
			return
		}
		s.forget()
		wait = max(0, pace-time.Since(begin))
	}
}

// pass measures all sources once, a few at a time, and rests after each few for
// as long as keeps to its share and ends in time. It reports whether ctx goes on.
func (s *Sampler) pass(ctx context.Context, sources []Source) bool {
	end := time.Now().Add(slowest)
	for len(sources) > 0 {
		begin, n := time.Now(), 0
		for n < len(sources) && time.Since(begin) < atOnce {
			s.measure(sources[n : n+1])
			n++
		}
		rest := min(time.Since(begin)*share, time.Until(end)*time.Duration(n)/time.Duration(len(sources)))
		if !pause(ctx, rest) {
			return false
		}
		sources = sources[n:]
	}
	return true
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// measure asks each source whose last measurement is not fresh.
func (s *Sampler) measure(sources []Source) {
	for _, src := range sources {
		s.mu.Lock()
		u := s.unitLocked(src.Name)
		last, at := u.last, u.at
		s.mu.Unlock()
		if time.Since(at) < fresh {
			continue
		}
		got := src.Measure(last)
		s.mu.Lock()
		u.take(got, time.Now())
		s.mu.Unlock()
	}
}

func (s *Sampler) unitLocked(name string) *series {
	u := s.units[name]
	if u == nil {
		u = &series{}
		s.units[name] = u
	}
	return u
}

// forget drops the units of which nothing was heard for hours.
func (s *Sampler) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, u := range s.units {
		if time.Since(u.at) > goOnFor {
			delete(s.units, name)
		}
	}
}

// take adds a measurement.
func (u *series) take(got Usage, now time.Time) {
	used := got.CPU - u.last.CPU
	if used < 0 { // another run
		used = got.CPU
	}
	if u.rate = 0; !u.at.IsZero() && now.After(u.at) && got.Processes > 0 {
		u.rate = used.Seconds() / now.Sub(u.at).Seconds()
	}
	if u.at.IsZero() {
		used = 0 // what it used before anybody looked belongs to no minute
	}
	u.last, u.at = got, now
	if got.Processes == 0 && used == 0 {
		return
	}
	b := u.bucket(now)
	b.cpu += uint32(used.Milliseconds())
	b.memory, b.files, b.procs = max(b.memory, got.Memory), max(b.files, int32(got.OpenFiles)), max(b.procs, int32(got.Processes))
}

// bucket returns the bucket of a time.
func (u *series) bucket(now time.Time) *bucket {
	if u.buckets == nil {
		u.buckets = make([]bucket, minutes)
	}
	minute := now.Unix() / 60
	b := &u.buckets[minute%minutes]
	if b.minute != minute {
		*b = bucket{minute: minute}
	}
	return b
}

// Restarted counts a restart of a unit.
func (s *Sampler) Restarted(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unitLocked(name).bucket(time.Now()).restarts++
}

// Of returns what one source uses now and used over the last hour.
func (s *Sampler) Of(src Source) Stats {
	s.measure([]Source{src})
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unitLocked(src.Name).stats(src.Name, time.Now(), true)
}

// All returns what all sources use now, sorted by name, without their hours.
func (s *Sampler) All() []Stats {
	sources := s.list()
	s.measure(sources)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Stats, 0, len(sources))
	for _, src := range sources {
		out = append(out, s.unitLocked(src.Name).stats(src.Name, time.Now(), false))
	}
	slices.SortFunc(out, func(a, b Stats) int { return cmp.Compare(a.Unit, b.Unit) })
	return out
}

func (u *series) stats(name string, now time.Time, hour bool) Stats {
	st := Stats{Unit: name, CPU: u.rate, CPUSeconds: u.last.CPU.Seconds(), Memory: u.last.Memory,
		OpenFiles: u.last.OpenFiles, Processes: u.last.Processes, Hour: []Point{}}
	this := now.Unix() / 60
	for m := this - minutes + 1; m <= this && u.buckets != nil; m++ {
		b := u.buckets[m%minutes]
		if b.minute != m {
			continue
		}
		st.Restarts += int(b.restarts)
		if hour {
			st.Hour = append(st.Hour, Point{At: time.Unix(m*60, 0).UTC(), CPU: float64(b.cpu) / millisec, Memory: b.memory,
				OpenFiles: int(b.files), Processes: int(b.procs), Restarts: int(b.restarts)})
		}
	}
	return st
}
