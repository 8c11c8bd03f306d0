package main

import (
	"os"
	"strings"
	"testing"
)

// TestRun holds that the runner tells cases that hold from those that do not.
func TestRun(t *testing.T) {
	const cases = `
{"id":"1","script":"1 + 1","expect":{"type":"int","value":"2"}}
{"id":"2","script":"[1, 2.5, 'c', \"s\", true, ()]","expect":{"type":"array","value":[{"type":"int","value":"1"},{"type":"float","value":"2.5"},{"type":"char","value":"c"},{"type":"string","value":"s"},{"type":"bool","value":true},{"type":"unit"}]}}
{"id":"3","script":"nope()","expect":{"type":"error","value":"ErrorFunctionNotFound"}}
{"id":"4","script":"let = 1","expect":{"type":"parse_error"}}
{"id":"5","script":"#{a: 1, a: 2}","expect":{"type":"error","value":"parse:DuplicatedProperty"}}
{"id":"6","script":"#{}","expect":{"type":"ok"}}
{"id":"7","script":"1.0","expect":{"type":"int","value":"1"}}
{"id":"8","script":"1","expect":{"type":"error"}}
{"id":"9","script":"nope()","expect":{"type":"error","value":"ErrorArithmetic"}}
{"id":"10","script":"1","expect":{"type":"what is this"}}
`
	var out strings.Builder
	failed, err := run(strings.NewReader(cases), &out)
	if err != nil || failed != 3 {
		t.Errorf("%d failed, %v", failed, err)
	}
	if !strings.HasSuffix(out.String(), "6 passed, 3 failed, 1 skipped\n") {
		t.Errorf("it says\n%s", out.String())
	}
	for _, id := range []string{"7 (", "8 (", "9 ("} {
		if !strings.Contains(out.String(), "\n"+id) && !strings.HasPrefix(out.String(), id) {
			t.Errorf("case %s is not told:\n%s", id, out.String())
		}
	}
	if _, err := run(strings.NewReader("no JSON"), &out); err == nil {
		t.Error("a line that is no case was taken")
	}
}

// TestCases runs the file of cases that RHAI_CASES names, where it names one.
func TestCases(t *testing.T) {
	path := os.Getenv("RHAI_CASES")
	if path == "" {
		t.Skip("RHAI_CASES names no file of cases")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	if failed, err := run(f, &out); failed > 0 || err != nil {
		t.Errorf("%d failed, %v\n%s", failed, err, out.String())
	}
}
