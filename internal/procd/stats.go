package procd

import (
	"context"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/stats"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// StatsParams say whose figures to tell.
type StatsParams struct {
	Name      string `json:"name,omitzero" doc:"Name of the service; all where empty."`
	Processes bool   `json:"processes,omitzero" doc:"Whether to tell the figures of every process, too."`
}

// ServiceStats is what a service uses now.
type ServiceStats struct {
	Name       string         `json:"name"`
	State      string         `json:"state"`
	CPU        float64        `json:"cpu" doc:"Share of one core, 1 being all of it, since the look before."`
	CPUSeconds float64        `json:"cpu_seconds" doc:"Since the start of what runs."`
	Memory     int64          `json:"memory" doc:"Bytes, resident."`
	OpenFiles  int            `json:"open_files"`
	Count      int            `json:"count" doc:"How many processes there are."`
	Restarts   int            `json:"restarts" doc:"Over the last hour."`
	Since      time.Time      `json:"since" doc:"When it came into its state."`
	Processes  []ProcessStats `json:"processes,omitzero"`
}

// ProcessStats is what one process uses now.
type ProcessStats struct {
	PID        int     `json:"pid"`
	Unit       string  `json:"unit" doc:"The registration that it belongs to."`
	Role       string  `json:"role" doc:"service, or ui for one that serves the admin UI."`
	Command    string  `json:"command"`
	CPU        float64 `json:"cpu" doc:"Share of one core, since the look before; 0 at the first."`
	CPUSeconds float64 `json:"cpu_seconds" doc:"Since its start."`
	Memory     int64   `json:"memory" doc:"Bytes, resident."`
	OpenFiles  int     `json:"open_files"`
}

func (a *API) statsNow(_ context.Context, p StatsParams) ([]ServiceStats, error) {
	var names []string
	if p.Name != "" {
		var err error
		if names, err = a.registrations(p.Name); err != nil {
			return nil, err
		}
	}
	used := map[string]stats.Stats{}
	if p.Name != "" {
		for _, n := range names {
			s, err := a.Supervisor.Stats(n)
			if err != nil {
				return nil, err
			}
			used[n] = s
		}
	} else {
		for _, s := range a.Supervisor.AllStats() {
			used[s.Unit] = s
		}
	}
	out := []ServiceStats{}
	place := map[string]int{} // of a service in out
	for _, g := range a.grouped() {
		s, any := ServiceStats{Name: g.Name, State: g.State}, false
		for _, st := range g.Processes {
			u, ok := used[st.Name]
			if !ok {
				continue
			}
			any = true
			s.Since = st.Since
			s.CPU += u.CPU
			s.CPUSeconds += u.CPUSeconds
			s.Memory += u.Memory
			s.OpenFiles += u.OpenFiles
			s.Count += u.Processes
			s.Restarts += u.Restarts
		}
		if any {
			place[g.Name] = len(out)
			out = append(out, s)
		}
	}
	if !p.Processes {
		return out, nil
	}
	all, before, err := a.look()
	if err != nil {
		return nil, err
	}
	for _, m := range all.members {
		if i, ok := place[unit.Unit{Name: m.Unit}.Logical()]; ok {
			out[i].Processes = append(out[i].Processes, processStats(m, all, before))
		}
	}
	return out, nil
}

func processStats(m osproc.Member, now, before survey) ProcessStats {
	p := ProcessStats{PID: m.PID, Unit: m.Unit, Role: "service", Command: m.Command,
		CPUSeconds: m.CPU.Seconds(), Memory: m.Memory, OpenFiles: m.OpenFiles}
	if m.Role == "ui" || strings.HasSuffix(m.Unit, "_ui") {
		p.Role = "ui"
	}
	if old, known := before.cpu[m.PID]; known && m.CPU >= old {
		p.CPU = (m.CPU - old).Seconds() / now.at.Sub(before.at).Seconds()
	}
	return p
}

func (a *API) statsHour(_ context.Context, p NameParams) ([]stats.Stats, error) {
	names, err := a.registrations(p.Name)
	if err != nil {
		return nil, err
	}
	out := []stats.Stats{}
	for _, n := range names {
		s, err := a.Supervisor.Stats(n)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// survey is one look at all processes.
type survey struct {
	at      time.Time
	members []osproc.Member
	cpu     map[int]time.Duration // by process
}

// surveyAge is how old a look may be for the next caller.
const surveyAge = 500 * time.Millisecond

// look returns what runs now, and at the look before.
func (a *API) look() (now, before survey, err error) {
	a.lookMu.Lock()
	defer a.lookMu.Unlock()
	if time.Since(a.now.at) < surveyAge {
		return a.now, a.before, nil
	}
	all, err := a.Supervisor.Processes()
	if err != nil {
		return survey{}, survey{}, err
	}
	a.before = survey{at: a.now.at, cpu: a.now.cpu}
	a.now = survey{at: time.Now(), members: all, cpu: make(map[int]time.Duration, len(all))}
	for _, m := range all {
		a.now.cpu[m.PID] = m.CPU
	}
	return a.now, a.before, nil
}
