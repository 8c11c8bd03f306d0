package osproc

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"golang.org/x/sys/unix"
)

// lookPath finds the program in the PATH that it will itself have.
func lookPath(spec Spec) (string, error) {
	if len(spec.Args) == 0 || spec.Args[0] == "" {
		return "", fault.Errorf(fault.Invalid, "start %s: no command", spec.Unit)
	}
	name := spec.Args[0]
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(spec.Dir, path)
		}
		return path, executable(spec.Unit, path)
	}
	search := "/usr/local/bin:/usr/bin:/bin"
	for _, v := range spec.Env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			search = p
		}
	}
	var denied error
	for dir := range strings.SplitSeq(search, ":") {
		path := filepath.Join(dir, name)
		if !filepath.IsAbs(path) {
			continue
		}
		err := executable(spec.Unit, path)
		if err == nil {
			return path, nil
		}
		if fault.Of(err) == fault.Denied {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", fault.WithHint(fault.Errorf(fault.NotFound, "start %s: no program %q in PATH (%s)", spec.Unit, name, search),
		"install it, or give the command's absolute path")
}

// executable reports what stands against running the file at path.
func executable(unit, path string) error {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return fault.WithHint(fault.Errorf(fault.NotFound, "start %s: no program %s", unit, path), "build or install it, or mend the definition's command")
	case !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0:
		return fault.WithHint(fault.Errorf(fault.Denied, "start %s: %s is not an executable file", unit, path), "chmod +x "+path)
	}
	return nil
}

// startFault gives what the kernel said its kind.
func startFault(spec Spec, err error) error {
	k := fault.Unavailable
	switch {
	case errors.Is(err, unix.ENOENT):
		k = fault.NotFound // of the interpreter that a script's first line names
	case errors.Is(err, unix.ENOEXEC):
		k = fault.Invalid
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		k = fault.Denied
	}
	return fault.Errorf(k, "start %s: run %s: %w", spec.Unit, spec.Args[0], err)
}

// openFiles opens the process's three standard files.
func openFiles(spec Spec) (fds []uintptr, closeAll func(), err error) {
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for i, path := range []string{os.DevNull, spec.Stdout, spec.Stderr} {
		if path == "" {
			path = os.DevNull
		}
		// For reading as well as writing: a pipe of which the process itself
		// is a reader never breaks, whoever else goes away.
		flag := unix.O_RDWR
		if i == 0 {
			flag = unix.O_RDONLY
		}
		fd, err := unix.Open(path, flag|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err != nil {
			return nil, closeAll, fault.Errorf(fault.Unavailable, "start %s: open %s: %w", spec.Unit, path, err)
		}
		// Not os.OpenFile: it would make the pipe non-blocking, and the
		// process shares that.
		f := os.NewFile(uintptr(fd), path)
		files = append(files, f)
		fds = append(fds, uintptr(fd))
	}
	return fds, closeAll, nil
}

// credential returns whom the process runs as, and the variables that say so.
func credential(name, group string) (*syscall.Credential, []string, error) {
	if name == "" && group == "" {
		return nil, nil, nil
	}
	cred := &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	var env []string
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			if u, err = user.LookupId(name); err != nil {
				return nil, nil, fault.WithHint(fault.Errorf(fault.NotFound, "no user %q on this machine", name), "useradd --system "+name)
			}
		}
		cred.Uid, cred.Gid = number(u.Uid), number(u.Gid)
		env = append(env, "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
		if ids, err := u.GroupIds(); err == nil {
			for _, id := range ids {
				cred.Groups = append(cred.Groups, number(id))
			}
		}
	}
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return nil, nil, fault.WithHint(fault.Errorf(fault.NotFound, "no group %q on this machine", group), "groupadd --system "+group)
			}
		}
		cred.Gid = number(g.Gid)
	}
	if os.Getuid() != 0 {
		if cred.Uid != uint32(os.Getuid()) || cred.Gid != uint32(os.Getgid()) {
			return nil, nil, fault.Errorf(fault.Denied, "only root can run a process as %s", strings.Trim(name+":"+group, ":"))
		}
		return nil, env, nil
	}
	return cred, env, nil
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// limited puts a shell before a program whose limits only the process itself
// can set before it runs: Go has no hook between fork and exec, and a limit set
// on a running process comes too late for what it read at its start.
func limited(path string, spec Spec) (string, []string) {
	script := ""
	if n := spec.Limits.OpenFiles; n > 0 {
		script += "ulimit -n " + strconv.Itoa(n) + " && "
	}
	if len(spec.Files) > 0 { // whom the sockets are meant for is known only then
		script += "LISTEN_PID=$$ && export LISTEN_PID && "
	}
	if script == "" {
		return path, spec.Args
	}
	return "/bin/sh", append([]string{"sh", "-c", script + `exec "$0" "$@"`, path}, spec.Args[1:]...)
}
