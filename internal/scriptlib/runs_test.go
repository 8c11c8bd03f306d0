package scriptlib_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/scriptlib"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
	"forge.ourworld.tf/lhumina_code/hero/sdk/sdktest"
)

// served is the domain on its socket.
func served(t *testing.T) (context.Context, *sdk.Client) {
	t.Helper()
	places := sdktest.Home(t)
	ctx := sdktest.Start(t, places, sdk.Service{Name: "hero_proc", Version: "1.0.0", RootOnly: true}, scriptlib.Part(places, nil))
	client, err := sdk.Dial(ctx, "hero_proc", "root", scriptlib.Domain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return ctx, client
}

func begin(t *testing.T, ctx context.Context, c *sdk.Client, p scriptlib.RunParams) string {
	t.Helper()
	run, err := sdk.Invoke[scriptlib.RunID](ctx, c, "script.run", p)
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// follow reads a run to its end, as a caller does.
func follow(t *testing.T, ctx context.Context, c *sdk.Client, id string) (lines []string, last scriptlib.Output) {
	t.Helper()
	p := scriptlib.ReadParams{ID: id, Wait: 30}
	for {
		out, err := sdk.Invoke[scriptlib.Output](ctx, c, "script.read", p)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range out.Lines {
			lines = append(lines, l.Stream+" "+l.Text)
		}
		out.Lost += last.Lost
		if last = out; out.Done {
			return lines, out
		}
		p.From = out.Next
	}
}

func TestRuns(t *testing.T) {
	ctx, c := served(t)
	for _, x := range []struct {
		params scriptlib.RunParams
		lines  string
		status int
		result string
		fault  string
	}{
		{scriptlib.RunParams{Code: "print(1); debug(\"x\"); print(args()); 7", Args: []string{"a"}}, "stdout 1|stderr script:1:11: \"x\"|stdout [\"a\"]", 0, "7", ""},
		{scriptlib.RunParams{Code: "print(1); nope()", Name: "my.rhai"}, "stdout 1", 1, "", "my.rhai\n1: print(1); nope()\n             ^ Function not found: nope ()"},
		{scriptlib.RunParams{Code: "let = 1"}, "", 2, "", "Syntax error"},
		{scriptlib.RunParams{Code: `exec("true")`, Deny: []string{"exec"}}, "", 1, "", "exec is denied"},
		{scriptlib.RunParams{Code: `let s = "x"; loop { s += s; }`}, "", 1, "", "Length of string too large"},
		{scriptlib.RunParams{Code: `print("\xff\u0000")`}, "stdout \u00ff\x00", 0, "()", ""},
	} {
		lines, out := follow(t, ctx, c, begin(t, ctx, c, x.params))
		if got := strings.Join(lines, "|"); got != x.lines || out.Status != x.status || out.Result != x.result || !strings.Contains(out.Error, x.fault) {
			t.Errorf("%s: %q, %+v", x.params.Code, got, out)
		}
	}
	if _, err := sdk.Invoke[scriptlib.Output](ctx, c, "script.read", scriptlib.ReadParams{ID: "none"}); fault.Of(err) != fault.NotFound {
		t.Errorf("a run that is none: %v", err)
	}
	if _, err := sdk.Invoke[scriptlib.RunID](ctx, c, "script.run", scriptlib.RunParams{Deny: []string{"x"}}); fault.Of(err) != fault.Invalid {
		t.Errorf("deny what is none: %v", err)
	}
}

// TestRunsKeepTheLastLines holds that output has an end, and that the reader
// is told what was lost.
func TestRunsKeepTheLastLines(t *testing.T) {
	ctx, c := served(t)
	id := begin(t, ctx, c, scriptlib.RunParams{Code: "for i in 0..10000 { print(i); }"})
	if _, out := follow(t, ctx, c, id); out.Status != 0 {
		t.Fatalf("it failed: %s", out.Error)
	}
	lines, out := follow(t, ctx, c, id) // from the start, once it has ended
	if len(lines)+out.Lost != 10000 || len(lines) == 10000 || lines[len(lines)-1] != "stdout 9999" {
		t.Errorf("%d lines, %d lost, the last %s", len(lines), out.Lost, lines[len(lines)-1])
	}
}

// TestRunsEnd holds that a script ends when it is told to, and with hero_proc.
func TestRunsEnd(t *testing.T) {
	ctx, c := served(t)
	id := begin(t, ctx, c, scriptlib.RunParams{Code: "loop {}"})
	for _, was := range []bool{true, false} {
		got, err := sdk.Invoke[bool](ctx, c, "script.stop", scriptlib.RunID{ID: id})
		if err != nil || got != was {
			t.Errorf("script.stop: %v, %v", got, err)
		}
		if _, out := follow(t, ctx, c, id); out.Status != 1 || !strings.Contains(out.Error, "Script terminated") {
			t.Errorf("it ended as %+v", out)
		}
	}
	// Those that run on end with the service, which waits for them.
	running := 0
	for {
		_, err := sdk.Invoke[scriptlib.RunID](ctx, c, "script.run", scriptlib.RunParams{Code: "sleep(100000)"})
		if err != nil {
			if fault.Of(err) != fault.Unavailable {
				t.Errorf("too many: %v", err)
			}
			break
		}
		if running++; running > 1000 {
			t.Fatal("there is no end to scripts that run at once")
		}
	}
}

// TestRunsAreTheOwners holds that nobody who came through a proxy, or calls on
// behalf of another, runs, reads or stops a script.
func TestRunsAreTheOwners(t *testing.T) {
	ctx, c := served(t)
	id := begin(t, ctx, c, scriptlib.RunParams{Code: "1"})
	for _, m := range []jsonrpc.Meta{{User: "ann"}, {Claims: "{}"}, {RequestID: "r-1"}} {
		as := jsonrpc.WithMeta(ctx, m)
		for method, params := range map[string]any{
			"script.run": scriptlib.RunParams{Code: "1"}, "script.read": scriptlib.ReadParams{ID: id}, "script.stop": scriptlib.RunID{ID: id},
		} {
			if err := c.Call(as, method, params, nil); fault.Of(err) != fault.Denied {
				t.Errorf("%s as %s: %v", method, fmt.Sprintf("%+v", m), err)
			}
		}
	}
}

// supervisorStub answers as hero_proc's domain does, with a refusal.
type supervisorStub struct{}

func (supervisorStub) start(context.Context, struct {
	Name string  `json:"name"`
	Wait float64 `json:"wait,omitzero"`
}) (bool, error) {
	return false, fault.WithHint(fault.Errorf(fault.Unavailable, "x rests as failed"), "look at its logs")
}

// TestRefusal holds that a refusal of hero_proc is told in its own words, and
// not as its absence.
func TestRefusal(t *testing.T) {
	places := sdktest.Home(t)
	sdktest.Start(t, places, sdk.Service{Name: "hero_proc", Version: "1.0.0", RootOnly: true}, sdk.Domain[supervisorStub]{
		Name: "supervisor", Open: func(context.Context, *sdk.Tenant) (supervisorStub, error) { return supervisorStub{}, nil },
		Methods: []sdk.Method[supervisorStub]{sdk.Call("supervisor.start", supervisorStub.start, sdk.Doc{Summary: "Refuses."})},
	})
	_, err := run(t, scriptlib.Options{Places: places}, `proc.quick_service_start("x")`)
	if err == nil || !strings.Contains(err.Error(), "Runtime error: x rests as failed") {
		t.Errorf("the refusal is told as %v", err)
	}
}
