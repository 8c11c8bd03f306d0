package mcp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Limits of what agents take.
const (
	maxName = 64   // bytes of a tool's name
	maxText = 4096 // bytes of a tool's description
)

// tool is a method as a tool.
type tool struct {
	def        *sdk.Tool
	method     string
	order      []string // the names of the params, in their order
	byPosition bool
	wrapped    bool // the result is no object, and so the member "result" of one
}

// Tools makes the tools of a document's methods. Names become ones that agents
// take: at most 64 characters, no dots; two that would be the same get a sum of
// the method's name.
func Tools(d *openrpc.Document) (*Toolset, error) {
	out := &Toolset{}
	taken := map[string]bool{}
	hints := false
	for _, m := range d.Methods {
		hints = hints || m.ReadOnly || m.Destructive || m.Idempotent
	}
	for i := range d.Methods {
		m := &d.Methods[i]
		if m.Name == "" || m.Ref != "" {
			continue
		}
		t, err := newTool(d, m, hints)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "method %q: %w", m.Name, err)
		}
		t.def.Name = toolName(m.Name, taken)
		out.tools = append(out.tools, t)
	}
	return out, nil
}

// Schemas returns the schemas of a method's params and result, with all that
// they refer to; output is nil for a method without a result.
func (t *Toolset) Schemas(method string) (input, output json.Value, ok bool) {
	for _, x := range t.tools {
		if x.method == method {
			input, _ = x.def.InputSchema.(json.Value)
			output, _ = x.def.OutputSchema.(json.Value)
			return input, output, true
		}
	}
	return nil, nil, false
}

// toolName returns the name under which a method is a tool.
func toolName(method string, taken map[string]bool) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, method)
	if len(name) > maxName || taken[name] {
		sum := sha256.Sum256([]byte(method))
		name = name[:min(len(name), maxName-9)] + "_" + hex.EncodeToString(sum[:4])
	}
	for i := 2; taken[name]; i++ { // the same method twice
		name = fmt.Sprintf("%.56s_%d", name, i)
	}
	taken[name] = true
	return name
}

// newTool makes a tool of a method. hints says that the document tells what
// calls do, so that what it does not say is not so.
func newTool(d *openrpc.Document, m *openrpc.Method, hints bool) (tool, error) {
	t := tool{method: m.Name, byPosition: m.ParamStructure == "by-position", def: &sdk.Tool{Title: m.Summary, Description: describe(m)}}
	notes := &sdk.ToolAnnotations{ReadOnlyHint: m.ReadOnly, IdempotentHint: m.Idempotent}
	if hints || m.ReadOnly {
		destructive := m.Destructive
		notes.DestructiveHint = &destructive
	}
	t.def.Annotations = notes
	s := schemas{doc: d, defs: map[string]any{}}
	properties, required := map[string]any{}, []any{}
	for _, c := range m.Params {
		c = s.descriptor(c)
		if c.Name == "" {
			continue
		}
		p := s.schema(c.Schema)
		if text := c.Description; text != "" {
			if _, has := p["description"]; !has {
				p["description"] = text
			}
		}
		properties[c.Name] = p
		t.order = append(t.order, c.Name)
		if c.Required {
			required = append(required, c.Name)
		}
	}
	input := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		input["required"] = required
	}
	var err error
	if t.def.InputSchema, err = s.seal(input); err != nil {
		return t, err
	}
	if m.Result == nil {
		t.wrapped = true
		return t, nil
	}
	s.defs = map[string]any{}
	result := s.descriptor(*m.Result).Schema
	output := s.schema(result)
	if s.isObject(result, 0) {
		output["type"] = "object"
	} else {
		t.wrapped = true
		output = map[string]any{"type": "object", "properties": map[string]any{"result": output}, "required": []any{"result"}}
	}
	t.def.OutputSchema, err = s.seal(output)
	return t, err
}

// describe returns what an agent reads of a method.
func describe(m *openrpc.Method) string {
	text := strings.TrimSpace(m.Summary)
	if m.Description != "" && m.Description != m.Summary {
		text = strings.TrimSpace(text + "\n\n" + m.Description)
	}
	if text == "" {
		text = "Calls " + m.Name + "."
	}
	if m.Deprecated {
		text = "Deprecated. " + text
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// params turns a tool's arguments into a method's params.
func (t tool) params(arguments json.Value) (json.Value, error) {
	if len(arguments) == 0 || string(arguments) == "null" {
		arguments = json.Value("{}")
	}
	var members map[string]json.Value
	if err := json.Unmarshal(arguments, &members); err != nil {
		return nil, fault.Errorf(fault.Invalid, "arguments are not an object: %w", err)
	}
	if !t.byPosition {
		if len(members) == 0 && len(t.order) == 0 {
			return nil, nil
		}
		return arguments, nil
	}
	list := []json.Value{}
	last := 0
	for i, name := range t.order {
		v, ok := members[name]
		if ok {
			last = i + 1
		} else {
			v = json.Value("null")
		}
		list = append(list, v)
		delete(members, name)
	}
	for name := range members {
		return nil, fault.Errorf(fault.Invalid, "there is no param %q", name)
	}
	return json.Marshal(list[:last])
}

// schemas takes schemas out of a document, with what they refer to.
type schemas struct {
	doc  *openrpc.Document
	defs map[string]any // the components referred to so far
}

const componentsPrefix = "#/components/schemas/"

// descriptor returns what c refers to, or c.
func (s *schemas) descriptor(c openrpc.ContentDescriptor) openrpc.ContentDescriptor {
	name, ok := strings.CutPrefix(c.Ref, "#/components/contentDescriptors/")
	var out openrpc.ContentDescriptor
	if ok && s.doc.Components != nil && json.Unmarshal(s.doc.Components.ContentDescriptors[name], &out) == nil {
		return out
	}
	return c
}

// schema returns a schema with its references pointed at $defs. Anything that
// is no object takes everything.
func (s *schemas) schema(v json.Value) map[string]any {
	var out map[string]any
	if v.Kind() != '{' || json.Unmarshal(v, &out) != nil {
		return map[string]any{}
	}
	s.rewrite(out)
	return out
}

// rewrite points the references below v at $defs and collects what they name. A
// reference to anything else is dropped: a client could not follow it.
func (s *schemas) rewrite(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			s.rewrite(e)
		}
	case map[string]any:
		if ref, ok := x["$ref"].(string); ok {
			name, here := strings.CutPrefix(ref, componentsPrefix)
			name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
			if here && s.take(name) {
				x["$ref"] = "#/$defs/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			} else {
				delete(x, "$ref")
			}
		}
		delete(x, "$id") // would move the root that references start from
		delete(x, "$schema")
		for _, e := range x {
			s.rewrite(e)
		}
	}
}

// take adds a component to the definitions and reports whether it exists.
func (s *schemas) take(name string) bool {
	if _, done := s.defs[name]; done {
		return true
	}
	if s.doc.Components == nil {
		return false
	}
	text, ok := s.doc.Components.Schemas[name]
	if !ok {
		return false
	}
	s.defs[name] = nil // before what it refers to, which may be itself
	var def any
	if json.Unmarshal(text, &def) != nil {
		def = true
	}
	s.rewrite(def)
	s.defs[name] = def
	return true
}

// isObject reports whether a schema takes objects alone.
func (s *schemas) isObject(v json.Value, depth int) bool {
	var x struct {
		Ref  string     `json:"$ref"`
		Type json.Value `json:"type"`
	}
	if v.Kind() != '{' || json.Unmarshal(v, &x) != nil || depth > 16 {
		return false
	}
	if name, ok := strings.CutPrefix(x.Ref, componentsPrefix); ok && s.doc.Components != nil {
		return s.isObject(s.doc.Components.Schemas[name], depth+1)
	}
	return string(x.Type) == `"object"`
}

// seal returns a schema as text, with the definitions it needs.
func (s *schemas) seal(schema map[string]any) (json.Value, error) {
	if len(s.defs) > 0 {
		schema["$defs"] = s.defs
	}
	return json.Marshal(schema, json.Deterministic())
}
