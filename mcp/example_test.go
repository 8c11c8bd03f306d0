package mcp_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/mcp"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// A domain's document, and a function that makes its calls, are an MCP server.
func ExampleDomain() {
	doc, err := openrpc.Build(openrpc.Info{Title: "Trees", Version: "1"}, []openrpc.MethodSpec{
		{Name: "tree.count", Summary: "Count the trees.", Result: reflect.TypeFor[int](), ReadOnly: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	h, err := mcp.Domain(doc, mcp.Options{Name: "hero_trees"}, func(_ context.Context, method string, _ json.Value) (json.Value, error) {
		fmt.Println("called:", method)
		return json.Value("7"), nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(h)
	defer server.Close()

	// An agent, with the official client.
	ctx := context.Background()
	agent := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, nil)
	session, err := agent.Connect(ctx, &sdk.StreamableClientTransport{Endpoint: server.URL, DisableStandaloneSSE: true}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tool := range tools.Tools {
		answer, err := session.CallTool(ctx, &sdk.CallToolParams{Name: tool.Name})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tool.Name, "answers", answer.Content[0].(*sdk.TextContent).Text)
	}
	// Output:
	// called: tree.count
	// tree_count answers 7
}
