// Package failure holds the errors of Rhai scripts: how Rhai names them, words
// them and shows the line where they arose.
package failure

import (
	"fmt"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// Error is why a script does not parse or stops. Kind is Rhai's name for it,
// such as "ErrorFunctionNotFound"; for a script that does not parse it is
// "ErrorParsing" and Parse names the fault, such as "MissingToken".
type Error struct {
	Kind  string
	Parse string
	// Subject is what the error is about: the name of a function, variable,
	// property, module or type.
	Subject string
	// Actual is the type that a value had, in the errors of mismatched types,
	// whose Subject is the one that was wanted.
	Actual string
	// Length and Index belong to the bounds errors.
	Length, Index int64
	// Value is what a script threw, or the value of exit.
	Value value.Value
	// Pos is where it arose and Source in which script.
	Pos    syntax.Pos
	Source string
	// Calls are the calls that were under way, the innermost first.
	Calls []Call
	// Line is the text of the offending line, where it is known.
	Line string
	// Cause is the Go error behind it, if any.
	Cause error
	msg   string
}

// Call is a function call that an error passed through.
type Call struct {
	Name   string
	Source string
	Pos    syntax.Pos
	Module bool // the import of a module rather than a call
}

// New returns an error with its sentence.
func New(kind, subject, msg string) *Error { return &Error{Kind: kind, Subject: subject, msg: msg} }

// Errorf returns an error with a formatted sentence and no subject.
func Errorf(kind, format string, args ...any) *Error {
	return &Error{Kind: kind, msg: fmt.Sprintf(format, args...)}
}

// FromSyntax returns the error of a script that does not parse.
func FromSyntax(err error) *Error {
	s, ok := err.(*syntax.Error)
	if !ok {
		return From(err)
	}
	return &Error{Kind: "ErrorParsing", Parse: s.Kind, Pos: s.Pos, msg: "Syntax error: " + s.Msg}
}

// From makes any error a script's: an *Error stays what it is, any other Go
// error is one that a script can catch as a runtime error.
func From(err error) *Error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Kind: "ErrorRuntime", Value: value.OfString(err.Error()), Cause: err}
}

// Thrown returns the error for a value that a script throws.
func Thrown(v value.Value) *Error { return &Error{Kind: "ErrorRuntime", Value: v} }

// NotFound returns the error for a function that does not exist with such
// arguments.
func NotFound(name string, args ...value.Value) *Error {
	sig := Signature(name, args)
	return New("ErrorFunctionNotFound", sig, "Function not found: "+sig)
}

// Signature shows a call with the types of its arguments.
func Signature(name string, args []value.Value) string {
	types := make([]string, len(args))
	for i, a := range args {
		if types[i] = a.TypeName(); types[i] == "string" {
			types[i] = "&str | ImmutableString | String"
		}
	}
	return name + " (" + strings.Join(types, ", ") + ")"
}

// Mismatch returns the error for a value of the wrong type.
func Mismatch(want string, got value.Value) *Error {
	e := New("ErrorMismatchDataType", want, "Data type incorrect: "+got.TypeName()+" (expecting "+want+")")
	e.Actual = got.TypeName()
	return e
}

// Arithmetic returns an error of calculation.
func Arithmetic(format string, args ...any) *Error { return Errorf("ErrorArithmetic", format, args...) }

// Bounds returns the error for an index outside of an array, string or bit
// field, as kind says.
func Bounds(kind string, length int, index int64) *Error {
	what, unit := "Array", "element"
	switch kind {
	case "ErrorStringBounds":
		what, unit = "String", "character"
	case "ErrorBitFieldBounds":
		what, unit = "Bit-field", "bit"
	}
	lower := strings.ToLower(what)
	msg := fmt.Sprintf("%s index %d out of bounds: only %d %ss in %s", what, index, length, unit, lower)
	switch length {
	case 0:
		msg = fmt.Sprintf("%s index %d out of bounds: %s is empty", what, index, lower)
	case 1:
		msg = fmt.Sprintf("%s index %d out of bounds: only 1 %s in %s", what, index, unit, lower)
	}
	e := New(kind, lower, msg)
	e.Length, e.Index = int64(length), index
	return e
}

// TooLarge returns the error for data that outgrows a limit.
func TooLarge(what string) *Error { return New("ErrorDataTooLarge", what, what+" too large") }

// Message returns the sentence without place and calls.
func (e *Error) Message() string {
	if e.msg != "" {
		return e.msg
	}
	if e.Kind == "ErrorRuntime" {
		if t := e.Value.Text(); t != "" {
			return "Runtime error: " + t
		}
		return "Runtime error"
	}
	return e.Kind
}

// Error returns the sentence, the place, and the calls that were under way.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message())
	if !e.Pos.IsZero() {
		b.WriteString(" (" + e.Pos.String() + ")")
	}
	for _, c := range e.Calls {
		switch {
		case c.Module:
			b.WriteString("\nin module '" + c.Name + "'")
		case strings.HasPrefix(c.Name, "anon$"):
			b.WriteString("\nin closure call")
		default:
			b.WriteString("\nin call to function '" + c.Name + "'")
		}
		if c.Source != "" && !c.Module {
			b.WriteString(" (from '" + c.Source + "')")
		}
		if !c.Pos.IsZero() {
			b.WriteString(" (" + c.Pos.String() + ")")
		}
	}
	return b.String()
}

// Unwrap returns the Go error behind it.
func (e *Error) Unwrap() error { return e.Cause }

// Show returns the error with the offending line and a caret under the place,
// as a command line prints it.
func (e *Error) Show() string {
	if e.Line == "" || e.Pos.IsZero() {
		return e.Error()
	}
	no := strconv.Itoa(int(e.Pos.Line))
	var pad strings.Builder
	for i, c := range []rune(e.Line) {
		if i >= int(e.Pos.Col)-1 {
			break
		}
		if c != '\t' {
			c = ' '
		}
		pad.WriteRune(c)
	}
	where := ""
	if e.Source != "" {
		where = e.Source + "\n"
	}
	return where + no + ": " + e.Line + "\n" + strings.Repeat(" ", len(no)+2) + pad.String() + "^ " + e.Error()
}

// Locate remembers the place, the script and the line of an error that has no
// place yet.
func (e *Error) Locate(pos syntax.Pos, source, text string) {
	if e.Pos.IsZero() {
		e.Pos = pos
	}
	if e.Line == "" && !e.Pos.IsZero() {
		e.Source = source
		e.Line = lineOf(text, int(e.Pos.Line))
	}
}

func lineOf(text string, n int) string {
	for ; n > 1; n-- {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return ""
		}
		text = rest
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r")
}

// Catchable reports whether a script may catch the error: limits, faults of
// the text and cancellation are not.
func (e *Error) Catchable() bool {
	switch e.Kind {
	case "ErrorParsing", "ErrorSystem", "ErrorTooManyOperations", "ErrorTooManyVariables",
		"ErrorTooManyModules", "ErrorStackOverflow", "ErrorDataTooLarge", "ErrorTerminated", "Exit":
		return false
	}
	return true
}

// CatchValue returns what a script's catch variable holds: the value thrown,
// or for other errors a map that describes them. As in Rhai an error that
// passed through calls is told as that of the outermost.
func (e *Error) CatchValue() value.Value {
	if e.Kind == "ErrorRuntime" {
		return e.Value
	}
	d := value.NewDict(8)
	set := func(k, v string) { d.Set(k, value.OfString(v)) }
	if e.Source != "" {
		set("source", e.Source)
	}
	pos := e.Pos
	if n := len(e.Calls); n > 0 {
		outer := e.Calls[n-1]
		pos = outer.Pos
		if outer.Module {
			set("error", "ErrorInModule")
			set("module", outer.Name)
		} else {
			set("error", "ErrorInFunctionCall")
			set("function", outer.Name)
			set("source", outer.Source)
		}
	} else {
		set("error", e.Kind)
		e.describe(d, set)
	}
	set("message", e.sentence())
	if !pos.IsZero() {
		d.Set("line", value.OfInt(int64(pos.Line)))
		d.Set("position", value.OfInt(int64(pos.Col)))
	}
	return value.OfDict(d)
}

// describe adds what an error of its kind is about.
func (e *Error) describe(d *value.Dict, set func(k, v string)) {
	switch e.Kind {
	case "ErrorFunctionNotFound", "ErrorNonPureMethodCallOnConstant":
		set("function", e.Subject)
	case "ErrorVariableExists", "ErrorForbiddenVariable", "ErrorVariableNotFound",
		"ErrorPropertyNotFound", "ErrorDataRace", "ErrorAssignmentToConstant":
		set("variable", e.Subject)
	case "ErrorIndexNotFound":
		set("index", e.Subject)
	case "ErrorModuleNotFound":
		set("module", e.Subject)
	case "ErrorDotExpr":
		set("property", e.Subject)
	case "ErrorIndexingType":
		set("type", e.Subject)
	case "ErrorMismatchDataType", "ErrorMismatchOutputType":
		set("requested", e.Subject)
		set("actual", e.Actual)
	case "ErrorArrayBounds", "ErrorStringBounds", "ErrorBitFieldBounds":
		d.Set("length", value.OfInt(e.Length))
		d.Set("index", value.OfInt(e.Index))
	}
}

// sentence is the message with the calls but without the outermost place.
func (e *Error) sentence() string {
	c := *e
	if n := len(c.Calls); n > 0 {
		c.Calls = append([]Call(nil), c.Calls...)
		c.Calls[n-1].Pos = syntax.Pos{}
	} else {
		c.Pos = syntax.Pos{}
	}
	return c.Error()
}
