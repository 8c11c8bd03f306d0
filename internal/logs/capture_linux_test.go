package logs_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/logs"
)

// TestMain lets the test binary be a capture that is killed, and a service that
// writes lines.
func TestMain(m *testing.M) {
	switch os.Getenv("LOGS_TEST") {
	case "capture":
		if _, err := logs.NewCapture(logs.Open(os.Args[2]), logs.Options{Pipes: os.Args[1], Name: "x", Limits: logs.Limits{MaxSize: 4 << 20, MaxFiles: 1000}}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("up")
		select {}
	case "write":
		w := bufio.NewWriterSize(os.Stdout, 4000)
		for i := range lines {
			fmt.Fprintf(w, "line %d %s\n", i, "................................................................................")
			if i%1000 == 0 {
				fmt.Fprintf(os.Stderr, "error %d\n", i)
			}
		}
		w.Flush()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const lines = 300_000

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within twenty seconds: %s", what)
		}
	}
}

func self(t *testing.T, mode string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "LOGS_TEST="+mode)
	return cmd
}

// TestNothingIsLostNorDoubledWhenKilled kills the reader of a service's pipes
// again and again while the service writes.
func TestNothingIsLostNorDoubledWhenKilled(t *testing.T) {
	pipes, dir := t.TempDir(), t.TempDir()
	capture := func() *exec.Cmd {
		cmd := self(t, "capture", pipes, dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if s, _ := bufio.NewReader(out).ReadString('\n'); s != "up\n" {
			t.Fatalf("capture says %q", s)
		}
		return cmd
	}
	cmd := capture()
	writer := self(t, "write")
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(pipes, name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Fd()                          // from here on it blocks
		t.Cleanup(func() { f.Close() }) // beyond the writer's end, as a service that lives does
		return f
	}
	writer.Stdout, writer.Stderr = open("x.out"), open("x.err")
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- writer.Wait() }()
	kills := 0
	for tick, done := time.NewTicker(17*time.Millisecond), false; !done; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		case <-tick.C:
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		kills++
		cmd = capture()
	}
	defer cmd.Process.Kill()
	t.Logf("killed %d times", kills)
	if kills < 3 {
		t.Errorf("killed %d times alone", kills)
	}
	log := logs.Open(dir)
	last := fmt.Sprintf("line %d ", lines-1)
	eventually(t, "the last line is there", func() bool { return len(read(t, log, logs.Query{Tail: 1, Grep: last})) == 1 })
	out, errs := 0, 0
	for _, l := range read(t, log, logs.Query{}) {
		want, n := fmt.Sprintf("line %d ", out), &out
		if l.Stream == "stderr" {
			want, n = fmt.Sprintf("error %d", errs*1000), &errs
		}
		if !strings.HasPrefix(l.Text, want) {
			t.Fatalf("%s: got %q, want %q", l.Stream, l.Text, want)
		}
		*n++
	}
	if out != lines || errs != lines/1000 {
		t.Errorf("%d and %d lines, want %d and %d", out, errs, lines, lines/1000)
	}
}

func read(t testing.TB, log *logs.Log, q logs.Query) []logs.Line {
	t.Helper()
	var out []logs.Line
	for l, err := range log.Read(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// capture returns a running capture and the two ends to write to.
func capture(t testing.TB, l logs.Limits) (*logs.Log, *logs.Capture, *os.File, *os.File) {
	t.Helper()
	log := logs.Open(filepath.Join(t.TempDir(), "logs"))
	c, err := logs.NewCapture(log, logs.Options{Pipes: t.TempDir(), Name: "x", Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var ends [2]*os.File
	o, e := c.Pipes()
	for i, path := range []string{o, e} {
		if ends[i], err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ends[i].Close() })
	}
	return log, c, ends[0], ends[1]
}

func texts(lines []logs.Line) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s:%s", l.Stream, l.Text)
		if l.Partial {
			b.WriteString("…")
		}
		b.WriteByte('|')
	}
	return b.String()
}

func TestLines(t *testing.T) {
	log, c, out, errs := capture(t, logs.Limits{})
	before := time.Now()
	fmt.Fprint(out, "one\n\ntw")
	eventually(t, "two lines", func() bool { return len(read(t, log, logs.Query{})) == 2 })
	fmt.Fprint(out, "o\nno newline")
	eventually(t, "three lines", func() bool { return len(read(t, log, logs.Query{})) == 3 })
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	errs.Write([]byte("bad \xff\x00 bytes\n"))
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	got := read(t, log, logs.Query{})
	if want := "stdout:one|stdout:|stdout:two|stdout:no newline|stderr:bad \ufffd\x00 bytes|"; texts(got) != want {
		t.Errorf("got %q, want %q", texts(got), want)
	}
	for _, l := range got {
		if l.Time.Before(before) || l.Time.After(time.Now()) {
			t.Errorf("time %v of a line written after %v", l.Time, before)
		}
	}
	for _, c := range []struct {
		q    logs.Query
		want string
	}{
		{logs.Query{Tail: 2}, "stdout:no newline|stderr:bad \ufffd\x00 bytes|"},
		{logs.Query{Tail: 1, Grep: "o"}, "stdout:no newline|"},
		{logs.Query{Grep: "tw"}, "stdout:two|"},
		{logs.Query{Since: time.Now().Add(time.Hour)}, ""},
		{logs.Query{Until: before}, ""},
	} {
		if got := texts(read(t, log, c.q)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
}

func TestLongLines(t *testing.T) {
	log, c, out, _ := capture(t, logs.Limits{})
	long := strings.Repeat("x", 1<<20)
	fmt.Fprintf(out, "%s\n%syz\nshort\n", long, long)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := texts(read(t, log, logs.Query{})), "stdout:"+long+"|stdout:"+long+"…|stdout:yz|stdout:short|"; got != want {
		t.Errorf("got %d bytes %.80q, want %d", len(got), got, len(want))
	}
}

func TestRotation(t *testing.T) {
	log, c, out, _ := capture(t, logs.Limits{MaxSize: 1000, MaxFiles: 3})
	for i := range 200 {
		fmt.Fprintf(out, "line %d\n", i)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, log, logs.Query{})
	if n := len(got); n < 30 || n > 80 || got[n-1].Text != "line 199" || got[0].Text != fmt.Sprintf("line %d", 200-n) {
		t.Errorf("%d lines from %q to %q", n, got[0].Text, got[n-1].Text)
	}
	if got := read(t, log, logs.Query{Tail: 25}); len(got) != 25 || got[0].Text != "line 175" {
		t.Errorf("tail over files: %d lines from %q", len(got), got[0].Text)
	}
}

func TestFollow(t *testing.T) {
	log, _, out, _ := capture(t, logs.Limits{MaxSize: 500, MaxFiles: 1000})
	fmt.Fprint(out, "0\n")
	eventually(t, "a line", func() bool { return len(read(t, log, logs.Query{})) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for l, err := range log.Read(ctx, logs.Query{Tail: 1, Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Text != fmt.Sprint(n) {
			t.Fatalf("line %q, want %d", l.Text, n)
		}
		if n++; n == 300 {
			cancel()
			break
		}
		fmt.Fprintf(out, "%d\n", n)
	}
	cancel()
}

// BenchmarkCapture is the way of lines of 100 bytes from pipe to file.
func BenchmarkCapture(b *testing.B) {
	log, _, out, _ := capture(b, logs.Limits{MaxSize: 64 << 20})
	block := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 640))
	out.Fd()
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		if _, err := out.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	fmt.Fprintln(out, "the end")
	for len(read(b, log, logs.Query{Tail: 1, Grep: "the end"})) == 0 {
	}
}
