package discovery

import (
	"bytes"
	"os"
	"strconv"
)

// rivals reports whether both processes live and neither comes from the other:
// a supervisor that opened a socket for its service, or a process that handed
// its sockets to its successor, is none.
func rivals(a, b int) bool {
	if a == b {
		return false
	}
	return alive(a) && alive(b) && !descends(a, b) && !descends(b, a)
}

func alive(pid int) bool {
	_, ok := parent(pid)
	return ok
}

// descends reports whether pid's line of parents holds ancestor.
func descends(pid, ancestor int) bool {
	for range 64 {
		p, ok := parent(pid)
		if !ok || p <= 1 {
			return false
		}
		if p == ancestor {
			return true
		}
		pid = p
	}
	return false
}

// parent returns the parent of a process that is not just a zombie.
func parent(pid int) (int, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The name stands in brackets and may hold anything.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 || string(fields[0]) == "Z" {
		return 0, false
	}
	p, err := strconv.Atoi(string(fields[1]))
	return p, err == nil
}
