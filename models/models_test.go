// Package models_test proves what all shared domains promise alike.
package models_test

import (
	"context"
	"os"
	"reflect"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/models/base"
	"forge.ourworld.tf/lhumina_code/hero/models/calendar"
	"forge.ourworld.tf/lhumina_code/hero/models/communication"
	"forge.ourworld.tf/lhumina_code/hero/models/identity"
	"forge.ourworld.tf/lhumina_code/hero/models/projects"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

const service = "hero_all"

func domains() []sdk.Part {
	return []sdk.Part{identity.Domain(), communication.Domain(), calendar.Domain(), projects.Domain(), base.Domain()}
}

// fixture is an object with a value in every field that matters, and a word of
// its text.
type fixture struct {
	Domain, Object, Word string
	With                 map[string]any
}

func fixtures(t *testing.T) []fixture {
	t.Helper()
	data, err := os.ReadFile("testdata/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	var rows []struct {
		Domain string         `json:"domain"`
		Object string         `json:"object"`
		Word   string         `json:"word"`
		With   map[string]any `json:"with"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all = append(all, fixture(r))
	}
	return all
}

// client calls one domain of the service in a context.
type client struct {
	t   *testing.T
	ctx context.Context
	rpc *sdk.Client
}

func dial(t *testing.T, ctx context.Context, tenant, domain string) client {
	t.Helper()
	c, err := sdk.Dial(ctx, service, tenant, domain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return client{t, ctx, c}
}

func (c client) try(method string, params map[string]any) (any, error) {
	return sdk.Invoke[any](c.ctx, c.rpc, method, params)
}

func (c client) do(method string, params map[string]any) any {
	c.t.Helper()
	got, err := c.try(method, params)
	if err != nil {
		c.t.Fatalf("%s %v: %v", method, params, err)
	}
	return got
}

func TestDocumentsAreInOrder(t *testing.T) {
	ctx := sdktest.Start(t, sdktest.Home(t), sdk.Service{Name: service, Version: "1"}, domains()...)
	for _, domain := range []string{"identity", "communication", "calendar", "projects", "base"} {
		text, err := json.Marshal(dial(t, ctx, "root", domain).do("rpc.discover", nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := openrpc.Validate(text); err != nil {
			t.Errorf("%s: %v", domain, err)
		}
		doc, err := openrpc.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range openrpc.Lint(doc) {
			t.Errorf("%s: %s", domain, f)
		}
	}
}

// Each object is created as it is, read, found, listed, changed under its
// version, and its past is told.
func TestEveryObjectHasAWholeLife(t *testing.T) {
	ctx := sdktest.Start(t, sdktest.Home(t), sdk.Service{Name: service, Version: "1"}, domains()...)
	for _, f := range fixtures(t) {
		t.Run(f.Object, func(t *testing.T) {
			c := dial(t, ctx, "root", f.Domain)
			made := c.do(f.Object+".create", f.With).(map[string]any)
			id := map[string]any{"id": made["id"]}
			for field, want := range f.With {
				if field == "members" || field == "attendees" { // where times as numbers and defaults are filled in
					continue
				}
				if !reflect.DeepEqual(made[field], want) {
					t.Errorf("%s is %v, was given as %v", field, made[field], want)
				}
			}
			if got := c.do(f.Object+".get", id); !reflect.DeepEqual(got, any(made)) {
				t.Errorf("get: %v; created: %v", got, made)
			}
			if got := c.do(f.Object+".exist", id); got != true {
				t.Errorf("exist: %v", got)
			}
			for method, params := range map[string]map[string]any{
				"search": {"query": f.Word},
				"list":   {"filter": map[string]any{"created_by": ""}, "order": "-created_at", "limit": 5},
			} {
				items := c.do(f.Object+"."+method, params).(map[string]any)["items"].([]any)
				if len(items) != 1 || !reflect.DeepEqual(items[0], any(made)) {
					t.Errorf("%s: %v", method, items)
				}
			}
			made["description"] = "changed"
			c.do(f.Object+".update", made)
			if _, err := c.try(f.Object+".update", made); fault.Of(err) != fault.Conflict {
				t.Errorf("update with an old version: %v; want a conflict", err)
			}
			made["version"] = 0 // whatever is there
			if got := c.do(f.Object+".set", made).(map[string]any); got["version"] != 3.0 {
				t.Errorf("set: %v", got)
			}
			c.do(f.Object+".delete", id)
			if past := c.do(f.Object+".history", id).(map[string]any)["items"].([]any); len(past) != 4 {
				t.Errorf("history: %d steps; want create, update, update, delete", len(past))
			}
		})
	}
}

func TestValidationNamesTheField(t *testing.T) {
	ctx := sdktest.Start(t, sdktest.Home(t), sdk.Service{Name: service, Version: "1"}, domains()...)
	for _, c := range []struct{ domain, object, params, field string }{
		{"identity", "contact", `{"emails":["ok@example.org","nobody"]}`, "emails"},
		{"identity", "contact", `{"phones":["12"]}`, "phones"},
		{"identity", "contact", `{"timezone":"Europe/../etc"}`, "timezone"},
		{"identity", "contact", `{"timezone":"Local"}`, "timezone"},
		{"identity", "profile", `{"website":"javascript:alert(1)"}`, "website"},
		{"identity", "group", `{"members":[{"user_id":"u","role":"king"}]}`, "members[0].role"},
		{"communication", "message", `{"message":" "}`, "message"},
		{"communication", "message", `{}`, "message"},
		{"communication", "chat_message", `{}`, "content"},
		{"communication", "chat_message", `{"content":"x","parent_messages":[{"message_id":"m","link_type":"x"}]}`, "parent_messages.link_type"},
		{"communication", "chat_message", `{"content":"x","message_type":"smoke"}`, "message_type"},
		{"communication", "chat_group", `{"chat_type":"x"}`, "chat_type"},
		{"calendar", "calendar", `{"color":"red;} body{"}`, "color"},
		{"calendar", "calendar_event", `{"start_time":2,"end_time":1}`, "end_time"},
		{"calendar", "calendar_event", `{"recurrence":"FREQ=DAILY"}`, "start_time"},
		{"calendar", "calendar_event", `{"start_time":1,"recurrence":"EVERY DAY"}`, "recurrence"},
		{"calendar", "calendar_event", `{"start_time":1,"recurrence":"FREQ=SECONDLY"}`, "recurrence"},
		{"calendar", "calendar_event", `{"start_time":1,"recurrence":"FREQ=DAILY;INTERVAL=-1"}`, "recurrence"},
		{"calendar", "calendar_event", `{"attendees":[{}]}`, "attendees.user_id"},
		{"calendar", "planning", `{"autoschedule_rules":[{"by_weekday":[7]}]}`, "autoschedule_rules.by_weekday"},
		{"calendar", "planning", `{"invite_rules":[{"priority":11}]}`, "invite_rules.priority"},
		{"calendar", "registration_desk", `{"registrations":[{}]}`, "registrations.user_id"},
		{"projects", "project", `{"swimlanes":[{"name":"a"},{"name":"a"}]}`, "swimlanes[1].name"},
		{"projects", "project", `{"start_date":2,"end_date":1}`, "end_date"},
		{"projects", "project_issue", `{"title":""}`, "title"},
		{"projects", "project_issue", `{"title":"x","estimate":-1}`, "estimate"},
		{"projects", "project_issue", `{"title":"x","project_id":"none"}`, "project_id"},
		{"projects", "project_issue", `{"title":"x","id":"a","parent_id":"a"}`, "parent_id"},
		{"base", "location", `{"coordinates":{"latitude":91,"longitude":0}}`, "coordinates.latitude"},
		{"base", "location", `{"location_type":"moon"}`, "location_type"},
	} {
		var params map[string]any
		if err := json.Unmarshal([]byte(c.params), &params); err != nil {
			t.Fatal(err)
		}
		_, err := dial(t, ctx, "root", c.domain).try(c.object+".create", params)
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s %s: %v; want invalid, naming %s", c.object, c.params, err, c.field)
		}
	}
}
