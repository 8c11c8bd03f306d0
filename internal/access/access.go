// Package access decides who may call what. A policy is read from a document
// and never changed; a decision is made on the route that was resolved, never
// on the text of a URL, and is denied unless a rule allows it. The package
// touches neither the disk nor the network.
//
// The document, etc/proxy.toml:
//
//	local = false                     # callers on this machine without a token
//
//	hosts = ["hero.example"]          # names, beside localhost, that callers may use
//
//	[tls]                             # absent: plain HTTP, on this machine only
//	cert = "/etc/ssl/hero.pem"
//	key = "/etc/ssl/hero.key"
//	client_ca = "/etc/ssl/people.pem" # absent: no certificates of callers
//
//	[[token]]
//	name = "delivery-agent"
//	sha256 = "…"                      # of the token, in hexadecimal; never the token
//	expires = 2026-12-24T00:00:00Z    # absent: never
//
//	[[rule]]
//	who = ["delivery-agent"]          # names of callers, globs
//	allow = ["hero_food/root/delivery"]
//	methods = ["delivery.*"]          # absent: all
//	rate = "100/m"                    # of calls, by each caller; absent: any
//	max_body = 65536                  # bytes; absent: any that a service takes
//	origins = ["https://app.example"] # of pages that may call with the token; absent: none
//
//	[[rule]]
//	who = ["acme-*"]
//	allow = ["*/org_acme/*"]
//
//	[[rule]]
//	who = ["*"]
//	deny = ["*/*/identity"]           # a denial wins over whatever allows
//
// A target is "service/context/domain" for a domain, "service" for the service
// itself with its UI, and "**" for everything there is, the whole machine as
// an MCP server included. In each part * stands for any text and ? for one
// character. Layers narrow a rule to some of a service's layers.
package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Local is the name of a caller on this machine that shows no credentials.
const Local = "local"

// Policy is who may do what. It is not changed after it was read, and may be
// used by many at once. The nil Policy lets local callers do everything and
// nobody else anything.
type Policy struct {
	local  bool
	tokens map[[sha256.Size]byte]token
	rules  []rule
	tls    TLS
	hosts  []string
}

// TLS names the files, in PEM, by which connections are encrypted. The zero
// TLS is none.
type TLS struct {
	Cert     string `toml:"cert"`
	Key      string `toml:"key"`
	ClientCA string `toml:"client_ca,omitempty"` // of the certificates that callers may show
}

type token struct {
	name    string
	expires time.Time
}

type rule struct {
	name        string
	who         []string
	allow, deny []string
	layers      []string
	methods     []string
	rate        Rate
	maxBody     int64
	origins     []string
}

// Nobody returns a policy that denies everything to everybody.
func Nobody() *Policy { return &Policy{} }

// document is the policy as it is written.
type document struct {
	Local  *bool           `toml:"local"`
	Hosts  []string        `toml:"hosts,omitempty"`
	TLS    *TLS            `toml:"tls,omitempty"`
	Tokens []tokenDocument `toml:"token,omitempty"`
	Rules  []ruleDocument  `toml:"rule,omitempty"`
}

type tokenDocument struct {
	Name    string    `toml:"name"`
	SHA256  string    `toml:"sha256"`
	Expires time.Time `toml:"expires,omitempty"`
}

type ruleDocument struct {
	Name    string   `toml:"name,omitempty"`
	Who     []string `toml:"who"`
	Allow   []string `toml:"allow,omitempty"`
	Deny    []string `toml:"deny,omitempty"`
	Layers  []string `toml:"layers,omitempty"`
	Methods []string `toml:"methods,omitempty"`
	Rate    string   `toml:"rate,omitempty"`
	MaxBody int64    `toml:"max_body,omitempty"`
	Origins []string `toml:"origins,omitempty"`
}

// Parse reads a policy. An empty document is the nil Policy's.
func Parse(data []byte) (*Policy, error) {
	doc, err := read(data)
	if err != nil {
		return nil, err
	}
	p := &Policy{local: doc.Local == nil || *doc.Local, tokens: make(map[[sha256.Size]byte]token)}
	p.hosts = doc.Hosts
	if doc.TLS != nil {
		if p.tls = *doc.TLS; p.tls.Cert == "" || p.tls.Key == "" {
			return nil, fault.Errorf(fault.Invalid, "tls: cert and key are both needed")
		}
	}
	names := make(map[string]bool)
	for i, t := range doc.Tokens {
		var sum [sha256.Size]byte
		n, err := hex.Decode(sum[:], []byte(cut(t.SHA256)))
		switch {
		case !plainName(t.Name) || t.Name == Local:
			return nil, fault.Errorf(fault.Invalid, "token %d: %q is not a caller's name", i+1, t.Name)
		case names[t.Name]:
			return nil, fault.Errorf(fault.Invalid, "token %d: there are two named %s", i+1, t.Name)
		case err != nil || n != sha256.Size || len(t.SHA256) != 2*sha256.Size:
			return nil, fault.Errorf(fault.Invalid, "token %s: sha256 is not 64 hexadecimal digits", t.Name)
		}
		names[t.Name] = true
		p.tokens[sum] = token{name: t.Name, expires: t.Expires}
	}
	for i, r := range doc.Rules {
		if err := checkRule(r); err != nil {
			return nil, fault.Errorf(fault.Invalid, "rule %d: %w", i+1, err)
		}
		name := r.Name
		if name == "" {
			name = fmt.Sprintf("rule %d", i+1)
		}
		p.rules = append(p.rules, rule{name: name, who: r.Who, allow: r.Allow, deny: r.Deny, layers: r.Layers, methods: r.Methods, maxBody: r.MaxBody, origins: r.Origins})
		if p.rules[i].rate, err = ParseRate(r.Rate); err != nil {
			return nil, fault.Errorf(fault.Invalid, "rule %d: %w", i+1, err)
		}
	}
	return p, nil
}

// cut keeps what fits into a hash; a longer one is refused by its length.
func cut(s string) string { return s[:min(len(s), 2*sha256.Size)] }

func read(data []byte) (document, error) {
	var doc document
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
			return doc, fault.Errorf(fault.Invalid, "read the policy: there is no such key: %s", strings.TrimSpace(strict.String()))
		}
		return doc, fault.Errorf(fault.Invalid, "read the policy: %w", err)
	}
	return doc, nil
}

func checkRule(r ruleDocument) error {
	if len(r.Who) == 0 {
		return errors.New("who is missing")
	}
	if len(r.Allow) == 0 && len(r.Deny) == 0 {
		return errors.New("it neither allows nor denies anything")
	}
	if len(r.Deny) > 0 && len(r.Methods) > 0 {
		return errors.New("a denial is of a target, not of methods: allow the methods that are wanted")
	}
	if err := checkOrigins(r); err != nil {
		return err
	}
	if r.MaxBody < 0 || len(r.Allow) == 0 && (r.MaxBody != 0 || r.Rate != "") {
		return errors.New("rate and max_body, in bytes, are of what is allowed")
	}
	for _, target := range append(append([]string(nil), r.Allow...), r.Deny...) {
		if err := CheckTarget(target); err != nil {
			return err
		}
	}
	for _, l := range r.Layers {
		switch l {
		case "service", "ui", "domain", "admin", "web", "mcp":
		default:
			return fmt.Errorf("%q is not a layer", l)
		}
	}
	for _, m := range r.Methods {
		if m == "" || strings.ContainsFunc(m, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' }) {
			return fmt.Errorf("%q is not a method", m)
		}
	}
	return nil
}

// CheckTarget reports whether s is a target that a rule can name.
func CheckTarget(s string) error {
	if s == everything {
		return nil
	}
	parts := strings.Split(s, "/")
	if len(parts) != 1 && len(parts) != 3 {
		return fmt.Errorf("%q is not a target: write service, service/context/domain or **", s)
	}
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_-*?") != "" {
			return fmt.Errorf("%q is not a target: %q is not a name or a glob", s, part)
		}
	}
	return nil
}

func plainName(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-.@") == ""
}

// Caller is who asks.
type Caller struct {
	Name string // "" for nobody that is known
}

// Caller returns who shows the credentials: the values of the Authorization
// header, and whether the request comes from this machine. It is false where
// nobody known asks.
func (p *Policy) Caller(authorization []string, loopback bool, now time.Time) (Caller, bool) {
	if p == nil || len(authorization) == 0 {
		if loopback && (p == nil || p.local) {
			return Caller{Name: Local}, true
		}
		return Caller{}, false
	}
	if len(authorization) != 1 {
		return Caller{}, false
	}
	scheme, secret, ok := strings.Cut(authorization[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, false
	}
	// The map is asked with a hash: how long that takes tells nothing of any token.
	sum := sha256.Sum256([]byte(secret))
	t, ok := p.tokens[sum]
	if !ok || !t.expires.IsZero() && !now.Before(t.expires) {
		return Caller{}, false
	}
	return Caller{Name: t.name}, true
}

// Certified returns whom a certificate names that was proved to be of the
// authority client_ca. It is false for a name that no caller can have.
func (p *Policy) Certified(name string) (Caller, bool) {
	if p == nil || !plainName(name) || name == Local {
		return Caller{}, false
	}
	return Caller{Name: name}, true
}

// Hosts returns the names, beside those of loopback, by which callers may ask.
func (p *Policy) Hosts() []string {
	if p == nil {
		return nil
	}
	return p.hosts
}

// TLS returns by which files connections are encrypted.
func (p *Policy) TLS() TLS {
	if p == nil {
		return TLS{}
	}
	return p.tls
}

// Target is what is asked for: a route that was resolved.
type Target struct {
	Layer   string // service, ui, domain, admin, web or mcp
	Service string // "" for the whole machine
	Context string // with Domain, for a domain
	Domain  string
}

// everything is the target that means all there is.
const everything = "**"

// Decision is what a policy says of a caller and a target.
type Decision struct {
	Allowed bool
	Rule    string // which rule decided; "" where none did
	// methods are what may be called, for each rule that allows.
	grants []grant
	every  bool // all grants count, not the first that has room: see Reach
}

type grant struct {
	rule    string
	methods []string
	rate    Rate
	maxBody int64
	origins []string
}

// covers reports whether the grant is of a method. What lists methods,
// rpc.discover, is covered by none that is limited to some.
func (g grant) covers(method string) bool {
	return len(g.methods) == 0 || !strings.HasPrefix(method, "rpc.") && matches(g.methods, method)
}

// Decide says whether the caller may reach the target at all; Method says it
// of a call.
func (p *Policy) Decide(c Caller, t Target) Decision {
	var d Decision
	if c.Name == "" {
		return d
	}
	if p != nil {
		for _, r := range p.rules {
			if !matches(r.who, c.Name) || len(r.layers) > 0 && !matches(r.layers, t.Layer) {
				continue
			}
			if t.within(r.deny) {
				return Decision{Rule: r.name}
			}
			if t.within(r.allow) {
				d.grants = append(d.grants, r.grant())
			}
		}
	}
	if c.Name == Local && (p == nil || p.local) {
		d.grants = append(d.grants, grant{rule: "local"})
	}
	if len(d.grants) > 0 {
		d.Allowed, d.Rule = true, d.grants[0].rule
	}
	return d
}

// AllMethods reports whether some rule allows every method.
func (d Decision) AllMethods() bool {
	for _, g := range d.grants {
		if len(g.methods) == 0 {
			return true
		}
	}
	return false
}

// Method says whether a method may be called, and by which rule. What lists
// methods, rpc.discover, may be where all may: to others its answer has to be
// cut down.
func (d Decision) Method(method string) (rule string, ok bool) {
	for _, g := range d.grants {
		if g.covers(method) {
			return g.rule, true
		}
	}
	return "", false
}

// Sees reports whether the caller may reach anything of the service, which is
// what a list shows.
func (p *Policy) Sees(c Caller, service string) bool {
	if c.Name == Local && (p == nil || p.local) {
		return true
	}
	if p == nil {
		return false
	}
	for _, r := range p.rules {
		if !matches(r.who, c.Name) {
			continue
		}
		for _, target := range r.allow {
			name, _, _ := strings.Cut(target, "/")
			if target == everything || glob(name, service) {
				return true
			}
		}
	}
	return false
}

// Everything reports whether nothing is kept from the caller: only such a
// caller is told what does not exist from what is denied.
func (p *Policy) Everything(c Caller) bool {
	d := p.Decide(c, Target{Layer: "mcp"})
	return d.Allowed && d.AllMethods()
}

func (t Target) within(targets []string) bool {
	for _, s := range targets {
		if s == everything {
			return true
		}
		if t.Service == "" {
			continue
		}
		parts := strings.Split(s, "/")
		switch {
		case !glob(parts[0], t.Service):
		case t.Domain == "" && len(parts) == 1, len(parts) == 3 && t.Domain != "" && glob(parts[1], t.Context) && glob(parts[2], t.Domain):
			return true
		}
	}
	return false
}

func matches(globs []string, s string) bool {
	for _, g := range globs {
		if glob(g, s) {
			return true
		}
	}
	return false
}

// glob reports whether s is of the form: * is any text, ? any one byte. It
// takes time in proportion to the product of both lengths at most.
func glob(form, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(form) && form[i] == '*':
			star, mark = i, j
			i++
		case i < len(form) && (form[i] == '?' || form[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(form[i:], "*") == ""
}

// Hash returns what a policy keeps of a token.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
