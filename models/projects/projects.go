// Package projects is the shared domain of work: projects with their swimlanes
// and milestones, and the issues in them.
package projects

import (
	"context"
	"database/sql"
	"fmt"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/internal/valid"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// Name is the domain's name.
const Name = "projects"

// domain serves in one context.
type domain struct {
	projects *store.Objects[Project]
	issues   *store.Objects[ProjectIssue]
}

// Domain is the domain as a part of a service.
func Domain() sdk.Part {
	return sdk.Domain[*domain]{
		Name: Name, Shared: Name, Version: "0.1.0", Title: "Projects",
		Description: "Projects with swimlanes and milestones, and their issues.",
		Open:        open,
		Methods: sdk.Methods(
			sdk.Objects("project", func(d *domain) *store.Objects[Project] { return d.projects }),
			sdk.Objects("project_issue", func(d *domain) *store.Objects[ProjectIssue] { return d.issues }),
		),
	}
}

func open(ctx context.Context, t *sdk.Tenant) (*domain, error) {
	s, err := t.Store(ctx)
	if err != nil {
		return nil, err
	}
	d := new(domain)
	if d.projects, err = store.ObjectsOf[Project](s, "project"); err != nil {
		return nil, err
	}
	if d.issues, err = store.ObjectsOf[ProjectIssue](s, "project_issue"); err != nil {
		return nil, err
	}
	d.issues.Check = d.checkIssue
	return d, nil
}

// ProjectStatus says how far a project is.
type ProjectStatus string

// Enum returns the values a ProjectStatus can have.
func (ProjectStatus) Enum() []string {
	return []string{"planning", "active", "on_hold", "completed", "cancelled"}
}

// IssueType says what an issue is.
type IssueType string

// Enum returns the values an IssueType can have.
func (IssueType) Enum() []string {
	return []string{"task", "story", "bug", "question", "epic", "subtask"}
}

// IssuePriority says how much an issue matters.
type IssuePriority string

// Enum returns the values an IssuePriority can have.
func (IssuePriority) Enum() []string {
	return []string{"lowest", "low", "medium", "high", "highest", "critical"}
}

// IssueStatus says how far an issue is.
type IssueStatus string

// Enum returns the values an IssueStatus can have.
func (IssueStatus) Enum() []string {
	return []string{"open", "in_progress", "blocked", "review", "testing", "done", "closed"}
}

// Project is work that has an end.
type Project struct {
	store.Base
	Swimlanes  []Swimlane    `json:"swimlanes,omitzero" doc:"The columns that issues move through."`
	Milestones []Milestone   `json:"milestones,omitzero" doc:"What is to be reached, and by when."`
	FSFiles    []string      `json:"fs_files,omitzero" doc:"Ids of files."`
	Status     ProjectStatus `json:"status,omitzero" doc:"How far it is; planning where empty." index:"yes"`
	StartDate  store.Time    `json:"start_date,omitzero" doc:"When it starts." index:"yes"`
	EndDate    store.Time    `json:"end_date,omitzero" doc:"When it is to end." index:"yes"`
}

// Swimlane is a column that issues move through.
type Swimlane struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	Order       int    `json:"order,omitzero" doc:"Where it stands among the others, from left to right."`
	Color       string `json:"color,omitzero" doc:"Colour to show it in, such as #1a7f37."`
	IsDone      bool   `json:"is_done,omitzero" doc:"Whether an issue in it is done."`
}

// Milestone is something to reach by a day.
type Milestone struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitzero"`
	DueDate     store.Time `json:"due_date,omitzero"`
	Completed   bool       `json:"completed,omitzero"`
	Issues      []string   `json:"issues,omitzero" doc:"Ids of the issues that it takes."`
}

// Validate reports the first field that cannot be.
func (p *Project) Validate() error {
	lanes, stones := make(map[string]bool), make(map[string]bool)
	for i, l := range p.Swimlanes {
		field := fmt.Sprintf("swimlanes[%d]", i)
		if err := valid.First(valid.Required(field+".name", l.Name), valid.Color(field+".color", l.Color)); err != nil {
			return err
		}
		if lanes[l.Name] {
			return fault.Errorf(fault.Invalid, "%s.name: %.80q is there twice", field, l.Name)
		}
		lanes[l.Name] = true
	}
	for i, m := range p.Milestones {
		field := fmt.Sprintf("milestones[%d].name", i)
		if err := valid.Required(field, m.Name); err != nil {
			return err
		}
		if stones[m.Name] {
			return fault.Errorf(fault.Invalid, "%s: %.80q is there twice", field, m.Name)
		}
		stones[m.Name] = true
	}
	return valid.First(valid.Default("status", &p.Status, "planning"), valid.Order("end_date", p.StartDate, p.EndDate))
}

// ProjectIssue is a piece of work in a project.
type ProjectIssue struct {
	Title string `json:"title" doc:"What is to be done; it must not be empty." index:"yes" search:"yes"`
	store.Base
	ProjectID string        `json:"project_id,omitzero" doc:"Id of the project." index:"yes"`
	IssueType IssueType     `json:"issue_type,omitzero" doc:"What it is; task where empty." index:"yes"`
	Priority  IssuePriority `json:"priority,omitzero" doc:"How much it matters; medium where empty." index:"yes"`
	Status    IssueStatus   `json:"status,omitzero" doc:"How far it is; open where empty." index:"yes"`
	Swimlane  string        `json:"swimlane,omitzero" doc:"Name of the project's swimlane that it is in." index:"yes"`
	Assignees []string      `json:"assignees,omitzero" doc:"Ids of the users who do it." index:"yes"`
	Reporter  string        `json:"reporter,omitzero" doc:"Id of the user who told of it." index:"yes"`
	Milestone string        `json:"milestone,omitzero" doc:"Name of the project's milestone that it belongs to." index:"yes"`
	Deadline  store.Time    `json:"deadline,omitzero" doc:"By when it is to be done." index:"yes"`
	Estimate  float64       `json:"estimate,omitzero" doc:"How many hours it takes." index:"yes"`
	FSFiles   []string      `json:"fs_files,omitzero" doc:"Ids of files."`
	ParentID  string        `json:"parent_id,omitzero" doc:"Id of the issue that it is a part of." index:"yes"`
	Children  []string      `json:"children,omitzero" doc:"Ids of the issues that are parts of it." index:"yes"`
}

// Validate reports the first field that cannot be.
func (i *ProjectIssue) Validate() error {
	return valid.First(valid.Required("title", i.Title), valid.Default("issue_type", &i.IssueType, "task"),
		valid.Default("priority", &i.Priority, "medium"), valid.Default("status", &i.Status, "open"),
		valid.Between("estimate", i.Estimate, 0.0, 1e6))
}

// checkIssue refuses an issue whose project is not there, or that would be a
// part of itself.
func (d *domain) checkIssue(ctx context.Context, tx *sql.Tx, i *ProjectIssue) error {
	if i.ProjectID != "" {
		if _, err := d.projects.Load(ctx, tx, i.ProjectID); fault.Of(err) == fault.NotFound {
			return fault.Errorf(fault.Invalid, "project_id: there is no project %.80q", i.ProjectID)
		} else if err != nil {
			return err
		}
	}
	seen := map[string]bool{i.ID: true}
	for at := i.ParentID; at != ""; {
		if seen[at] {
			return fault.Errorf(fault.Invalid, "parent_id: the issue would be a part of itself")
		}
		seen[at] = true
		parent, err := d.issues.Load(ctx, tx, at)
		if fault.Of(err) == fault.NotFound {
			return fault.Errorf(fault.Invalid, "parent_id: there is no issue %.80q", at)
		}
		if err != nil {
			return err
		}
		at = parent.ParentID
	}
	return nil
}
