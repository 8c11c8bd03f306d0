package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
)

// unitTemplate is hero_proc as a service of systemd. KillMode=process leaves
// the services alone when hero_proc dies: the next one adopts them. Delegate
// gives each of them a cgroup of its own.
const unitTemplate = `# Written by hero_proc install.
[Unit]
Description=hero_proc: supervises services
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=%s up --listen %s
Environment=%s
%sRestart=always
RestartSec=1
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNOFILE=65536
TimeoutStartSec=90
TimeoutStopSec=90

[Install]
WantedBy=%s
`

func installCommand() cli.Command {
	var in install
	return cli.Command{
		Name: "install", Args: "[--user|--system] [--as USER] [--listen ADDR] [--print]", Help: "let systemd run hero_proc",
		Long: "Writes `~/.config/systemd/user/hero_proc.service`, or with `--system` `/etc/systemd/system/hero_proc.service`, and says how to start it. Nothing is started, and a unit that was changed by hand is left alone unless `--force` is given.",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&in.user, "user", false, "for this user; the default unless root calls")
			f.BoolVar(&in.system, "system", false, "for the machine; needs root")
			f.StringVar(&in.as, "as", "", "the `user` that hero_proc runs as, with --system; root where empty")
			f.StringVar(&in.listen, "listen", "127.0.0.1:9998", "`address` of the proxy")
			f.BoolVar(&in.print, "print", false, "print the unit, and write nothing")
			f.BoolVar(&in.force, "force", false, "replace a unit that is there")
		},
		Run: func(_ context.Context, c cli.Call) error { return in.run(c) },
	}
}

type install struct {
	user, system, print, force bool
	as, listen                 string
}

func (in install) run(c cli.Call) error {
	if in.user && in.system {
		return fault.Errorf(fault.Invalid, "install: give one of --user and --system")
	}
	system := in.system || !in.user && os.Geteuid() == 0
	if in.as != "" && !system {
		return fault.Errorf(fault.Invalid, "install: --as needs --system")
	}
	text, err := in.unit(c, system)
	if err != nil {
		return err
	}
	if in.print {
		_, err := fmt.Fprint(c.Stdout, text)
		return err
	}
	path, ctl := "/etc/systemd/system/hero_proc.service", "systemctl"
	if !system {
		config := c.Getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(c.Home, ".config")
		}
		path, ctl = filepath.Join(config, "systemd", "user", "hero_proc.service"), "systemctl --user"
	}
	if old, err := os.ReadFile(path); err == nil && string(old) != text && !in.force {
		return fault.WithHint(fault.Errorf(fault.Conflict, "install: %s is there and says something else", path), "look at it, then: hero_proc install --force")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return denied(err)
	}
	if err := atomicfile.Write(path, []byte(text), 0o644); err != nil {
		return denied(err)
	}
	fmt.Fprintf(c.Stdout, "%s is written. Start it, now and with the machine:\n\n  %s daemon-reload\n  %s enable --now hero_proc\n", path, ctl, ctl)
	if !system {
		fmt.Fprint(c.Stdout, "  loginctl enable-linger   # so that it runs while you are not logged in\n")
	}
	return nil
}

func denied(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fault.WithHint(fault.Errorf(fault.Denied, "install: %w", err), "call it with sudo, or with --user")
	}
	return fmt.Errorf("install: %w", err)
}

// unit is the text of the unit.
func (in install) unit(c cli.Call, system bool) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	places, err := c.Places()
	if err != nil {
		return "", err
	}
	user, target := "", "default.target"
	if system {
		target = "multi-user.target"
	}
	if in.as != "" {
		user = "User=" + quoted(in.as) + "\n"
	}
	var env []string
	for _, v := range places.Env() {
		env = append(env, quoted(v))
	}
	return fmt.Sprintf(unitTemplate, quoted(exe), quoted(in.listen), strings.Join(env, " "), user, target), nil
}

// quoted is a word as a systemd unit has it.
func quoted(s string) string {
	s = strings.NewReplacer("%", "%%", `\`, `\\`, `"`, `\"`, "\n", `\n`, "$", "$$").Replace(s)
	if strings.ContainsAny(s, " \t'\"\\;") {
		return `"` + s + `"`
	}
	return s
}
