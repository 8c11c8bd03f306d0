package inspect

import (
	"context"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
)

// maxAnswer is the largest answer to a call, in bytes.
const maxAnswer = 16 << 20

// Call calls a method at a place and returns its result as it came. params is
// an object, an array, or empty. The call carries the jsonrpc.Meta of ctx, with
// the place's context in it. The error is a *jsonrpc.Error where the service
// answered with one.
func (in *Inspector) Call(ctx context.Context, p Place, method string, params json.Value) (json.Value, error) {
	if err := asked(p.Socket); err != nil {
		return nil, err
	}
	if method == "" {
		return nil, fault.Errorf(fault.Invalid, "call: no method is named")
	}
	path, err := in.opts.Places.Socket(p.Socket.Rel)
	if err != nil {
		return nil, err
	}
	var with any
	if len(strings.TrimSpace(string(params))) > 0 {
		if !params.IsValid() {
			return nil, fault.WithHint(fault.Errorf(fault.Invalid, "params are not JSON"), `write an object such as {"name": "x"}, or an array`)
		}
		switch params.Kind() {
		case '{', '[':
			with = params
		default:
			return nil, fault.WithHint(fault.Errorf(fault.Invalid, "params are neither an object nor an array"), `write an object such as {"name": "x"}, or an array`)
		}
	}
	transport := unixsock.Transport(path)
	defer transport.CloseIdleConnections()
	var result json.Value
	if err := post(withPlace(ctx, p), transport, maxAnswer, method, with, &result); err != nil {
		return nil, err
	}
	return result, nil
}

// Curl returns the command that makes the same call from a shell.
func (in *Inspector) Curl(p Place, method string, params json.Value) string {
	path, err := in.opts.Places.Socket(p.Socket.Rel)
	if err != nil {
		return ""
	}
	body := `{"jsonrpc":"2.0","id":1,"method":` + quoteJSON(method)
	if len(strings.TrimSpace(string(params))) > 0 {
		compact := json.Value(append([]byte(nil), params...))
		if compact.Compact() == nil {
			body += `,"params":` + string(compact)
		}
	}
	body += "}"
	out := "curl --unix-socket " + quoteShell(path) + " \\\n  -H 'Content-Type: application/json' \\\n"
	if p.Context != "" {
		out += "  -H " + quoteShell("X-Hero-Context: "+p.Context) + " \\\n"
	}
	return out + "  -d " + quoteShell(body) + " \\\n  http://hero/rpc"
}

func quoteJSON(s string) string {
	out, err := json.AppendQuote(nil, s)
	if err != nil {
		return `""`
	}
	return string(out)
}

// quoteShell quotes s for a POSIX shell.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
