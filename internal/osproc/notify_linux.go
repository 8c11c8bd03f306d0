package osproc

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

// longest is the longest path that a socket's address holds.
const longest = 107

// notifySocket receives sd_notify messages of all processes of a host.
type notifySocket struct {
	name string // as NOTIFY_SOCKET says it
	path string // empty for a name in the abstract space
	conn *net.UnixConn
}

// listenNotify opens the socket at path, which the caller alone may be using: a
// file left there by an earlier process is removed. A path that no address can
// hold is replaced by a name in the abstract space; who sends is seen from the
// kernel's word either way.
func listenNotify(path, id string) (*notifySocket, error) {
	n := &notifySocket{name: path, path: path}
	if len(path) > longest {
		n.name, n.path = "@hero-"+id+"-notify", ""
	} else {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fault.Errorf(fault.Unavailable, "listen for notices: %w", err)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fault.Errorf(fault.Unavailable, "listen for notices: %w", err)
		}
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.name, Net: "unixgram"})
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listen for notices: %w", err)
	}
	n.conn = conn
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) }); err != nil || set != nil {
		return nil, errors.Join(err, set, conn.Close())
	}
	if n.path != "" {
		// A process that runs as another user reports too; the folder's mode
		// and the kernel's word on the sender keep strangers out.
		_ = os.Chmod(n.path, 0o666)
	}
	return n, nil
}

// close ends receiving, and leaves no file behind.
func (n *notifySocket) close() error {
	err := n.conn.Close()
	if n.path != "" {
		err = errors.Join(err, os.Remove(n.path))
	}
	return err
}

// receive hands messages to the processes that sent them, until the socket is
// closed.
func (h *Host) receive() {
	msg, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		n, on, _, _, err := h.notify.conn.ReadMsgUnix(msg, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			h.opts.Log.Warn("a notice is not received", "err", err)
			continue
		}
		cmsgs, err := unix.ParseSocketControlMessage(oob[:on])
		if err != nil {
			continue
		}
		for _, c := range cmsgs {
			cred, err := unix.ParseUnixCredentials(&c)
			if err != nil {
				continue
			}
			if p := h.sender(int(cred.Pid)); p != nil && p.notify != nil {
				p.notify(parseNotice(string(msg[:n])))
			}
		}
	}
}

// sender returns the run that a process belongs to, and nil for a stranger.
func (h *Host) sender(pid int) *Process {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p, ok := h.main[pid]; ok {
		return p
	}
	unit, run, ok := h.runOf(pid)
	if !ok {
		return nil
	}
	for _, p := range h.main {
		if strings.HasSuffix(p.mark, "."+unit+"."+run) {
			return p
		}
	}
	return nil
}
