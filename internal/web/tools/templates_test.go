package tools_test

import (
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/web/page/pagetest"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/tools"
)

func TestTemplates(t *testing.T) {
	b, views, err := tools.SupervisorViews()
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Run(t, b, views)
	if b, views, err = tools.ProxyViews(); err != nil {
		t.Fatal(err)
	}
	pagetest.Run(t, b, views)
}
