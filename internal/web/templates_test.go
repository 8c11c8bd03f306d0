package web_test

import (
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/web"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page/pagetest"
)

const hostile = pagetest.Hostile

func TestTemplates(t *testing.T) {
	b, views, err := web.Views()
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Run(t, b, views)
}
