// Package mcp serves JSON-RPC methods to agents, as an MCP server (Model
// Context Protocol) over HTTP without sessions.
//
// [Domain] makes each method of an OpenRPC document a tool, which suits a
// handful of methods. [Whole] serves any number of services by four tools
// (search, describe, call, health): flat tools cost an agent tokens for each
// method, whether it calls it or not. Neither opens a socket: the caller says
// how a call is made, and decides there who may make it.
package mcp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// Options says what a server calls itself. The zero value works.
type Options struct {
	Name         string // "" is hero
	Version      string // "" is 0
	Instructions string // for the agent, in a few sentences
	Log          *slog.Logger
}

func (o Options) server() *sdk.Server {
	if o.Name == "" {
		o.Name = "hero"
	}
	if o.Version == "" {
		o.Version = "0"
	}
	return sdk.NewServer(&sdk.Implementation{Name: o.Name, Version: o.Version}, &sdk.ServerOptions{
		Instructions: o.Instructions, Logger: o.Log,
		// Tools never change within a request, and a request is all there is.
		Capabilities: &sdk.ServerCapabilities{Tools: &sdk.ToolCapabilities{}},
		// What is listed is what this caller may call: no cache may keep it for another.
		SetCacheable: func(_ context.Context, _ sdk.Request, c *sdk.Cacheable) { c.CacheScope = "private" },
	})
}

// handler serves one server without sessions: each request stands for itself.
func handler(s *sdk.Server, log *slog.Logger) http.Handler {
	return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s },
		&sdk.StreamableHTTPOptions{Stateless: true, JSONResponse: true, Logger: log})
}

// Caller calls a method. params is an object or an array, nil for none.
type Caller func(ctx context.Context, method string, params json.Value) (json.Value, error)

// Toolset is the tools made of a document. Making it is the larger part of the
// work, and it can be served any number of times.
type Toolset struct {
	tools []tool
}

// Methods returns the names of the methods that are tools, by the tools' names.
func (t *Toolset) Methods() map[string]string {
	out := map[string]string{}
	for _, x := range t.tools {
		out[x.def.Name] = x.method
	}
	return out
}

// Domain returns an MCP server whose tools are those of t that allow agrees to;
// nil agrees to all. A method that is not allowed is not there.
func (t *Toolset) Domain(o Options, allow func(method string) bool, call Caller) http.Handler {
	s := o.server()
	for _, x := range t.tools {
		if allow != nil && !allow(x.method) {
			continue
		}
		s.AddTool(x.def, func(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			params, err := x.params(json.Value(req.Params.Arguments))
			if err != nil {
				return failed(err), nil
			}
			result, err := call(ctx, x.method, params)
			if err != nil {
				return failed(err), nil
			}
			return succeeded(result, x.wrapped), nil
		})
	}
	return handler(s, o.Log)
}

// Domain is Tools and Toolset.Domain in one step, for all methods.
func Domain(d *openrpc.Document, o Options, call Caller) (http.Handler, error) {
	t, err := Tools(d)
	if err != nil {
		return nil, err
	}
	return t.Domain(o, nil, call), nil
}

// succeeded is the answer with a result, as text and as data.
func succeeded(result json.Value, wrapped bool) *sdk.CallToolResult {
	if len(result) == 0 {
		result = json.Value("null")
	}
	data := result
	if wrapped || result.Kind() != '{' {
		data = append(append(json.Value(`{"result":`), result...), '}')
	}
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: string(result)}}, StructuredContent: data}
}

// failed is the answer to a call that failed, in words that help an agent to
// do better.
func failed(err error) *sdk.CallToolResult {
	text := err.Error()
	if e, ok := errors.AsType[*jsonrpc.Error](err); ok && len(e.Data) > 0 {
		text += "\n" + string(e.Data)
	} else if hint := fault.Hint(err); hint != "" {
		text += "\n" + hint
	}
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: text}}}
}
