package sdk

import (
	"context"
	"strconv"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// notify tells the supervisor how the service is, where there is one that
// wants to know: sd_notify(3).
func (r *running) notify(message string) {
	path := r.env.getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if err := unixsock.Notify(path, message); err != nil {
		r.log.Warn("the supervisor could not be told", "message", message, "error", err)
	}
}

// watchdogInterval returns how often the supervisor wants to hear from this
// process, halved so that one that is late does no harm; 0 is never. See
// sd_watchdog_enabled(3).
func watchdogInterval(getenv func(string) string, pid int) time.Duration {
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return 0
	}
	if p := getenv("WATCHDOG_PID"); p != "" && p != strconv.Itoa(pid) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}

func (r *running) watchdog(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.notify("WATCHDOG=1")
		}
	}
}
