package syntax

import "strconv"

// Error says why a script does not parse. Kind is the name that Rhai gives
// the fault, such as "MissingToken"; Msg is its sentence without the place.
type Error struct {
	Kind string
	Msg  string
	Pos  Pos
}

// Error returns the sentence and the place.
func (e *Error) Error() string {
	if e.Pos.IsZero() {
		return e.Msg
	}
	return e.Msg + " (" + e.Pos.String() + ")"
}

// fault is thrown through the parser's recursion and caught in Parse.
type fault struct{ err *Error }

func fail(pos Pos, kind, msg string) { panic(fault{&Error{Kind: kind, Msg: msg, Pos: pos}}) }

func badInput(pos Pos, msg string) *Error { return &Error{Kind: "BadInput", Msg: msg, Pos: pos} }

func missing(pos Pos, token, why string) {
	fail(pos, "MissingToken", "Expecting '"+token+"' "+why)
}

func reserved(pos Pos, word string) {
	what := "symbol"
	if isIdentifier(word) {
		what = "keyword"
	}
	fail(pos, "Reserved", "'"+word+"' is a reserved "+what)
}

func duplicateFunc(f *Func) {
	n := "no parameters"
	switch len(f.Params) {
	case 0:
	case 1:
		n = "1 parameter"
	default:
		n = strconv.Itoa(len(f.Params)) + " parameters"
	}
	fail(f.Pos, "FnDuplicatedDefinition", "Function "+f.Name+" with "+n+" already exists")
}
