package web

import "forge.ourworld.tf/lhumina_code/hero/internal/web/page"

// Views returns the inspector's pages, and an empty view of each.
func Views() (*page.Board, map[string]any, error) {
	b, err := page.New("inspector", files, "inspector", nil)
	return b, map[string]any{
		"fault": &page.Fault{}, "list": &listPage{}, "service": &overviewPage{}, "methods": &methodsPage{},
		"domain": &domainPage{}, "method": &methodPage{}, "docs": &docsPage{},
		"isolation": &isolationPage{}, "ui": &uiPage{}, "logs": &logsPage{}, "events": &eventsPage{},
	}, err
}
