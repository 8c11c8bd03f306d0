package procd

import (
	"context"
	"os"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// UpgradeParams say what to become.
type UpgradeParams struct {
	Path string `json:"path" doc:"Absolute path of the new hero_proc."`
}

// Upgrading is a hero_proc that is about to be replaced.
type Upgrading struct {
	PID  int    `json:"pid" doc:"Of hero_proc, before and after."`
	Path string `json:"path"`
}

// upgrade replaces this process by another program. The answer comes first;
// when the API answers again, the new program does.
func (a *API) upgrade(_ context.Context, p UpgradeParams) (Upgrading, error) {
	if a.Upgrade == nil {
		return Upgrading{}, fault.Errorf(fault.Unsupported, "this hero_proc cannot be replaced in place")
	}
	if !filepath.IsAbs(p.Path) {
		return Upgrading{}, fault.Errorf(fault.Invalid, "path: %q is not an absolute path", p.Path)
	}
	fi, err := os.Stat(p.Path)
	switch {
	case err != nil:
		return Upgrading{}, fault.Errorf(fault.NotFound, "upgrade: %w", err)
	case !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0:
		return Upgrading{}, fault.Errorf(fault.Invalid, "upgrade: %s is no program that can be run", p.Path)
	}
	if err := a.Upgrade(p.Path); err != nil {
		return Upgrading{}, err
	}
	return Upgrading{PID: os.Getpid(), Path: p.Path}, nil
}
