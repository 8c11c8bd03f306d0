package osproc

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// setting is one limit as the files of cgroups have it.
type setting struct{ controller, file, value string }

func settings(l Limits, v2 bool) []setting {
	var out []setting
	add := func(n int64, controller, file2, file1 string, value int64) {
		if n <= 0 {
			return
		}
		file := file1
		if v2 {
			file = file2
		}
		out = append(out, setting{controller, file, strconv.FormatInt(value, 10)})
	}
	add(l.Memory, "memory", "memory.max", "memory.limit_in_bytes", l.Memory)
	add(int64(l.Processes), "pids", "pids.max", "pids.max", int64(l.Processes))
	weight := int64(l.CPUWeight)
	if !v2 {
		weight = max(2, weight*1024/100)
	}
	add(int64(l.CPUWeight), "cpu", "cpu.weight", "cpu.shares", weight)
	return out
}

// make makes a run's cgroup, with its limits where cgroup v2 has the
// controllers, and returns it open.
func (c *cgroups) make(dir string, l Limits) (int, error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	} else if err != nil { // another host removed the empty base
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return 0, err
		}
	}
	if !l.None() {
		// Offered to the children where our own parents offer it to us.
		for _, up := range []string{filepath.Dir(c.base), c.base} {
			for _, s := range settings(l, true) {
				_ = os.WriteFile(filepath.Join(up, "cgroup.subtree_control"), []byte("+"+s.controller), 0)
			}
		}
		for _, s := range settings(l, true) {
			_ = os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0) // limitOlder sees what is missing
		}
		_ = os.WriteFile(filepath.Join(dir, "memory.oom.group"), []byte("1"), 0)
	}
	return unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// limitOlder sets the limits that cgroup v2 did not take in the older
// hierarchies that hold their controllers, and moves the run's processes there.
// It returns the folders that it made.
func (c *cgroups) limitOlder(group string, l Limits, log *slog.Logger) []string {
	var dirs []string
	for i, s := range settings(l, false) {
		if v2 := settings(l, true)[i]; holds(filepath.Join(group, v2.file), v2.value) {
			continue
		}
		base, ok := c.v1[s.controller]
		if !ok {
			log.Warn("a limit cannot be set: no cgroup controller", "cgroup", filepath.Base(group), "limit", s.controller)
			continue
		}
		dir := filepath.Join(base, filepath.Base(group))
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0)
		}
		if err != nil {
			log.Warn("a limit cannot be set", "cgroup", filepath.Base(group), "limit", s.controller, "err", err)
			continue
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	moved := map[int]bool{}
	for again := len(dirs) > 0; again; {
		again = false
		pids, _ := cgroupPIDs(group)
		for _, pid := range pids {
			if moved[pid] {
				continue
			}
			moved[pid], again = true, true // it may have forked before it was moved
			for _, dir := range dirs {
				_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
			}
		}
	}
	return dirs
}

// holds reports whether a file of a cgroup holds the value. The kernel rounds
// memory down to pages.
func holds(file, value string) bool {
	b, err := os.ReadFile(file)
	text := strings.TrimSpace(string(b))
	return err == nil && text != "max" && (text == value || strings.HasSuffix(file, "memory.max"))
}

// oomKilled reports whether the memory limit killed something of the run.
func (p *Process) oomKilled() bool {
	if p.limits.Memory == 0 {
		return false
	}
	if b, err := os.ReadFile(filepath.Join(p.group, "memory.events")); err == nil {
		n, _ := field(string(b), "oom_kill")
		return n > 0
	}
	for _, dir := range p.v1 {
		if b, err := os.ReadFile(filepath.Join(dir, "memory.oom_control")); err == nil {
			n, _ := field(string(b), "oom_kill")
			return n > 0
		}
	}
	return false
}
