package sdk

import (
	"context"
	"net/http"
)

// healthReport is the health of one layer, or, with contexts, of all of them.
type healthReport struct {
	Status   string                 `json:"status" doc:"ok, degraded or error."`
	Service  string                 `json:"service"`
	Version  string                 `json:"version,omitzero"`
	Context  string                 `json:"context,omitzero"`
	Domain   string                 `json:"domain,omitzero"`
	Checks   map[string]healthCheck `json:"checks,omitzero"`
	UI       *healthUI              `json:"ui,omitzero" doc:"The UI, where the service has one."`
	Contexts []healthContext        `json:"contexts,omitzero" doc:"Every domain of every context; in service.health only."`
}

type healthCheck struct {
	Status  string `json:"status" doc:"ok or error."`
	Message string `json:"message,omitzero" doc:"What is wrong."`
}

type healthUI struct {
	Mode  string `json:"mode" doc:"on_demand, inline or static."`
	State string `json:"state" doc:"healthy, asleep, starting or unhealthy."`
}

type healthContext struct {
	Name    string         `json:"name"`
	Domains []healthReport `json:"domains"`
}

func (h healthReport) httpStatus() int {
	if h.Status == "error" {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// health asks the domain how it is.
func (e *endpoint) health(ctx context.Context) healthReport {
	h := healthReport{
		Status: "ok", Service: e.service.name.String(), Version: e.service.Version,
		Context: e.header[0], Domain: e.domain.name().String(),
	}
	if e.instance.check == nil {
		return h
	}
	check := healthCheck{Status: "ok"}
	if err := e.instance.check(ctx); err != nil {
		check = healthCheck{Status: "error", Message: err.Error()}
		h.Status = "error"
	}
	h.Checks = map[string]healthCheck{h.Domain: check}
	return h
}

// healthOfService is the service's own, without its domains.
func (r *running) healthOfService() healthReport {
	return healthReport{Status: "ok", Service: r.name.String(), Version: r.Version}
}

// healthOfAll is the method service.health. It never wakes a UI.
func (r *running) healthOfAll(ctx context.Context, _ struct{}) (healthReport, error) {
	overlook(ctx)
	h := r.healthOfService()
	if r.ui != nil {
		h.UI = &healthUI{Mode: r.plan.ui.mode(), State: r.ui.State()}
	}
	for _, t := range r.tenancies() {
		c := healthContext{Name: t.name.String()}
		for _, e := range t.domains {
			d := e.health(ctx)
			if d.Status != "ok" {
				h.Status = "degraded"
			}
			c.Domains = append(c.Domains, d)
		}
		h.Contexts = append(h.Contexts, c)
	}
	return h, nil
}
