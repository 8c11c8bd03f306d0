package inspect

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Hit is a method that a search found.
type Hit struct {
	Service  string          `json:"service"`
	Domain   string          `json:"domain,omitzero"`
	Contexts []string        `json:"contexts,omitzero"` // that have the domain
	Method   string          `json:"method"`
	Summary  string          `json:"summary,omitzero"`
	Place    Place           `json:"-"` // the first of the contexts
	Detail   *openrpc.Method `json:"-"`
	rank     int
}

// Found is what a search found.
type Found struct {
	Hits   []Hit    `json:"hits"`
	Total  int      `json:"total"`           // of all hits, those left out too
	Silent []string `json:"silent,omitzero"` // places without a document that could be searched
}

// Search looks for methods in which every word of query occurs, in the name, the
// place or the text, the best first and limit of them at the most; an empty
// query finds all. It searches one service, or the whole tree where only is nil.
// Each domain counts once, whatever the number of its contexts. Documents that
// do not come before ctx ends are left out and named.
func (in *Inspector) Search(ctx context.Context, t *discovery.Tree, only *discovery.Service, query string, limit int) Found {
	services := []*discovery.Service{only}
	if only == nil && t != nil {
		services = t.Services
	} else if only == nil {
		services = nil
	}
	var places []Place
	contexts := map[string][]string{}
	for _, s := range services {
		places = append(places, parts(s)...)
		for _, d := range domainsOf(s) {
			contexts[s.Name.String()+"/"+d.Name] = d.Contexts
		}
	}
	docs, errs := in.Documents(ctx, places)
	words := strings.Fields(strings.ToLower(query))
	found := Found{Hits: []Hit{}}
	for i, p := range places {
		if errs[i] != nil {
			found.Silent = append(found.Silent, p.Service.String()+" "+p.String())
			continue
		}
		for j := range docs[i].Methods {
			m := &docs[i].Methods[j]
			if rank, ok := matches(words, p, m); ok && m.Name != "" {
				found.Hits = append(found.Hits, Hit{
					Service: p.Service.String(), Domain: p.Domain, Contexts: contexts[p.Service.String()+"/"+p.Domain],
					Method: m.Name, Summary: SummaryOf(m), Place: p, Detail: m, rank: rank,
				})
			}
		}
	}
	slices.SortStableFunc(found.Hits, func(a, b Hit) int { return cmp.Compare(b.rank, a.rank) })
	found.Total = len(found.Hits)
	if limit > 0 && len(found.Hits) > limit {
		found.Hits = found.Hits[:limit]
	}
	return found
}

// matches reports whether all words occur, and how well.
func matches(words []string, p Place, m *openrpc.Method) (rank int, ok bool) {
	name := strings.ToLower(m.Name)
	where := p.Service.String() + " " + p.Domain
	text := ""
	for _, w := range words {
		switch {
		case name == w:
			rank += 16
		case strings.HasPrefix(name, w), strings.HasSuffix(name, "."+w):
			rank += 8
		case strings.Contains(name, w):
			rank += 4
		case strings.Contains(where, w):
			rank += 2
		default:
			if text == "" {
				text = strings.ToLower(m.Summary + "\n" + m.Description)
			}
			if !strings.Contains(text, w) {
				return 0, false
			}
			rank++
		}
	}
	return rank, true
}

// SummaryOf returns a line that says what a method is for: its summary, else
// the first sentence of its description.
func SummaryOf(m *openrpc.Method) string {
	if m.Summary != "" {
		return m.Summary
	}
	line, _, _ := strings.Cut(strings.TrimSpace(m.Description), "\n")
	if sentence, _, more := strings.Cut(line, ". "); more {
		return sentence + "."
	}
	if len(line) > 200 {
		return strings.ToValidUTF8(line[:200], "") + "…"
	}
	return line
}
