package osproc

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Survey returns all living processes of all runs, in one look at the machine,
// sorted by unit and process id.
func (h *Host) Survey() ([]Member, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "list processes: %w", err)
	}
	var out []Member
	for _, pid := range pids {
		unit, run, ok := h.runOf(pid)
		if !ok {
			continue
		}
		s, err := readStat(pid)
		if err != nil || s.dead() {
			continue
		}
		m := Member{Unit: unit, Run: run, PID: pid, Role: variable(pid, RoleVariable), Usage: usageOf(map[int]stat{pid: s})}
		if b, err := os.ReadFile(proc(pid, "cmdline")); err == nil {
			m.Command = strings.ToValidUTF8(strings.TrimSpace(string(bytes.ReplaceAll(b, []byte{0}, []byte{' '}))), "\uFFFD")
		}
		if m.Command == "" {
			m.Command = strconv.Itoa(pid)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Member) int {
		return cmp.Or(strings.Compare(a.Unit, b.Unit), cmp.Compare(a.PID, b.PID))
	})
	return out, nil
}
