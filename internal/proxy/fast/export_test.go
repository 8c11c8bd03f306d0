package fast

// Head is what the parser of requests understood.
type Head struct {
	Verb, Path, Host, Body string
	Fields                 [][2]string
	Size                   int
}

// ParseCall reads a request of which all has come; ok is false where the
// general path would get it.
func ParseCall(b []byte) (h Head, ok bool) {
	var c call
	if c.parse(b, requestNames(func(name string) bool { return name == "te" })) != good || c.size+c.length > len(b) {
		return h, false
	}
	h = Head{Verb: string(c.verb), Path: string(c.path), Host: string(c.host), Body: string(b[c.size : c.size+c.length]), Size: c.size + c.length}
	for _, f := range c.fields {
		h.Fields = append(h.Fields, [2]string{string(f.name), string(f.value)})
	}
	return h, true
}

// ParseAnswer reads an answer.
func ParseAnswer(b []byte) (body string, size int, ok bool) {
	var a answer
	if a.parse(b, answerNames()) != good || a.size+a.length > len(b) {
		return "", 0, false
	}
	return string(b[a.size : a.size+a.length]), a.size + a.length, true
}
