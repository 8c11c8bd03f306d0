// Package pagetest executes the pages of a dashboard, each empty and with
// everything that it can show, all of it hostile.
package pagetest

import (
	"bytes"
	"reflect"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

// Hostile is what every string of a filled view holds.
const Hostile = `<script>alert(1)</script>"'&{{.}}`

// fill sets everything that can be set below v, so that a template takes each
// of its branches.
func fill(v reflect.Value, depth int) {
	if depth > 8 || !v.CanSet() && v.Kind() != reflect.Struct { // an embedded struct may have a name of its own package
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(Hostile)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	}
}

// Run executes every page of b. views holds a pointer to an empty view of each
// page, by the page's name.
func Run(t *testing.T, b *page.Board, views map[string]any) {
	t.Helper()
	for _, name := range b.Pages() {
		view := views[name]
		if view == nil {
			t.Errorf("page %s has no view here", name)
			continue
		}
		if _, err := b.Execute(name, view); err != nil {
			t.Errorf("empty: %v", err)
		}
		fill(reflect.ValueOf(view).Elem(), 0)
		text, err := b.Execute(name, view)
		if err != nil {
			t.Errorf("filled: %v", err)
			continue
		}
		if bytes.Contains(text, []byte("<script>alert")) {
			t.Errorf("page %s lets markup through", name)
		}
		if !bytes.Contains(text, []byte("</html>")) || !bytes.Contains(text, []byte("alert(1)")) {
			t.Errorf("page %s does not show what it is given", name)
		}
	}
	if len(b.Pages()) != len(views) {
		t.Errorf("%d pages, %d views", len(b.Pages()), len(views))
	}
}
