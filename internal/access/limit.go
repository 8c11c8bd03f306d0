package access

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Rate is how many calls are let through in how long. The zero Rate is no
// limit.
type Rate struct {
	Calls int
	Per   time.Duration
}

// ParseRate reads a rate such as 10/s, 100/m or 1000/h; "" is no limit.
func ParseRate(s string) (Rate, error) {
	if s == "" {
		return Rate{}, nil
	}
	calls, unit, _ := strings.Cut(s, "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.Atoi(calls)
	if err != nil || n < 1 || n > 1_000_000_000 || per == 0 {
		return Rate{}, fmt.Errorf("%q is not a rate: write 10/s, 100/m or 1000/h", s)
	}
	return Rate{Calls: n, Per: per}, nil
}

// maxMetered is how many pairs of a rule and a caller a Meter tells apart
// before it forgets those who have been idle.
const maxMetered = 10_000

// Meter counts, for each rule with a rate and each caller, how many calls were
// made. Of what a rule allows, all may come at once; it comes back evenly. The
// zero Meter is ready, and safe for concurrent use.
type Meter struct {
	mu   sync.Mutex // guards left
	left map[metered]bucket
}

type metered struct {
	rule, caller string
	rate         Rate
}

type bucket struct {
	calls float64
	at    time.Time
}

// take makes one call, or says after how long one can be made.
func (m *Meter) take(who metered, now time.Time) time.Duration {
	if who.rate.Calls == 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	every := who.rate.Per / time.Duration(who.rate.Calls)
	most := float64(who.rate.Calls)
	b, ok := m.left[who]
	if !ok {
		m.makeRoom(now)
		b = bucket{most, now}
	}
	if since := now.Sub(b.at); since > 0 {
		b.calls, b.at = min(most, b.calls+most*since.Seconds()/who.rate.Per.Seconds()), now
	}
	wait := time.Duration(0)
	if b.calls < 1 {
		wait = max(time.Duration((1-b.calls)*float64(every)), 1)
	} else {
		b.calls--
	}
	m.left[who] = b
	return wait
}

// makeRoom forgets whoever may make all of its calls again. The caller holds mu.
func (m *Meter) makeRoom(now time.Time) {
	if m.left == nil {
		m.left = make(map[metered]bucket)
	}
	if len(m.left) < maxMetered {
		return
	}
	for who, b := range m.left {
		if now.Sub(b.at) >= who.rate.Per {
			delete(m.left, who)
		}
	}
}

// Reach is the decision on what leads to all that the caller may reach, the MCP
// server of the whole machine: each of the rules that lead there is spent, for
// nobody sees here which one it will be.
func (p *Policy) Reach(c Caller) Decision {
	d := Decision{every: true}
	if p != nil {
		for _, r := range p.rules {
			if len(r.allow) > 0 && matches(r.who, c.Name) && (len(r.layers) == 0 || matches(r.layers, "mcp")) {
				d.grants = append(d.grants, r.grant())
			}
		}
	}
	return d
}

// Limited reports whether a rule that allows says how often, or how large.
func (d Decision) Limited() bool {
	for _, g := range d.grants {
		if g.rate != (Rate{}) || g.maxBody > 0 {
			return true
		}
	}
	return false
}

// Spent is what became of an attempt to make calls.
type Spent struct {
	Rule     string        // the last call was made under this rule
	MaxBody  int64         // of that rule; 0: none
	Wait     time.Duration // not 0: too often; after this it may be tried again
	TooLarge bool
}

// Spend makes calls with a body of size bytes (-1: not known yet), or one
// request that is none where there are no methods. Each is made under the first
// rule that allows it and has room left for it.
func (d Decision) Spend(m *Meter, c Caller, methods []string, size int64, now time.Time) Spent {
	if d.every {
		s := Spent{}
		for _, g := range d.grants {
			if s = (Decision{grants: []grant{g}}).Spend(m, c, nil, size, now); s.Wait > 0 || s.TooLarge {
				break
			}
		}
		return s
	}
	if len(methods) == 0 {
		return d.spend(m, c, func(grant) bool { return true }, size, now)
	}
	var s Spent
	for _, method := range methods {
		if s = d.spend(m, c, func(g grant) bool { return g.covers(method) }, size, now); s.Wait > 0 || s.TooLarge {
			break
		}
	}
	return s
}

func (d Decision) spend(m *Meter, c Caller, covers func(grant) bool, size int64, now time.Time) Spent {
	var no Spent
	for _, g := range d.grants {
		switch {
		case !covers(g):
		case g.maxBody > 0 && size > g.maxBody:
			no.TooLarge = true
		default:
			wait := m.take(metered{g.rule, c.Name, g.rate}, now)
			if wait == 0 {
				return Spent{Rule: g.rule, MaxBody: g.maxBody}
			}
			if no.Wait == 0 || wait < no.Wait {
				no.Wait = wait
			}
		}
	}
	return no
}
