package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Progress shows on stderr that something is waited for, and for how long, on
// a terminal only. The function that it returns takes it away again.
func (e Env) Progress(what string) (done func()) {
	if !e.Terminal(e.Stderr) || e.getenv("TERM") == "dumb" {
		return func() {}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		began := time.Now()
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		for i := 0; ; i++ {
			select {
			case <-stop:
				if i > 0 {
					fmt.Fprint(e.Stderr, "\r\x1b[K")
				}
				return
			case <-tick.C:
				fmt.Fprintf(e.Stderr, "\r\x1b[K%c %s (%.0f s)", frames[i%len(frames)], what, time.Since(began).Seconds())
			}
		}
	})
	var once sync.Once
	return func() { once.Do(func() { close(stop); wg.Wait() }) }
}

// Confirm asks a question that is answered with y or n. Where no person is
// there to answer, it is fault.Invalid, with the flag that answers it.
func (e Env) Confirm(question, flag string) (bool, error) {
	if !e.Terminal(e.Stdin) || !e.Terminal(e.Stdout) {
		return false, fault.WithHint(fault.Errorf(fault.Invalid, "%s Nobody is there to say so", question), "give "+flag)
	}
	fmt.Fprintf(e.Stdout, "%s [y/N] ", question)
	line, err := bufio.NewReader(e.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

// Screen is a terminal that a program draws on as a whole. Close gives it back
// as it was.
type Screen struct {
	in, out *os.File
	state   *term.State
	keys    chan string
	resized chan os.Signal
	last    string // what was drawn
}

// OpenScreen takes the terminal, or fails with fault.Unsupported where stdin
// and stdout are none.
func (e Env) OpenScreen() (*Screen, error) {
	in, ok := e.Stdin.(*os.File)
	out, ok2 := e.Stdout.(*os.File)
	if !ok || !ok2 || !e.Terminal(in) || !e.Terminal(out) || e.getenv("TERM") == "dumb" {
		return nil, fault.Errorf(fault.Unsupported, "there is no terminal")
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("take the terminal: %w", err)
	}
	s := &Screen{in: in, out: out, state: state, keys: make(chan string, 8), resized: make(chan os.Signal, 1)}
	signal.Notify(s.resized, syscall.SIGWINCH)
	// Another page of the terminal, so that what stood there comes back.
	fmt.Fprint(out, "\x1b[?1049h\x1b[?25l\x1b[2J")
	go s.read() // ends with the process: a read of a terminal cannot be cut short
	return s, nil
}

// read hands on what is typed, a key at a time.
func (s *Screen) read() {
	defer close(s.keys)
	buf := make([]byte, 32)
	for {
		n, err := s.in.Read(buf)
		if err != nil {
			return
		}
		s.keys <- string(buf[:n])
	}
}

// Close gives the terminal back.
func (s *Screen) Close() error {
	signal.Stop(s.resized)
	fmt.Fprint(s.out, "\x1b[?25h\x1b[?1049l")
	if err := term.Restore(int(s.in.Fd()), s.state); err != nil {
		return fmt.Errorf("give the terminal back: %w", err)
	}
	return nil
}

// Size returns the columns and rows that there are now.
func (s *Screen) Size() (columns, rows int) {
	w, h, err := term.GetSize(int(s.out.Fd()))
	if err != nil || w <= 0 || h <= 0 {
		return 80, 24
	}
	return w, h
}

// Draw shows lines, and nothing else.
func (s *Screen) Draw(lines []string) error {
	columns, rows := s.Size()
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, "\x1b[%d;1H", i+1)
		if i < len(lines) {
			b.WriteString(Cut(lines[i], columns))
		}
		b.WriteString("\x1b[K")
	}
	if b.String() == s.last {
		return nil
	}
	s.last = b.String()
	_, err := io.WriteString(s.out, s.last)
	return err
}

// Key waits for a key until d has passed or the terminal has another size,
// which is "", or ctx ends. A key is what
// the terminal sends: "q", "\x03" for Ctrl-C, "\x1b[A" for the arrow up. ok is
// false where no further key can come.
func (s *Screen) Key(ctx context.Context, d time.Duration) (key string, ok bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case key, ok = <-s.keys:
		return key, ok
	case <-t.C:
		return "", true
	case <-s.resized:
		return "", true
	case <-ctx.Done():
		return "", false
	}
}
