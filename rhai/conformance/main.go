// Command conformance runs the cases of a file, one JSON object a line, and
// prints each that fails with what was wanted and got.
//
//	go run ./rhai/conformance FILE.jsonl
//
// A case has id, script and expect; expect has a type (int, float, bool, char,
// string, unit, array, ok, error, parse_error) and a value. It fails with exit
// status 1 where any case fails, 2 where the file cannot be read.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// expect is what a case is expected to come to.
type expect struct {
	Type  string     `json:"type"`
	Value json.Value `json:"value"`
}

type testCase struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Test   string `json:"test"`
	Script string `json:"script"`
	Expect expect `json:"expect"`
}

// timeout ends a script that does not end.
const timeout = 10 * time.Second

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: conformance FILE.jsonl")
		os.Exit(2)
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	defer f.Close()
	failed, err := run(f, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// run runs the cases of r and reports to w how many failed.
func run(r io.Reader, w io.Writer) (failed int, err error) {
	passed, skipped := 0, 0
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var c testCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return failed, fmt.Errorf("read case: %w", err)
		}
		switch got, ok := c.check(); {
		case got == "skipped":
			skipped++
		case ok:
			passed++
		default:
			failed++
			fmt.Fprintf(w, "%s (%s %s)\n  wanted %s %s\n  got    %s\n",
				c.ID, c.Source, c.Test, c.Expect.Type, c.Expect.Value, got)
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return failed, lines.Err()
}

// check runs the case and compares what comes of it.
func (c *testCase) check() (got string, ok bool) {
	engine := rhai.New(rhai.Options{Limits: rhai.Limits{Time: timeout}})
	prog, err := engine.Compile("", c.Script)
	if err != nil {
		return "does not parse: " + err.Error(), c.Expect.fits(err, true)
	}
	v, err := prog.Run(context.Background(), nil)
	if err != nil {
		return "error: " + err.Error(), c.Expect.fits(err, false)
	}
	if !c.Expect.known() {
		return "skipped", false
	}
	return v.TypeName() + " " + v.Debug(), c.Expect.matches(v)
}

func (e expect) known() bool {
	switch e.Type {
	case "int", "float", "bool", "char", "string", "unit", "array", "ok", "error", "parse_error":
		return true
	}
	return false
}

// fits compares an error.
func (e expect) fits(err error, parsing bool) bool {
	if e.Type == "parse_error" {
		return parsing
	}
	if e.Type != "error" {
		return false
	}
	want := e.text()
	f, ok := err.(*rhai.Error)
	switch {
	case want == "":
		return true
	case !ok:
		return false
	case strings.HasPrefix(want, "parse:"):
		return f.Parse == strings.TrimPrefix(want, "parse:")
	}
	return f.Kind == want || want == "ErrorInFunctionCall" && len(f.Calls) > 0
}

func (e expect) text() string {
	var s string
	if err := json.Unmarshal(e.Value, &s); err != nil {
		return ""
	}
	return s
}

// matches compares a value.
func (e expect) matches(v rhai.Value) bool {
	switch e.Type {
	case "ok":
		return true
	case "unit":
		return v.IsUnit()
	case "int":
		n, err := strconv.ParseInt(e.text(), 10, 64)
		return err == nil && v.Kind() == value.Int && v.Int() == n
	case "float":
		return v.Kind() == value.Float && e.float(v.Float())
	case "bool":
		return v.Kind() == value.Bool && string(e.Value) == strconv.FormatBool(v.Bool())
	case "char":
		return v.Kind() == value.Char && string(v.Char()) == e.text()
	case "string":
		return v.Kind() == value.String && v.Str() == e.text()
	case "array":
		return e.items(v)
	}
	return false
}

func (e expect) float(got float64) bool {
	want, err := strconv.ParseFloat(strings.Trim(string(e.Value), `"`), 64)
	if err != nil {
		return false
	}
	return got == want || math.Abs(got-want) < 1e-9*math.Max(math.Abs(got), math.Abs(want)) ||
		math.IsNaN(got) && math.IsNaN(want)
}

func (e expect) items(v rhai.Value) bool {
	var list []expect
	if err := json.Unmarshal(e.Value, &list); err != nil {
		return false
	}
	// A blob counts as an array of its bytes.
	if v.Kind() == value.Blob {
		if len(list) != len(v.Data()) {
			return false
		}
		for i, b := range v.Data() {
			if !list[i].matches(value.OfInt(int64(b))) {
				return false
			}
		}
		return true
	}
	if v.Kind() != value.Array || len(list) != len(v.Items()) {
		return false
	}
	for i, x := range v.Items() {
		if !list[i].matches(x.Flat()) {
			return false
		}
	}
	return true
}
