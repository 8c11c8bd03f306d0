package jsonrpc

import (
	"errors"
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// The codes that JSON-RPC 2.0 itself defines. The kinds of package fault have
// theirs from fault.Kind.RPC; a service's own lie in -32099..-32020.
const (
	CodeParse          = -32700 // the body is not JSON
	CodeInvalidRequest = -32600 // the JSON is not a request
	CodeMethodNotFound = -32601 // no such method
	CodeInvalidParams  = -32602 // data names the field, what it wanted and what it got
	CodeInternal       = -32603 // the method failed unexpectedly; the cause is in the log
)

// Error is the error object of a JSON-RPC response. A Handler returns one to
// answer with a code of its own; a Client returns the one it received.
type Error struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    json.Value `json:"data,omitzero"` // more about the error; nil is none
}

// Error returns the message with the code behind it.
func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// Unwrap returns the same failure as package fault describes it, so that
// fault.Of and fault.Hint work on what came over the wire.
func (e *Error) Unwrap() error {
	err := fault.Errorf(e.kind(), "%s", e.Message)
	var advice struct {
		Hint string `json:"hint"`
	}
	if len(e.Data) > 0 && e.Data[0] == '{' && json.Unmarshal(e.Data, &advice) == nil && advice.Hint != "" {
		return fault.WithHint(err, advice.Hint)
	}
	return err
}

func (e *Error) kind() fault.Kind {
	switch e.Code {
	case CodeParse, CodeInvalidRequest:
		return fault.Invalid
	case CodeMethodNotFound:
		return fault.Unsupported
	default:
		return fault.FromRPC(e.Code)
	}
}

// toError maps what a handler returned to what its caller sees. It reports
// internal for a failure whose cause belongs in the log alone.
func toError(err error) (e *Error, internal bool) {
	kind := fault.Of(err)
	// An *Error that the handler wrapped in a fault of another kind has been
	// reclassified: the outer word counts.
	if own, ok := errors.AsType[*Error](err); ok && own.kind() == kind && own.Code != CodeInternal {
		return own, false
	}
	if kind == fault.Internal {
		return &Error{Code: CodeInternal, Message: "internal error"}, true
	}
	e = &Error{Code: kind.RPC(), Message: err.Error()}
	if hint := fault.Hint(err); hint != "" {
		e.Data = object("hint", hint)
	}
	return e, false
}

// object returns a JSON object of the names and texts that alternate in pairs.
func object(pairs ...string) json.Value {
	out := []byte{'{'}
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, pairs[i])
		out = append(out, ':')
		out = appendString(out, pairs[i+1])
	}
	return append(out, '}')
}

// appendString appends s as a JSON string; bytes that are not UTF-8 become
// U+FFFD rather than an error.
func appendString(dst []byte, s string) []byte {
	dst, err := json.AppendQuote(dst, s)
	_ = err // AppendQuote replaces such bytes before it reports them
	return dst
}
