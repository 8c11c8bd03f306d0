package tools

import "forge.ourworld.tf/lhumina_code/hero/internal/web/page"

// SupervisorViews returns the pages of hero_proc's dashboard, and an empty view
// of each.
func SupervisorViews() (*page.Board, map[string]any, error) {
	b, err := page.New("proc", files, "supervisor", nil)
	return b, map[string]any{
		"fault": &page.Fault{}, "list": &supervisorList{}, "service": &supervisorService{}, "logs": &supervisorLogs{},
		"history": &supervisorHistory{}, "definition": &supervisorDefinition{}, "graph": &graphPage{},
	}, err
}

// ProxyViews returns the pages of hero_proxy's dashboard, and an empty view of
// each.
func ProxyViews() (*page.Board, map[string]any, error) {
	b, err := page.New("proxy", files, "proxy", nil)
	return b, map[string]any{
		"fault": &page.Fault{}, "routes": &routesPage{}, "tokens": &tokensPage{}, "decisions": &decisionsPage{}, "check": &checkPage{},
	}, err
}
