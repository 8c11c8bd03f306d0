package osproc

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stat is what /proc/PID/stat tells of a process.
type stat struct {
	pid, ppid, session int
	state              byte
	start              uint64 // clock ticks since boot
	ticks              uint64 // of CPU time
}

// gone reports whether err says that a process no longer exists.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

func proc(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	// The name stands in parentheses and may hold anything, parentheses too.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return stat{}, unix.ESRCH
	}
	s := stat{pid: pid, state: f[0][0]}
	s.ppid, _ = strconv.Atoi(f[1])
	s.session, _ = strconv.Atoi(f[3])
	s.start, _ = strconv.ParseUint(f[19], 10, 64)
	user, _ := strconv.ParseUint(f[11], 10, 64)
	system, _ := strconv.ParseUint(f[12], 10, 64)
	s.ticks = user + system
	return s, nil
}

// dead reports whether the process has ended, waited for or not.
func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

// bootID returns what tells this boot of the machine from every other.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// allPIDs returns the processes of the machine.
func allPIDs() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// markOf returns the mark that a process carries in its environment.
func markOf(pid int) string { return variable(pid, RunVariable) }

// variable returns a variable of the environment that a process was given.
func variable(pid int, name string) string {
	b, err := os.ReadFile(proc(pid, "environ"))
	if err != nil {
		return ""
	}
	prefix := []byte(name + "=")
	for v := range bytes.SplitSeq(b, []byte{0}) {
		if mark, ok := bytes.CutPrefix(v, prefix); ok {
			return string(mark)
		}
	}
	return ""
}

// tree returns the living processes that carry the mark, are in the session, or
// descend from one that does, the calling process excepted. A session of 0
// stands for none.
func tree(mark string, session int) (map[int]stat, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, err
	}
	all := make(map[int]stat, len(pids))
	in := make(map[int]stat)
	self := os.Getpid()
	for _, pid := range pids {
		s, err := readStat(pid)
		if err != nil || pid == self {
			continue
		}
		all[pid] = s
		if session != 0 && s.session == session || markOf(pid) == mark {
			in[pid] = s
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, s := range all {
			if _, ok := in[pid]; ok {
				continue
			}
			if _, ok := in[s.ppid]; ok {
				in[pid], grown = s, true
			}
		}
	}
	for pid, s := range in {
		if s.dead() {
			delete(in, pid)
		}
	}
	return in, nil
}

// signalOne sends a signal to the process pid if it is still the one that was
// started at start.
func signalOne(pid int, start uint64, sig unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if s, err := readStat(pid); err != nil || s.start != start {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// usageOf adds up what processes use. Those that end meanwhile count nothing.
func usageOf(in map[int]stat) Usage {
	u := Usage{Processes: len(in)}
	page := int64(os.Getpagesize())
	for pid, s := range in {
		u.CPU += ticks(s.ticks)
		if b, err := os.ReadFile(proc(pid, "statm")); err == nil {
			if f := strings.Fields(string(b)); len(f) > 1 {
				n, _ := strconv.ParseInt(f[1], 10, 64)
				u.Memory += n * page
			}
		}
		if d, err := os.Open(proc(pid, "fd")); err == nil {
			if names, err := d.Readdirnames(-1); err == nil {
				u.OpenFiles += len(names)
			}
			d.Close()
		}
	}
	return u
}
