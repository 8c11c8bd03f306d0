package osproc

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

// Host starts processes, finds them again, and reaps what they leave behind. It
// is safe for concurrent use.
type Host struct {
	opts   Options
	boot   string
	groups *cgroups // nil where there are none
	notify *notifySocket
	stop   chan struct{}
	wg     sync.WaitGroup

	// mu guards the fields below it.
	mu   sync.Mutex
	main map[int]*Process // by process id, as long as it is not waited for
}

// Open returns a Host. It makes this process the one to which orphans among its
// descendants are given.
func Open(opts Options) (*Host, error) {
	if opts.ID == "" || strings.ContainsAny(opts.ID, "./ ") {
		return nil, fault.Errorf(fault.Invalid, "open process host: id %q", opts.ID)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{opts: opts, boot: bootID(), stop: make(chan struct{}), main: map[int]*Process{}}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		opts.Log.Warn("orphans are not given to the supervisor", "err", err)
	}
	if !opts.NoCgroups {
		var err error
		if h.groups, err = findCgroups(opts.ID); err != nil {
			h.groups = nil
			opts.Log.Info("no cgroups: processes are found by session, descent and environment", "err", err)
		}
	}
	if opts.NotifySocket != "" {
		var err error
		if h.notify, err = listenNotify(opts.NotifySocket, opts.ID); err != nil {
			return nil, err
		}
		h.wg.Go(h.receive)
	}
	h.wg.Go(h.reap)
	return h, nil
}

// Cgroups reports whether each run has a cgroup of its own.
func (h *Host) Cgroups() bool { return h.groups != nil }

// Close ends the host. Processes run on, and their Done is closed with an Exit
// that is not known.
func (h *Host) Close() error {
	close(h.stop)
	h.mu.Lock()
	for _, p := range h.main {
		p.fd.Close()
	}
	h.mu.Unlock()
	var err error
	if h.notify != nil {
		err = h.notify.close()
	}
	h.wg.Wait()
	if h.groups != nil {
		_ = unix.Rmdir(h.groups.base) // which fails while there is a run left
	}
	return err
}

// closed reports whether the host was closed.
func (h *Host) closed() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// reap waits for the orphans that were given to this process. A main process is
// waited for by its own Process; a child that somebody else in this program
// started is left alone for a while, so that its owner can wait for it.
func (h *Host) reap() {
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, unix.SIGCHLD)
	defer signal.Stop(sigs)
	const patience = time.Second
	seen := map[int]time.Time{}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-sigs:
		case <-timer.C:
		}
		for pid := zombie(); pid != 0; pid = zombie() {
			h.mu.Lock()
			_, ours := h.main[pid]
			h.mu.Unlock()
			first, known := seen[pid]
			if !known {
				seen[pid], first = time.Now(), time.Now()
			}
			if ours || time.Since(first) < patience {
				timer.Reset(patience / 4)
				break
			}
			delete(seen, pid)
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		if zombie() == 0 {
			clear(seen)
		}
	}
}

// zombie returns a child that has ended and is not waited for, or 0.
func zombie() int {
	// The kernel's siginfo_t, of which x/sys names the first three fields.
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0
		}
		return siginfoPID(&info)
	}
}

// mark returns the value of RunVariable for a run.
func (h *Host) mark(unit, run string) string { return h.opts.ID + "." + unit + "." + run }

// Find returns the runs of which processes are alive, whoever started them: by
// their cgroups and by their environment.
func (h *Host) Find() ([]Found, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "list processes: %w", err)
	}
	found := map[string]*Found{}
	for _, pid := range pids {
		unit, run, ok := h.runOf(pid)
		if !ok {
			continue
		}
		s, err := readStat(pid)
		if err != nil || s.dead() {
			continue
		}
		f := found[unit+"."+run]
		if f == nil {
			f = &Found{Unit: unit, Run: run}
			found[unit+"."+run] = f
		}
		f.PIDs = append(f.PIDs, pid)
		// The main process leads a session; of several the first counts.
		if s.session == pid && (f.Main.PID == 0 || s.start < f.Main.Start) {
			f.Main = ID{PID: pid, Start: s.start, Boot: h.boot}
		}
	}
	var out []Found
	for _, f := range found {
		out = append(out, *f)
	}
	return out, nil
}

// runOf returns the run that a process belongs to.
func (h *Host) runOf(pid int) (unit, run string, ok bool) {
	if pid == os.Getpid() {
		return "", "", false
	}
	if h.groups != nil {
		if dir, ok := h.groups.of(pid); ok {
			return cutRun(filepath.Base(dir))
		}
	}
	rest, ok := strings.CutPrefix(markOf(pid), h.opts.ID+".")
	if !ok {
		return "", "", false
	}
	return cutRun(rest)
}

func cutRun(name string) (unit, run string, ok bool) {
	unit, run, ok = strings.Cut(name, ".")
	return unit, run, ok && unit != "" && run != ""
}

// Adopt returns the Process of a run that another supervisor started. It fails
// with fault.NotFound where the main process is no longer the one of the id.
func (h *Host) Adopt(unit, run string, id ID, notify func(Notice)) (*Process, error) {
	fd, err := unix.PidfdOpen(id.PID, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fault.Errorf(fault.NotFound, "adopt %s: process %d: %w", unit, id.PID, err)
	}
	s, err := readStat(id.PID)
	if err != nil || s.dead() || s.start != id.Start || id.Boot != h.boot {
		unix.Close(fd)
		return nil, fault.Errorf(fault.NotFound, "adopt %s: process %d is not the one that was started", unit, id.PID)
	}
	p := &Process{host: h, id: id, mark: h.mark(unit, run), session: s.session, adopted: s.ppid != os.Getpid(), notify: notify}
	if h.groups != nil {
		if dir, ok := h.groups.of(id.PID); ok {
			p.group = dir
		}
	}
	h.watch(p, fd)
	return p, nil
}

// Clear kills what is left of a run whose main process has ended.
func (h *Host) Clear(f Found) error {
	p := &Process{host: h, mark: h.mark(f.Unit, f.Run)}
	if h.groups != nil {
		for _, pid := range f.PIDs {
			if dir, ok := h.groups.of(pid); ok {
				p.group = dir
			}
		}
	}
	return p.Kill()
}

// watch takes a process into the host's care.
func (h *Host) watch(p *Process, fd int) {
	p.fd = os.NewFile(uintptr(fd), "pidfd")
	p.raw = fd
	p.done = make(chan struct{})
	h.mu.Lock()
	h.main[p.id.PID] = p
	h.mu.Unlock()
	h.wg.Go(p.wait)
}

// forget takes a process that was waited for out of the host's care.
func (h *Host) forget(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.main[p.id.PID] == p {
		delete(h.main, p.id.PID)
	}
}

// Start starts a process. A command that will not work at the next try either
// is fault.NotFound, fault.Invalid or fault.Denied.
func (h *Host) Start(spec Spec) (*Process, error) {
	path, err := lookPath(spec)
	if err != nil {
		return nil, err
	}
	attr, err := h.attrOf(spec)
	if err != nil {
		return nil, err
	}
	files, closeFiles, err := openFiles(spec)
	defer closeFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range spec.Files {
		files = append(files, f.Fd())
	}
	attr.Files = files
	p := &Process{host: h, mark: h.mark(spec.Unit, spec.Run), notify: spec.Notify, limits: spec.Limits}
	if h.groups != nil {
		p.group = filepath.Join(h.groups.base, spec.Unit+"."+spec.Run)
		fd, err := h.groups.make(p.group, spec.Limits)
		if err != nil {
			return nil, fault.Errorf(fault.Unavailable, "start %s: %w", spec.Unit, err)
		}
		defer unix.Close(fd)
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
	}
	pidfd := -1
	attr.Sys.PidFD = &pidfd
	path, args := limited(path, spec)
	pid, err := syscall.ForkExec(path, args, attr)
	if err != nil {
		if p.group != "" {
			_ = removeCgroup(p.group)
		}
		return nil, startFault(spec, err)
	}
	if pidfd < 0 {
		return nil, p.abandon(pid, "the kernel has no pidfd")
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		return nil, p.abandon(pid, err.Error())
	}
	p.id, p.session = ID{PID: pid, Boot: h.boot}, pid
	if s, err := readStat(pid); err == nil {
		p.id.Start = s.start
	}
	if h.groups != nil {
		p.v1 = h.groups.limitOlder(p.group, spec.Limits, h.opts.Log)
	}
	h.watch(p, pidfd)
	return p, nil
}

// abandon ends a process that cannot be looked after. It is our child and not
// waited for, so its number is its own.
func (p *Process) abandon(pid int, why string) error {
	_ = unix.Kill(pid, unix.SIGKILL)
	_, _ = unix.Wait4(pid, nil, 0, nil)
	return fault.Errorf(fault.Unsupported, "look after process %d: %s", pid, why)
}

// attrOf returns how the process is started: in a session of its own, so that
// a Ctrl-C at the supervisor's terminal is none of its business.
func (h *Host) attrOf(spec Spec) (*syscall.ProcAttr, error) {
	cred, extra, err := credential(spec.User, spec.Group)
	if err != nil {
		return nil, err
	}
	if spec.Dir != "" {
		if fi, err := os.Stat(spec.Dir); err != nil || !fi.IsDir() {
			return nil, fault.Errorf(fault.NotFound, "start %s: its folder %s is not there", spec.Unit, spec.Dir)
		}
	}
	env := append(append([]string{}, spec.Env...), extra...)
	env = append(env, RunVariable+"="+h.mark(spec.Unit, spec.Run), "HERO_UNIT="+spec.Unit)
	if h.notify != nil {
		env = append(env, "NOTIFY_SOCKET="+h.notify.name)
	}
	return &syscall.ProcAttr{Dir: spec.Dir, Env: lastWins(env), Sys: &syscall.SysProcAttr{Setsid: true, Credential: cred}}, nil
}

// lastWins leaves of each variable the last value alone.
func lastWins(env []string) []string {
	at := make(map[string]int, len(env))
	out := make([]string, 0, len(env))
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if i, ok := at[name]; ok {
			out[i] = v
			continue
		}
		at[name] = len(out)
		out = append(out, v)
	}
	return out
}
