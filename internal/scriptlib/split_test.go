package scriptlib_test

import (
	"slices"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/scriptlib"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		line  string
		words []string // nil: a shell is needed
	}{
		{"/bin/x", []string{"/bin/x"}},
		{"  /bin/x   --port 80\t-v ", []string{"/bin/x", "--port", "80", "-v"}},
		{`x "a b" 'c "d"' e\ f ""`, []string{"x", "a b", `c "d"`, "e f", ""}},
		{`x "a\"b" "a\b" '\'`, []string{"x", `a"b`, `a\b`, `\`}},
		{"x --set=a=b", []string{"x", "--set=a=b"}},
		{"K=V x", nil},
		{"x | y", nil},
		{"x && y", nil},
		{"x $HOME", nil},
		{`x "$HOME"`, nil},
		{"x > log", nil},
		{"x *.txt", nil},
		{"x ~/a", nil},
		{`x "open`, nil},
		{`x \`, nil},
		{"x '$HOME'", []string{"x", "$HOME"}},
	} {
		got, ok := scriptlib.Split(c.line)
		if ok != (c.words != nil) || ok && !slices.Equal(got, c.words) {
			t.Errorf("split %q: %q, %v; want %q", c.line, got, ok, c.words)
		}
	}
}
