package access

import (
	"bytes"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Grant is a new token and what it may call.
type Grant struct {
	Name    string
	Hash    string    // of the token: see Hash
	Expires time.Time // zero: never
	Allow   []string  // targets; none: what rules that are there allow the name
	Methods []string  // none: all
	Rate    string    // see ParseRate
	MaxBody int64     // bytes; 0: any
}

// Add returns the policy's document with the grant added at its end. What is
// there already, comments too, stays as it is.
func Add(doc []byte, g Grant) ([]byte, error) {
	p, err := Parse(doc)
	if err != nil {
		return nil, err
	}
	if len(g.Allow) == 0 && (len(g.Methods) > 0 || g.Rate != "" || g.MaxBody != 0 || !p.Any(Caller{Name: g.Name})) {
		return nil, fault.WithHint(fault.Errorf(fault.Invalid, "no rule of the policy allows %s anything yet: say what the token may reach", g.Name),
			"--allow hero_food/root/delivery")
	}
	more := document{
		Tokens: []tokenDocument{{Name: g.Name, SHA256: g.Hash, Expires: g.Expires.UTC()}},
	}
	if len(g.Allow) > 0 {
		more.Rules = []ruleDocument{{Who: []string{g.Name}, Allow: g.Allow, Methods: g.Methods, Rate: g.Rate, MaxBody: g.MaxBody}}
	}
	var out bytes.Buffer
	out.Write(doc)
	if len(doc) > 0 && doc[len(doc)-1] != '\n' {
		out.WriteByte('\n')
	}
	if len(doc) > 0 {
		out.WriteByte('\n')
	}
	if err := toml.NewEncoder(&out).Encode(more); err != nil {
		return nil, fault.Errorf(fault.Internal, "write the policy: %w", err)
	}
	if _, err := Parse(out.Bytes()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Tokens returns the tokens of a document: their names, hashes and expiry.
func Tokens(doc []byte) ([]Grant, error) {
	d, err := read(doc)
	if err != nil {
		return nil, err
	}
	out := make([]Grant, len(d.Tokens))
	for i, t := range d.Tokens {
		out[i] = Grant{Name: t.Name, Hash: t.SHA256, Expires: t.Expires}
	}
	return out, nil
}

// Remove returns the document without a token of that name, and without the
// rules that are about it alone: the next token of the name begins with none.
func Remove(doc []byte, name string) ([]byte, error) {
	list, err := Tokens(doc)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(g Grant) bool { return g.Name == name })
	if i < 0 {
		return nil, fault.WithHint(fault.Errorf(fault.NotFound, "there is no token named %s", name), "hero_proxy token list")
	}
	out := cutTable(doc, "[[token]]", i)
	for {
		d, err := read(out)
		if err != nil {
			return nil, err
		}
		about := func(r ruleDocument) bool { return len(r.Who) == 1 && r.Who[0] == name }
		n := slices.IndexFunc(d.Rules, about)
		if n < 0 {
			break
		}
		shorter := cutTable(out, "[[rule]]", n)
		if len(shorter) == len(out) {
			return nil, byHand(name)
		}
		out = shorter
	}
	if _, err := Parse(out); err != nil {
		return nil, err
	}
	left, err := Tokens(out)
	if err != nil || len(left) != len(list)-1 || slices.ContainsFunc(left, func(g Grant) bool { return g.Name == name }) {
		return nil, byHand(name)
	}
	return out, nil
}

func byHand(name string) error {
	return fault.WithHint(fault.Errorf(fault.Unsupported, "the token %s or its rule is not written as a table of its own", name), "take its lines out of etc/proxy.toml by hand")
}

// cutTable leaves out the lines of the n-th table of a heading: from its heading to the
// next, without the comments that belong to that one.
func cutTable(doc []byte, heading string, n int) []byte {
	lines := bytes.SplitAfter(doc, []byte("\n"))
	from, to, seen := -1, len(lines), -1
	for i, line := range lines {
		text := bytes.TrimSpace(line)
		if !bytes.HasPrefix(text, []byte("[")) {
			continue
		}
		if from >= 0 {
			to = i
			break
		}
		if bytes.HasPrefix(bytes.ReplaceAll(text, []byte(" "), nil), []byte(heading)) {
			if seen++; seen == n {
				from = i
			}
		}
	}
	if from < 0 {
		return doc
	}
	for to > from+1 && (len(bytes.TrimSpace(lines[to-1])) == 0 || bytes.HasPrefix(bytes.TrimSpace(lines[to-1]), []byte("#"))) {
		to--
	}
	return bytes.Join(slices.Concat(lines[:from], lines[to:]), nil)
}
