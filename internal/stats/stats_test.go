package stats_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/stats"
)

func TestHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		use := stats.Usage{Memory: 100, OpenFiles: 3, Processes: 1}
		change := func(f func(u *stats.Usage)) {
			mu.Lock()
			defer mu.Unlock()
			f(&use)
		}
		src := stats.Source{Name: "a", Measure: func(stats.Usage) stats.Usage {
			mu.Lock()
			defer mu.Unlock()
			return use
		}}
		s := stats.New(func() []stats.Source { return []stats.Source{src} })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		s.Of(src)
		for range 60 { // half a core for ten minutes
			time.Sleep(10 * time.Second)
			change(func(u *stats.Usage) { u.CPU += 5 * time.Second })
		}
		s.Restarted("a")
		change(func(u *stats.Usage) { u.Memory = 500 })
		time.Sleep(time.Second)
		st := s.Of(src)
		if n := len(st.Hour); n < 10 || n > 11 || st.Restarts != 1 || st.Memory != 500 || st.Processes != 1 || st.CPUSeconds != 300 {
			t.Errorf("%+v", st)
		}
		var sum float64
		for _, p := range st.Hour {
			sum += p.CPU * 60
			if p.Memory < 100 || p.Memory > 500 || p.At.Second() != 0 {
				t.Errorf("%+v", p)
			}
		}
		if sum < 290 || sum > 301 {
			t.Errorf("the minutes hold %v CPU seconds of 300", sum)
		}
		// A new run counts from nothing; what a run used is never negative.
		change(func(u *stats.Usage) { *u = stats.Usage{CPU: time.Second, Memory: 50, Processes: 1} })
		time.Sleep(10 * time.Second)
		if st := s.Of(src); st.CPU < 0 || st.CPU > 0.2 {
			t.Errorf("%+v", st)
		}
		change(func(u *stats.Usage) { *u = stats.Usage{} })
		time.Sleep(61 * time.Minute)
		if st := s.Of(src); len(st.Hour) != 0 || st.Restarts != 0 || st.Memory != 0 {
			t.Errorf("an hour later: %+v", st)
		}
		cancel()
		<-done
	})
}
