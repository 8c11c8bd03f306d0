package access

import (
	"bytes"
	"io"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// maxBatch is how many calls a judged batch may hold.
const maxBatch = 1000

// maxDepth is how deep a judged call may nest.
const maxDepth = 64

// maxMethod is how long a judged method's name may be.
const maxMethod = 256

// Call is one call of a body, as it was read.
type Call struct {
	Method string
	ID     []byte // the bytes of the id; nil for a notification
}

// Read reads the calls of a JSON-RPC body, more narrowly than JSON allows, so
// that no two readers can find different calls in the same bytes: UTF-8 without
// a mark at its start, one value and nothing after it, no member twice, the
// members of an envelope spelt exactly and without escapes, no others, and
// methods of printable ASCII without escapes.
func Read(body []byte) (calls []Call, batch bool, err error) {
	if method, id, ok := quick(body); ok {
		return []Call{{Method: string(method), ID: bytes.Clone(id)}}, false, nil
	}
	return readSlowly(body)
}

// readSlowly reads any body, token by token.
func readSlowly(body []byte) (calls []Call, batch bool, err error) {
	if tooDeep(body) {
		return nil, false, fault.Errorf(fault.Invalid, "it nests deeper than %d", maxDepth)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if dec.PeekKind() == '[' {
		batch = true
		if _, err := dec.ReadToken(); err != nil {
			return nil, true, fault.Errorf(fault.Invalid, "read the batch: %w", err)
		}
		for dec.PeekKind() != ']' {
			if len(calls) == maxBatch {
				return nil, true, fault.Errorf(fault.TooLarge, "a batch holds at most %d calls", maxBatch)
			}
			c, err := readCall(dec)
			if err != nil {
				return nil, true, err
			}
			calls = append(calls, c)
		}
		if _, err := dec.ReadToken(); err != nil {
			return nil, true, fault.Errorf(fault.Invalid, "read the batch: %w", err)
		}
		if len(calls) == 0 {
			return nil, true, fault.Errorf(fault.Invalid, "the batch is empty")
		}
	} else {
		c, err := readCall(dec)
		if err != nil {
			return nil, false, err
		}
		calls = append(calls, c)
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return nil, batch, fault.Errorf(fault.Invalid, "something follows the value")
	}
	return calls, batch, nil
}

// readCall reads one envelope.
func readCall(dec *json.Decoder) (Call, error) {
	var c Call
	if dec.PeekKind() != '{' {
		return c, fault.Errorf(fault.Invalid, "a call is an object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return c, fault.Errorf(fault.Invalid, "read the call: %w", err)
	}
	var version, method bool
	for dec.PeekKind() == '"' {
		// The decoder refuses a name that came before in the same object.
		raw, err := dec.ReadValue()
		if err != nil {
			return c, fault.Errorf(fault.Invalid, "read the call: %w", err)
		}
		name := string(raw)
		value, err := dec.ReadValue()
		if err != nil {
			return c, fault.Errorf(fault.Invalid, "read the call: %w", err)
		}
		switch kind := value.Kind(); name {
		case `"jsonrpc"`:
			if version = string(value) == `"2.0"`; !version {
				return c, fault.Errorf(fault.Invalid, "jsonrpc is not 2.0")
			}
		case `"method"`:
			if method = plainMethod(value); !method {
				return c, fault.Errorf(fault.Invalid, "the method is not a plain name")
			}
			c.Method = string(value[1 : len(value)-1])
		case `"params"`:
			if kind != '{' && kind != '[' {
				return c, fault.Errorf(fault.Invalid, "params are neither an object nor an array")
			}
		case `"id"`:
			if kind != '"' && kind != '0' && kind != 'n' {
				return c, fault.Errorf(fault.Invalid, "the id is not a string, a number or null")
			}
			c.ID = bytes.Clone(value)
		default:
			return c, fault.Errorf(fault.Invalid, "a call has no member but jsonrpc, method, params and id")
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return c, fault.Errorf(fault.Invalid, "read the call: %w", err)
	}
	if !version || !method {
		return c, fault.Errorf(fault.Invalid, "a call has jsonrpc and a method")
	}
	return c, nil
}

// plainMethod reports whether the JSON value is a string that every reader
// reads as the same name.
func plainMethod(value []byte) bool {
	if len(value) < 3 || len(value) > maxMethod+2 || value[0] != '"' {
		return false
	}
	for _, c := range value[1 : len(value)-1] {
		if c <= ' ' || c >= 0x7f || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

// tooDeep reports whether brackets outside of strings nest too deeply. The
// body may be no JSON: then it is refused by whoever reads it next.
func tooDeep(body []byte) bool {
	depth, inside := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// Judgement is what became of a body.
type Judgement struct {
	Methods []string // what it calls
	Rule    string   // which rule allowed its first call
	Answer  []byte   // nil: pass the body on as it is; else the answer to the caller
	Denied  string   // the first method that was denied
}

// Judge reads a body and holds each of its calls against the decision. It is
// passed on whole, or answered here: a batch with one call that is denied is
// not run at all, so that what was judged is what the service reads.
func (d Decision) Judge(body []byte) (Judgement, error) {
	calls, batch, err := Read(body)
	if err != nil {
		return Judgement{}, err
	}
	var j Judgement
	allowed := make([]bool, len(calls))
	all := true
	for i, c := range calls {
		j.Methods = append(j.Methods, c.Method)
		rule, ok := d.Method(c.Method)
		if allowed[i] = ok; !ok {
			if all {
				j.Denied = c.Method
			}
			all = false
		} else if j.Rule == "" {
			j.Rule = rule
		}
	}
	if all {
		return j, nil
	}
	j.Answer = []byte{}
	for i, c := range calls {
		if c.ID == nil {
			continue
		}
		why := "not allowed"
		if allowed[i] {
			why = "not run: another call of the batch is not allowed"
		}
		j.Answer = appendError(j.Answer, c.ID, why)
	}
	if batch && len(j.Answer) > 0 {
		j.Answer = append(append([]byte{'['}, j.Answer...), ']')
	}
	return j, nil
}

// appendError appends a JSON-RPC error, after a comma where another one stands
// before it.
func appendError(dst, id []byte, message string) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"error":{"code":-32001,"message":"`...)
	dst = append(dst, message...)
	return append(dst, `"}}`...)
}
