package web

import (
	"bytes"
	"fmt"
	"html/template"

	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
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
	r, err := newRenderer("inspector")
	if err != nil {
		return nil, err
	}
	style, err := files.ReadFile("shared/style.css")
	if err != nil {
		return nil, err
	}
	p.Style = template.CSS(style) // our own text, not a stranger's
	var out bytes.Buffer
	if err := r.pages["docs"].ExecuteTemplate(&out, name, p); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
