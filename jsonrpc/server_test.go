package jsonrpc_test

import (
	"net/http/httptest"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc/jsonrpctest"
)

func TestConformance(t *testing.T) {
	for name, limit := range map[string]int64{"defaults": 0, "small bodies": 300 << 10} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(&jsonrpc.Server{Methods: jsonrpctest.Methods(), MaxBody: limit})
			defer srv.Close()
			jsonrpctest.Run(t, jsonrpctest.Target{URL: srv.URL, Transport: srv.Client().Transport, MaxBody: int(limit)})
		})
	}
}
