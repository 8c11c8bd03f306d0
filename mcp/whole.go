package mcp

import (
	"context"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
)

// Machine is all services of a machine, as far as the caller in ctx may see
// them. A result is anything that encodes to a JSON object.
type Machine interface {
	// Search finds methods by words.
	Search(ctx context.Context, query string, limit int) (any, error)
	// Describe returns a method with the schemas of its params and result.
	Describe(ctx context.Context, at Address) (any, error)
	// Call calls a method.
	Call(ctx context.Context, at Address, params json.Value) (json.Value, error)
	// Health returns the health of one service, or of all for "".
	Health(ctx context.Context, service string) (any, error)
}

// Address names a method: of a domain in a context, or of the service itself.
type Address struct {
	Service string `json:"service"`
	Place   string `json:"place"` // context/domain; "" is the service itself
	Method  string `json:"method"`
}

// The schemas of the four tools, short on purpose: each word is paid for by
// every agent that connects.
const (
	searchIn   = `{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}},"required":["query"]}`
	describeIn = `{"type":"object","properties":{"service":{"type":"string"},"place":{"type":"string","description":"context/domain, as search returns it"},"method":{"type":"string"}},"required":["service","method"]}`
	callIn     = `{"type":"object","properties":{"service":{"type":"string"},"place":{"type":"string"},"method":{"type":"string"},"params":{"type":"object"}},"required":["service","method"]}`
	healthIn   = `{"type":"object","properties":{"service":{"type":"string"}}}`
)

// Whole returns an MCP server with four tools for all services of a machine.
func Whole(m Machine, o Options) http.Handler {
	s := o.server()
	no := false
	reads := &sdk.ToolAnnotations{ReadOnlyHint: true, DestructiveHint: &no, IdempotentHint: true}
	add(s, &sdk.Tool{Name: "search", Description: "Find methods of the services here by words.", InputSchema: json.Value(searchIn), Annotations: reads},
		func(ctx context.Context, p struct {
			Query string `json:"query"`
			Limit int    `json:"limit"`
		}) (any, error) {
			if p.Limit <= 0 || p.Limit > 100 {
				p.Limit = 20
			}
			return m.Search(ctx, p.Query, p.Limit)
		})
	add(s, &sdk.Tool{Name: "describe", Description: "Params, result and errors of a method.", InputSchema: json.Value(describeIn), Annotations: reads},
		func(ctx context.Context, p Address) (any, error) { return m.Describe(ctx, p) })
	add(s, &sdk.Tool{Name: "call", Description: "Call a method; describe it first.", InputSchema: json.Value(callIn)},
		func(ctx context.Context, p struct {
			Address
			Params json.Value `json:"params"`
		}) (any, error) {
			return m.Call(ctx, p.Address, p.Params)
		})
	add(s, &sdk.Tool{Name: "health", Description: "Health of a service, or of all.", InputSchema: json.Value(healthIn), Annotations: reads},
		func(ctx context.Context, p struct {
			Service string `json:"service"`
		}) (any, error) {
			return m.Health(ctx, p.Service)
		})
	return handler(s, o.Log)
}

// add adds a tool whose arguments are a P.
func add[P any](s *sdk.Server, t *sdk.Tool, f func(context.Context, P) (any, error)) {
	s.AddTool(t, func(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		var p P
		if arguments := req.Params.Arguments; len(arguments) > 0 {
			if err := json.Unmarshal(arguments, &p, json.RejectUnknown()); err != nil {
				return failed(fault.Errorf(fault.Invalid, "arguments of %s: %w", t.Name, err)), nil
			}
		}
		result, err := f(ctx, p)
		if err != nil {
			return failed(err), nil
		}
		text, ok := result.(json.Value)
		if !ok {
			if text, err = json.Marshal(result, json.Deterministic()); err != nil {
				return nil, err
			}
		}
		return succeeded(text, false), nil
	})
}
