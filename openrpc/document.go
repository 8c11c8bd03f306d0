// Package openrpc describes JSON-RPC methods: OpenRPC 1.4.1 documents made from
// Go types, read from services of any age, and checked.
//
// [Build] makes a [Document] from the Go types of the methods' parameters and
// results; the rules by which a type becomes a JSON Schema stand at [SchemaOf].
// [Parse] reads a stranger's document: it keeps what it does not know, so that
// a document that is passed on loses nothing. [Validate] holds a document
// against the specification's own meta-schema.
package openrpc

import (
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

const (
	// Version is the version of the specification that Build writes.
	Version = "1.4.1"
	// OlderVersion is the version that Document.Downgrade returns.
	OlderVersion = "1.3.2"
	// MaxSize is the largest document, in bytes, that Parse takes. The
	// largest that we know in the field has 2.7 MB.
	MaxSize = 8 << 20
)

// Unknown holds members that this package has no field for, extensions (x-…)
// among them, by name.
type Unknown = map[string]json.Value

// Document is an OpenRPC document. Its fields, as those of all its parts, are
// the members that the specification names; where the specification allows a
// reference in place of a part, the part has a field Ref, and nothing else set.
// JSON Schemas are kept as the bytes that they are.
type Document struct {
	OpenRPC      string      `json:"openrpc,omitzero"`
	Info         Info        `json:"info,omitzero"`
	ExternalDocs json.Value  `json:"externalDocs,omitzero"`
	Servers      []Server    `json:"servers,omitzero"`
	Methods      []Method    `json:"methods,omitzero"`
	Components   *Components `json:"components,omitzero"`
	Unknown      Unknown     `json:",embed"`
}

// Info says what the document is about. Title and Version are required.
type Info struct {
	Title          string     `json:"title,omitzero"`
	Description    string     `json:"description,omitzero"`
	Version        string     `json:"version,omitzero"`
	TermsOfService string     `json:"termsOfService,omitzero"`
	Contact        json.Value `json:"contact,omitzero"`
	License        json.Value `json:"license,omitzero"`
	Unknown        Unknown    `json:",embed"`
}

// Server is a place that answers the document's methods.
type Server struct {
	Name        string     `json:"name,omitzero"`
	URL         string     `json:"url,omitzero"`
	Summary     string     `json:"summary,omitzero"`
	Description string     `json:"description,omitzero"`
	Variables   json.Value `json:"variables,omitzero"`
	Unknown     Unknown    `json:",embed"`
}

// Method describes one method.
type Method struct {
	Ref            string              `json:"$ref,omitzero"`
	Name           string              `json:"name,omitzero"`
	Summary        string              `json:"summary,omitzero"`
	Description    string              `json:"description,omitzero"`
	Tags           []Tag               `json:"tags,omitzero"`
	ParamStructure string              `json:"paramStructure,omitzero"`
	Params         []ContentDescriptor `json:"params,omitzero"`
	Result         *ContentDescriptor  `json:"result,omitzero"`
	Errors         []Error             `json:"errors,omitzero"`
	Examples       []ExamplePairing    `json:"examples,omitzero"`
	Links          []json.Value        `json:"links,omitzero"`
	Servers        []Server            `json:"servers,omitzero"`
	Deprecated     bool                `json:"deprecated,omitzero"`
	ExternalDocs   json.Value          `json:"externalDocs,omitzero"`
	ReadOnly       bool                `json:"x-read-only,omitzero"`
	Destructive    bool                `json:"x-destructive,omitzero"`
	Idempotent     bool                `json:"x-idempotent,omitzero"`
	Unknown        Unknown             `json:",embed"`
}

// ContentDescriptor describes a parameter or a result.
type ContentDescriptor struct {
	Ref         string     `json:"$ref,omitzero"`
	Name        string     `json:"name,omitzero"`
	Summary     string     `json:"summary,omitzero"`
	Description string     `json:"description,omitzero"`
	Required    bool       `json:"required,omitzero"`
	Deprecated  bool       `json:"deprecated,omitzero"`
	Schema      json.Value `json:"schema,omitzero"`
	Unknown     Unknown    `json:",embed"`
}

// Error is an error that a method answers with.
type Error struct {
	Ref     string     `json:"$ref,omitzero"`
	Code    int        `json:"code,omitzero"`
	Message string     `json:"message,omitzero"`
	Data    json.Value `json:"data,omitzero"`
	Unknown Unknown    `json:",embed"`
}

// ExamplePairing is a call as it could be, with its result.
type ExamplePairing struct {
	Ref         string    `json:"$ref,omitzero"`
	Name        string    `json:"name,omitzero"`
	Summary     string    `json:"summary,omitzero"`
	Description string    `json:"description,omitzero"`
	Params      []Example `json:"params,omitzero"`
	Result      *Example  `json:"result,omitzero"`
	Unknown     Unknown   `json:",embed"`
}

// Example is a value of one parameter, or of the result.
type Example struct {
	Ref         string     `json:"$ref,omitzero"`
	Name        string     `json:"name,omitzero"`
	Summary     string     `json:"summary,omitzero"`
	Description string     `json:"description,omitzero"`
	Value       json.Value `json:"value,omitzero"`
	Unknown     Unknown    `json:",embed"`
}

// Tag groups methods.
type Tag struct {
	Ref          string     `json:"$ref,omitzero"`
	Name         string     `json:"name,omitzero"`
	Summary      string     `json:"summary,omitzero"`
	Description  string     `json:"description,omitzero"`
	ExternalDocs json.Value `json:"externalDocs,omitzero"`
	Unknown      Unknown    `json:",embed"`
}

// UnmarshalJSON reads a tag. A string is taken as the name of one, since that
// is what some services send.
func (t *Tag) UnmarshalJSON(data []byte) error {
	if json.Value(data).Kind() == '"' {
		*t = Tag{}
		return json.Unmarshal(data, &t.Name)
	}
	type plain Tag // without this method
	return json.Unmarshal(data, (*plain)(t))
}

// Components holds parts that others refer to, by name.
type Components struct {
	Schemas            map[string]json.Value `json:"schemas,omitzero"`
	ContentDescriptors map[string]json.Value `json:"contentDescriptors,omitzero"`
	Errors             map[string]json.Value `json:"errors,omitzero"`
	Examples           map[string]json.Value `json:"examples,omitzero"`
	ExamplePairings    map[string]json.Value `json:"examplePairings,omitzero"`
	Links              map[string]json.Value `json:"links,omitzero"`
	Tags               map[string]json.Value `json:"tags,omitzero"`
	Unknown            Unknown               `json:",embed"`
}

// Parse reads a document that somebody else wrote, of any version. It is
// lenient: a JSON string that holds the document is taken for it (some
// services' rpc.discover answers so), members may be missing, unknown ones are
// kept. Errors are of kind fault.Invalid or fault.TooLarge.
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, fault.Errorf(fault.TooLarge, "openrpc document of %d bytes, more than %d", len(data), MaxSize)
	}
	var d *Document
	var text string
	if json.Unmarshal(data, &text) == nil && text != "" {
		data = []byte(text)
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fault.Errorf(fault.Invalid, "openrpc document: %w", err)
	}
	if d == nil {
		return nil, fault.Errorf(fault.Invalid, "openrpc document: null, not an object")
	}
	return d, nil
}

// JSON returns the document's text: the same bytes for the same document, so
// that their hash names it.
func (d *Document) JSON() ([]byte, error) {
	data, err := json.Marshal(d, json.Deterministic())
	if err != nil {
		return nil, fmt.Errorf("openrpc document %q: %w", d.Info.Title, err)
	}
	return data, nil
}

// Downgrade returns the document as one of OpenRPC 1.3.2, for clients whose
// schema refuses the newer number. The two versions have the same members, so
// nothing else changes; the parts are shared with d.
func (d *Document) Downgrade() *Document {
	older := *d
	older.OpenRPC = OlderVersion
	return &older
}
