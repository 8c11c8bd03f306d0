package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

const (
	pipeSize = 1 << 20
	// idleBuffer is the most memory that a log keeps while nothing comes.
	idleBuffer = 16 << 10
	// longest is the longest text in one line of a file; a longer one is
	// written in pieces.
	longest = 1 << 20
	stamp   = "2006-01-02T15:04:05.000000000Z"
)

// Options say where a Capture reads and writes.
type Options struct {
	Pipes string // folder of the pipes and of what makes reading them safe
	Name  string // of the service, for the names there
	Limits
	Log *slog.Logger // nil discards
}

// Limits bound what a log keeps. Zero values mean 10 MiB, 5 files, any age.
type Limits struct {
	MaxSize  int64
	MaxFiles int
	MaxAge   time.Duration
	Drop     bool // lose lines, and count them, where they cannot be written
}

// Capture reads what a service writes and keeps it in a Log.
//
//	process ──▶ named pipe ──splice──▶ spool file ──▶ numbered file
//
// The process holds both ends of its pipe, so that it neither dies nor loses a
// line while nobody reads: it waits once the pipe is full. The kernel moves the
// bytes from the pipe to a spool file without passing through this process;
// how far the spool was written to the log, and how far the log itself is good,
// stands in a journal of 32 bytes that one write changes. Killed at any
// instruction, the next Capture cuts the log back to the journal and goes on.
type Capture struct {
	opts    Options
	log     *Log
	streams [2]*stream
	wg      sync.WaitGroup
	stop    chan struct{}

	// mu guards the fields below it.
	mu      sync.Mutex
	opened  bool
	journal *os.File
	out     *os.File // the file that is written
	number  int      // its number
	size    int64    // how far it is good
	in, buf []byte
	lost    int64 // lines, where they may be dropped
}

// stream is one of the two pipes.
type stream struct {
	name  string
	pipe  *os.File // in the poller, not blocking
	spool *os.File
	from  int64 // what of the spool is in the log
	end   int64 // what of the spool is there
}

// Pipes returns the paths of the pipes for stdout and stderr.
func (c *Capture) Pipes() (stdout, stderr string) {
	return c.path("out"), c.path("err")
}

func (c *Capture) path(ending string) string {
	return filepath.Join(c.opts.Pipes, c.opts.Name+"."+ending)
}

// NewCapture makes the pipes where they are missing, takes up what an earlier
// Capture left, and begins to read. Nothing else may read or write there.
func NewCapture(log *Log, opts Options) (*Capture, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	c := &Capture{opts: opts, log: log, stop: make(chan struct{})}
	c.SetLimits(opts.Limits)
	for i, ending := range []string{"out", "err"} {
		s := &stream{name: "std" + ending}
		path := c.path(ending)
		if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
			c.closeFiles()
			return nil, fault.Errorf(fault.Unavailable, "make pipe %s: %w", path, err)
		}
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			c.closeFiles()
			return nil, fault.Errorf(fault.Unavailable, "open pipe %s: %w", path, err)
		}
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize) // a smaller one does, too
		s.pipe = os.NewFile(uintptr(fd), path)
		c.streams[i] = s
	}
	// An idle log opens nothing, unless there is something left to finish.
	if _, err := os.Stat(c.path("journal")); err == nil {
		c.mu.Lock()
		err = c.openLocked()
		if err == nil {
			for _, s := range c.streams {
				err = errors.Join(err, c.moveLocked(s, false))
			}
		}
		c.mu.Unlock()
		if err != nil {
			c.closeFiles()
			return nil, fault.Errorf(fault.Unavailable, "take up log of %s: %w", opts.Name, err)
		}
	}
	for _, s := range c.streams {
		c.wg.Go(func() { c.read(s) })
	}
	return c, nil
}

// SetLimits changes the limits from the next line on.
func (c *Capture) SetLimits(l Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.MaxSize <= 0 {
		l.MaxSize = 10 << 20
	}
	if l.MaxFiles <= 0 {
		l.MaxFiles = 5
	}
	c.opts.Limits = l
}

// Close stops reading. What is in the pipes stays there for the next Capture,
// as long as a process has them open.
func (c *Capture) Close() error {
	close(c.stop)
	for _, s := range c.streams {
		s.pipe.Close()
	}
	c.wg.Wait()
	return c.closeFiles()
}

// Remove takes the pipes away. It comes after Flush and Close.
func (c *Capture) Remove() {
	for _, ending := range []string{"out", "err", "out.spool", "err.spool", "journal"} {
		_ = os.Remove(c.path(ending))
	}
}

// Flush reads what the pipes hold now and writes it, a last line without a
// newline too: it is called when a process has ended.
func (c *Capture) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.streams {
		conn, err := s.pipe.SyscallConn()
		if err != nil {
			return nil // closed
		}
		err = conn.Control(func(fd uintptr) {
			for {
				n, err := c.takeLocked(s, int(fd))
				if n == 0 || err != nil {
					errs = append(errs, err)
					return
				}
			}
		})
		errs = append(errs, err, c.moveLocked(s, true))
	}
	return errors.Join(errs...)
}

// read moves what comes out of a pipe to the log until the pipe is closed. It
// holds no buffer while it waits.
func (c *Capture) read(s *stream) {
	conn, err := s.pipe.SyscallConn()
	if err != nil {
		return
	}
	for {
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			n, err := c.takeLocked(s, int(fd))
			failed = err
			return n > 0 || err != nil
		})
		if err != nil {
			return
		}
		for {
			c.mu.Lock()
			failed = errors.Join(failed, c.moveLocked(s, false))
			c.mu.Unlock()
			if failed == nil {
				break
			}
			if !c.hold(s, failed) {
				return
			}
			failed = nil
		}
	}
}

// hold waits before the next try to write: the service is held back meanwhile.
func (c *Capture) hold(s *stream, err error) bool {
	c.opts.Log.Warn("log is not written; the service is held back", "unit", c.opts.Name, "stream", s.name, "err", err)
	c.mu.Lock()
	if c.opts.Drop && s.spool != nil {
		c.dropLocked(s)
	}
	c.mu.Unlock()
	select {
	case <-c.stop:
		return false
	case <-time.After(500 * time.Millisecond):
		return true
	}
}

// dropLocked gives up what is in the spool, and counts it.
func (c *Capture) dropLocked(s *stream) {
	b := make([]byte, min(s.end-s.from, 8<<20))
	n, _ := s.spool.ReadAt(b, s.from)
	c.lost += int64(bytes.Count(b[:n], []byte{'\n'}))
	s.from, s.end = 0, 0
	_ = s.spool.Truncate(0)
	_ = c.noteLocked()
}

// takeLocked lets the kernel move what is in a pipe behind the spool's end.
func (c *Capture) takeLocked(s *stream, fd int) (int64, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); err != nil || n == 0 {
		return 0, nil
	}
	if err := c.openLocked(); err != nil {
		return 0, err
	}
	if s.end-s.from > 4*longest {
		return 0, errors.New("the spool is full")
	}
	off := s.end
	n, err := unix.Splice(fd, nil, int(s.spool.Fd()), &off, pipeSize, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	s.end += n
	return n, nil
}

// openLocked opens the files behind the pipes, and mends what a killed Capture
// left behind.
func (c *Capture) openLocked() (err error) {
	if c.opened {
		return nil
	}
	if err := os.MkdirAll(c.log.dir, 0o700); err != nil {
		return err
	}
	if c.journal == nil {
		if c.journal, err = os.OpenFile(c.path("journal"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return err
		}
	}
	var j [32]byte
	known := true
	if _, err := c.journal.ReadAt(j[:], 0); errors.Is(err, io.EOF) {
		known = false
	} else if err != nil {
		return err
	}
	number, size := int(binary.LittleEndian.Uint64(j[0:])), int64(binary.LittleEndian.Uint64(j[8:]))
	for i, s := range c.streams {
		if s.spool == nil {
			ending := []string{"out", "err"}[i] + ".spool"
			if s.spool, err = os.OpenFile(c.path(ending), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
				return err
			}
		}
		fi, err := s.spool.Stat()
		if err != nil {
			return err
		}
		s.end, s.from = fi.Size(), int64(binary.LittleEndian.Uint64(j[16+8*i:]))
		if s.from > s.end { // emptied, and killed before that was noted
			s.from = 0
		}
	}
	numbers, err := files(c.log.dir)
	if err != nil {
		return err
	}
	c.number, c.size = 1, 0
	if n := len(numbers); n > 0 {
		c.number = numbers[n-1]
	}
	if c.out != nil {
		c.out.Close() // of a try that came no further
	}
	if c.out, err = os.OpenFile(fileName(c.log.dir, c.number), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	fi, err := c.out.Stat()
	if err != nil {
		return err
	}
	// What stands behind the journal's word is a batch that was cut short; its
	// lines are still in the spool.
	if c.size = fi.Size(); known && number == c.number && size < c.size {
		if err := c.out.Truncate(size); err != nil {
			return err
		}
		c.size = size
	}
	c.opened = true
	return c.noteLocked()
}

// noteLocked writes the journal, in one write that a kill cannot halve.
func (c *Capture) noteLocked() error {
	var j [32]byte
	binary.LittleEndian.PutUint64(j[0:], uint64(c.number))
	binary.LittleEndian.PutUint64(j[8:], uint64(c.size))
	for i, s := range c.streams {
		binary.LittleEndian.PutUint64(j[16+8*i:], uint64(s.from))
	}
	_, err := c.journal.WriteAt(j[:], 0)
	return err
}

// moveLocked writes the whole lines of a spool to the log; all is true where a
// last one without newline is to be written as well.
func (c *Capture) moveLocked(s *stream, all bool) error {
	if !c.opened {
		return nil
	}
	for s.from < s.end {
		if n := int(min(s.end-s.from, 2*longest)); cap(c.in) < n {
			c.in = make([]byte, n)
		} else {
			c.in = c.in[:n]
		}
		in := c.in
		if _, err := s.spool.ReadAt(in, s.from); err != nil {
			return err
		}
		used := c.formatLocked(s, in, all && int64(len(in)) == s.end-s.from)
		if used == 0 {
			break
		}
		if err := c.rotateLocked(); err != nil {
			return err
		}
		if _, err := c.out.WriteAt(c.buf, c.size); err != nil {
			return err
		}
		c.size += int64(len(c.buf))
		s.from += int64(used)
		if err := c.noteLocked(); err != nil {
			return err
		}
	}
	if cap(c.buf) > idleBuffer && s.from == s.end {
		c.in, c.buf = nil, nil
	}
	c.log.wake()
	return c.shrinkLocked(s)
}

// shrinkLocked gives back the space of what is in the log.
func (c *Capture) shrinkLocked(s *stream) error {
	if s.from == 0 {
		return nil
	}
	if s.from == s.end {
		if err := s.spool.Truncate(0); err != nil {
			return err
		}
		s.from, s.end = 0, 0
		return c.noteLocked()
	}
	if s.from > 4*longest {
		_ = unix.Fallocate(int(s.spool.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, s.from)
	}
	return nil
}

// formatLocked puts the time and the stream before each line of in, and returns
// how much of in that took.
func (c *Capture) formatLocked(s *stream, in []byte, all bool) (used int) {
	now := time.Now().UTC().AppendFormat(nil, stamp)
	now = append(append(append(now, ' '), s.name...), ' ')
	out := c.buf[:0]
	if cap(out) < len(in) {
		out = make([]byte, 0, len(in)+len(in)/2)
	}
	if c.lost > 0 {
		out = append(append(out, now...), "(lines were dropped here: the log could not be written)\n"...)
		c.lost = 0
	}
	for used < len(in) {
		rest := in[used:]
		i := bytes.IndexByte(rest, '\n')
		switch {
		case i >= 0 && i <= longest:
			out = append(append(out, now...), rest[:i+1]...)
			used += i + 1
			continue
		case i > longest || len(rest) > longest:
			out = append(out, now[:len(now)-1]...)
			out = append(append(append(out, "+ "...), rest[:longest]...), '\n')
			used += longest
			continue
		case all:
			out = append(append(append(out, now...), rest...), '\n')
			used += len(rest)
		}
		break
	}
	c.buf = out
	return used
}

// rotateLocked begins a new file once the current one is full, and removes
// those beyond the limits.
func (c *Capture) rotateLocked() error {
	if c.size == 0 || c.size+int64(len(c.buf)) <= c.opts.MaxSize {
		return nil
	}
	next, err := os.OpenFile(fileName(c.log.dir, c.number+1), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	c.out.Close()
	c.out, c.number, c.size = next, c.number+1, 0
	if err := c.noteLocked(); err != nil {
		return err
	}
	numbers, err := files(c.log.dir)
	if err != nil {
		return err
	}
	for i, n := range numbers {
		path := fileName(c.log.dir, n)
		old := len(numbers)-i > c.opts.MaxFiles
		if fi, err := os.Stat(path); err == nil && c.opts.MaxAge > 0 && time.Since(fi.ModTime()) > c.opts.MaxAge {
			old = true
		}
		if old && n != c.number {
			_ = os.Remove(path)
		}
	}
	return nil
}

func (c *Capture) closeFiles() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	files := []*os.File{c.journal, c.out}
	for _, s := range c.streams {
		if s != nil {
			files = append(files, s.spool)
			s.pipe.Close()
		}
	}
	for _, f := range files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
