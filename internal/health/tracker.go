package health

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
)

// Trees tells of the sockets folder; see discovery.Watcher for what each
// method does.
type Trees interface {
	Tree() *discovery.Tree
	Wait(ctx context.Context, after *discovery.Tree) (*discovery.Tree, error)
}

// TrackerOptions say what a Tracker asks. Places and Trees must be set.
type TrackerOptions struct {
	Options
	Trees    Trees
	Interval time.Duration // between two looks at a service; 0 is 10 s
	// Changed is told of every change of a layer's word. It must not block.
	Changed func(Change)
}

// Change is a change of one layer's word.
type Change struct {
	Service string
	Layer   string // "service", "ui" or "root/delivery"
	From    Word   // Absent for a layer that appeared
	To      Word   // Absent for a layer that is gone
	Detail  string
}

const (
	// misses is how many answers in a row must be worse before a word is.
	misses = 3
	// missPace is how soon a service of which a layer missed is asked again.
	missPace = time.Second
	// trackAtOnce is how many services are asked at the same time.
	trackAtOnce = 16
)

// Tracker knows how every service of the tree is: it asks at an interval, when
// something of the service changes in the tree, and on demand. One bad answer
// says little, so that a word gets worse only with the third in a row; it gets
// better with the first. It is safe for concurrent use.
type Tracker struct {
	opts TrackerOptions
	wg   sync.WaitGroup
	turn chan struct{}
	wake chan struct{} // one slot: a service was asked

	// mu guards services.
	mu       sync.Mutex
	services map[string]*tracked
}

// tracked is what is known of a service.
type tracked struct {
	found  *discovery.Service
	next   time.Time // to be asked
	asking bool
	again  bool // it changed while it was asked
	layers map[string]*layerState
	report Report
}

// layerState is what is known of a layer.
type layerState struct {
	socket any // that the layer has; another one is another layer
	shown  Layer
	missed int
	at     time.Time // of the last that counted
}

// NewTracker returns a Tracker, which does nothing until Run.
func NewTracker(opts TrackerOptions) *Tracker {
	if opts.Interval <= 0 {
		opts.Interval = 10 * time.Second
	}
	if opts.Changed == nil {
		opts.Changed = func(Change) {}
	}
	return &Tracker{opts: opts, turn: make(chan struct{}, trackAtOnce), wake: make(chan struct{}, 1), services: map[string]*tracked{}}
}

// Run asks until ctx ends, or the tree is watched no more.
func (t *Tracker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer t.wg.Wait()
	defer cancel()
	trees := make(chan *discovery.Tree, 1)
	var failed error
	t.wg.Go(func() {
		defer close(trees)
		for tree := t.opts.Trees.Tree(); ; {
			if tree != nil {
				select {
				case trees <- tree:
				case <-ctx.Done():
					return
				}
			}
			if tree, failed = t.opts.Trees.Wait(ctx, tree); failed != nil {
				return
			}
		}
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case tree, ok := <-trees:
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return failed
			}
			t.take(tree)
		case <-t.wake:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		timer.Reset(t.askDue(ctx))
	}
}

// take notes what changed in the tree.
func (t *Tracker) take(tree *discovery.Tree) {
	var gone []Change
	t.mu.Lock()
	seen := map[string]bool{}
	for _, s := range tree.Services {
		name := s.Name.String()
		seen[name] = true
		tr := t.services[name]
		if tr == nil {
			tr = &tracked{layers: map[string]*layerState{}}
			t.services[name] = tr
		}
		if tr.found == nil || !reflect.DeepEqual(tr.found, s) {
			tr.found, tr.next, tr.again = s, time.Time{}, tr.asking
		}
	}
	for name, tr := range t.services {
		if seen[name] {
			continue
		}
		delete(t.services, name)
		for layer, l := range tr.layers {
			if l.shown.Word != Absent {
				gone = append(gone, Change{Service: name, Layer: layer, From: l.shown.Word, To: Absent, Detail: "its socket is gone"})
			}
		}
	}
	t.mu.Unlock()
	for _, c := range gone {
		t.opts.Changed(c)
	}
}

// askDue begins to ask the services whose time has come, and returns when the
// next one's comes.
func (t *Tracker) askDue(ctx context.Context) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	wait := t.opts.Interval
	for name, tr := range t.services {
		if d := tr.next.Sub(now); tr.asking || d > 0 {
			if !tr.asking {
				wait = min(wait, d)
			}
			continue
		}
		tr.asking = true
		found := tr.found
		t.wg.Go(func() {
			select {
			case t.turn <- struct{}{}:
				defer func() { <-t.turn }()
			case <-ctx.Done():
				return
			}
			r := Probe(ctx, t.opts.Options, found)
			if ctx.Err() == nil {
				t.note(name, found, r)
			}
		})
	}
	return max(wait, time.Millisecond)
}

// note takes in how a service was found to be.
func (t *Tracker) note(name string, found *discovery.Service, r Report) {
	t.mu.Lock()
	tr := t.services[name]
	if tr == nil {
		t.mu.Unlock()
		return
	}
	tr.asking = false
	tr.next = time.Now().Add(t.opts.Interval)
	pace := min(missPace, t.opts.Interval)
	changes := tr.merge(found, &r, pace)
	tr.report = r
	for _, l := range tr.layers {
		if l.missed > 0 {
			tr.next = time.Now().Add(pace)
		}
	}
	if tr.again {
		tr.again, tr.next = false, time.Time{}
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
	for _, c := range changes {
		c.Service = name
		t.opts.Changed(c)
	}
}

// merge makes r what is to be shown, and returns what changed.
func (tr *tracked) merge(found *discovery.Service, r *Report, pace time.Duration) []Change {
	var changes []Change
	seen := map[string]bool{}
	each := func(layer string, l *Layer, socket *discovery.Socket) {
		seen[layer] = true
		st := tr.layers[layer]
		if st == nil || socket != nil && st.socket != socket.ID {
			before := Absent
			if st != nil {
				before = st.shown.Word
			}
			st = &layerState{shown: Layer{Word: before}}
			if socket != nil {
				st.socket = socket.ID
			}
			if before == Unhealthy && l.Word == Unhealthy { // the next one gets its time, too
				st.shown.Word = Starting
			}
			tr.layers[layer] = st
		}
		from := st.shown.Word
		st.take(l, pace)
		if st.shown.Word != from {
			changes = append(changes, Change{Layer: layer, From: from, To: st.shown.Word, Detail: st.shown.Detail})
		}
	}
	ui := found.UI
	if ui == nil {
		ui = found.Admin
	}
	each("service", &r.Main, found.Server)
	each("ui", &r.UI, ui)
	for i, c := range r.Contexts {
		for j := range c.Domains {
			each(c.Name+"/"+c.Domains[j].Name, &c.Domains[j].Layer, found.Contexts[i].Domains[j].Socket)
		}
	}
	for layer, st := range tr.layers {
		if !seen[layer] {
			delete(tr.layers, layer)
			if st.shown.Word != Absent {
				changes = append(changes, Change{Layer: layer, From: st.shown.Word, To: Absent, Detail: "its socket is gone"})
			}
		}
	}
	r.Word = r.worst()
	return changes
}

// take takes in how the layer was found to be, and makes l what is to be shown.
// Answers that come closer than half the pace count as one.
func (s *layerState) take(l *Layer, pace time.Duration) {
	worse := l.Word.rank() > s.shown.Word.rank() && (l.Word == Unhealthy || l.Word == Degraded && strings.HasPrefix(l.Detail, slowly))
	if worse && time.Since(s.at) >= pace/2 {
		s.missed++
		s.at = time.Now()
	}
	if !worse || s.missed >= misses {
		s.missed = 0
		s.shown = *l
		return
	}
	l.Misses = s.missed
	if s.shown.Word == Absent || s.shown.Word == Unknown {
		s.shown.Word = Starting
	}
	l.Word = s.shown.Word
}

// Report returns how a service is, as far as is known, and whether there is
// such a service in the tree.
func (t *Tracker) Report(name string) (Report, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.services[name]
	if tr == nil {
		return Report{}, false
	}
	if tr.report.Service == "" {
		unknown := Layer{Word: Unknown, Detail: "it was not asked yet"}
		return Report{Service: name, Word: Unknown, Main: unknown, UI: unknown}, true
	}
	return tr.report, true
}

// Ask asks every layer of a service now, and returns what was found, which
// counts like any other look. It reports false where there is no such service.
func (t *Tracker) Ask(ctx context.Context, name string) (Report, bool) {
	t.mu.Lock()
	tr := t.services[name]
	var found *discovery.Service
	if tr != nil {
		found = tr.found
	}
	t.mu.Unlock()
	if found == nil {
		return Report{}, false
	}
	r := Probe(ctx, t.opts.Options, found)
	if ctx.Err() == nil {
		seen := r
		seen.Contexts = nil
		for _, c := range r.Contexts {
			c.Domains = append([]DomainReport(nil), c.Domains...)
			seen.Contexts = append(seen.Contexts, c)
		}
		t.note(name, found, seen)
	}
	return r, true
}
