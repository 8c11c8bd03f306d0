package unit

import (
	"strconv"
	"strings"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// Duration is a length of time, written as "1m30s".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns d as it is written in a definition.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText returns d as it is written in a definition.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "1m30s"; a number without a unit is one of seconds.
func (d *Duration) UnmarshalText(b []byte) error {
	if s, err := strconv.ParseFloat(string(b), 64); err == nil && s >= 0 && s < 1e9 {
		*d = Duration(s * float64(time.Second))
		return nil
	}
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fault.Errorf(fault.Invalid, "%q is not a length of time such as \"1m30s\"", b)
	}
	*d = Duration(v)
	return nil
}

// Size is a number of bytes, written as "512MiB".
type Size int64

// sizes are the endings of a Size, the largest first.
func sizes() []struct {
	ending string
	factor float64
} {
	return []struct {
		ending string
		factor float64
	}{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3},
		{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1},
	}
}

// String returns s as it is written in a definition.
func (s Size) String() string {
	for _, z := range sizes()[:4] {
		if f := int64(z.factor); int64(s) >= f && int64(s)%f == 0 {
			return strconv.FormatInt(int64(s)/f, 10) + z.ending
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText returns s as it is written in a definition.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "512MiB", "2G" or a plain number of bytes.
func (s *Size) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	for _, z := range sizes() {
		number, ok := strings.CutSuffix(text, z.ending)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v >= 0 && v*z.factor <= 1<<60) {
			break
		}
		*s = Size(v * z.factor)
		return nil
	}
	return fault.Errorf(fault.Invalid, "%q is not a number of bytes such as \"512MiB\"", b)
}
