package page

import (
	"fmt"
	"slices"
	"strings"
)

// Fault says why there is no page.
type Fault struct {
	Frame
	Message, Hint, Kind string
}

// Link leads somewhere, with a health word.
type Link struct {
	Name, URL string
	Word      string // health, or ""
	Current   bool
}

// Tab is one of the views of a service.
type Tab struct{ Name, Label, URL string }

// Holds reports whether all words are in the text.
func Holds(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// Plural returns a number with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// The size of a sparkline, in the units of its drawing.
const (
	sparkWidth  = 100.0
	sparkHeight = 24.0
)

// Sparkline returns the points of a line through values, the oldest left; the
// largest is at the top and nothing at the bottom.
func Sparkline(values []float64) string {
	if len(values) < 2 {
		return ""
	}
	top := slices.Max(values)
	if top <= 0 {
		top = 1
	}
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(' ')
		}
		x := sparkWidth * float64(i) / float64(len(values)-1)
		y := sparkHeight - 1 - (sparkHeight-2)*max(v, 0)/top
		fmt.Fprintf(&b, "%.1f,%.1f", x, y)
	}
	return b.String()
}

// Percent writes a share of one as a percentage.
func Percent(share float64) string { return Plain(share*100) + " %" }
