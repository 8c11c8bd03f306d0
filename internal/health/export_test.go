package health

// Read is read of an answer to a question about any service.
func Read(status int, body []byte) (Word, string, bool) {
	l, ok := read(status, body, who{})
	return l.Word, l.Detail, ok
}
