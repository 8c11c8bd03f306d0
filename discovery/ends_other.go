//go:build !linux

package discovery

import "context"

// ended reports that the end of another process is not told here.
func ended(context.Context, int) bool { return false }
