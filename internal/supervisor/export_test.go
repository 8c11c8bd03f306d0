package supervisor

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// CutOff is an Apply that ends when the definitions are in the registry, as one
// whose supervisor is killed.
func (s *Supervisor) CutOff(ctx context.Context, files []unit.Unit) error {
	p, err := s.Plan(files)
	if err != nil {
		return err
	}
	return s.registerAll(ctx, files, p.Changes)
}
