package web

import (
	"bytes"
	"fmt"
	"html/template"

	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

// NamedManual is a manual with the name that its files get.
type NamedManual struct {
	Name   string         `json:"name"`
	Manual inspect.Manual `json:"manual"`
}

// filePage is a page as a file of its own, with its style in it.
type filePage struct {
	Style   template.CSS
	Manual  inspect.Manual
	Manuals []NamedManual
}

// ManualHTML returns a manual as one HTML file that needs no other.
func ManualHTML(m inspect.Manual) ([]byte, error) {
	text, err := fileHTML("file", filePage{Manual: m})
	if err != nil {
		return nil, fmt.Errorf("manual of %s: %w", m.Title, err)
	}
	return text, nil
}

// SiteHTML returns the first page of a folder that holds each manual as
// {name}.html and {name}.md.
func SiteHTML(manuals []NamedManual) ([]byte, error) {
	text, err := fileHTML("site", filePage{Manuals: manuals})
	if err != nil {
		return nil, fmt.Errorf("first page: %w", err)
	}
	return text, nil
}

func fileHTML(name string, p filePage) ([]byte, error) {
	t, err := template.ParseFS(files, "inspector/docs.html")
	if err != nil {
		return nil, err
	}
	if p.Style, err = page.Style(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, p); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
