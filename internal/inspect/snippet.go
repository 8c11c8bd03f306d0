package inspect

import (
	"fmt"
	"strconv"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Snippet is a call as a program.
type Snippet struct{ Name, Text string }

// Snippets returns a call in several languages, with nothing but what comes with
// each. The first goes to the socket, the others through hero_proxy at base.
func (in *Inspector) Snippets(p Place, base, method string, params json.Value) []Snippet {
	message := `{"jsonrpc":"2.0","id":1,"method":` + quoteJSON(method)
	if compact := append(json.Value(nil), params...); len(strings.TrimSpace(string(compact))) > 0 && compact.Compact() == nil {
		message += `,"params":` + string(compact)
	}
	message += "}"
	url := strings.TrimSuffix(base, "/") + serverOf(p).URL
	return []Snippet{
		{"Shell", in.Curl(p, method, params)},
		{"Go", fmt.Sprintf(`package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

func main() {
	body := %s
	res, err := http.Post(%s, "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	fmt.Println(string(answer), err)
}
`, strconv.Quote(message), strconv.Quote(url))},
		{"TypeScript", fmt.Sprintf(`const answer = await fetch(%s, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(%s),
});
console.log(await answer.json());
`, quoteJSON(url), message)},
		{"Python", fmt.Sprintf(`import json
import urllib.request

request = urllib.request.Request(
    %s,
    data=%s.encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer))
`, quoteJSON(url), quoteJSON(message))},
	}
}

// Input is a parameter as a form asks for it.
type Input struct {
	Name     string
	Kind     string   // text, number, boolean, choice or json
	Choices  []string // of a choice, as JSON
	Type     string   // in words
	Doc      string
	Required bool
}

// InputOf says how a form asks for a parameter.
func InputOf(name string, required bool, doc, words string, s Shape) Input {
	in := Input{Name: name, Kind: "json", Type: words, Doc: doc, Required: required}
	switch {
	case len(s.Enum) > 0 && len(s.Enum) <= 100:
		in.Kind, in.Choices = "choice", s.Enum
	case s.Nullable:
	case s.Type == "string":
		in.Kind = "text"
	case s.Type == "integer", s.Type == "number":
		in.Kind = "number"
	case s.Type == "boolean":
		in.Kind = "boolean"
	}
	return in
}

// Value returns what was typed as JSON; ok is false where the parameter is left
// out. The error says what was not understood.
func (in Input) Value(text string) (v json.Value, ok bool, err error) {
	if in.Kind == "text" {
		if text == "" && !in.Required {
			return nil, false, nil
		}
		return json.Value(quoteJSON(text)), true, nil
	}
	if text = strings.TrimSpace(text); text == "" {
		if in.Required {
			return nil, false, fmt.Errorf("%s is missing", in.Name)
		}
		return nil, false, nil
	}
	v = json.Value(text)
	if !v.IsValid() || in.Kind == "number" && v.Kind() != '0' {
		return nil, false, fmt.Errorf("%s: %q is not %s", in.Name, text, map[bool]string{true: "a number", false: "JSON"}[in.Kind == "number"])
	}
	return v, true, nil
}

// FromInputs puts the params of a call together from what was typed, in the
// order of the inputs.
func FromInputs(byPosition bool, inputs []Input, typed []string) (json.Value, error) {
	var named []member
	var list []json.Value
	last := 0
	for i, in := range inputs {
		v, ok, err := in.Value(typed[i])
		if err != nil {
			return nil, err
		}
		if !ok {
			list = append(list, json.Value("null"))
			continue
		}
		named = append(named, member{in.Name, v})
		list = append(list, v)
		last = len(list)
	}
	if byPosition {
		text, err := json.Marshal(list[:last])
		return pretty(text), err
	}
	return pretty(writeObject(named)), nil
}
