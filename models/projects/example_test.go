package projects_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/models/projects"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// A project has swimlanes that its issues move through, and issues have parts.
func Example() {
	home, err := os.MkdirTemp("", "hero")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	places := layout.Places{Home: home, Sockets: filepath.Join(home, "sockets")}
	ctx, stop := context.WithCancel(sdk.WithPlaces(context.Background(), places))
	use := sdk.Task{Name: "use", Setup: true, Run: func(ctx context.Context) error {
		defer stop()
		c, err := sdk.Dial(ctx, "hero_work", "root", projects.Name)
		if err != nil {
			return err
		}
		defer c.Close()
		p, err := sdk.Invoke[projects.Project](ctx, c, "project.create", projects.Project{
			Base: store.Base{Name: "kitchen"}, Swimlanes: []projects.Swimlane{{Name: "to do"}, {Name: "done", IsDone: true}},
		})
		if err != nil {
			return err
		}
		oven, err := sdk.Invoke[projects.ProjectIssue](ctx, c, "project_issue.create",
			projects.ProjectIssue{Title: "Repair the oven", ProjectID: p.ID, Swimlane: "to do", Priority: "high"})
		if err != nil {
			return err
		}
		oven.ParentID = oven.ID
		_, err = sdk.Invoke[projects.ProjectIssue](ctx, c, "project_issue.update", oven)
		fmt.Println(err)
		page, err := sdk.Invoke[store.Page[projects.ProjectIssue]](ctx, c, "project_issue.search", store.SearchParams{Query: "oven"})
		for _, i := range page.Items {
			fmt.Println(i.Title, i.IssueType, i.Status, i.Priority)
		}
		return err
	}}
	fmt.Println(sdk.Run(ctx, sdk.Env{Places: places}, sdk.Service{Name: "hero_work", Version: "1"}, projects.Domain(), use))
	// Output:
	// call project_issue.update of hero_work root/projects: parent_id: the issue would be a part of itself (code -32602)
	// Repair the oven task open high
	// <nil>
}
