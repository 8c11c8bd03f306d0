package access

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Use is something that a caller did, as the audit tells it.
type Use struct {
	Target  string   // service, or service/context/domain; "" for the whole machine
	Layer   string   // see Target
	Verb    string   // of HTTP
	Methods []string // of a body that was read; none of any other
}

// Learned returns the smallest rules that would have allowed a caller what it
// did, as they stand in a policy; nothing where it did nothing.
func Learned(caller string, uses []Use) []byte {
	type place struct{ target, layer string }
	type seen struct {
		methods map[string]bool
		unread  bool // there were calls whose bodies nobody read
	}
	places := make(map[place]*seen)
	for _, u := range uses {
		if u.Layer == "" {
			continue // the proxy's own pages
		}
		at := place{u.Target, u.Layer}
		s := places[at]
		if s == nil {
			s = &seen{methods: make(map[string]bool)}
			places[at] = s
		}
		for _, m := range u.Methods {
			s.methods[m] = true
		}
		s.unread = s.unread || u.Verb == "POST" && len(u.Methods) == 0
	}
	var out bytes.Buffer
	for _, at := range slices.SortedFunc(maps.Keys(places), func(a, b place) int {
		return strings.Compare(a.target+"\n"+a.layer, b.target+"\n"+b.layer)
	}) {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		if at.target == "" {
			out.WriteString("# It used the MCP server of the whole machine, which shows what its rules allow.\n")
			continue
		}
		fmt.Fprintf(&out, "[[rule]]\nwho = [%s]\nallow = [%s]\nlayers = [%s]\n", quoted(caller), quoted(at.target), quoted(at.layer))
		s := places[at]
		switch calls := at.layer == "domain" || at.layer == "service"; {
		case at.layer == "mcp":
			out.WriteString("# methods: what an agent called is not in the audit\n")
		case calls && s.unread:
			out.WriteString("# methods: its calls were not read; they are where a rule names methods, methods = [\"*\"] too\n")
		case calls && len(s.methods) == 0:
			out.WriteString("methods = [\"rpc.discover\"] # it read the document, or asked for health, and called nothing\n")
		case calls:
			list := slices.Sorted(maps.Keys(s.methods))
			for i := range list {
				list[i] = quoted(list[i])
			}
			fmt.Fprintf(&out, "methods = [%s]\n", strings.Join(list, ", "))
		}
	}
	return out.Bytes()
}

// quoted is s as a string of TOML; methods and names are printable ASCII.
func quoted(s string) string { return strconv.QuoteToASCII(s) }
