package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rustWords are names that a Rust client, or the language for it, has for
// something else.
const rustWords = "string vec option box result ok err some none self json value btreemap duration tcpstream read write reader default fmt io " +
	"from into tryfrom tryinto asref asmut drop fn fnmut fnonce send sync sized unpin toowned tostring iterator extend intoiterator " +
	"doubleendediterator exactsizeiterator fromiterator eq partialeq ord partialord hash clone copy debug"

// rustWriter writes a Rust client.
type rustWriter struct {
	strings.Builder
	*model
	boxed   map[string]bool // types that hold themselves: a member of one is a Box
	endless map[string]bool // aliases that lead back to themselves by way of lists
}

func writeRust(m *model) []byte {
	w := &rustWriter{model: m, boxed: m.circles(), endless: m.endless()}
	fmt.Fprintf(w, "// Written by hero_inspector from %s, version %s. Do not edit.\n%s\nconst SERVICE: &str = %s;\n",
		m.service, oneLine(m.version), strings.TrimRight(rustHead, "\n"), rustText(m.service))
	for _, t := range m.types {
		w.named(t)
	}
	for _, d := range m.domains {
		w.domain(d)
	}
	return []byte(w.String())
}

// endless returns the aliases that are made of themselves, which a Rust alias
// cannot be.
func (m *model) endless() map[string]bool {
	leads := map[string]string{}
	for _, t := range m.types {
		if t.alias == nil {
			continue
		}
		at := t.alias
		for at.elem != nil {
			at = at.elem
		}
		if at.kind == refKind {
			leads[t.name] = at.name
		}
	}
	out := map[string]bool{}
	for name := range leads {
		for at, steps := leads[name], 0; at != "" && steps <= len(leads); at, steps = leads[at], steps+1 {
			out[name] = out[name] || at == name
		}
	}
	return out
}

// circles returns the objects that hold themselves, in optional members too,
// other than by way of a list.
func (m *model) circles() map[string]bool {
	holds := map[string][]string{}
	for _, t := range m.types {
		if t.alias != nil && t.alias.kind == refKind {
			holds[t.name] = append(holds[t.name], t.alias.name)
		}
		for _, f := range t.fields {
			if f.typ.kind == refKind {
				holds[t.name] = append(holds[t.name], f.typ.name)
			}
		}
	}
	return reaching(holds)
}

func (w *rustWriter) named(t named) {
	w.WriteString("\n")
	w.doc("", t.doc)
	switch {
	case t.alias != nil && w.endless[t.name]:
		fmt.Fprintf(w, "pub type %s = Json;\n", t.name)
	case t.alias != nil:
		fmt.Fprintf(w, "pub type %s = %s;\n", t.name, w.typ(*t.alias, false))
	case t.enum != nil:
		w.enum(t)
	default:
		w.object(t.name, t.fields, true)
	}
}

// enum writes the words that a string may be, and "any other", which a newer
// service may answer with.
func (w *rustWriter) enum(t named) {
	taken := map[string]bool{"other": true, "self": true}
	var variants []string
	for _, v := range t.enum {
		variants = append(variants, unique(pascal(v), taken))
	}
	fmt.Fprintf(w, "#[derive(Debug, Clone, PartialEq)]\npub enum %s {\n", t.name)
	for _, v := range variants {
		fmt.Fprintf(w, "    %s,\n", v)
	}
	w.WriteString("    Other(String),\n}\n")
	fmt.Fprintf(w, "\nimpl Default for %s {\n    fn default() -> Self {\n        %s::%s\n    }\n}\n", t.name, t.name, variants[0])
	fmt.Fprintf(w, "\nimpl Value for %s {\n    fn to_json(&self) -> Json {\n        Json::Text(match self {\n", t.name)
	for i, v := range variants {
		fmt.Fprintf(w, "            %s::%s => %s.into(),\n", t.name, v, rustJSON(t.enum[i]))
	}
	fmt.Fprintf(w, "            %s::Other(s) => s.clone(),\n        })\n    }\n    fn from_json(v: &Json) -> Result<Self, Error> {\n        let s = String::from_json(v)?;\n        Ok(", t.name)
	w.WriteString("match s.as_str() {\n")
	for i, v := range variants {
		fmt.Fprintf(w, "            %s => %s::%s,\n", rustJSON(t.enum[i]), t.name, v)
	}
	fmt.Fprintf(w, "            _ => %s::Other(s),\n        })\n    }\n}\n", t.name)
}

// object writes a struct; read says that it is read from answers, too.
func (w *rustWriter) object(name string, fields []field, read bool) []string {
	taken := map[string]bool{}
	var idents []string
	fmt.Fprintf(w, "#[derive(Debug, Clone, PartialEq, Default)]\npub struct %s {\n", name)
	for _, f := range fields {
		id := unique(rustName(f.name), taken)
		idents = append(idents, id)
		w.doc("    ", f.doc)
		fmt.Fprintf(w, "    pub %s: %s,\n", id, w.member(f, w.boxed[name]))
	}
	w.WriteString("}\n")
	if !read {
		return idents
	}
	fmt.Fprintf(w, "\nimpl Value for %s {\n    fn to_json(&self) -> Json {\n        let mut members = Vec::new();\n", name)
	w.members(fields, idents, "self")
	w.WriteString("        Json::Object(members)\n    }\n    fn from_json(v: &Json) -> Result<Self, Error> {\n")
	fmt.Fprintf(w, "        Ok(%s {\n", name)
	for i, f := range fields {
		fmt.Fprintf(w, "            %s: member(v, %s)?,\n", idents[i], rustText(f.name))
	}
	w.WriteString("        })\n    }\n}\n")
	return idents
}

// members writes what pushes the fields of an object; optional ones that are
// not set are left out.
func (w *rustWriter) members(fields []field, idents []string, of string) {
	for i, f := range fields {
		value, name := of+"."+idents[i], rustText(f.name)
		switch {
		case f.required:
			fmt.Fprintf(w, "        members.push((%s.to_string(), %s.to_json()));\n", name, value)
		default:
			fmt.Fprintf(w, "        if let Some(v) = &%s {\n            members.push((%s.to_string(), v.to_json()));\n        }\n", value, name)
		}
	}
}

// member returns the type of a field, of an object that holds itself where held
// says so: one that may be missing is an Option.
func (w *rustWriter) member(f field, held bool) string {
	t := f.typ
	if !f.required {
		t.nullable = false // the outer Option is enough
	}
	out := w.typ(t, held)
	if !f.required {
		return "Option<" + out + ">"
	}
	return out
}

// typ returns a type; held says that its place must not hold itself.
func (w *rustWriter) typ(t typ, held bool) string {
	out := "Json"
	switch t.kind {
	case stringKind:
		out = "String"
	case integerKind:
		out = "i64"
	case numberKind:
		out = "f64"
	case booleanKind:
		out = "bool"
	case nullKind:
		return "()"
	case listKind:
		out = "Vec<" + w.typ(*t.elem, false) + ">"
	case mapKind:
		out = "BTreeMap<String, " + w.typ(*t.elem, false) + ">"
	case refKind:
		out = t.name
		if held && w.boxed[t.name] {
			out = "Box<" + out + ">"
		}
	}
	if t.nullable && out != "Json" {
		return "Option<" + out + ">"
	}
	return out
}

func (w *rustWriter) domain(d domain) {
	taken := map[string]bool{}
	holder, call := "Client", "self"
	if d.name != "" {
		holder, call = d.typ, "self.client"
		fmt.Fprintf(w, "\n/// The domain %s.\npub struct %s<'a> {\n    client: &'a Client,\n}\n", d.name, d.typ)
		fmt.Fprintf(w, "\nimpl Client {\n    pub fn %s(&self) -> %s<'_> {\n        %s { client: self }\n    }\n}\n", rustName(d.name), d.typ, d.typ)
		holder += "<'_>"
	} else {
		for _, other := range w.domains {
			taken[rustName(other.name)] = true
		}
		for _, own := range []string{"call", "post", "exchange", "clone", "default", "fmt"} {
			taken[own] = true
		}
	}
	type made struct {
		method
		ident, params string
		idents        []string
	}
	var methods []made
	for _, x := range d.methods {
		y := made{method: x, ident: unique(rustName(x.wire), taken)}
		if len(x.params) > 0 {
			y.params = w.unique(d.name + " " + x.wire + " params")
			fmt.Fprintf(w, "\n/// The params of %s.\n", oneLine(x.wire))
			y.idents = w.object(y.params, x.params, false)
		}
		methods = append(methods, y)
	}
	fmt.Fprintf(w, "\nimpl %s {", holder)
	for _, y := range methods {
		w.WriteString("\n")
		w.doc("    ", y.doc)
		result := w.typ(y.result, false)
		if y.params == "" {
			fmt.Fprintf(w, "    pub fn %s(&self) -> Result<%s, Error> {\n        %s.call(%s, %s, None)\n    }\n", y.ident, result, call, rustText(d.name), rustText(y.wire))
			continue
		}
		fmt.Fprintf(w, "    pub fn %s(&self, params: &%s) -> Result<%s, Error> {\n        let mut members: Vec<(String, Json)> = Vec::new();\n", y.ident, y.params, result)
		if y.byPosition {
			w.positions(y.method, y.idents)
			fmt.Fprintf(w, "        let list = members.into_iter().map(|(_, v)| v).collect();\n        %s.call(%s, %s, Some(Json::List(list)))\n    }\n", call, rustText(d.name), rustText(y.wire))
			continue
		}
		w.members(y.method.params, y.idents, "params")
		fmt.Fprintf(w, "        %s.call(%s, %s, Some(Json::Object(members)))\n    }\n", call, rustText(d.name), rustText(y.wire))
	}
	w.WriteString("}\n")
}

// positions writes what pushes all params; those at the end that are not set
// are taken off again.
func (w *rustWriter) positions(m method, idents []string) {
	required := 0
	for i, f := range m.params {
		fmt.Fprintf(w, "        members.push((String::new(), params.%s.to_json()));\n", idents[i])
		if f.required {
			required = i + 1
		}
	}
	if required < len(m.params) {
		fmt.Fprintf(w, "        while members.len() > %d && members.last().is_some_and(|(_, v)| *v == Json::Null) {\n            members.pop();\n        }\n", required)
	}
}

func (w *rustWriter) doc(indent, text string) { comment(&w.Builder, indent, "///", text) }

// rustName returns text as an identifier that is no word of the language.
func rustName(text string) string {
	name := snake(text)
	if slices.Contains(strings.Fields("as async await box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe unsized use virtual where while yield abstract become"), name) {
		return name + "_"
	}
	return name
}

// rustText returns s as a string literal.
func rustText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			b.WriteString(`\u{` + strconv.FormatInt(int64(r), 16) + `}`)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// rustJSON returns a JSON string as a string literal.
func rustJSON(text string) string { return rustText(unquote(text)) }
