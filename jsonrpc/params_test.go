package jsonrpc_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
)

type base struct {
	Name string `json:"name"`
}

type item struct {
	Count uint8 `json:"count"`
}

type order struct {
	base
	Items  []item         `json:"items"`
	Note   *string        `json:"note"`
	When   time.Time      `json:"when,omitzero"`
	Labels map[string]int `json:"labels,omitempty"`
	Hidden string         `json:"-"`
	secret int
}

func TestParamsOf(t *testing.T) {
	type want struct {
		name     string
		required bool
	}
	wants := []want{{"name", true}, {"items", true}, {"note", false}, {"when", false}, {"labels", false}}
	got := jsonrpc.ParamsOf(reflect.TypeFor[*order]())
	if len(got) != len(wants) {
		t.Fatalf("%+v", got)
	}
	for i, p := range got {
		if (want{p.Name, p.Required}) != wants[i] || reflect.TypeFor[order]().FieldByIndex(p.Index).Type != p.Type {
			t.Errorf("%d: %+v, want %+v", i, p, wants[i])
		}
	}
	if list := jsonrpc.ParamsOf(reflect.TypeFor[[]int]()); list != nil {
		t.Errorf("of a slice: %+v", list)
	}
}

// A field tagged embed is taken apart like an embedded struct.
func TestParamsOfEmbed(t *testing.T) {
	type params struct {
		Base base `json:",embed"`
		Age  int  `json:"age"`
	}
	h := jsonrpc.Func(func(_ context.Context, p params) (string, error) { return p.Base.Name, nil })
	for _, in := range []string{`{"name":"x","age":1}`, `["x",1]`} {
		if got, err := h(t.Context(), json.Value(in)); err != nil || got != "x" {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	if _, err := h(t.Context(), json.Value(`{"age":1}`)); err == nil {
		t.Error("a missing embedded param was accepted")
	}
}

func TestFuncSaysWhatIsWrong(t *testing.T) {
	h := jsonrpc.Func(func(_ context.Context, o order) (string, error) { return o.Name, nil })
	for _, tc := range []struct{ params, field, want, got string }{
		{`{"name":"x","items":[]}`, "", "", ""},
		{`["x",[{"count":1}],null]`, "", "", ""},
		{`["x",[],"n","2026-01-02T03:04:05Z",{"a":1}]`, "", "", ""},
		{`{"items":[]}`, "name", "string", "nothing"},
		{`{"name":null,"items":[]}`, "name", "string", "null"},
		{`{"name":"x","items":[{"count":1},{"count":"2"}]}`, "items/1/count", "integer, 0 or more", "string"},
		{`{"name":"x","items":[{"count":300}]}`, "items/0/count", "integer, 0 or more", "number 300"},
		{`{"name":"x","items":[{"cuont":1}]}`, "items/0/cuont", "a known member", "an unknown member"},
		{`{"name":"x","items":[],"when":"soon"}`, "when", "string (Time)", "string"},
		{`{"name":"x","items":{}}`, "items", "array", "object"},
		{`{"name":"x","items":[],"Name":"y"}`, "Name", "one of: name, items, note, when, labels", "an unknown member"},
		{`["x",[],null,"2026-01-02T03:04:05Z",{},6]`, "5", "at most 5 params", "6"},
	} {
		_, err := h(t.Context(), json.Value(tc.params))
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.params, err)
			}
			continue
		}
		e, ok := errors.AsType[*jsonrpc.Error](err)
		var data struct{ Field, Want, Got string }
		if !ok || e.Code != jsonrpc.CodeInvalidParams || json.Unmarshal(lower(e.Data), &data) != nil {
			t.Errorf("%s: %v", tc.params, err)
			continue
		}
		if data.Field != tc.field || data.Want != tc.want || data.Got != tc.got {
			t.Errorf("%s: %+v", tc.params, data)
		}
	}
	_ = order{secret: 1}.secret
}

// lower gives the members of data the names of the test's struct.
func lower(data json.Value) json.Value {
	var m map[string]string
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	out, err := json.Marshal(map[string]string{"Field": m["field"], "Want": m["want"], "Got": m["got"]})
	if err != nil {
		return nil
	}
	return out
}
