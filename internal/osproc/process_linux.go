package osproc

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

// Process is the main process of a run, and with it all that it forked. It is
// safe for concurrent use.
type Process struct {
	host    *Host
	id      ID
	mark    string
	session int
	group   string   // its cgroup; empty where it has none
	v1      []string // its cgroups in older hierarchies
	adopted bool     // it is no child of ours
	limits  Limits
	notify  func(Notice)

	fd   *os.File // the pidfd, in the runtime's poller
	raw  int
	done chan struct{}
	exit Exit // once done is closed
}

// ID returns which process it is.
func (p *Process) ID() ID { return p.id }

// Done is closed when the main process has ended, or the host was closed.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit returns how the main process ended, once Done is closed.
func (p *Process) Exit() Exit { return p.exit }

// wait waits for the main process in the runtime's poller: os.Process.Wait
// would hold a thread for each.
func (p *Process) wait() {
	defer close(p.done)
	defer p.fd.Close()
	defer p.host.forget(p)
	conn, err := p.fd.SyscallConn()
	if err == nil {
		err = conn.Read(func(uintptr) bool { return p.ended() })
	}
	if err != nil {
		for !p.host.closed() && !p.ended() { // the poller does not take pidfds: wait in a thread
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(p.raw), Events: unix.POLLIN}}, 1000)
		}
	}
	p.exit.At = time.Now()
	p.exit.OOM = p.oomKilled()
}

// ended reports whether the main process has ended, and notes how.
func (p *Process) ended() bool {
	if !p.adopted {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(p.id.PID, &ws, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			return p.ended()
		case errors.Is(err, unix.ECHILD): // somebody else waited for it
			return p.endedElsewhere()
		case pid == 0 || err != nil:
			return false
		}
		p.exit = exitOf(ws)
		return true
	}
	return p.endedElsewhere()
}

func exitOf(ws unix.WaitStatus) Exit {
	e := Exit{Known: true, Code: ws.ExitStatus()}
	if ws.Signaled() {
		e.Code, e.Signal = 0, ws.Signal()
	}
	return e
}

// endedElsewhere is ended for a process that is not our child. The kernel tells
// its status (Linux 6.15) once its own parent has waited for it, for which a
// moment is given.
func (p *Process) endedElsewhere() bool {
	fds := []unix.PollFd{{Fd: int32(p.raw), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); err != nil || n == 0 {
		return false
	}
	for wait := time.Millisecond; wait < 200*time.Millisecond; wait *= 2 {
		if status, ok := pidfdExit(p.raw); ok {
			p.exit = exitOf(unix.WaitStatus(status))
			break
		}
		time.Sleep(wait)
	}
	return true
}

// pidfdInfo is the kernel's struct pidfd_info, as of its first version.
type pidfdInfo struct {
	mask, cgroup   uint64
	pid, tgid, ppi uint32
	ids            [8]uint32
	exit           int32
}

// pidfdExit returns the wait status of a process that its parent waited for.
func pidfdExit(fd int) (status int32, ok bool) {
	const getInfo, infoExit = 0xC040FF0B, 1 << 3
	info := pidfdInfo{mask: infoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getInfo, uintptr(unsafe.Pointer(&info)))
	return info.exit, errno == 0 && info.mask&infoExit != 0
}

// siginfoPID returns si_pid, which x/sys does not name: after three ints and
// their padding.
func siginfoPID(info *unix.Siginfo) int {
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), 16)))
}

// Signal sends a signal to the main process.
func (p *Process) Signal(sig syscall.Signal) error {
	var sent error
	conn, err := p.fd.SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) })
	}
	if err != nil || errors.Is(sent, unix.ESRCH) {
		return fault.Errorf(fault.NotFound, "signal process %d: it has ended", p.id.PID)
	}
	return sent
}

// members returns the living processes of the run, with their start times.
func (p *Process) members() (map[int]stat, error) {
	if p.group == "" {
		return tree(p.mark, p.session)
	}
	pids, err := cgroupPIDs(p.group)
	if err != nil {
		return nil, err
	}
	in := make(map[int]stat, len(pids))
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil && !s.dead() {
			in[pid] = s
		}
	}
	return in, nil
}

// Left returns how many processes of the run are alive.
func (p *Process) Left() (int, error) {
	if p.group != "" && !populated(p.group) {
		return 0, nil
	}
	in, err := p.members()
	return len(in), err
}

// SignalAll sends a signal to every process of the run.
func (p *Process) SignalAll(sig syscall.Signal) error {
	in, err := p.members()
	if err != nil {
		return err
	}
	var errs []error
	for pid, s := range in {
		if err := signalOne(pid, s.start, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Kill kills every process of the run, and returns when none is left, or with
// fault.Unavailable when one cannot be killed.
func (p *Process) Kill() error {
	deadline := time.Now().Add(10 * time.Second)
	for wait := 100 * time.Microsecond; ; wait = min(wait*2, 20*time.Millisecond) {
		left, err := p.killOnce()
		if err != nil {
			return err
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fault.Errorf(fault.Unavailable, "%d processes of %s do not end when killed", left, p.mark)
		}
		time.Sleep(wait)
	}
	for _, dir := range append(p.v1, p.group) {
		if dir != "" {
			if err := removeCgroup(dir); err != nil {
				p.host.opts.Log.Warn("cgroup is not removed", "dir", dir, "err", err)
			}
		}
	}
	return nil
}

// killOnce kills what it finds and returns how many that were.
func (p *Process) killOnce() (int, error) {
	if p.group != "" {
		if !populated(p.group) {
			return 0, nil
		}
		// It takes those forked at this very moment, too.
		if err := os.WriteFile(filepath.Join(p.group, "cgroup.kill"), []byte("1"), 0); err == nil {
			return 1, nil
		}
	}
	in, err := p.members()
	if err != nil {
		return 0, err
	}
	for pid, s := range in {
		_ = signalOne(pid, s.start, unix.SIGKILL) // the next round sees whether it helped
	}
	return len(in), nil
}

// Usage returns what the processes of the run use now.
func (p *Process) Usage() (Usage, error) {
	in, err := p.members()
	if err != nil {
		return Usage{}, err
	}
	u := usageOf(in)
	if p.group != "" {
		if cpu, ok := cgroupCPU(p.group); ok {
			u.CPU = cpu // of those that have ended, too
		}
	}
	return u, nil
}

// CPU returns the CPU time that the run's processes have used, and false where
// only Usage can tell.
func (p *Process) CPU() (time.Duration, bool) {
	if p.group == "" {
		return 0, false
	}
	return cgroupCPU(p.group)
}

func ticks(n uint64) time.Duration { return time.Duration(n) * (time.Second / 100) }
