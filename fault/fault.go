// Package fault names the kinds of error that matter to a caller, and holds
// their one mapping to JSON-RPC codes, HTTP statuses and exit statuses.
//
// An error made here reads like any other and wraps with %w; its kind says
// what a caller can do about it (retry, correct the request, give up), and its
// hint says what a person can do.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is.
type Kind uint8

// The kinds. Internal is the zero value: an error that nobody classified is
// our own bug until shown otherwise.
const (
	Internal        Kind = iota
	Invalid              // the request is wrong and stays wrong
	NotFound             // the thing named does not exist
	Conflict             // the thing exists already, or changed meanwhile
	Denied               // the caller is known and may not
	Unauthenticated      // the caller is not known
	Unavailable          // not now; the same request may succeed later
	Canceled             // the caller gave up, or its time ran out
	TooLarge             // a limit on size was passed
	Unsupported          // not offered by this service, or on this system
)

// traits is the one mapping of a kind to what each boundary calls it.
type traits struct {
	name      string
	rpc, http int
	exit      int
}

func (k Kind) traits() traits {
	switch k {
	case Invalid:
		return traits{"invalid", -32602, 400, 2}
	case NotFound:
		return traits{"not found", -32004, 404, 1}
	case Conflict:
		return traits{"conflict", -32009, 409, 1}
	case Denied:
		return traits{"denied", -32001, 403, 1}
	case Unauthenticated:
		return traits{"unauthenticated", -32002, 401, 1}
	case Unavailable:
		return traits{"unavailable", -32010, 503, 3}
	case Canceled:
		return traits{"canceled", -32011, 504, 1}
	case TooLarge:
		return traits{"too large", -32012, 413, 1}
	case Unsupported:
		return traits{"unsupported", -32013, 501, 1}
	default:
		return traits{"internal error", -32603, 500, 1}
	}
}

// String returns the kind in words, such as "not found".
func (k Kind) String() string { return k.traits().name }

// RPC returns the JSON-RPC 2.0 error code of the kind. Codes of the services'
// own errors start at -32020 and so never meet these.
func (k Kind) RPC() int { return k.traits().rpc }

// HTTP returns the status code of the kind (RFC 9110).
func (k Kind) HTTP() int { return k.traits().http }

// Exit returns the exit status of a command that ends with the kind: 1 refused
// or failed, 2 usage, 3 the target is not healthy.
func (k Kind) Exit() int { return k.traits().exit }

// FromRPC returns the kind that has the JSON-RPC code, Internal where none has.
func FromRPC(code int) Kind {
	for k := Internal; k <= Unsupported; k++ {
		if k.RPC() == code {
			return k
		}
	}
	return Internal
}

// classified is an error with a kind.
type classified struct {
	kind Kind
	err  error
}

func (e *classified) Error() string { return e.err.Error() }
func (e *classified) Unwrap() error { return e.err }

// hinted is an error with advice for the person who reads it.
type hinted struct {
	hint string
	err  error
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Errorf returns an error of kind k, formatted as fmt.Errorf does; %w wraps.
func Errorf(k Kind, format string, args ...any) error {
	return &classified{kind: k, err: fmt.Errorf(format, args...)}
}

// WithHint returns err with a sentence that says what its reader should do.
// It returns nil for a nil err.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{hint: hint, err: err}
}

// Of returns the kind of the outermost classified error in err's chain;
// Canceled for a context's error, else Internal.
func Of(err error) Kind {
	if c, ok := errors.AsType[*classified](err); ok {
		return c.kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Canceled
	}
	return Internal
}

// Hint returns the outermost hint in err's chain, or "".
func Hint(err error) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	return ""
}
