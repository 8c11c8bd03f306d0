package machine

import "time"

// Delay is delay, for the tests.
func Delay(p Policy, failures int, dice float64) time.Duration { return delay(p, failures, dice) }
