package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/show"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

func addCommand() cli.Command {
	var u unit.Unit
	var wait time.Duration
	var noStart, asJSON bool
	return cli.Command{
		Name: "add", Args: "NAME [FLAGS] -- COMMAND…", Help: "register a command as a service and start it",
		Min: 1, Max: 1, Rest: true,
		Long: "Every key of a definition is a flag; `--limits-memory 64MiB` is the key `memory` of the table `limits`. A script is given with `--script` in the place of the command.",
		Flags: func(f *flag.FlagSet) {
			u.Flags(f)
			f.BoolVar(&noStart, "no-start", false, "register it, and start it later")
			waitFlag(f, &wait)
			jsonFlag(f, &asJSON)
		},
		Run: func(ctx context.Context, c cli.Call) error {
			if len(c.Rest) == 0 && u.Script == "" {
				return fault.WithHint(fault.Errorf(fault.Invalid, "the command is missing"), "hero_proc add "+c.Args[0]+" -- COMMAND")
			}
			u.Name, u.Command = c.Args[0], c.Rest
			if _, err := call[unit.Unit](ctx, c.Env, "supervisor.set", u); err != nil {
				return err
			}
			if noStart {
				return nil
			}
			return several(c, asJSON, wait > 0, "start", func(name string) (procd.ServiceStatus, error) {
				return call[procd.ServiceStatus](ctx, c.Env, "supervisor.start", procd.WaitParams{Name: name, Wait: wait.Seconds()})
			})
		},
	}
}

// planFlags are the flags of commands that show first what they would do.
type planFlags struct {
	yes, dry, json bool
	wait           time.Duration
}

func (p *planFlags) declare(f *flag.FlagSet) {
	f.BoolVar(&p.yes, "yes", false, "do it without asking")
	f.BoolVar(&p.dry, "dry-run", false, "show what would be done, and do nothing")
	waitFlag(f, &p.wait)
	jsonFlag(f, &p.json)
}

// agreed asks whether to go on; --dry-run does not.
func (p *planFlags) agreed(c cli.Call) (bool, error) {
	if p.dry || p.yes {
		return p.yes && !p.dry, nil
	}
	return c.Confirm("Do this?", "--yes, or --dry-run")
}

func applyCommand() cli.Command {
	var p planFlags
	return cli.Command{
		Name: "apply", Args: "[--yes|--dry-run] [--wait 30s] [--json]", Help: "make what runs equal to the files in etc/services, after showing what that means",
		Long:  "Services that were added by a command are left alone. A service whose file is gone is removed, and one that was stopped by hand stays stopped.",
		Flags: p.declare,
		Run: func(ctx context.Context, c cli.Call) error {
			plan, err := call[supervisor.Plan](ctx, c.Env, "supervisor.plan", nil)
			if err != nil {
				return err
			}
			if p.json && p.dry {
				return c.JSON(plan)
			}
			if !p.json {
				if err := printPlan(c, plan.Changes); err != nil || len(plan.Changes) == 0 {
					return err
				}
			}
			if ok, err := p.agreed(c); err != nil || !ok {
				return err
			}
			done := c.Progress("apply")
			defer done()
			applied, err := call[procd.Applied](ctx, c.Env, "supervisor.apply", procd.ApplyParams{Plan: plan.ID, Wait: p.wait.Seconds()})
			done()
			if err != nil {
				return err
			}
			if p.json {
				return c.JSON(applied)
			}
			return told(c, applied.Services, p.wait > 0)
		},
	}
}

// told shows how services are that were to start.
func told(c cli.Call, services []procd.ServiceStatus, judge bool) error {
	ill := false
	for _, s := range services {
		if _, err := fmt.Fprint(c.Stdout, show.Status(c.Paint(), s)); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		ill = ill || !show.Well(s) && s.State != "stopped"
	}
	if judge && ill {
		return cli.Unwell
	}
	return nil
}

func printPlan(c cli.Call, changes []supervisor.Change) error {
	paint := c.Paint()
	var b strings.Builder
	if len(changes) == 0 {
		b.WriteString("Nothing to do: all is as it shall be.\n")
	}
	for _, ch := range changes {
		sign := map[string]string{supervisor.DoAdd: "+", supervisor.DoRemove: "-", supervisor.DoChange: "~", supervisor.DoStart: ">"}[ch.Do]
		line := fmt.Sprintf("%s %s %s", sign, ch.Do, ch.Unit)
		if ch.Restart {
			line += " (restarts it)"
		}
		if ch.Why != "" {
			line += ": " + ch.Why
		}
		switch ch.Do {
		case supervisor.DoAdd, supervisor.DoStart:
			line = paint.Good(line)
		case supervisor.DoRemove:
			line = paint.Bad(line)
		default:
			line = paint.Warn(line)
		}
		b.WriteString(line + "\n")
		for _, d := range ch.Diff {
			fmt.Fprintf(&b, "    %s: %s → %s\n", d.Key, dash(d.Old), dash(d.New))
		}
	}
	_, err := io.WriteString(c.Stdout, b.String())
	return err
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return cli.Clean(s)
}

func setCommand() cli.Command {
	var p planFlags
	return cli.Command{
		Name: "set", Args: "FILE… [--yes|--dry-run] [--wait 30s] [--json]", Help: "register or change services by TOML files, after showing what that means",
		Min: 1, Max: -1,
		Long:  "`-` reads a definition from the standard input. A new service is started; one that runs is restarted where the change needs that.",
		Flags: p.declare,
		Run: func(ctx context.Context, c cli.Call) error {
			var all []procd.Checked
			for _, path := range c.Args {
				text, err := readDefinition(c, path)
				if err != nil {
					return err
				}
				checked, err := call[procd.Checked](ctx, c.Env, "supervisor.check", procd.File{Name: path, Text: text})
				if err != nil {
					return err
				}
				all = append(all, checked)
			}
			return put(ctx, c, p, all)
		},
	}
}

func readDefinition(c cli.Call, path string) (string, error) {
	if path == "-" {
		b, err := io.ReadAll(io.LimitReader(c.Stdin, 1<<20))
		if err != nil {
			return "", fmt.Errorf("read the definition: %w", err)
		}
		return string(b), nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Errorf(fault.NotFound, "read the definition: %w", err)
	}
	return string(b), nil
}

// put registers definitions once the plan was agreed to.
func put(ctx context.Context, c cli.Call, p planFlags, all []procd.Checked) error {
	changes := make([]supervisor.Change, 0, len(all))
	for _, ch := range all {
		change, err := changeOf(ctx, c, ch)
		if err != nil {
			return err
		}
		if change.Do == supervisor.DoAdd || len(change.Diff) > 0 {
			changes = append(changes, change)
		}
	}
	if p.json && p.dry {
		return c.JSON(changes)
	}
	if !p.json {
		if err := printPlan(c, changes); err != nil || len(changes) == 0 {
			return err
		}
	}
	if ok, err := p.agreed(c); err != nil || !ok {
		return err
	}
	for _, ch := range all {
		if _, err := call[unit.Unit](ctx, c.Env, "supervisor.set", ch.Unit); err != nil {
			return err
		}
	}
	services := []procd.ServiceStatus{}
	for _, ch := range changes {
		method := ""
		switch {
		case ch.Restart:
			method = "supervisor.restart"
		case ch.Do == supervisor.DoAdd:
			method = "supervisor.start"
		default:
			continue
		}
		done := c.Progress("start " + ch.Unit)
		s, err := call[procd.ServiceStatus](ctx, c.Env, method, procd.WaitParams{Name: ch.Unit, Wait: p.wait.Seconds()})
		done()
		if err != nil {
			return err
		}
		services = append(services, s)
	}
	if p.json {
		return c.JSON(services)
	}
	return told(c, services, p.wait > 0)
}

// changeOf is what registering a definition would do.
func changeOf(ctx context.Context, c cli.Call, ch procd.Checked) (supervisor.Change, error) {
	if !ch.Known {
		return supervisor.Change{Do: supervisor.DoAdd, Unit: ch.Unit.Name}, nil
	}
	change := supervisor.Change{Do: supervisor.DoChange, Unit: ch.Unit.Name, Diff: ch.Diff}
	s, err := call[procd.ServiceStatus](ctx, c.Env, "supervisor.status", procd.NameParams{Name: ch.Unit.Name})
	if err != nil {
		return change, err
	}
	for _, d := range ch.Diff {
		if !d.Live && len(s.Processes) == 1 && s.Processes[0].Desired == "up" {
			change.Restart = true
		}
	}
	return change, nil
}

func editCommand() cli.Command {
	var p planFlags
	return cli.Command{
		Name: "edit", Args: "NAME [--yes|--dry-run] [--wait 30s]", Help: "change a definition in $EDITOR", Min: 1, Max: 1, Complete: oneService,
		Long:  "The editor is `$VISUAL`, else `$EDITOR`, else `vi`. What is wrong is told by line and column, and the file opened again.",
		Flags: p.declare,
		Run: func(ctx context.Context, c cli.Call) error {
			f, err := call[procd.File](ctx, c.Env, "supervisor.source", procd.NameParams{Name: c.Args[0]})
			if err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "hero_proc")
			if err != nil {
				return fmt.Errorf("make a file to edit: %w", err)
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, f.Name)
			if err := os.WriteFile(path, []byte(f.Text), 0o600); err != nil {
				return fmt.Errorf("make a file to edit: %w", err)
			}
			for {
				checked, err := edited(ctx, c, path)
				if err == nil {
					return put(ctx, c, p, []procd.Checked{checked})
				}
				if fault.Of(err) != fault.Invalid {
					return err
				}
				fmt.Fprintf(c.Stderr, "hero_proc: error: %v\n", err)
				again, cerr := c.Confirm("Edit again?", "an $EDITOR that leaves a definition without faults")
				if cerr != nil || !again {
					return err
				}
			}
		},
	}
}

// edited opens the editor on a definition and checks what was left.
func edited(ctx context.Context, c cli.Call, path string) (procd.Checked, error) {
	editor := c.Getenv("VISUAL")
	if editor == "" {
		editor = c.Getenv("EDITOR")
	}
	if editor == "" {
		editor = "vi"
	}
	// As a shell reads it: an editor may have arguments.
	if err := osproc.Foreground(ctx, "/bin/sh", "-c", editor+` "$1"`, "sh", path); err != nil {
		return procd.Checked{}, fault.WithHint(fault.Errorf(fault.Unavailable, "edit with %s: %w", editor, err), "set EDITOR to an editor that is installed")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return procd.Checked{}, fmt.Errorf("read what was edited: %w", err)
	}
	checked, err := call[procd.Checked](ctx, c.Env, "supervisor.check", procd.File{Name: filepath.Base(path), Text: string(text)})
	if err == nil && checked.Unit.Name+".toml" != filepath.Base(path) {
		err = fault.Errorf(fault.Invalid, "%s: name: a service cannot be renamed; it is now %q", filepath.Base(path), checked.Unit.Name)
	}
	return checked, err
}

func migrateCommand() cli.Command {
	var p planFlags
	return cli.Command{
		Name: "migrate", Args: "NAME [--yes|--dry-run] [--wait 30s] [--json]", Help: "turn NAME_server and NAME_ui into the one registration NAME",
		Min: 1, Max: 1, Complete: oneService,
		Long:  "It needs a program that serves all layers itself, as its manifest tells. Should the one registration not come up, the two are put back.",
		Flags: p.declare,
		Run: func(ctx context.Context, c cli.Call) error {
			params := procd.MigrateParams{Name: c.Args[0], Dry: true, Wait: p.wait.Seconds()}
			m, err := call[procd.Migration](ctx, c.Env, "supervisor.migrate", params)
			if err != nil {
				return err
			}
			changes := []supervisor.Change{{Do: supervisor.DoAdd, Unit: m.Unit.Name}}
			for _, n := range m.Changed {
				changes = append(changes, supervisor.Change{Do: supervisor.DoChange, Unit: n, Why: "it depends on " + m.Unit.Name + " then"})
			}
			for _, n := range m.Removed {
				changes = append(changes, supervisor.Change{Do: supervisor.DoRemove, Unit: n})
			}
			if p.json && p.dry {
				return c.JSON(m)
			}
			if !p.json {
				if err := printPlan(c, changes); err != nil {
					return err
				}
			}
			if ok, err := p.agreed(c); err != nil || !ok {
				return err
			}
			done := c.Progress("migrate " + c.Args[0])
			defer done()
			params.Dry = false
			m, err = call[procd.Migration](ctx, c.Env, "supervisor.migrate", params)
			done()
			if err == nil && p.json {
				return c.JSON(m)
			}
			return err
		},
	}
}
