package supervisor

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/internal/activate"
	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
	"forge.ourworld.tf/lhumina_code/hero/internal/osproc"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// hold lets the unit sleep on its sockets.
func (k *keeper) hold(ctx context.Context) {
	err := k.held.Hold(ctx, k.definition().Sockets, &k.sup.wg, func() { k.send(message{event: machine.Event{Op: machine.Wake}}) })
	if err != nil {
		k.step(ctx, machine.Event{Op: machine.NotHeld, Cause: err.Error()})
	}
}

// startWith starts a process with the sockets that are held for it.
func (k *keeper) startWith(u unit.Unit, spec osproc.Spec) (Process, error) {
	idle := ""
	if u.Idle > 0 {
		idle = u.Idle.Std().String()
	}
	files, env, err := k.held.Files(idle)
	if err != nil {
		return nil, err
	}
	defer activate.CloseAll(files)
	spec.Files, spec.Env = files, append(spec.Env, env...)
	return k.sup.runner.Start(spec)
}

// Asleep reports whether a unit sleeps until somebody connects.
func (s *Supervisor) Asleep(name string) bool {
	k := s.keeperOf(name)
	return k != nil && k.snapshot().State == machine.Asleep.String()
}
