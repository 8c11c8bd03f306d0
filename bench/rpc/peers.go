package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/handler"
	"github.com/creachadair/jrpc2/jhttp"
	geth "github.com/ethereum/go-ethereum/rpc"
	gorilla "github.com/gorilla/rpc/v2"
	"github.com/gorilla/rpc/v2/json2"

	"forge.ourworld.tf/lhumina_code/hero/bench/rpc/pb"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
)

// peer is one server and, for each method, the bytes of one request to it.
type peer struct {
	name     string
	handler  func() (http.Handler, error)
	requests map[string][]byte
}

func peers() []peer {
	return []peer{
		{"hero jsonrpc", heroHandler, rpcRequests("add", "create", "%s")},
		{"connect-go", protoHandler, plainRequests("/hero/add", "/hero/create")},
		{"connect-go, plain structs", connectHandler, plainRequests("/hero/add", "/hero/create")},
		{"go-ethereum", gethHandler, rpcRequests("hero_add", "hero_create", "[%s]")},
		{"gorilla/rpc", gorillaHandler, rpcRequests("hero.Add", "hero.Create", "%s")},
		{"jrpc2", jrpc2Handler, rpcRequests("add", "create", "%s")},
		{"net/http + encoding/json", bareHandler, plainRequests("/hero/add", "/hero/create")},
	}
}

func serveAs(name, socket string) error {
	for _, p := range peers() {
		if p.name != name {
			continue
		}
		h, err := p.handler()
		if err != nil {
			return err
		}
		l, err := net.Listen("unix", socket)
		if err != nil {
			return err
		}
		return (&http.Server{Handler: h}).Serve(l)
	}
	return fmt.Errorf("no peer %q", name)
}

func post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: hero\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func rpcRequests(add, create, params string) map[string][]byte {
	call := func(method, value string) []byte {
		return post("/rpc", fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s,"id":1}`, method, fmt.Sprintf(params, value)))
	}
	return map[string][]byte{"add": call(add, addParams), "create": call(create, createParams)}
}

func plainRequests(add, create string) map[string][]byte {
	return map[string][]byte{"add": post(add, addParams), "create": post(create, createParams)}
}

func heroHandler() (http.Handler, error) {
	return &jsonrpc.Server{
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Methods: map[string]jsonrpc.Handler{
			"add":    jsonrpc.Func(func(_ context.Context, p Sum) (Total, error) { return sum(p), nil }),
			"create": jsonrpc.Func(func(_ context.Context, p Order) (Receipt, error) { return create(p), nil }),
		},
	}, nil
}

// plainCodec lets connect-go carry Go structs, which spares it protobuf's
// reflection: faster than connect-go as it comes.
type plainCodec struct{}

func (plainCodec) Name() string                       { return "json" }
func (plainCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (plainCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

func connectHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/hero/add", connect.NewUnaryHandler("/hero/add",
		func(_ context.Context, r *connect.Request[Sum]) (*connect.Response[Total], error) {
			out := sum(*r.Msg)
			return connect.NewResponse(&out), nil
		}, connect.WithCodec(plainCodec{})))
	mux.Handle("/hero/create", connect.NewUnaryHandler("/hero/create",
		func(_ context.Context, r *connect.Request[Order]) (*connect.Response[Receipt], error) {
			out := create(*r.Msg)
			return connect.NewResponse(&out), nil
		}, connect.WithCodec(plainCodec{})))
	return mux, nil
}

// protoHandler is connect-go as its documentation has it, with generated
// messages and its own JSON codec.
func protoHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/hero/add", connect.NewUnaryHandler("/hero/add",
		func(_ context.Context, r *connect.Request[pb.Sum]) (*connect.Response[pb.Total], error) {
			return connect.NewResponse(&pb.Total{Sum: r.Msg.A + r.Msg.B}), nil
		}))
	mux.Handle("/hero/create", connect.NewUnaryHandler("/hero/create",
		func(_ context.Context, r *connect.Request[pb.Order]) (*connect.Response[pb.Receipt], error) {
			total := 0.0
			for _, item := range r.Msg.Items {
				total += float64(item.Count) * item.Price
			}
			return connect.NewResponse(&pb.Receipt{Id: "order-1", Total: total, Order: r.Msg}), nil
		}))
	return mux, nil
}

type gethService struct{}

func (gethService) Add(p Sum) Total        { return sum(p) }
func (gethService) Create(p Order) Receipt { return create(p) }

func gethHandler() (http.Handler, error) {
	s := geth.NewServer()
	return s, s.RegisterName("hero", gethService{})
}

type gorillaService struct{}

func (gorillaService) Add(_ *http.Request, p *Sum, out *Total) error {
	*out = sum(*p)
	return nil
}

func (gorillaService) Create(_ *http.Request, p *Order, out *Receipt) error {
	*out = create(*p)
	return nil
}

func gorillaHandler() (http.Handler, error) {
	s := gorilla.NewServer()
	s.RegisterCodec(json2.NewCodec(), "application/json")
	return s, s.RegisterService(new(gorillaService), "hero")
}

func jrpc2Handler() (http.Handler, error) {
	return jhttp.NewBridge(handler.Map{
		"add":    handler.New(func(_ context.Context, p Sum) (Total, error) { return sum(p), nil }),
		"create": handler.New(func(_ context.Context, p Order) (Receipt, error) { return create(p), nil }),
	}, &jhttp.BridgeOptions{Server: &jrpc2.ServerOptions{Concurrency: 64}}), nil
}

func bareHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hero/add", bare(sum))
	mux.HandleFunc("POST /hero/create", bare(create))
	return mux, nil
}

func bare[P, R any](f func(P) R) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var p P
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f(p))
	}
}
