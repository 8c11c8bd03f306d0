package main

import (
	"log/slog"
	"strings"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

func TestOpen(t *testing.T) {
	locked, err := access.Parse([]byte("local = false\n"))
	if err != nil {
		t.Fatal(err)
	}
	half, err := access.Parse([]byte("tls = {cert = \"/nowhere.pem\", key = \"/nowhere.key\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address string
		policy  *access.Policy
		want    string // of the error and its hint; "" for none
	}{
		{"127.0.0.1:0", nil, ""}, {"localhost:0", locked, ""},
		{"0.0.0.0:0", nil, "tls = {cert"}, {":0", nil, "tls = {cert"}, {"[::]:0", locked, "tls = {cert"}, {"192.0.2.1:0", locked, "tls = {cert"}, {"example.org:0", nil, "tls = {cert"},
		{"127.0.0.1:0", half, "read the certificate"}, {"0.0.0.0:0", half, "read the certificate"}, {"nothing", nil, "host:port"},
	} {
		l, err := open(c.address, c.policy, slog.New(slog.DiscardHandler))
		if err == nil {
			l.Close()
		}
		got := ""
		if err != nil {
			got = err.Error() + "\n" + fault.Hint(err)
		}
		if c.want == "" && err != nil || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %q", c.address, got, c.want)
		}
	}
}
