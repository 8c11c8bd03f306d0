package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/doctor"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/show"
)

func doctorCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "doctor", Args: "[--json]", Help: "check folders, rights, limits, cgroups and leftovers, and tell what mends each",
		Long:  "Changes nothing. The exit status is 3 where something is wrong; warnings leave it 0.",
		Flags: func(f *flag.FlagSet) { jsonFlag(f, &asJSON) },
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			found := append(doctor.Examine(ctx, doctor.Options{Places: places}), supervised(ctx, c)...)
			if asJSON {
				err = c.JSON(found)
			} else {
				err = printFindings(c, found)
			}
			for _, f := range found {
				if f.Status == doctor.Error && err == nil {
					err = cli.Unwell
				}
			}
			return err
		},
	}
}

func printFindings(c cli.Call, found []doctor.Finding) error {
	paint := c.Paint()
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s  %s: %s\n", paint.Word(fmt.Sprintf("%-7s", f.Status)), f.Check, cli.Clean(f.Detail))
		if f.Fix != "" {
			fmt.Fprintf(&b, "         %s %s\n", paint.Dim("mend it:"), f.Fix)
		}
	}
	_, err := fmt.Fprint(c.Stdout, b.String())
	return err
}

// supervised is what the hero_proc that runs has to say.
func supervised(ctx context.Context, c cli.Call) []doctor.Finding {
	m, err := running(ctx, c.Env)
	if err != nil {
		return []doctor.Finding{{Check: "hero_proc", Status: doctor.Error, Detail: absent(err).Error(), Fix: "hero_proc up"}}
	}
	found := []doctor.Finding{{Check: "hero_proc", Status: doctor.OK, Detail: fmt.Sprintf("version %s, pid %d", m.Version, m.PID)}}
	all, err := call[[]procd.ServiceStatus](ctx, c.Env, "supervisor.list", procd.ListParams{Health: true})
	if err != nil {
		return append(found, doctor.Finding{Check: "services", Status: doctor.Error, Detail: err.Error(), Fix: "hero_proc list"})
	}
	for _, s := range all {
		if show.Well(s) || s.State == "stopped" {
			continue
		}
		f := doctor.Finding{Check: "services", Status: doctor.Warning, Detail: s.Name + " is " + s.State, Fix: "hero_proc why " + s.Name}
		if s.State == "running" && s.Health != nil {
			f.Detail += ", and " + string(s.Health.Word)
		}
		if s.State == "failed" || s.State == "running" {
			f.Status = doctor.Error
		}
		found = append(found, f)
	}
	if len(found) == 1 {
		found = append(found, doctor.Finding{Check: "services", Status: doctor.OK, Detail: fmt.Sprintf("%d, none that asks for attention", len(all))})
	}
	return found
}
