package proxy

// Follow returns how many bytes are well framed, read by so many at a time.
func Follow(data []byte, step int) int {
	var f frame
	for at := 0; at < len(data); at += step {
		end := min(at+step, len(data))
		if good := f.follow(data[at:end]); good < end-at {
			return at + good
		}
	}
	return len(data)
}
