// Package doctor looks at a machine's folders, rights, limits and leftovers, and
// says of each what is wrong and what mends it. It changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Status says how serious a Finding is.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // something works less well than it could
	Error   Status = "error"
)

// Finding is what there is to say of one thing.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitzero"` // the command that mends it
}

// Options say where to look. Places must be set.
type Options struct {
	Places layout.Places
	// Cgroups is where the cgroups are mounted; "" is /sys/fs/cgroup.
	Cgroups string
}

// Examine returns a finding for everything that was looked at.
func Examine(ctx context.Context, opts Options) []Finding {
	if opts.Cgroups == "" {
		opts.Cgroups = "/sys/fs/cgroup"
	}
	d := &doctor{places: opts.Places}
	d.folders()
	d.limits()
	d.cgroups(opts.Cgroups)
	d.definitions()
	d.leftovers(ctx)
	return d.found
}

// doctor gathers findings.
type doctor struct {
	places layout.Places
	found  []Finding
}

func (d *doctor) say(check string, status Status, fix, format string, args ...any) {
	d.found = append(d.found, Finding{Check: check, Status: status, Detail: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *doctor) folders() {
	for _, dir := range []struct{ what, path string }{{"home", d.places.Home}, {"sockets", d.places.Sockets}} {
		switch err := unixsock.CheckDir(dir.path); {
		case fault.Of(err) == fault.NotFound:
			d.say(dir.what, OK, "", "%s is not there yet; hero_proc up makes it", dir.path)
			continue
		case err != nil:
			d.say(dir.what, Error, fault.Hint(err), "%v", err)
			continue
		}
		f, err := os.CreateTemp(dir.path, ".doctor")
		if err != nil {
			d.say(dir.what, Error, "df -h "+quote(dir.path)+"; mount | grep ' ro'", "nothing can be written: %v", err)
			continue
		}
		f.Close()
		os.Remove(f.Name())
		d.say(dir.what, OK, "", "%s", dir.path)
	}
	var st syscall.Statfs_t
	if syscall.Statfs(d.places.Home, &st) != nil {
		return
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	const least = 512 << 20
	if free < least {
		d.say("disk", Warning, "du -xsh "+quote(filepath.Join(d.places.Home, "var"))+"/*/*", "%s are free on the disk of %s", mib(free), d.places.Home)
	} else {
		d.say("disk", OK, "", "%s are free", mib(free))
	}
}

func (d *doctor) limits() {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		const least = 4096
		if files.Cur < least {
			d.say("open files", Warning, "ulimit -n 65536", "a process may have %d files open; a thousand services need %d", files.Cur, least)
		} else {
			d.say("open files", OK, "", "%d in each process", files.Cur)
		}
	}
	for name, least := range map[string]int{"max_user_watches": 8192, "max_user_instances": 64} {
		text, err := os.ReadFile("/proc/sys/fs/inotify/" + name)
		n, nerr := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && nerr == nil && n < least {
			d.say("inotify", Warning, fmt.Sprintf("sudo sysctl fs.inotify.%s=%d", name, 16*least), "fs.inotify.%s is %d: sockets may be seen late", name, n)
		}
	}
}

// cgroups looks whether each service can have a cgroup of its own.
func (d *doctor) cgroups(root string) {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		d.say("cgroups", Warning, "boot with systemd.unified_cgroup_hierarchy=1", "there is no cgroup v2: processes are found by session and environment, and limits of memory hold for each process apart")
		return
	}
	own := ""
	text, err := os.ReadFile("/proc/self/cgroup")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				own = path
			}
		}
	}
	const writable = 2 // W_OK
	if dir := filepath.Join(root, own); syscall.Access(dir, writable) != nil {
		d.say("cgroups", Warning, "hero_proc install, so that systemd delegates a cgroup", "%s cannot be written: processes are found by session and environment, and limits of memory hold for each process apart", dir)
		return
	}
	d.say("cgroups", OK, "", "cgroup v2 can be written")
}

func (d *doctor) definitions() {
	units, err := unit.ReadDir(d.places.Definitions())
	if err != nil {
		d.say("definitions", Error, "mend the files, then: hero_proc apply", "%v", err)
		return
	}
	d.say("definitions", OK, "", "%d in %s", len(units), d.places.Definitions())
}

// leftovers looks for what dead processes left behind.
func (d *doctor) leftovers(ctx context.Context) {
	tree, err := discovery.Discover(ctx, discovery.Options{Places: d.places})
	if err != nil {
		if fault.Of(err) != fault.NotFound && !errors.Is(err, os.ErrNotExist) {
			d.say("sockets", Error, fault.Hint(err), "%v", err)
		}
		return
	}
	n := 0
	for _, s := range tree.Strays {
		n++
		d.say("leftovers", Warning, "rm -r "+quote(filepath.Join(d.places.Sockets, s.Path)), "%s is no service's: %s", s.Path, s.Reason)
	}
	for _, s := range tree.Services {
		if s.Server == nil || s.Server.State != discovery.Stale {
			continue
		}
		n++
		d.say("leftovers", Warning, "rm "+quote(filepath.Join(d.places.Sockets, s.Server.Rel)), "%s: nobody listens on its socket", s.Name)
	}
	self, err := layout.ParseService("hero_proc")
	if err != nil {
		return
	}
	damaged, _ := filepath.Glob(filepath.Join(d.places.State(self), "registry.sqlite.damaged-*")) // the pattern is well formed
	for _, path := range damaged {
		n++
		d.say("leftovers", Warning, "rm "+quote(path), "a damaged registry was set aside as %s", path)
	}
	if n == 0 {
		d.say("leftovers", OK, "", "none")
	}
}

// mib says how many bytes there are.
func mib(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	if strings.IndexFunc(path, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-@%+=:,", r))
	}) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
