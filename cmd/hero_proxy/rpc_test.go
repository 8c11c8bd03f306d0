package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestDecisions holds that decisions are told in order, that who waits is told
// at once, and that no more of them are kept than there is room for.
func TestDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDecisions(slog.DiscardHandler)
		log := slog.New(audited{d})
		got := make(chan []decision, 1)
		go func() { got <- d.after(t.Context(), 0) }()
		synctest.Wait()
		log.Info("refused", "caller", "ann", "verb", "POST", "target", "hero_food/root/delivery", "layer", "domain", "rule", "r", "status", 403, "ms", int64(7))
		want := decision{ID: 1, At: time.Now(), Decision: "refused", Caller: "ann", Verb: "POST", Target: "hero_food/root/delivery", Layer: "domain", Rule: "r", Status: 403, MS: 7}
		if list := <-got; len(list) != 1 || list[0] != want {
			t.Errorf("got %+v, want %+v", list, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if list := d.after(ctx, 1); len(list) != 0 {
			t.Errorf("nothing happened, and %+v is told", list)
		}
		for range 2 * keptDecisions {
			log.Info("allowed")
		}
		if list := d.after(t.Context(), 0); len(list) != keptDecisions || list[0].ID != keptDecisions+2 {
			t.Errorf("%d kept, from %d", len(list), list[0].ID)
		}
	})
}

// TestDecisionsOfOneSubject holds that what many lines share is kept with each.
func TestDecisionsOfOneSubject(t *testing.T) {
	d := newDecisions(slog.NewJSONHandler(io.Discard, nil))
	slog.New(d).With("caller", "ann", "verb", "POST").With("target", "hero_food").Info("allowed", "rule", "r")
	list := d.after(t.Context(), 0)
	if len(list) != 1 || list[0].Caller != "ann" || list[0].Target != "hero_food" || list[0].Rule != "r" || list[0].Decision != "allowed" {
		t.Errorf("kept: %+v", list)
	}
}

// audited lets all levels through: the discarding handler below wants none.
type audited struct{ *decisions }

func (audited) Enabled(context.Context, slog.Level) bool { return true }
