package cli_test

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
)

func TestRun(t *testing.T) {
	var loud bool
	var got cli.Call
	p := cli.Program{Name: "tool", Version: "1", Help: "Does things", Commands: []cli.Command{
		{Name: "do", Args: "NAME", Help: "Does.", Min: 1, Max: 1, Rest: true,
			Flags: func(f *flag.FlagSet) { f.BoolVar(&loud, "loud", false, "be loud") },
			Run:   func(_ context.Context, c cli.Call) error { got = c; return nil }},
		{Name: "fail", Run: func(context.Context, cli.Call) error {
			return fault.WithHint(fault.Errorf(fault.NotFound, "no such thing"), "make one")
		}},
		{Name: "ill", Run: func(context.Context, cli.Call) error { return cli.Unwell }},
	}}
	for _, c := range []struct {
		args   string
		status int
		out    string // in stdout
		err    string // in stderr
	}{
		{"", 2, "", "Commands:"},
		{"--help", 0, "do NAME", ""},
		{"version", 0, "tool 1\n", ""},
		{"nothing", 2, "", `no command "nothing"`},
		{"do", 2, "", "usage: tool do NAME"},
		{"do a b", 2, "", `"b" is one argument too many`},
		{"do a --quiet", 2, "", "not defined"},
		{"do --help", 0, "be loud", ""},
		{"do a --loud -- x --y", 0, "", ""},
		{"fail", 1, "", "tool: error: no such thing\ntool: hint: make one\n"},
		{"ill", 3, "", ""},
	} {
		loud = false
		var out, errs bytes.Buffer
		status := p.Run(t.Context(), cli.Env{Args: strings.Fields(c.args), Stdout: &out, Stderr: &errs})
		if status != c.status || !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) {
			t.Errorf("%q: %d\nstdout: %s\nstderr: %s\nwant %d, %q, %q", c.args, status, out.String(), errs.String(), c.status, c.out, c.err)
		}
		if c.args == "do a --loud -- x --y" && (!loud || strings.Join(got.Args, " ") != "a" || strings.Join(got.Rest, " ") != "x --y") {
			t.Errorf("%q: loud %v, args %q, rest %q", c.args, loud, got.Args, got.Rest)
		}
	}
}
