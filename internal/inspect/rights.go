package inspect

import (
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

// Allowed reports whether the claims that the proxy made for a caller
// (jsonrpc.Meta.Claims) allow a method of a place. Claims that cannot be read
// allow nothing.
func Allowed(claims string, p Place, method string) bool {
	t := access.Target{Layer: "service", Service: p.Service.String()}
	if p.Context != "" {
		t.Layer, t.Context, t.Domain = "domain", p.Context, p.Domain
	}
	return access.Claimed(claims, t, method)
}
