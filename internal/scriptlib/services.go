package scriptlib

import (
	"context"

	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/procd"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// services registers the methods of proc and service.
func (l *library) services() {
	e := l.engine
	e.Register("quick_service_set", quickSet, "(name, command) Registers a command line as a service, or changes it.")
	e.Register("quick_service_set", quickSetWith, "(name, command, interpreter) The same with an interpreter: \"exec\" runs the command line itself, any other is a program that runs the text as a script.")
	e.Register("quick_service_set_full", quickSetFull, "(name, command, interpreter, folder) The same with the working folder as well; \"\" is the home.")
	e.Register("quick_service_start", start, "(name) Starts a service and waits until it is ready, for a minute at most. It fails where the service fails.")
	e.Register("quick_service_stop", stop, "(name) Stops a service and all that it forked.")
	e.Register("quick_service_restart", restart, "(name) Stops a service and starts it anew; else as quick_service_start.")
	e.Register("quick_service_remove", remove, "(name) Stops a service and forgets it; its data and logs stay. Returns whether there was one.")
	e.Register("quick_service_status", status, "(name) Returns its state: running, starting, stopped, failed, …")
	e.Register("quick_service_logs", logs, "(name) Returns the last 100 lines that it wrote.")
	e.Register("quick_service_logs", logsTail, "(name, lines) Returns the last so many lines that it wrote.")
	e.Register("wait_healthy", waitHealthy, "(name, seconds) Waits so many seconds until every layer of the service is healthy, and returns whether it became so.")
	e.Register("why", why, "(name) Tells in plain words why a service is in its state.")

	e.Register("list", list, "() Returns the names of all supervised services.")
	e.Register("info", info, "(name) Returns the service's manifest.")
	e.Register("contexts", contexts, "(name) Returns the names of its contexts.")
	e.Register("domains", domains, "(name) Returns its domains, one map with context, domain and health for each of every context.")
	e.Register("health", healthOf, "(name) Returns the health of the whole service as one word: healthy, degraded, unhealthy, starting, asleep, absent or unknown.")
	e.Register("domain_health", domainHealth, "(name, context, domain) Returns the health of one domain in one context, as one word.")
	e.Register("call", func(c *rhai.Context, s *Services, service, context, domain, method string, params rhai.Value) (rhai.Value, error) {
		return s.invoke(c, domainName{service, context, domain}, method, json.Value(rhai.JSON(params)))
	}, "(name, context, domain, method, params) Calls a method of a domain in a context, with a map of parameters or an array, and returns its result.")
	e.Register("call", func(c *rhai.Context, s *Services, service, context, domain, method string) (rhai.Value, error) {
		return s.invoke(c, domainName{service, context, domain}, method, nil)
	}, "(name, context, domain, method) Calls a method that needs no parameters.")
}

func list(c *rhai.Context, s *Services) ([]string, error) {
	all, err := call[[]procd.ServiceStatus](s.lib, c, procd.Supervisor, "supervisor.list", procd.ListParams{})
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = x.Name
	}
	return names, err
}

func info(c *rhai.Context, s *Services, name string) (rhai.Value, error) {
	ctx := sdk.WithPlaces(c, s.lib.Places)
	client, err := sdk.DialService(ctx, name)
	if err != nil {
		return rhai.Value{}, err
	}
	defer client.Close()
	return result(ctx, client, "service.info", nil)
}

// report returns the health of a service's layers; one without sockets has
// none.
func (s *Services) report(c *rhai.Context, name string) (health.Report, error) {
	st, err := s.lib.status(c, name)
	if err != nil {
		return health.Report{}, err
	}
	if st.Health == nil {
		return health.Report{Service: name, Word: health.Absent}, nil
	}
	return *st.Health, nil
}

func contexts(c *rhai.Context, s *Services, name string) ([]string, error) {
	r, err := s.report(c, name)
	names := make([]string, len(r.Contexts))
	for i, x := range r.Contexts {
		names[i] = x.Name
	}
	return names, err
}

func domains(c *rhai.Context, s *Services, name string) ([]map[string]string, error) {
	r, err := s.report(c, name)
	out := []map[string]string{}
	for _, x := range r.Contexts {
		for _, d := range x.Domains {
			out = append(out, map[string]string{"context": x.Name, "domain": d.Name, "health": string(d.Word)})
		}
	}
	return out, err
}

func healthOf(c *rhai.Context, s *Services, name string) (string, error) {
	r, err := s.report(c, name)
	return string(r.Word), err
}

func domainHealth(c *rhai.Context, s *Services, name, context, domain string) (string, error) {
	r, err := s.report(c, name)
	if err != nil {
		return "", err
	}
	for _, x := range r.Contexts {
		for _, d := range x.Domains {
			if x.Name == context && d.Name == domain {
				return string(d.Word), nil
			}
		}
	}
	return string(health.Absent), nil
}

// invoke calls a method of a domain and makes a script's value of its result.
func (s *Services) invoke(c *rhai.Context, at domainName, method string, params any) (rhai.Value, error) {
	ctx := sdk.WithPlaces(c, s.lib.Places)
	client, err := sdk.Dial(ctx, at.service, at.context, at.domain)
	if err != nil {
		return rhai.Value{}, err
	}
	defer client.Close()
	return result(ctx, client, method, params)
}

// domainName is a domain in a context of a service.
type domainName struct{ service, context, domain string }

func result(ctx context.Context, client *sdk.Client, method string, params any) (rhai.Value, error) {
	text, err := sdk.Invoke[json.Value](ctx, client, method, params)
	if err != nil {
		return rhai.Value{}, plain(err)
	}
	return rhai.ParseJSON(string(text))
}
