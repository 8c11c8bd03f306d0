package openrpc

import (
	"embed"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

//go:embed metaschema/*.json
var metaschemas embed.FS

// Validate holds a document against the specification's meta-schema: that of
// 1.4 or, where the document says that it is older, that of 1.3.2. The error, of
// kind fault.Invalid, has one line for each fault, with its JSON pointer. It is
// strict where Parse is lenient.
func Validate(doc []byte) error {
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return fault.Errorf(fault.Invalid, "openrpc document: %w", err)
	}
	file := "openrpc-1.3.json"
	if object, ok := v.(map[string]any); ok {
		if version, ok := object["openrpc"].(string); !ok || strings.HasPrefix(version, "1.4.") {
			file = "openrpc-1.4.json"
		}
	}
	s, err := compile(file)
	if err != nil {
		return fmt.Errorf("internal error: %s: %w", file, err)
	}
	if err := s.Validate(v); err != nil {
		_, lines, _ := strings.Cut(err.Error(), "\n") // the first names the schema
		return fault.Errorf(fault.Invalid, "openrpc document:\n%s", lines)
	}
	return nil
}

// compile returns the meta-schema in file, which refers to the one of JSON
// Schemas under two spellings of its address.
func compile(file string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	// The specification allows addresses that are relative or have variables in
	// them, and patterns that are JavaScript's, not Go's.
	for _, name := range []string{"uri", "uri-reference", "regex"} {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	for url, name := range map[string]string{
		"https://meta.open-rpc.org/":      file,
		"https://meta.json-schema.tools/": "json-schema-tools.json",
		"https://meta.json-schema.tools":  "json-schema-tools.json",
	} {
		data, err := metaschemas.ReadFile("metaschema/" + name)
		if err != nil {
			return nil, err
		}
		var doc map[string]any
		if err := json.Unmarshal(data, &doc); err != nil {
			return nil, err
		}
		// They are their own meta-schemas, which no library knows; they are
		// written in draft 7.
		doc["$schema"] = "http://json-schema.org/draft-07/schema#"
		delete(doc, "$id")
		if err := c.AddResource(url, doc); err != nil {
			return nil, err
		}
	}
	return c.Compile("https://meta.open-rpc.org/")
}
