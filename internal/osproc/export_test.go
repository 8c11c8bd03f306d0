package osproc

// ParseNotice is parseNotice, for the tests.
func ParseNotice(s string) Notice { return parseNotice(s) }
