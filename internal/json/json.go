// Package json is the project's one door to JSON. It puts
// github.com/go-json-experiment/json (the standard library's encoding/json/v2
// from Go 1.27 on) behind names of its own, so that the day the standard
// library takes over is a change in this file alone.
//
// The defaults are strict, as the contract asks: a member name that stands
// twice in one object, bytes that are not UTF-8 and anything after the value
// are errors, and names are compared exactly (CVE-2026-27896 is the story of
// a gateway that folded case where its service did not).
package json

import (
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Value is one JSON value as the bytes that were read. The nil Value stands
// for "absent".
type Value = jsontext.Value

// Decoder reads JSON token by token or value by value.
type Decoder = jsontext.Decoder

// SemanticError reports where a JSON value did not fit the Go value that it
// was decoded into: Err is the cause, JSONPointer the place (RFC 6901).
type SemanticError = json.SemanticError

// SyntacticError reports where the bytes stop being JSON (RFC 8259).
type SyntacticError = jsontext.SyntacticError

// Options changes how values are encoded or decoded; see RejectUnknown,
// Deterministic and Indent.
type Options = json.Options

// ErrDuplicateName is wrapped by the error that a repeated member name causes.
var ErrDuplicateName = jsontext.ErrDuplicateName

// ErrUnknownName is wrapped by the error that RejectUnknown causes.
var ErrUnknownName = json.ErrUnknownName

// RejectUnknown makes decoding into a struct refuse members that it has no
// field for. Writers of our own documents are read with it, strangers' are not.
func RejectUnknown() Options { return json.RejectUnknownMembers(true) }

// Deterministic makes encoding write the members of Go maps in sorted order,
// for documents whose hash matters.
func Deterministic() Options { return json.Deterministic(true) }

// Indent makes encoding write one member a line, two spaces a level.
func Indent() Options { return jsontext.WithIndent("  ") }

// Unmarshal decodes data, which must be exactly one JSON value, into out.
func Unmarshal(data []byte, out any, opts ...Options) error {
	return json.Unmarshal(data, out, opts...)
}

// Marshal encodes in.
func Marshal(in any, opts ...Options) ([]byte, error) { return json.Marshal(in, opts...) }

// MarshalWrite encodes in to w, without a newline at the end.
func MarshalWrite(w io.Writer, in any, opts ...Options) error {
	return json.MarshalWrite(w, in, opts...)
}

// UnmarshalRead decodes all of r, which must hold exactly one JSON value.
func UnmarshalRead(r io.Reader, out any, opts ...Options) error {
	return json.UnmarshalRead(r, out, opts...)
}

// NewDecoder returns a Decoder that reads from r.
func NewDecoder(r io.Reader, opts ...Options) *Decoder { return jsontext.NewDecoder(r, opts...) }

// AppendQuote appends s to dst as a JSON string; it fails where s is not UTF-8.
func AppendQuote(dst []byte, s string) ([]byte, error) { return jsontext.AppendQuote(dst, s) }

// AppendUnquote appends to dst the text of the JSON string in src.
func AppendUnquote(dst, src []byte) ([]byte, error) { return jsontext.AppendUnquote(dst, src) }
