// Package logs keeps the output of a service: it reads the pipes that the
// processes write to, puts the time before every line, and keeps the lines in
// numbered files below var/logs/{service}, within limits of size and age.
//
// No line is lost, and none doubled, when the reader is killed with SIGKILL:
// see Capture.
//
// A file's line is "TIME STREAM TEXT": the time in RFC 3339 with nanoseconds,
// and "stdout" or "stderr", with a "+" where the text goes on in the next line
// of the stream because it is very long.
package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// match reports whether a line is one that q asks for.
func (q Query) match(l Line) bool {
	return !l.Time.Before(q.Since) && (q.Until.IsZero() || l.Time.Before(q.Until)) && strings.Contains(l.Text, q.Grep)
}

// Log is the log of one service, for reading. It is safe for concurrent use.
type Log struct {
	dir string

	// mu guards changed.
	mu      sync.Mutex
	changed chan struct{} // closed at the next change; nil while nobody waits
}

// Open returns the log in a service's log folder, which need not exist yet. A
// Log that no Capture writes to follows by looking every 200 ms.
func Open(dir string) *Log { return &Log{dir: dir} }

// wait returns a channel that is closed at the next change.
func (l *Log) wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// wake tells those who wait that there is more.
func (l *Log) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Read yields the lines that q asks for, the oldest first. It ends after the
// first error.
func (l *Log) Read(ctx context.Context, q Query) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		at := position{}
		if q.Tail > 0 {
			var err error
			if at, err = l.tail(ctx, q, yield); err != nil {
				if !errors.Is(err, errStop) {
					yield(Line{}, err)
				}
				return
			}
		}
		for {
			changed := l.wait()
			next, err := l.forward(ctx, q, at, yield)
			if err != nil {
				if !errors.Is(err, errStop) {
					yield(Line{}, err)
				}
				return
			}
			moved := next != at
			at = next
			if !q.Follow {
				return
			}
			if moved {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

// errStop ends a walk whose reader has had enough.
var errStop = errors.New("stop")

// position is a place in a log: behind offset bytes of a numbered file.
type position struct {
	file   int
	offset int64
}

// forward yields the lines behind a position, and returns the position behind
// the last whole line.
func (l *Log) forward(ctx context.Context, q Query, at position, yield func(Line, error) bool) (position, error) {
	numbers, err := files(l.dir)
	if err != nil {
		return at, err
	}
	for _, n := range numbers {
		if n < at.file {
			continue
		}
		if n > at.file {
			at = position{file: n}
		}
		if at.offset == 0 && !q.Since.IsZero() && n != numbers[len(numbers)-1] {
			if fi, err := os.Stat(fileName(l.dir, n)); err == nil && fi.ModTime().Before(q.Since) {
				continue
			}
		}
		at.offset, err = scan(ctx, fileName(l.dir, n), at.offset, func(line Line) error {
			if q.match(line) && !yield(line, nil) {
				return errStop
			}
			return nil
		})
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

// tail yields the last lines that match, and returns where they ended.
func (l *Log) tail(ctx context.Context, q Query, yield func(Line, error) bool) (position, error) {
	numbers, err := files(l.dir)
	if err != nil {
		return position{}, err
	}
	var (
		at   position
		last [][]Line // of each file, the newest file first
		have int
	)
	for _, n := range slices.Backward(numbers) {
		var lines []Line
		end, err := scanTail(ctx, fileName(l.dir, n), q.Tail-have, q, &lines)
		if err != nil {
			return at, err
		}
		if at.file == 0 {
			at = position{n, end}
		}
		last = append(last, lines)
		if have += len(lines); have >= q.Tail {
			break
		}
	}
	for _, lines := range slices.Backward(last) {
		for _, line := range lines {
			if !yield(line, nil) {
				return at, errStop
			}
		}
	}
	return at, nil
}

// scanTail gives the last n lines of a file that match, reading as much from
// its end as that takes.
func scanTail(ctx context.Context, path string, n int, q Query, out *[]Line) (int64, error) {
	fi, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for back := int64(64 << 10); ; back *= 8 {
		from, whole := fi.Size()-back, false
		if from <= 0 {
			from, whole = 0, true
		}
		var lines []Line
		first := !whole // the first line may begin before
		end, err := scan(ctx, path, from, func(line Line) error {
			if first {
				first = false
				return nil
			}
			if q.match(line) {
				if lines = append(lines, line); len(lines) > 2*n {
					lines = append(lines[:0:0], lines[len(lines)-n:]...)
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		if whole || len(lines) >= n {
			*out = lines[max(0, len(lines)-n):]
			return end, nil
		}
	}
}

// scan calls f for every whole line of a file from an offset on, and returns
// the offset behind the last.
func scan(ctx context.Context, path string, from int64, f func(Line) error) (int64, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return from, nil // rotation took it
	}
	if err != nil {
		return from, err
	}
	defer file.Close()
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	r := bufio.NewReaderSize(file, 64<<10)
	var long []byte
	for count := 0; ; count++ {
		if count%1024 == 0 && ctx.Err() != nil {
			return from, ctx.Err()
		}
		b, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, b...)
			continue
		}
		if errors.Is(err, io.EOF) {
			return from, nil // what is there of a line will be whole at the next look
		}
		if err != nil {
			return from, err
		}
		if len(long) > 0 {
			b = append(long, b...)
			long = nil
		}
		if err := f(parseLine(b[:len(b)-1])); err != nil {
			return from, err
		}
		from += int64(len(b))
	}
}

// parseLine reads one line of a file. One that is not of the format, as an
// operator's hand may have left it, is all text.
func parseLine(b []byte) Line {
	stamp, rest, ok := bytes.Cut(b, []byte(" "))
	stream, text, ok2 := bytes.Cut(rest, []byte(" "))
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if !ok || !ok2 || err != nil {
		return Line{Text: strings.ToValidUTF8(string(b), "\uFFFD")}
	}
	name, partial := strings.CutSuffix(string(stream), "+")
	return Line{Time: t, Stream: name, Text: strings.ToValidUTF8(string(text), "\uFFFD"), Partial: partial}
}

// fileName returns the path of a log's numbered file.
func fileName(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("%08d.log", n)) }

// files returns the numbers of a log's files, in order.
func files(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".log"); ok {
			if n, err := strconv.Atoi(name); err == nil && n > 0 {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}
