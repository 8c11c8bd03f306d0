package web

// Views returns an empty view of each of the inspector's pages.
func Views() map[string]any {
	return map[string]any{
		"fault": &faultPage{}, "list": &listPage{}, "service": &overviewPage{}, "methods": &methodsPage{},
		"domain": &domainPage{}, "method": &methodPage{}, "docs": &docsPage{},
		"isolation": &isolationPage{}, "ui": &uiPage{},
	}
}

// Render executes a page of the inspector.
func Render(page string, view any) ([]byte, error) {
	r, err := newRenderer("inspector")
	if err != nil {
		return nil, err
	}
	return r.execute(page, view)
}

// PageNames returns the names of the inspector's pages.
func PageNames() ([]string, error) {
	r, err := newRenderer("inspector")
	if err != nil {
		return nil, err
	}
	var out []string
	for name := range r.pages {
		if name != "frame" {
			out = append(out, name)
		}
	}
	return out, nil
}
