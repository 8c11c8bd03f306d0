package access

import (
	"bytes"
	"time"

	"github.com/pelletier/go-toml/v2"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Grant is a new token and what it may call.
type Grant struct {
	Name    string
	Hash    string    // of the token: see Hash
	Expires time.Time // zero: never
	Allow   []string  // targets
	Methods []string  // none: all
}

// Add returns the policy's document with the grant added at its end. What is
// there already, comments too, stays as it is.
func Add(doc []byte, g Grant) ([]byte, error) {
	if _, err := Parse(doc); err != nil {
		return nil, err
	}
	more := document{
		Tokens: []tokenDocument{{Name: g.Name, SHA256: g.Hash, Expires: g.Expires.UTC()}},
		Rules:  []ruleDocument{{Who: []string{g.Name}, Allow: g.Allow, Methods: g.Methods}},
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
