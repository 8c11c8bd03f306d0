package osproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroups is the place where the runs' cgroups are made.
type cgroups struct {
	mount string            // of cgroup v2
	base  string            // the folder of this host's runs, below mount
	host  string            // the base's name
	v1    map[string]string // controller → this host's folder, where an older hierarchy holds it
}

// findCgroups returns where cgroups can be made, or nil where they cannot: with
// no cgroup v2, no right to write there, or a kernel that kills at once what is
// cloned into a new cgroup, as it does once the caller sat in a killed one.
func findCgroups(id string) (*cgroups, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	c := &cgroups{host: "hero-" + id, v1: map[string]string{}}
	mounts := map[string]string{} // "" for v2, else a v1 controller
	for line := range strings.SplitSeq(string(info), "\n") {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 3 {
			continue
		}
		switch g[0] {
		case "cgroup2":
			mounts[""] = f[4]
		case "cgroup":
			for opt := range strings.SplitSeq(g[2], ",") {
				mounts[opt] = f[4]
			}
		}
	}
	for line := range strings.SplitSeq(string(own), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) != 3 {
			continue
		}
		for name := range strings.SplitSeq(f[1], ",") {
			mount, ok := mounts[name]
			switch {
			case !ok:
			case name == "":
				c.mount, c.base = mount, filepath.Join(mount, strip(f[2], c.host), c.host)
			case name == "memory" || name == "pids" || name == "cpu":
				c.v1[name] = filepath.Join(mount, strip(f[2], c.host), c.host)
			}
		}
	}
	if c.mount == "" {
		return nil, errors.New("no cgroup v2 is mounted")
	}
	if err := os.Mkdir(c.base, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return c, c.try()
}

// strip cuts a path off before the host's own folder: a supervisor that was
// started by a unit of its own home does not nest.
func strip(path, host string) string {
	if i := strings.Index(path, "/"+host+"/"); i >= 0 {
		return path[:i]
	}
	return path
}

// try makes a cgroup, starts a process in it and lets it end.
func (c *cgroups) try() error {
	dir := filepath.Join(c.base, "try-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	defer removeCgroup(dir)
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "exit 7"}, &os.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd},
	})
	if err != nil {
		return fmt.Errorf("start a process in a new cgroup: %w", err)
	}
	s, err := p.Wait()
	if err != nil {
		return err
	}
	if s.ExitCode() != 7 {
		return fmt.Errorf("a process in a new cgroup ended with %v", s)
	}
	if _, err := os.Stat(filepath.Join(dir, "cgroup.kill")); err != nil {
		return err
	}
	return nil
}

// of returns the cgroup that a process is in, if it is one of this host's runs.
func (c *cgroups) of(pid int) (dir string, ok bool) {
	b, err := os.ReadFile(proc(pid, "cgroup"))
	if err != nil {
		return "", false
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		path, ok := strings.CutPrefix(line, "0::")
		if !ok {
			continue
		}
		// The run's own folder is the one below the host's, however deep a
		// service nests.
		before, after, ok := strings.Cut(path, "/"+c.host+"/")
		if !ok {
			return "", false
		}
		name, _, _ := strings.Cut(after, "/")
		return filepath.Join(c.mount, before, c.host, name), true
	}
	return "", false
}

// cgroupPIDs returns the processes of a cgroup and of those below it.
func cgroupPIDs(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			if path != dir && gone(err) {
				return nil
			}
			return err
		}
		b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if gone(err) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		for f := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil && pid != 0 {
				pids = append(pids, pid)
			}
		}
		// A folder has two links and one for each below it: most have none.
		var st unix.Stat_t
		if err == nil && unix.Stat(path, &st) == nil && st.Nlink == 2 {
			return fs.SkipDir
		}
		return err
	})
	if gone(err) {
		err = nil
	}
	return pids, err
}

// populated reports whether a cgroup, or one below it, has living processes.
func populated(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
	return err == nil && strings.Contains(string(b), "populated 1")
}

// removeCgroup removes a cgroup that nothing lives in, and those below it. The
// kernel may need a moment after the last exit.
func removeCgroup(dir string) error {
	var err error
	for wait := 100 * time.Microsecond; wait < 200*time.Millisecond; wait *= 2 {
		if err = unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.IsDir() {
				_ = removeCgroup(filepath.Join(dir, e.Name()))
			}
		}
		time.Sleep(wait)
	}
	return err
}

// cgroupCPU returns the CPU time that a cgroup has used.
func cgroupCPU(dir string) (time.Duration, bool) {
	b, err := os.ReadFile(filepath.Join(dir, "cpu.stat"))
	if err != nil {
		return 0, false
	}
	n, ok := field(string(b), "usage_usec")
	return time.Duration(n) * time.Microsecond, ok
}

// field returns the number after a word at the beginning of a line.
func field(text, word string) (int64, bool) {
	for line := range strings.SplitSeq(text, "\n") {
		if v, ok := strings.CutPrefix(line, word+" "); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
