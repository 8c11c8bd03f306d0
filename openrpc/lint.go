package openrpc

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Finding is something in a document that its readers will stumble over.
type Finding struct {
	Pointer string `json:"pointer"` // the place: a JSON pointer
	Rule    string `json:"rule"`    // which rule found it: a word that stays the same
	Message string `json:"message"`
}

// String returns the finding as a line.
func (f Finding) String() string { return f.Pointer + ": " + f.Message + " (" + f.Rule + ")" }

// Lint reports what the meta-schema has no eye for, in the document's order:
//
//   - duplicate: two methods, two parameters of one method or two errors of one
//     method share what should tell them apart
//   - order: a required parameter comes after an optional one, so that nobody
//     can leave the optional one out by position
//   - reference: a component is referred to that is not there
//   - result: a method has no result, and so can only be notified
//   - code: an error has a code that JSON-RPC keeps for itself
//   - summary: a method has neither summary nor description
func Lint(d *Document) []Finding {
	l := &linter{have: d.Components.places()}
	names := map[string]bool{}
	for i, m := range d.Methods {
		at := fmt.Sprintf("/methods/%d", i)
		if m.Ref == "" {
			l.want(!names[m.Name], at+"/name", "duplicate", "method %q stands twice", m.Name)
			names[m.Name] = true
			l.method(at, m)
		}
		l.refs(at, m)
	}
	for _, kind := range slices.Sorted(maps.Keys((&Components{}).kinds())) {
		byName := map[string]json.Value{}
		for p, v := range l.have {
			if p.kind == kind {
				byName[p.name] = v
			}
		}
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			l.refs("/components/"+kind+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), byName[name])
		}
	}
	return l.found
}

// linter collects findings in a document that has the components have.
type linter struct {
	have  map[place]json.Value
	found []Finding
}

// want adds a finding unless ok.
func (l *linter) want(ok bool, at, rule, format string, args ...any) {
	if !ok {
		l.found = append(l.found, Finding{at, rule, fmt.Sprintf(format, args...)})
	}
}

// method looks at one method.
func (l *linter) method(at string, m Method) {
	l.want(m.Summary != "" || m.Description != "", at, "summary", "%s does not say what it does", m.Name)
	l.want(m.Result != nil, at, "result", "%s has no result: it can only be notified", m.Name)
	names := map[string]bool{}
	optional := ""
	for i, p := range m.Params {
		if p.Ref != "" {
			continue
		}
		here := fmt.Sprintf("%s/params/%d", at, i)
		l.want(!names[p.Name], here+"/name", "duplicate", "parameter %q stands twice", p.Name)
		names[p.Name] = true
		l.want(!p.Required || optional == "", here, "order", "%q is required, and comes after %q, which is not", p.Name, optional)
		if !p.Required {
			optional = p.Name
		}
	}
	codes := map[int]bool{}
	for i, e := range m.Errors {
		if e.Ref != "" {
			continue
		}
		here := fmt.Sprintf("%s/errors/%d/code", at, i)
		l.want(!codes[e.Code], here, "duplicate", "error %d stands twice", e.Code)
		codes[e.Code] = true
		// The codes that the specification gives a meaning may be told.
		defined := e.Code == -32700 || e.Code <= -32600 && e.Code >= -32603
		l.want(e.Code < -32768 || e.Code > -32100 || defined, here, "code", "%d is among the codes that JSON-RPC keeps for itself", e.Code)
	}
}

// refs looks at the references in v, each once.
func (l *linter) refs(at string, v any) {
	data, err := json.Marshal(v, json.Deterministic())
	if err == nil {
		seen := map[string]bool{}
		_, err = rewrite(data, func(ref string) string {
			to, _, ok := cutRef(ref)
			if ok && !seen[ref] {
				_, there := l.have[to]
				l.want(there, at, "reference", "%s is not there", ref)
			}
			seen[ref] = true
			return ref
		})
	}
	l.want(err == nil, at, "reference", "cannot be read: %v", err)
}
