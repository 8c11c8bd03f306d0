package main

import (
	"log/slog"
	"net"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
)

// open listens where it is told to: plainly on loopback alone, and elsewhere
// only encrypted. Who comes from elsewhere is nobody without a policy.
func open(address string, policy *access.Policy, log *slog.Logger) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.WithHint(fault.Errorf(fault.Invalid, "--listen %s: %w", address, err), "give it as host:port, such as 127.0.0.1:9998")
	}
	files := policy.TLS()
	if ip := net.ParseIP(host); files == (access.TLS{}) && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fault.WithHint(fault.Errorf(fault.Denied, "--listen %s: others than this machine are let in only by a policy, and encrypted", address),
			`write into etc/proxy.toml: tls = {cert = "FILE", key = "FILE"}`)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.WithHint(fault.Errorf(fault.Unavailable, "listen: %w", err), "another program may have the port: choose one with --listen")
	}
	if files == (access.TLS{}) {
		return l, nil
	}
	secure, err := proxy.Secure(l, files, log)
	if err != nil {
		return nil, fault.WithHint(err, "see tls in etc/proxy.toml")
	}
	return secure, nil
}
