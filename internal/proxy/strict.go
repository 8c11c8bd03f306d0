package proxy

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
)

// Strict returns a listener whose connections let through HTTP/1 only that
// every reader frames alike: net/http, which reads it next, forgives folded
// lines and blanks in chunk sizes, and whoever stands behind the proxy may
// read those differently. At the first byte that is not so the connection
// fails, which net/http answers with 400 and an end. It is for listeners of
// plain HTTP: on TLS it would judge what is encrypted.
func Strict(l net.Listener) net.Listener { return strictListener{l} }

type strictListener struct{ net.Listener }

// Accept returns the next connection.
func (l strictListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strictConn{Conn: c}, nil
}

var errMalformed = errors.New("the request is not framed as it should be")

// strictConn follows the framing of what is read from a connection.
type strictConn struct {
	net.Conn
	frame    frame
	failed   bool
	upgrade  atomic.Bool // the last head asked for another protocol
	switched atomic.Bool // and was granted it: what follows is not HTTP
}

// Read reads what is well framed.
func (c *strictConn) Read(p []byte) (int, error) {
	if c.failed {
		return 0, errMalformed
	}
	n, err := c.Conn.Read(p)
	if c.switched.Load() {
		return n, err
	}
	good := c.frame.follow(p[:n])
	c.upgrade.Store(c.frame.upgrade)
	if good < n {
		c.failed = true
		if good == 0 {
			return 0, errMalformed
		}
		return good, nil
	}
	return n, err
}

// Write passes an answer on, and sees whether it grants another protocol.
func (c *strictConn) Write(p []byte) (int, error) {
	if c.upgrade.Load() && bytes.HasPrefix(p, []byte("HTTP/1.1 101 ")) {
		c.switched.Store(true)
	}
	return c.Conn.Write(p)
}

// CloseWrite ends one way of the connection.
func (c *strictConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Conn.Close()
}

// The parts of a request.
type part uint8

const (
	head part = iota
	fixed
	chunkSize
	chunkData
	chunkEnd
	trailer
)

// frame is where in a request the bytes stand. Its zero value stands before
// the first one.
type frame struct {
	part    part
	line    []byte // of a head, a chunk size or a trailer, as far as it came
	first   bool   // the request line was read
	left    int64  // of a fixed body or a chunk
	length  int64  // of the body
	given   bool   // a length was given
	chunked bool
	old     bool // HTTP/1.0
	upgrade bool
	call    bool  // of a JSON-RPC endpoint
	chunks  int64 // so far
	size    int64 // of the chunks so far
}

// maxLine is how long a line may be.
const maxLine = 128 << 10

// follow returns how many of the bytes are well framed.
func (f *frame) follow(p []byte) int {
	for i := 0; i < len(p); {
		switch f.part {
		case fixed, chunkData:
			n := int(min(f.left, int64(len(p)-i)))
			f.left -= int64(n)
			i += n
			if f.left == 0 && f.part == fixed {
				f.reset()
			} else if f.left == 0 {
				f.part, f.line = chunkEnd, f.line[:0]
			}
			continue
		}
		c := p[i]
		carriage := len(f.line) > 0 && f.line[len(f.line)-1] == '\r'
		if carriage != (c == '\n') || len(f.line) >= maxLine || c == 0 || c == 0x7f || c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return i
		}
		f.line = append(f.line, c)
		// What folds a line is seen at its first byte: the head's end is not waited for.
		if len(f.line) == 1 && (c == ' ' || c == '\t') {
			return i
		}
		if c == '\n' {
			line := f.line[:len(f.line)-2]
			if !f.take(line) {
				return i
			}
			f.line = f.line[:0]
		}
		i++
	}
	return len(p)
}

// take takes one line, without its end.
func (f *frame) take(line []byte) bool {
	switch f.part {
	case chunkEnd:
		f.part = chunkSize
		return len(line) == 0
	case chunkSize:
		return f.takeSize(line)
	case trailer:
		if len(line) == 0 {
			f.reset()
			return true
		}
		name, _, ok := field(line)
		return ok && name != "content-length" && name != "transfer-encoding"
	}
	if !f.first {
		f.first = true
		return f.takeRequest(string(line))
	}
	if len(line) == 0 {
		return f.takeBody()
	}
	return f.takeField(line)
}

func (f *frame) takeRequest(line string) bool {
	verb, rest, ok := strings.Cut(line, " ")
	target, version, ok2 := strings.Cut(rest, " ")
	path, _, _ := strings.Cut(target, "?")
	f.old, f.call = version == "HTTP/1.0", strings.HasSuffix(path, "/rpc")
	return ok && ok2 && token(verb) && target != "" && !strings.ContainsAny(version, " \t") && strings.HasPrefix(version, "HTTP/")
}

func (f *frame) takeField(line []byte) bool {
	name, value, ok := field(line)
	if !ok {
		return false
	}
	switch name {
	case "content-length":
		if f.given || f.chunked || value == "" || len(value) > 18 || strings.Trim(value, "0123456789") != "" {
			return false
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return false
		}
		f.given, f.length = true, n
	case "transfer-encoding":
		if f.given || f.chunked || f.old || !strings.EqualFold(value, "chunked") {
			return false
		}
		f.chunked = true
	case "upgrade":
		f.upgrade = true
	}
	return true
}

// takeBody begins what follows a head.
func (f *frame) takeBody() bool {
	switch {
	case f.chunked:
		f.part = chunkSize
	case f.length > 0:
		f.part, f.left = fixed, f.length
	default:
		upgrade := f.upgrade
		f.reset()
		f.upgrade = upgrade // until the next head
	}
	return true
}

func (f *frame) takeSize(line []byte) bool {
	digits, ext, extended := strings.Cut(string(line), ";")
	if len(digits) == 0 || len(digits) > 15 || len(line) > 256 || extended && (ext == "" || strings.ContainsAny(ext, "\"\\")) {
		return false
	}
	n, err := strconv.ParseUint(digits, 16, 60)
	if err != nil {
		return false
	}
	if n == 0 {
		f.part = trailer
		return true
	}
	f.chunks++
	f.size += int64(n)
	// Nobody sends a call byte by byte but to keep its readers busy.
	if f.call && f.chunks > 256 && f.size < 16*f.chunks {
		return false
	}
	f.part, f.left = chunkData, int64(n)
	return true
}

func (f *frame) reset() { *f = frame{line: f.line[:0]} }

// field reads a field's line: its name in lower case, and its value.
func field(line []byte) (name, value string, ok bool) {
	n, v, ok := strings.Cut(string(line), ":")
	return strings.ToLower(n), strings.Trim(v, " \t"), ok && token(n)
}

func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
