package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/web/page"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// placePage is what the pages of one place have.
type placePage struct {
	servicePage
	Place    string // "root/delivery", or the service's name
	Context  string
	Domain   string
	Siblings []page.Link // the same domain in the other contexts
	Others   []page.Link // the other domains in the same context
	Spec     string
}

// domainPage lists the methods of one place.
type domainPage struct {
	placePage
	Info    openrpc.Info
	Methods []methodEntry
	Fault   string // why there are none
	Hint    string
}

type methodEntry struct {
	Name, URL, Summary, Signature, Result string
	Badges
}

// Badges says what a call of a method does, as far as its document says so.
type Badges struct {
	ReadOnly, Destructive, Idempotent, Deprecated bool
}

func badgesOf(m *openrpc.Method) Badges {
	if m == nil {
		return Badges{}
	}
	return Badges{m.ReadOnly, m.Destructive, m.Idempotent, m.Deprecated}
}

// at finds the place that the address names, with its page's frame.
func (in *inspector) at(v *page.Visit) (*discovery.Service, inspect.Place, placePage, error) {
	s, err := in.find(v.Request)
	if err != nil {
		return nil, inspect.Place{}, placePage{}, err
	}
	p, err := inspect.Find(s, v.PathValue("context"), v.PathValue("domain"))
	if err != nil {
		return nil, inspect.Place{}, placePage{}, err
	}
	view := inspect.ViewOf(s)
	v.Crumbs = []page.Crumb{{Name: "Services", URL: v.To()}, {Name: view.Title, URL: v.To("s", view.Name)}}
	out := placePage{Place: s.Name.String(), Context: p.Context, Domain: p.Domain}
	out.Service = view
	switch {
	case p.Context != "":
		out.Place = p.Context + "/" + p.Domain
	case p.Domain != "":
		out.Place = p.Domain
	}
	for _, o := range inspect.PlacesOf(s) {
		if p.Context == "" || o.Context == "" {
			continue
		}
		if o.Domain == p.Domain {
			out.Siblings = append(out.Siblings, page.Link{Name: o.Context, URL: placeURL(v, o), Current: o.Context == p.Context})
		}
		if o.Context == p.Context {
			out.Others = append(out.Others, page.Link{Name: o.Domain, URL: placeURL(v, o), Current: o.Domain == p.Domain})
		}
	}
	return s, p, out, nil
}

// methodURL is the address of a method; its name can hold anything, and so is
// no part of the path.
func methodURL(v *page.Visit, p inspect.Place, method string) string {
	return placeURL(v, p, "method") + "?" + url.Values{"name": {method}}.Encode()
}

// domain makes the page of one place.
func (in *inspector) domain(v *page.Visit) (string, any, error) {
	_, place, base, err := in.at(v)
	if err != nil {
		return "", nil, err
	}
	v.Nav, v.Title = "Services", base.Place
	p := domainPage{placePage: base}
	p.Frame = v.Frame
	doc, err := in.opts.Inspect.Document(v.Context(), place)
	if err != nil {
		p.Fault, p.Hint = err.Error(), fault.Hint(err)
		return "domain", p, nil
	}
	p.Info = doc.Info
	index := in.indexOf(doc)
	for i := range doc.Methods {
		m := &doc.Methods[i]
		if m.Name == "" || !may(v.Request, place, m.Name) {
			continue
		}
		e := index[i]
		e.URL = methodURL(v, place, m.Name)
		p.Methods = append(p.Methods, e)
	}
	return "domain", p, nil
}

// indexed is how many documents' indexes are kept.
const indexed = 64

// indexOf returns the methods of a document as its page lists them, without
// their addresses. A document is the same as long as its service says the same,
// and reading all schemas of a large one takes longer than the page.
func (in *inspector) indexOf(doc *openrpc.Document) []methodEntry {
	in.mu.Lock()
	out, ok := in.index[doc]
	in.mu.Unlock()
	if ok {
		return out
	}
	out = make([]methodEntry, len(doc.Methods))
	for i := range doc.Methods {
		m := &doc.Methods[i]
		out[i] = methodEntry{Name: m.Name, Summary: inspect.SummaryOf(m), Signature: signature(doc, m), Result: resultWords(doc, m), Badges: badgesOf(m)}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.index) >= indexed {
		clear(in.index)
	}
	in.index[doc] = out
	return out
}

// signature names the params; those that may be missing end in "?".
func signature(d *openrpc.Document, m *openrpc.Method) string {
	var out []string
	for _, c := range m.Params {
		c = inspect.Descriptor(d, c)
		if !c.Required {
			c.Name += "?"
		}
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

func resultWords(d *openrpc.Document, m *openrpc.Method) string {
	if m.Result == nil {
		return ""
	}
	return inspect.TypeWords(d, inspect.Descriptor(d, *m.Result).Schema)
}

// methodPage shows one method, with a form to call it and the last answer.
type methodPage struct {
	placePage
	Method      string
	Summary     string
	Description string
	Badges      Badges
	Params      []paramEntry
	Result      string
	ResultDoc   string
	ResultJSON  []page.Token
	Errors      []openrpc.Error
	Examples    []exampleEntry
	Action      string
	Ways        []page.Link // the params as JSON, or in a form
	Form        bool
	Fields      []formField
	Input       string // what stands in the form
	Snippets    []inspect.Snippet
	Answer      *answer
	Share       string // the address that fills the form with this call

	inputs []inspect.Input
	base   string // of the addresses in the snippets
}

// formField is a parameter in the form.
type formField struct {
	inspect.Input
	ID, Value string
	Options   []option
}

type option struct {
	Value    string
	Selected bool
}

type paramEntry struct {
	Name, Type, Doc string
	Required        bool
	Deprecated      bool
	Schema          []page.Token
}

type exampleEntry struct {
	Name, Doc, URL string
	Current        bool
}

// answer is how a call ended.
type answer struct {
	OK      bool
	Took    string
	Result  []page.Token
	Code    int // of a JSON-RPC error; 0 where there was no answer
	Message string
	Hint    string
	Data    []page.Token
}

// method makes the page of a method.
func (in *inspector) method(v *page.Visit) (string, any, error) {
	p, place, doc, m, err := in.methodPage(v)
	if err != nil {
		return "", nil, err
	}
	params := inspect.Sample(doc, m)
	if i, err := strconv.Atoi(v.FormValue("example")); err == nil && i >= 0 && i < len(p.Examples) {
		params = inspect.ExampleParams(m, m.Examples[i])
		p.Examples[i].Current = true
	}
	if given := v.URL.Query()["params"]; len(given) == 1 { // a call that was kept or shared
		params = json.Value(given[0])
	}
	p.Input = string(params)
	p.fill(typedOf(p.inputs, params))
	p.Snippets = in.opts.Inspect.Snippets(place, p.base, m.Name, params)
	return "method", p, nil
}

// sharedUpTo is how many bytes of params an address may hold.
const sharedUpTo = 4096

// fill puts what was typed into the form.
func (p *methodPage) fill(typed []string) {
	p.Fields = nil
	for i, in := range p.inputs {
		f := formField{Input: in, ID: "p" + strconv.Itoa(i), Value: typed[i]}
		choices := in.Choices
		if in.Kind == "boolean" {
			choices = []string{"true", "false"}
		}
		for _, c := range choices {
			f.Options = append(f.Options, option{c, c == typed[i]})
		}
		p.Fields = append(p.Fields, f)
	}
}

// typedOf returns what one would have typed to get params.
func typedOf(inputs []inspect.Input, params json.Value) []string {
	var named map[string]json.Value
	var list []json.Value
	out := make([]string, len(inputs))
	if params.Kind() == '[' {
		_ = json.Unmarshal(params, &list) // none where they are none
	} else {
		_ = json.Unmarshal(params, &named) // none where they are none
	}
	for i, in := range inputs {
		v := named[in.Name]
		if i < len(list) {
			v = list[i]
		}
		switch {
		case len(v) == 0:
		case in.Kind == "text" && v.Kind() == '"':
			_ = json.Unmarshal(v, &out[i]) // it is a string
		default:
			out[i] = string(v)
		}
	}
	return out
}

// call makes the page of a method with the answer to a call.
func (in *inspector) call(v *page.Visit) (string, any, error) {
	v.Body = http.MaxBytesReader(nil, v.Body, page.MaxForm)
	if err := v.ParseForm(); err != nil {
		return "", nil, fault.Errorf(fault.TooLarge, "the form: %w", err)
	}
	p, place, _, m, err := in.methodPage(v)
	if err != nil {
		return "", nil, err
	}
	p.Input = v.PostFormValue("params")
	if p.Form {
		typed := make([]string, len(p.inputs))
		for i := range typed {
			typed[i] = v.PostFormValue("p" + strconv.Itoa(i))
		}
		p.fill(typed)
		params, err := inspect.FromInputs(m.ParamStructure == "by-position", p.inputs, typed)
		if err != nil {
			p.Answer = &answer{Message: err.Error()}
			return "method", p, nil
		}
		p.Input = string(params)
	}
	params := json.Value(p.Input)
	if len(p.Input) <= sharedUpTo {
		p.Share = p.Action + "&" + url.Values{"params": {p.Input}}.Encode()
	}
	p.Snippets = in.opts.Inspect.Snippets(place, p.base, m.Name, params)
	ctx, cancel := context.WithTimeout(v.Context(), callAtMost)
	defer cancel()
	if meta, err := jsonrpc.MetaOf(v.Header); err == nil {
		ctx = jsonrpc.WithMeta(ctx, meta)
	}
	begin := time.Now()
	result, err := in.opts.Inspect.Call(ctx, place, m.Name, params)
	p.Answer = answerOf(result, err, time.Since(begin))
	return "method", p, nil
}

func answerOf(result json.Value, err error, took time.Duration) *answer {
	a := &answer{OK: err == nil, Took: took.Round(10 * time.Microsecond).String()}
	if err == nil {
		a.Result = page.Tokens(result)
		return a
	}
	a.Message, a.Hint = err.Error(), fault.Hint(err)
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok {
		a.Code, a.Message, a.Data = e.Code, e.Message, page.Tokens(e.Data)
	}
	return a
}

// methodPage fills what the page of a method has before and after a call.
func (in *inspector) methodPage(v *page.Visit) (methodPage, inspect.Place, *openrpc.Document, *openrpc.Method, error) {
	fail := func(err error) (methodPage, inspect.Place, *openrpc.Document, *openrpc.Method, error) {
		return methodPage{}, inspect.Place{}, nil, nil, err
	}
	_, place, base, err := in.at(v)
	if err != nil {
		return fail(err)
	}
	doc, err := in.opts.Inspect.Document(v.Context(), place)
	if err != nil {
		return fail(err)
	}
	name := v.URL.Query().Get("name")
	var m *openrpc.Method
	for i := range doc.Methods {
		if doc.Methods[i].Name == name {
			m = &doc.Methods[i]
		}
	}
	if m == nil || name == "" || !may(v.Request, place, name) {
		return fail(fault.Errorf(fault.NotFound, "%s has no method %q", base.Place, name))
	}
	v.Nav, v.Title = "Services", m.Name
	v.Crumbs = append(v.Crumbs, page.Crumb{Name: base.Place, URL: placeURL(v, place)})
	p := methodPage{
		placePage: base, Method: m.Name, Summary: m.Summary, Description: m.Description, Badges: badgesOf(m),
		Result: resultWords(doc, m), Errors: m.Errors, Action: methodURL(v, place, m.Name),
	}
	p.Frame = v.Frame
	for i := range p.Siblings {
		p.Siblings[i].URL += "/method?" + url.Values{"name": {m.Name}}.Encode()
	}
	if m.Result != nil {
		r := inspect.Descriptor(doc, *m.Result)
		p.ResultDoc, p.ResultJSON = r.Description, page.Tokens(r.Schema)
	}
	for _, c := range m.Params {
		c = inspect.Descriptor(doc, c)
		text := c.Description
		if text == "" {
			text = c.Summary
		}
		words := inspect.TypeWords(doc, c.Schema)
		p.Params = append(p.Params, paramEntry{c.Name, words, text, c.Required, c.Deprecated, page.Tokens(c.Schema)})
		p.inputs = append(p.inputs, inspect.InputOf(c.Name, c.Required, text, words, inspect.ShapeOf(doc, c.Schema)))
	}
	p.base = outside(v.Request)
	p.Form = v.URL.Query().Get("as") == "form" && len(p.inputs) > 0
	if len(p.inputs) > 0 {
		p.Ways = []page.Link{{Name: "JSON", URL: p.Action, Current: !p.Form}, {Name: "Form", URL: p.Action + "&as=form", Current: p.Form}}
	}
	as := ""
	if p.Form {
		as = "&as=form"
	}
	for i, e := range m.Examples {
		if e.Ref == "" {
			p.Examples = append(p.Examples, exampleEntry{Name: e.Name, Doc: e.Description, URL: p.Action + as + "&example=" + strconv.Itoa(i)})
		}
	}
	p.Action += as
	return p, place, doc, m, nil
}

// outside returns where the proxy stands, as the browser sees it.
func outside(r *http.Request) string {
	host, proto := r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Forwarded-Proto")
	if proto != "https" {
		proto = "http"
	}
	if host == "" || strings.ContainsAny(host, "/?#@\\ \"'<>") {
		return "http://127.0.0.1:9998"
	}
	return proto + "://" + host
}
