package web

import (
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/client"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
)

// docsPage is a service's manual.
type docsPage struct {
	servicePage
	Manual      inspect.Manual
	MarkdownURL string
	SpecURL     string
	Clients     []page.Link
	Trouble     string
}

// docs makes a service's manual out of its composite.
func (in *inspector) docs(v *page.Visit, s *discovery.Service) (string, any, error) {
	p := docsPage{servicePage: in.serviceFrame(v, s, "docs"),
		MarkdownURL: v.To("api", s.Name.String(), "manual.md"), SpecURL: v.To("api", s.Name.String(), "openrpc.json")}
	doc, err := in.composite(v.Request, s)
	if err != nil {
		p.Trouble = err.Error()
		return "docs", p, nil
	}
	p.Manual = inspect.ManualOf(doc)
	for _, language := range client.Languages() {
		p.Clients = append(p.Clients, page.Link{Name: language, URL: v.To("api", s.Name.String(), "client", language)})
	}
	return "docs", p, nil
}

// isolationPage says what belongs to which context.
type isolationPage struct {
	servicePage
	Groups []isolationGroup
}

// isolationGroup is what belongs to one context, or to none.
type isolationGroup struct {
	Name string // "" for what is the service's own
	Rows []isolationRow
}

type isolationRow struct{ What, Socket, Data, Route string }

// isolation makes the page of what belongs to which context.
func (in *inspector) isolation(v *page.Visit, s *discovery.Service) (string, any, error) {
	p := isolationPage{servicePage: in.serviceFrame(v, s, "isolation")}
	places := in.opts.Places
	absolute := func(sock *discovery.Socket) string {
		if sock == nil {
			return ""
		}
		path, err := places.Socket(sock.Rel)
		if err != nil {
			return sock.Rel
		}
		return path
	}
	own := isolationGroup{}
	name := s.Name.String()
	if s.Server != nil {
		own.Rows = append(own.Rows, isolationRow{"service", absolute(s.Server), places.Data(s.Name), "/" + name + "/rpc"})
	}
	for _, ui := range []struct {
		what, route string
		sock        *discovery.Socket
	}{{"ui", "/" + name + "/", s.UI}, {"admin", "/" + name + "/admin/", s.Admin}} {
		if ui.sock != nil {
			own.Rows = append(own.Rows, isolationRow{ui.what, absolute(ui.sock), "", ui.route})
		}
	}
	for _, w := range s.Web {
		own.Rows = append(own.Rows, isolationRow{"web " + w.Name, absolute(w.Socket), "", "/" + name + "/" + w.Name + "/"})
	}
	for _, w := range s.More {
		own.Rows = append(own.Rows, isolationRow{w.Name, absolute(w.Socket), "", ""})
	}
	if len(own.Rows) > 0 {
		p.Groups = append(p.Groups, own)
	}
	for _, c := range inspect.RootFirst(s) {
		g := isolationGroup{Name: c.Name.String()}
		for _, d := range c.Domains {
			g.Rows = append(g.Rows, isolationRow{d.Name.String(), absolute(d.Socket), places.DataOf(s.Name, c.Name, d.Name),
				strings.Join([]string{"", name, c.Name.String(), d.Name.String(), "rpc"}, "/")})
		}
		p.Groups = append(p.Groups, g)
	}
	return "isolation", p, nil
}

// uiPage shows the service's own UI inside the inspector.
type uiPage struct {
	servicePage
	URL string
}

// uiAt returns where hero_proxy serves the service's UI, or "" where the
// inspector does not stand behind it or there is no UI.
func uiAt(v *page.Visit, view inspect.View) string {
	root, ok := strings.CutSuffix(v.Base, "hero_inspector/")
	if !ok || view.UI == "" {
		return ""
	}
	return root + view.Name + "/"
}

func (in *inspector) ui(v *page.Visit, s *discovery.Service) (string, any, error) {
	p := uiPage{servicePage: in.serviceFrame(v, s, "ui"), URL: uiAt(v, inspect.ViewOf(s))}
	if p.URL == "" {
		return "", nil, fault.WithHint(fault.Errorf(fault.NotFound, "the UI of %s is not reachable from here", s.Name), "open the inspector through hero_proxy")
	}
	return "ui", p, nil
}
