package procd

import (
	"context"
	"os"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/supervisor"
	"forge.ourworld.tf/lhumina_code/hero/internal/unit"
)

// ApplyParams say which plan to carry out.
type ApplyParams struct {
	Plan string  `json:"plan,omitzero" doc:"The id of the plan that was shown: refused where another one would be carried out. Empty takes what comes."`
	Wait float64 `json:"wait,omitzero" doc:"Seconds to wait until what was started is ready; 0 returns at once."`
}

// Applied is a plan that was carried out, and how its services are.
type Applied struct {
	supervisor.Plan
	Services []ServiceStatus `json:"services"`
}

// files reads the definitions of etc/services.
func (a *API) files() ([]unit.Unit, error) {
	dir := a.Places.Definitions()
	if _, err := os.Stat(dir); err != nil {
		return nil, fault.WithHint(fault.Errorf(fault.NotFound, "there is no folder of definitions: %w", err),
			"mkdir -p "+dir+", and put a NAME.toml for each service into it")
	}
	return unit.ReadDir(dir)
}

func (a *API) plan(context.Context, struct{}) (supervisor.Plan, error) {
	files, err := a.files()
	if err != nil {
		return supervisor.Plan{}, err
	}
	return a.Supervisor.Plan(files)
}

func (a *API) apply(ctx context.Context, p ApplyParams) (Applied, error) {
	files, err := a.files()
	if err != nil {
		return Applied{}, err
	}
	plan, err := a.Supervisor.Apply(ctx, files, p.Plan)
	if err != nil {
		return Applied{}, err
	}
	out := Applied{Plan: plan, Services: []ServiceStatus{}}
	for _, c := range plan.Changes {
		if c.Do == supervisor.DoRemove {
			continue
		}
		s, err := a.settled(ctx, WaitParams{Name: c.Unit, Wait: p.Wait})
		if err != nil {
			return out, err
		}
		out.Services = append(out.Services, s)
	}
	return out, nil
}

// File is a definition as it stands in a TOML file.
type File struct {
	Name string `json:"name" doc:"Its path, for messages; a definition without a name is named after it."`
	Text string `json:"text"`
}

// source returns a definition as a TOML file, for an editor.
func (a *API) source(_ context.Context, p NameParams) (File, error) {
	u, err := a.Supervisor.Get(p.Name)
	if err != nil {
		return File{}, err
	}
	text, err := unit.Format(u)
	if err != nil {
		return File{}, fault.Errorf(fault.Internal, "write the definition of %s: %w", p.Name, err)
	}
	return File{Name: p.Name + ".toml", Text: string(text)}, nil
}

// Checked is a definition that was read from a file, and in what it differs
// from the one that holds.
type Checked struct {
	Unit  unit.Unit   `json:"unit"`
	Known bool        `json:"known" doc:"Whether a registration of that name is there."`
	Diff  []unit.Diff `json:"diff"`
}

// check tells everything that is wrong with a definition, by line and column,
// or what it would change.
func (a *API) check(_ context.Context, f File) (Checked, error) {
	u, err := unit.Parse(f.Name, []byte(f.Text))
	if err != nil {
		return Checked{}, err
	}
	c := Checked{Unit: u, Diff: []unit.Diff{}}
	if old, err := a.Supervisor.Get(u.Name); err == nil {
		c.Known = true
		c.Diff = append(c.Diff, unit.Compare(old, u)...)
	}
	return c, nil
}
