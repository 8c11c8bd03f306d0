package access_test

import (
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const examples = `
local = false

[[token]]
name = "delivery-agent"
sha256 = "@agent"
expires = 2026-12-24T00:00:00Z

[[token]]
name = "acme-anna"
sha256 = "@anna"

[[token]]
name = "old"
sha256 = "@old"
expires = 2026-11-24T12:00:00Z

# an agent may call only delivery in root
[[rule]]
who = ["delivery-agent"]
allow = ["hero_food/root/delivery"]
methods = ["delivery.*"]

# org_acme's people see only org_acme
[[rule]]
who = ["acme-*"]
allow = ["*/org_acme/*"]

# nobody outside reaches identity
[[rule]]
name = "no identity"
who = ["*"]
deny = ["*/*/identity"]
`

func policy(t *testing.T) *access.Policy {
	t.Helper()
	doc := strings.NewReplacer("@agent", access.Hash("t-agent"), "@anna", access.Hash("t-anna"), "@old", access.Hash("t-old")).Replace(examples)
	p, err := access.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCaller(t *testing.T) {
	p := policy(t)
	for _, c := range []struct {
		auth []string
		want string
	}{
		{[]string{"Bearer t-agent"}, "delivery-agent"}, {[]string{"bearer t-anna"}, "acme-anna"},
		{[]string{"Bearer t-agen"}, ""}, {[]string{"Bearer T-AGENT"}, ""}, {[]string{"Bearer  t-agent"}, ""}, {[]string{"Bearer t-agent "}, ""},
		{[]string{"Bearer"}, ""}, {[]string{"Bearer "}, ""}, {[]string{"Basic t-agent"}, ""}, {[]string{""}, ""}, {nil, ""},
		{[]string{"Bearer t-agent, Bearer t-anna"}, ""}, {[]string{"Bearer t-agent", "Bearer t-agent"}, ""},
		{[]string{"Bearer t-old"}, ""}, {[]string{"Bearer " + access.Hash("t-agent")}, ""},
	} {
		got, ok := p.Caller(c.auth, true, now)
		if got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.auth, got.Name, ok, c.want)
		}
	}
	var none *access.Policy
	for _, p := range []*access.Policy{none, must(access.Parse(nil))} {
		if c, ok := p.Caller(nil, true, now); !ok || c.Name != access.Local || !p.Everything(c) {
			t.Errorf("a local caller without a policy: %v, %v", c, ok)
		}
		if _, ok := p.Caller(nil, false, now); ok {
			t.Error("a stranger is known without a policy")
		}
	}
}

func TestDecide(t *testing.T) {
	p := policy(t)
	domain := func(c, d string) access.Target {
		return access.Target{Layer: "domain", Service: "hero_food", Context: c, Domain: d}
	}
	for _, c := range []struct {
		who    string
		target access.Target
		want   bool
		rule   string
	}{
		{"delivery-agent", domain("root", "delivery"), true, "rule 1"},
		{"delivery-agent", domain("org_acme", "delivery"), false, ""},
		{"delivery-agent", domain("root", "identity"), false, "no identity"},
		{"delivery-agent", access.Target{Layer: "ui", Service: "hero_food"}, false, ""},
		{"delivery-agent", access.Target{Layer: "mcp"}, false, ""},
		{"acme-anna", domain("org_acme", "restaurant"), true, "rule 2"},
		{"acme-anna", domain("org_acme", "identity"), false, "no identity"},
		{"acme-anna", domain("root", "restaurant"), false, ""},
		{"acme-anna", access.Target{Layer: "service", Service: "hero_food"}, false, ""},
		{"local", domain("root", "delivery"), false, ""},
		{"", domain("root", "delivery"), false, ""},
	} {
		d := p.Decide(access.Caller{Name: c.who}, c.target)
		if d.Allowed != c.want || d.Rule != c.rule {
			t.Errorf("%s to %v: %v by %q; want %v by %q", c.who, c.target, d.Allowed, d.Rule, c.want, c.rule)
		}
	}
	if !p.Sees(access.Caller{Name: "acme-anna"}, "hero_food") || p.Sees(access.Caller{Name: "delivery-agent"}, "hero_other") {
		t.Error("a caller is shown what it may not reach, or not shown what it may")
	}
}

func TestMethods(t *testing.T) {
	p := must(access.Parse([]byte("[[rule]]\nwho=['a']\nallow=['*/*/*']\nmethods=['delivery.*','get?nfos','*.list']")))
	d := p.Decide(access.Caller{Name: "a"}, access.Target{Layer: "domain", Service: "s", Context: "c", Domain: "d"})
	for method, want := range map[string]bool{
		"delivery.create": true, "delivery.": true, "delivery": false, "Delivery.create": false, "getInfos": true, "getinf": false,
		"a.list": true, "a.lister": false, "rpc.discover": false, "rpc.list": false, "xdelivery.a": false,
	} {
		if _, ok := d.Method(method); ok != want {
			t.Errorf("%s: %v", method, ok)
		}
	}
}

func TestPolicyThatIsRefused(t *testing.T) {
	for doc, has := range map[string]string{
		"lokal = false":                                  "no such key",
		"[[rule]]\nallow=['a']":                          "who",
		"[[rule]]\nwho=['a']":                            "neither",
		"[[rule]]\nwho=['a']\nallow=['a/b']":             "not a target",
		"[[rule]]\nwho=['a']\nallow=['A']":               "not a name",
		"[[rule]]\nwho=['a']\nallow=['a']\nmethods=['']": "not a method",
		"[[rule]]\nwho=['a']\nallow=['a']\nlayers=['x']": "not a layer",
		"[[rule]]\nwho=['a']\ndeny=['a']\nmethods=['x']": "not of methods",
		"[[token]]\nname='a'\nsha256='00'":               "64 hex",
		"[[token]]\nname='local'\nsha256='00'":           "caller's name",
		"[[token":                                        "read the policy",
	} {
		if _, err := access.Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), has) {
			t.Errorf("%s: %v; want %s", doc, err, has)
		}
	}
}

func TestAdd(t *testing.T) {
	const before = "# mine\nlocal = false"
	doc := must(access.Add([]byte(before), access.Grant{Name: "a", Hash: access.Hash("s"), Expires: now.Add(time.Hour), Allow: []string{"x/y/z"}, Methods: []string{"z.*"}}))
	doc = must(access.Add(doc, access.Grant{Name: "b", Hash: access.Hash("s2"), Allow: []string{"**"}}))
	if !strings.HasPrefix(string(doc), before) || strings.Contains(string(doc), `"s"`) {
		t.Errorf("%s", doc)
	}
	p := must(access.Parse(doc))
	if c, ok := p.Caller([]string{"Bearer s2"}, false, now.AddDate(50, 0, 0)); !ok || !p.Everything(c) {
		t.Errorf("b: %v %v in\n%s", c, ok, doc)
	}
	if _, err := access.Add(doc, access.Grant{Name: "a", Hash: access.Hash("s3"), Allow: []string{"x"}}); err == nil {
		t.Error("two tokens of one name")
	}
	if list := must(access.Tokens(doc)); len(list) != 2 || list[0].Name != "a" || !list[0].Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("tokens: %v", list)
	}
}

func TestJudge(t *testing.T) {
	p := must(access.Parse([]byte("[[rule]]\nwho=['a']\nallow=['s/c/d']\nmethods=['ok']")))
	d := p.Decide(access.Caller{Name: "a"}, access.Target{Layer: "domain", Service: "s", Context: "c", Domain: "d"})
	call := func(id, method string) string { return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `"}` }
	for _, c := range []struct{ body, answer string }{
		{call("1", "ok"), ""},
		{call("9007199254740993", "no"), `{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32001,"message":"not allowed"}}`},
		{"[" + call("1", "ok") + "," + call(`"x"`, "no") + "]", `[{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"not run: another call of the batch is not allowed"}},` +
			`{"jsonrpc":"2.0","id":"x","error":{"code":-32001,"message":"not allowed"}}]`},
	} {
		j, err := d.Judge([]byte(c.body))
		if err != nil || string(j.Answer) != c.answer {
			t.Errorf("%s: %s, %v; want %s", c.body, j.Answer, err, c.answer)
		}
	}
	if j, err := d.Judge([]byte(`{"jsonrpc":"2.0","method":"no"}`)); err != nil || j.Answer == nil || len(j.Answer) != 0 {
		t.Errorf("a notification that is denied: %q, %v", j.Answer, err)
	}
	for _, body := range []string{
		"", " ", "null", "[]", "[1]", "{}", "x", `{"jsonrpc":"2.0","method":"ok"}x`, `{"jsonrpc":"2.0","method":"ok"}{}`,
		`{"jsonrpc":"2.0","method":"ok","method":"no"}`, `{"jsonrpc":"2.0","method":"ok","Method":"no"}`, `{"jsonrpc":"2.0","method":"ok","m\u0065thod":"no"}`,
		`{"jsonrpc":"2.0","m\u0065thod":"ok"}`, `{"jsonrpc":"2.0","method":"o\u006b"}`, `{"jsonrpc":"1.0","method":"ok"}`, `{"method":"ok"}`,
		"\xef\xbb\xbf" + `{"jsonrpc":"2.0","method":"ok"}`, `{"jsonrpc":"2.0","method":"ok","params":[1,]}`, `{"jsonrpc":"2.0","method":"ok","params":{"a":1,"a":2}}`,
		`{"jsonrpc":"2.0","method":"ok","params":"\ud800"}`, `{"jsonrpc":"2.0","method":"ok","id":[]}`, `{"jsonrpc":"2.0","method":"ok","params":null}`,
		`[{"jsonrpc":"2.0","method":"ok"}`, `{"jsonrpc":"2.0","method":"ok","params":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}",
	} {
		if j, err := d.Judge([]byte(body)); err == nil {
			t.Errorf("taken: %s: %v", body, j)
		}
	}
}

// What was judged is what another reader finds, and nothing beside it.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","method":"a","id":1}`, `[{"jsonrpc":"2.0","method":"a","params":{"method":"b"}}]`,
		`{"jsonrpc":"2.0","method":"a","Method":"b"}`, `{"jsonrpc":"2.0","method":"a"}{}`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		calls, batch, err := access.Read(body)
		if err != nil {
			return
		}
		var list []map[string]any
		if batch {
			err = json.Unmarshal(body, &list)
		} else {
			list = make([]map[string]any, 1)
			err = json.Unmarshal(body, &list[0])
		}
		if err != nil || len(list) != len(calls) {
			t.Fatalf("%q: %d calls, another reader %d, %v", body, len(calls), len(list), err)
		}
		for i, c := range calls {
			if list[i]["method"] != c.Method {
				t.Errorf("%q: judged %q, another reader %q", body, c.Method, list[i]["method"])
			}
			for name := range list[i] {
				if fold := strings.ToLower(name); fold != name || !strings.Contains("jsonrpc method params id", name) {
					t.Errorf("%q: member %q was let through", body, name)
				}
			}
			if _, has := list[i]["id"]; has != (c.ID != nil) {
				t.Errorf("%q: id", body)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(examples))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if p, err := access.Parse(doc); err == nil {
			p.Decide(access.Caller{Name: "a"}, access.Target{Service: "s"})
		}
	})
}

func TestRemove(t *testing.T) {
	doc := must(access.Add([]byte("# mine\nlocal = false"), access.Grant{Name: "a", Hash: access.Hash("a"), Allow: []string{"x"}}))
	doc = must(access.Add(doc, access.Grant{Name: "b", Hash: access.Hash("b"), Allow: []string{"y"}}))
	out := must(access.Remove(doc, "a"))
	p := must(access.Parse(out))
	if _, ok := p.Caller([]string{"Bearer a"}, true, now); ok {
		t.Errorf("a is known after it was removed:\n%s", out)
	}
	if _, ok := p.Caller([]string{"Bearer b"}, true, now); !ok || !strings.HasPrefix(string(out), "# mine\nlocal = false\n") {
		t.Errorf("more was removed:\n%s", out)
	}
	again := must(access.Parse(must(access.Add(out, access.Grant{Name: "a", Hash: access.Hash("a2"), Allow: []string{"z"}}))))
	if again.Decide(access.Caller{Name: "a"}, access.Target{Layer: "service", Service: "x"}).Allowed {
		t.Errorf("a new token of the name has the rules of the old one:\n%s", out)
	}
	for _, doc := range []string{"", string(out), "token = [{name='a',sha256='" + access.Hash("a") + "'}]"} {
		if _, err := access.Remove([]byte(doc), "a"); err == nil {
			t.Errorf("removed from %s", doc)
		}
	}
}
