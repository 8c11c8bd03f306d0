package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// request is one element of a body, as slices of that body.
type request struct {
	method []byte
	params json.Value // nil: absent
	id     json.Value // nil: absent, or of a type that no id has
	notify bool       // no id member at all
	bad    string     // why it is not a request; "" for one that is
}

// parser reads bodies. Its one pass proves the whole body to be JSON, with no
// name twice in any object, before any of it is acted on.
type parser struct {
	dec  *json.Decoder
	in   bytes.Buffer
	reqs []request
}

// parse splits body into requests, which share its memory. An *Error concerns
// the body as a whole.
func (p *parser) parse(body []byte, maxBatch int) (batch bool, e *Error) {
	p.reqs = p.reqs[:0]
	p.in = *bytes.NewBuffer(body)
	if p.dec == nil {
		p.dec = json.NewDecoder(&p.in)
	} else {
		p.dec.Reset(&p.in)
	}
	batch = p.dec.PeekKind() == '['
	if !batch {
		if err := p.element(body); err != nil {
			return false, parseError(err)
		}
		return false, p.end()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return true, parseError(err)
	}
	for p.dec.PeekKind() != ']' {
		if len(p.reqs) == maxBatch {
			return true, &Error{Code: CodeInvalidRequest, Message: fmt.Sprintf("invalid request: a batch holds at most %d", maxBatch)}
		}
		if err := p.element(body); err != nil {
			return true, parseError(err)
		}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return true, parseError(err)
	}
	if e := p.end(); e != nil {
		return true, e
	}
	if len(p.reqs) == 0 {
		return true, &Error{Code: CodeInvalidRequest, Message: "invalid request: an empty batch"}
	}
	return true, nil
}

// end makes sure that nothing follows the value.
func (p *parser) end() *Error {
	switch _, err := p.dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return &Error{Code: CodeParse, Message: "parse error: more than one value"}
	default:
		return parseError(err)
	}
}

func parseError(err error) *Error {
	switch {
	case errors.Is(err, io.EOF):
		return &Error{Code: CodeParse, Message: "parse error: no value"}
	case errors.Is(err, json.ErrDuplicateName):
		return &Error{Code: CodeParse, Message: "parse error: a member name appears twice"}
	}
	if at, ok := errors.AsType[*json.SyntacticError](err); ok {
		return &Error{Code: CodeParse, Message: fmt.Sprintf("parse error at byte %d: %v", at.ByteOffset, at.Err)}
	}
	return &Error{Code: CodeParse, Message: "parse error"}
}

// element reads one value and appends what it is. Its error is a syntax error.
func (p *parser) element(body []byte) error {
	p.reqs = append(p.reqs, request{notify: true})
	r := &p.reqs[len(p.reqs)-1]
	if p.dec.PeekKind() != '{' {
		r.notify, r.bad = false, "not an object"
		return p.dec.SkipValue()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	version := false
	for p.dec.PeekKind() == '"' {
		name, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		slot := slotOf(name)
		value, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		end := int(p.dec.InputOffset())
		value = json.Value(body[end-len(value) : end : end])
		switch slot {
		case slotVersion:
			version = string(value) == `"2.0"`
		case slotMethod:
			if value[0] != '"' {
				r.bad = "method is not a string"
				continue
			}
			r.method = unquote(value)
		case slotParams:
			r.setParams(value)
		case slotID:
			r.setID(value)
		}
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	switch {
	case r.bad != "":
	case !version:
		r.bad = `jsonrpc is not "2.0"`
	case r.method == nil:
		r.bad = "no method"
	}
	return nil
}

type slot uint8

const (
	slotOther slot = iota
	slotVersion
	slotMethod
	slotParams
	slotID
)

func slotOf(name json.Value) slot {
	if bytes.IndexByte(name, '\\') >= 0 { // an escaped name is the same name
		name = append(append([]byte{'"'}, unquote(name)...), '"')
	}
	switch string(name) {
	case `"jsonrpc"`:
		return slotVersion
	case `"method"`:
		return slotMethod
	case `"params"`:
		return slotParams
	case `"id"`:
		return slotID
	default:
		return slotOther
	}
}

// unquote returns the text of a valid JSON string, never nil.
func unquote(s json.Value) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1]
	}
	text, err := json.AppendUnquote([]byte{}, s)
	_ = err // the decoder has proved s to be a string
	return text
}

func (r *request) setParams(value json.Value) {
	switch value[0] {
	case '{', '[':
		r.params = value
	default:
		r.bad = "params is neither an object nor an array"
	}
}

func (r *request) setID(value json.Value) {
	r.notify = false
	switch value[0] {
	case '{', '[', 't', 'f':
		r.bad = "id is neither a string nor a number nor null"
	default:
		r.id = value
	}
}
