package syntax

// Scanned is a token, for the tests.
type Scanned struct {
	Text string
	Pos  Pos
	End  bool
	Err  *Error
}

// Scan returns the first max tokens of a text.
func Scan(text string, max int) []Scanned {
	s := newScanner(text, 0)
	var out []Scanned
	for range max {
		t := s.next()
		out = append(out, Scanned{t.show(), t.pos, t.kind == tokEOF, t.err})
		if t.kind == tokEOF {
			break
		}
	}
	return out
}
