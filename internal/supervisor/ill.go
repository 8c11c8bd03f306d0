package supervisor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/machine"
)

// illness is what a keeper knows of the layers of its service that are
// unhealthy. The keeper's goroutine owns it.
type illness struct {
	layers map[string]string // layer → what is wrong
	timer  *time.Timer       // runs while there is one, and the unit wants to be restarted
}

// forget is for a process that is gone.
func (i *illness) forget() {
	if i.timer != nil {
		i.timer.Stop()
	}
	*i = illness{}
}

// NoteHealth puts a change of a layer's health into the events and the history,
// and has a service replaced that asks for it and stays unhealthy. service is
// the unit's name, or what its two registrations of the older pattern have in
// common.
func (s *Supervisor) NoteHealth(service, layer, from, to, cause string) {
	k := s.keeperOf(service)
	if k == nil {
		suffix := "_server"
		if layer == "ui" {
			suffix = "_ui"
		}
		if k = s.keeperOf(service + suffix); k == nil {
			return // nobody's that is supervised
		}
	}
	text := layer + " is " + to
	if cause != "" {
		text += ": " + cause
	}
	s.tell(Transition{Unit: k.name, Layer: layer, At: time.Now(), From: from, To: to, Cause: text})
	k.send(message{do: func(context.Context) { k.unwell(layer, to == "unhealthy", cause) }})
}

// unwell notes how a layer is.
func (k *keeper) unwell(layer string, ill bool, cause string) {
	if !ill || !k.state.Phase.HasProcess() {
		if delete(k.ill.layers, layer); len(k.ill.layers) == 0 {
			k.ill.forget()
		}
		return
	}
	if k.ill.layers == nil {
		k.ill.layers = map[string]string{}
	}
	k.ill.layers[layer] = cause
	patience := k.definition().RestartUnhealthy.Std()
	if k.ill.timer != nil || patience <= 0 {
		return
	}
	attempt := k.state.Attempt
	k.ill.timer = time.AfterFunc(patience, func() {
		k.send(message{do: func(ctx context.Context) {
			if k.state.Attempt != attempt || len(k.ill.layers) == 0 {
				return
			}
			var all []string
			for _, name := range slices.Sorted(maps.Keys(k.ill.layers)) {
				all = append(all, strings.TrimSuffix(name+": "+k.ill.layers[name], ": "))
			}
			k.step(ctx, machine.Event{Op: machine.Broken, Attempt: attempt, Gently: true,
				Cause: fmt.Sprintf("unhealthy for %v: %s", patience, strings.Join(all, "; "))})
		}})
	})
}
