package handover

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// UntilHealthy returns when each of the sockets has answered that it is
// healthy. It fails when ctx ends, with what the last one lacked.
func UntilHealthy(ctx context.Context, sockets []string, log *slog.Logger) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	said := ""
	for _, path := range sockets {
		for {
			err := askHealth(ctx, path)
			if err == nil {
				break
			}
			if said != err.Error() {
				said = err.Error()
				log.Warn("not healthy yet, and does not take over", "error", err)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("get healthy: %w", err)
			case <-tick.C:
			}
		}
	}
	return nil
}

func askHealth(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	t := unixsock.Transport(path)
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hero/health", nil)
	if err != nil {
		return err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return nil
}
