package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

func Example() {
	err := fault.Errorf(fault.NotFound, "order %q: %w", "o-1", io.EOF)
	err = fmt.Errorf("track: %w", fault.WithHint(err, "list the orders with delivery.list"))
	fmt.Println(err)
	fmt.Println(fault.Of(err), fault.Of(err).HTTP(), fault.Of(err).RPC(), errors.Is(err, io.EOF))
	fmt.Println(fault.Hint(err))
	// Output:
	// track: order "o-1": EOF
	// not found 404 -32004 true
	// list the orders with delivery.list
}

func TestOf(t *testing.T) {
	outer := fault.Errorf(fault.Unavailable, "dial: %w", fault.Errorf(fault.NotFound, "no file"))
	for _, tc := range []struct {
		err  error
		want fault.Kind
	}{
		{nil, fault.Internal},
		{io.EOF, fault.Internal},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), fault.Canceled},
		{fmt.Errorf("x: %w", context.Canceled), fault.Canceled},
		{outer, fault.Unavailable},
		{fault.WithHint(outer, "h"), fault.Unavailable},
	} {
		if got := fault.Of(tc.err); got != tc.want {
			t.Errorf("Of(%v) = %v, want %v", tc.err, got, tc.want)
		}
	}
	if fault.WithHint(nil, "h") != nil {
		t.Error("WithHint(nil) is not nil")
	}
}

// A code that two kinds shared could not be read back by a client.
func TestMappingIsOneToOne(t *testing.T) {
	codes := map[int]fault.Kind{}
	for k := fault.Internal; k <= fault.Unsupported; k++ {
		if other, taken := codes[k.RPC()]; taken {
			t.Errorf("%v and %v share the code %d", k, other, k.RPC())
		}
		codes[k.RPC()] = k
		if got := fault.FromRPC(k.RPC()); got != k {
			t.Errorf("FromRPC(%d) = %v, want %v", k.RPC(), got, k)
		}
		if k.HTTP() < 400 || k.HTTP() > 599 || k.Exit() < 1 {
			t.Errorf("%v: HTTP %d, exit %d", k, k.HTTP(), k.Exit())
		}
		if k.RPC() <= -32020 && k.RPC() >= -32099 {
			t.Errorf("%v: code %d lies in the services' own range", k, k.RPC())
		}
	}
}
