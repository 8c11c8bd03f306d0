// Package logs keeps the output of a service: it reads the pipes that the
// processes write to, puts the time before every line, and keeps the lines in
// numbered files below var/logs/{service}, within limits of size and age.
//
// No line is lost, and none doubled, when the reader is killed with SIGKILL:
// see Capture.
package logs

import (
	"context"
	"iter"
	"time"
)

// Line is one line of output.
type Line struct {
	Time    time.Time `json:"time"`
	Stream  string    `json:"stream"`            // stdout or stderr
	Text    string    `json:"text"`              // without the newline; bytes that are not UTF-8 are U+FFFD
	Partial bool      `json:"partial,omitempty"` // the next line of the stream goes on with this one
}

// Query says which lines of a log are read. The zero value reads all that is
// kept.
type Query struct {
	Tail   int       // only the last so many lines that match; 0 for all
	Since  time.Time // only lines of this time and later
	Until  time.Time // only lines before this time
	Grep   string    // only lines that hold this text
	Follow bool      // go on with new lines until the context ends
}

// Log is the log of one service, for reading. It is safe for concurrent use.
type Log struct{ dir string }

// Open returns the log in a service's log folder, which need not exist yet.
func Open(dir string) *Log { return &Log{dir: dir} }

// Read yields the lines that q asks for, the oldest first. It ends after the
// first error.
func (l *Log) Read(ctx context.Context, q Query) iter.Seq2[Line, error] { return nil }
