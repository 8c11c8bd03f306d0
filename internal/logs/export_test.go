package logs

// ParseLine is parseLine, for the tests.
func ParseLine(b []byte) Line { return parseLine(b) }
