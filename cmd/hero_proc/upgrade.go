package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/manifest"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func upgradeCommand() cli.Command {
	var binary string
	var wait time.Duration
	return cli.Command{
		Name: "upgrade", Args: "[--binary PATH] [--wait 30s]", Help: "replace the running hero_proc by another program in place; services run on",
		Long: "The program is this one unless `--binary` names another. The process keeps its id, so that whoever started it does not notice; every service keeps its process and loses no line of its log.",
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&binary, "binary", "", "the `path` of the new hero_proc; this program where empty")
			waitFlag(f, &wait)
		},
		Run: func(ctx context.Context, c cli.Call) error {
			if binary == "" {
				exe, err := os.Executable()
				if err != nil {
					return fmt.Errorf("find this program: %w", err)
				}
				binary = exe
			}
			path, err := filepath.Abs(binary)
			if err != nil {
				return fmt.Errorf("find %s: %w", binary, err)
			}
			before, err := running(ctx, c.Env)
			if err != nil {
				return absent(err)
			}
			socket, err := ownSocket(c.Env)
			if err != nil {
				return absent(err)
			}
			if _, err := call[procd.Upgrading](ctx, c.Env, "supervisor.upgrade", procd.UpgradeParams{Path: path}); err != nil {
				return err
			}
			done := c.Progress("upgrade hero_proc")
			defer done()
			after, err := successor(ctx, c.Env, socket, wait)
			done()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.Stdout, "hero_proc: %s → %s (pid: %d)\n", before.Version, after.Version, after.PID)
			return err
		},
	}
}

// running returns what the hero_proc that runs says of itself.
func running(ctx context.Context, env cli.Env) (manifest.Manifest, error) {
	places, err := env.Places()
	if err != nil {
		return manifest.Manifest{}, err
	}
	client, err := sdk.DialService(sdk.WithPlaces(ctx, places), procd.Service)
	if err != nil {
		return manifest.Manifest{}, err
	}
	defer client.Close()
	return sdk.Invoke[manifest.Manifest](ctx, client, "service.info", nil)
}

// ownSocket returns which socket hero_proc answers on: every hero_proc binds its
// own, so it tells one from its successor of the same process.
func ownSocket(env cli.Env) (unixsock.ID, error) {
	places, err := env.Places()
	if err != nil {
		return unixsock.ID{}, err
	}
	self, err := layout.ParseService(procd.Service)
	if err != nil {
		return unixsock.ID{}, err
	}
	return unixsock.Stat(places.ServiceSocket(self))
}

// successor waits until a hero_proc answers on another socket than the one
// before.
func successor(ctx context.Context, env cli.Env, before unixsock.ID, wait time.Duration) (manifest.Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := ownSocket(env); err == nil && now != before {
			if m, err := running(ctx, env); err == nil {
				return m, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return manifest.Manifest{}, fault.WithHint(fault.Errorf(fault.Unavailable, "upgrade: the new hero_proc does not answer within %v", wait), "hero_proc doctor")
		}
	}
}

// successorOf checks that a program is a hero_proc that runs here, before this
// one gives way to it.
func successorOf(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := osproc.Output(ctx, path, "version")
	if err != nil {
		return fault.Errorf(fault.Invalid, "upgrade: %s does not run: %w", path, err)
	}
	if !strings.HasPrefix(out, "hero_proc ") {
		return fault.Errorf(fault.Invalid, "upgrade: %s is no hero_proc: its version is %.100q", path, out)
	}
	return nil
}

// become replaces this process by a program, or where that cannot be by
// itself, with the same arguments. It returns only where neither can be.
func become(path string) error {
	err := syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
	if self, serr := os.Executable(); serr == nil {
		fmt.Fprintf(os.Stderr, "hero_proc: error: become %s: %v; the old program goes on\n", path, err)
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	return fmt.Errorf("become %s: %w", path, err)
}
