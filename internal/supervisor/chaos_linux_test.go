package supervisor_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// serve does what the lines of standard input say, in the process of a
// supervisor that a test will kill.
func serve(s *supervisor.Supervisor) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		f := strings.Fields(in.Text())
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		var err error
		switch f[0] {
		case "start":
			err = s.Start(ctx, f[1])
		case "stop":
			err = s.Stop(ctx, f[1])
		case "restart":
			err = s.Restart(ctx, f[1])
		case "edit":
			var u unit.Unit
			if u, err = s.Get(f[1]); err == nil {
				u.Env = map[string]string{"EDITED": strconv.Itoa(rand.Int())}
				err = s.Set(ctx, u)
			}
		case "set":
			err = s.Set(ctx, chaotic(f[1]))
		case "status":
			var st supervisor.Status
			if st, err = s.Status(f[1]); err == nil {
				fmt.Println(st.State, st.PID, st.Desired)
			}
		case "leave":
			err = s.Shutdown(ctx, supervisor.Leave)
		}
		cancel()
		if err != nil {
			fmt.Println("error:", err)
		} else if f[0] != "status" {
			fmt.Println("ok")
		}
	}
	select {} // the test kills it, whatever became of its pipe
}

// chaotic returns a unit that behaves as its name says.
func chaotic(name string) unit.Unit {
	scripts := map[string]string{
		"plain":  "exec sleep 1000",
		"forks":  "setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &) ; wait",
		"deaf":   `trap "" TERM; while :; do sleep 0.1; done`,
		"crash":  "sleep 0.$((RANDOM % 9 + 1)); exit 1",
		"writes": "while :; do echo line; sleep 0.01; done",
		"needs":  "exec sleep 1000",
	}
	u := fast(name, scripts[name])
	u.Command[0] = "bash"
	u.Grace = unit.Duration(200 * time.Millisecond)
	u.MaxRestarts = -1
	if name == "needs" {
		u.Requires = []string{"plain"}
	}
	return u
}

// chaos is a home on which things are done at random.
type chaos struct {
	t      *testing.T
	rnd    *rand.Rand
	places layout.Places
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	up     map[string]bool // as it was asked for
	steps  []string
}

func (c *chaos) launch() {
	exe, err := os.Executable()
	must(c.t, err)
	c.cmd = exec.Command(exe)
	c.cmd.Env = append(os.Environ(), "SUPERVISOR_TEST_HOME="+c.places.Home)
	c.in, err = c.cmd.StdinPipe()
	must(c.t, err)
	out, err := c.cmd.StdoutPipe()
	must(c.t, err)
	must(c.t, c.cmd.Start())
	c.out = bufio.NewReader(out)
	if s, _ := c.out.ReadString('\n'); s != "up\n" {
		c.fail("the supervisor says %q", s)
	}
}

func (c *chaos) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

func (c *chaos) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s\nafter: %s", fmt.Sprintf(format, args...), strings.Join(c.steps[max(0, len(c.steps)-25):], "; "))
}

// ask has one command done. It is repeated after the supervisor is killed in
// the middle of it.
func (c *chaos) ask(command string, killed bool) string {
	fmt.Fprintln(c.in, command)
	if killed {
		<-time.After(time.Duration(c.rnd.IntN(30)) * time.Millisecond)
		c.kill()
		c.launch()
		fmt.Fprintln(c.in, command)
	}
	s, err := c.out.ReadString('\n')
	if err != nil || strings.HasPrefix(s, "error") {
		c.fail("%s: %q %v", command, s, err)
	}
	return strings.TrimSpace(s)
}

// processes returns the processes of each unit, and those that are main ones.
func (c *chaos) processes() (all, main map[string][]int) {
	all, main = map[string][]int{}, map[string][]int{}
	entries, err := os.ReadDir("/proc")
	must(c.t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		vars := bytes.Split(env, []byte{0})
		name, home := "", false
		for _, v := range vars {
			if s, ok := strings.CutPrefix(string(v), "HERO_UNIT="); ok {
				name = s
			}
			home = home || string(v) == "HERO_HOME="+c.places.Home
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if name == "" || !home || err != nil {
			continue
		}
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if f[0] == "Z" || f[0] == "X" {
			continue
		}
		all[name] = append(all[name], pid)
		// What "forks" forks leads sessions of its own, and is no bash.
		if f[3] == e.Name() && (name != "forks" || bytes.Contains(stat, []byte("(bash)"))) {
			main[name] = append(main[name], pid)
		}
	}
	return all, main
}

// settle waits until what runs is what was asked for.
func (c *chaos) settle() {
	what := ""
	for end := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		all, main := c.processes()
		what = ""
		for name, up := range c.up {
			f := strings.Fields(c.ask("status "+name, false))
			pid, _ := strconv.Atoi(f[1])
			switch {
			case len(main[name]) > 1:
				c.fail("%s runs twice: %v", name, main[name])
			case f[2] != map[bool]string{true: "up", false: "down"}[up]:
				c.fail("%s: asked to be up: %v, the supervisor says %v", name, up, f)
			case !up && (f[0] != "stopped" || len(all[name]) > 0):
				what += fmt.Sprintf(" %s is %s with %v;", name, f[0], all[name])
			case up && name != "crash" && (f[0] != "running" || !alive(pid)):
				what += fmt.Sprintf(" %s is %s as %d;", name, f[0], pid)
			}
		}
		if what == "" {
			return
		}
		if time.Now().After(end) {
			c.fail("does not settle:%s", what)
		}
	}
}

// TestChaos starts, stops, edits and kills units, and kills their supervisor,
// at random, and holds after each step that what runs is what was asked for.
// CHAOS sets how long ("10m"), CHAOS_SEED repeats a run.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	length, err := time.ParseDuration(os.Getenv("CHAOS"))
	if err != nil {
		length = 5 * time.Second
	}
	seed, err := strconv.ParseUint(os.Getenv("CHAOS_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("CHAOS_SEED=%d", seed)
	c := &chaos{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), places: places(t), up: map[string]bool{}}
	names := []string{"plain", "forks", "deaf", "crash", "writes", "needs"}
	c.launch()
	defer func() {
		for _, name := range names {
			fmt.Fprintln(c.in, "stop "+name)
			c.out.ReadString('\n')
		}
		c.kill()
	}()
	for _, name := range names {
		c.ask("set "+name, false)
		c.up[name] = false
	}
	steps := 0
	for end := time.Now().Add(length); time.Now().Before(end); steps++ {
		name := names[c.rnd.IntN(len(names))]
		command := []string{"start", "stop", "restart", "edit", "kill", "murder"}[c.rnd.IntN(6)]
		killed := c.rnd.IntN(4) == 0
		c.steps = append(c.steps, fmt.Sprintf("%s %s %v", command, name, killed))
		switch command {
		case "kill":
			if f := strings.Fields(c.ask("status "+name, false)); f[1] != "0" {
				pid, _ := strconv.Atoi(f[1])
				syscall.Kill(pid, syscall.SIGKILL)
			}
		case "murder":
			c.kill()
			if f := c.rnd.IntN(2); f == 0 { // and of a service while nobody looks
				all, _ := c.processes()
				for _, pid := range all[name] {
					if c.rnd.IntN(2) == 0 {
						syscall.Kill(pid, syscall.SIGKILL)
					}
				}
			}
			c.launch()
		default:
			c.ask(command+" "+name, killed)
			if command != "edit" {
				c.up[name] = command != "stop"
				if name == "needs" && c.up[name] {
					c.up["plain"] = true
				}
				if name == "plain" && !c.up[name] {
					c.up["needs"] = false
				}
			}
		}
		c.settle()
	}
	t.Logf("%d steps", steps)
}
