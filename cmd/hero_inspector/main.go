// Command hero_inspector shows the services of a machine: their contexts,
// domains and methods. It reads them, tries them and hands them on.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(program().Run(ctx, cli.Process()))
}

func program() cli.Program {
	return cli.Program{
		Name: "hero_inspector", Version: sdk.Version, Help: "shows services, their domains and methods",
		Commands: []cli.Command{
			serveCommand(), listCommand(), treeCommand(), watchCommand(), specCommand(), callCommand(),
			docsCommand(), clientCommand(), diffCommand(), lintCommand(),
		},
	}
}

// printsJSON declares --json for a command whose result is JSON in any case, so
// that it can be given to all of them.
func printsJSON(f *flag.FlagSet) { f.Bool("json", true, "print JSON, which it does in any case") }

// look reads the sockets folder.
func look(ctx context.Context, env cli.Env) (*discovery.Tree, *inspect.Inspector, error) {
	places, err := env.Places()
	if err != nil {
		return nil, nil, err
	}
	tree, err := discovery.Discover(ctx, discovery.Options{Places: places})
	if err != nil {
		return nil, nil, err
	}
	return tree, inspect.New(inspect.Options{Places: places}), nil
}

// service returns a service of the tree.
func service(tree *discovery.Tree, name string) (*discovery.Service, error) {
	n, err := layout.ParseService(name)
	if err != nil {
		return nil, err
	}
	s := tree.Service(n)
	if s == nil {
		return nil, fault.WithHint(fault.Errorf(fault.NotFound, "there is no service %q", name), "hero_inspector list shows those that there are")
	}
	return s, nil
}

func listCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "list", Args: "[--json]", Help: "show all services",
		Flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON, for programs") },
		Run: func(ctx context.Context, c cli.Call) error {
			tree, _, err := look(ctx, c.Env)
			if err != nil {
				return err
			}
			views := inspect.Overview(tree)
			if asJSON {
				return c.JSON(views)
			}
			rows := [][]string{{"NAME", "VERSION", "LAYOUT", "STATE", "CONTEXTS", "DOMAINS", "DESCRIPTION"}}
			for _, v := range views {
				rows = append(rows, []string{v.Name, orDash(v.Version), v.Layout, v.State,
					strconv.Itoa(len(v.Contexts)), strconv.Itoa(len(v.Domains)), v.Description})
			}
			return c.Table(rows)
		},
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func treeCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "tree", Args: "[SERVICE] [--json]", Help: "show services with their sockets, and what is stray", Max: 1,
		Flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON, for programs") },
		Run: func(ctx context.Context, c cli.Call) error {
			tree, _, err := look(ctx, c.Env)
			if err != nil {
				return err
			}
			if len(c.Args) == 1 {
				s, err := service(tree, c.Args[0])
				if err != nil {
					return err
				}
				tree = &discovery.Tree{Services: []*discovery.Service{s}}
			}
			if asJSON {
				return c.JSON(tree)
			}
			var b strings.Builder
			for _, s := range tree.Services {
				drawService(&b, s)
			}
			for _, s := range tree.Strays {
				fmt.Fprintf(&b, "stray: %s: %s\n", cli.Clean(s.Path), cli.Clean(s.Reason))
			}
			_, err = fmt.Fprint(c.Stdout, b.String())
			return err
		},
	}
}

// drawService writes a service with its sockets below it.
func drawService(b *strings.Builder, s *discovery.Service) {
	fmt.Fprintf(b, "%s (%s)", s.Name, s.Layout)
	if s.Fault != "" {
		fmt.Fprintf(b, ": %s", cli.Clean(s.Fault))
	}
	if len(s.Split) > 1 {
		fmt.Fprintf(b, ": claimed by more than one process: %v", s.Split)
	}
	b.WriteByte('\n')
	draw := func(indent, name string, socket *discovery.Socket) {
		if socket == nil {
			return
		}
		fmt.Fprintf(b, "%s%s", indent, name)
		if socket.State != discovery.Unasked {
			fmt.Fprintf(b, "  %s", socket.State)
		}
		fmt.Fprintf(b, "  %s\n", socket.Rel)
	}
	draw("  ", "service", s.Server)
	draw("  ", "ui", s.UI)
	draw("  ", "admin", s.Admin)
	for _, n := range s.Web {
		draw("  ", "web "+n.Name, n.Socket)
	}
	for _, n := range s.More {
		draw("  ", n.Name, n.Socket)
	}
	for _, l := range s.Legacy {
		draw("  ", "older", l)
	}
	for _, ctx := range s.Contexts {
		fmt.Fprintf(b, "  %s\n", ctx.Name)
		for _, d := range ctx.Domains {
			draw("    ", d.Name.String(), d.Socket)
		}
	}
}

func specCommand() cli.Command {
	return cli.Command{
		Name: "spec", Args: "SERVICE [CONTEXT/DOMAIN] [--json]", Help: "print the OpenRPC document of a domain, or of all of a service's domains", Min: 1, Max: 2,
		Flags: printsJSON,
		Run: func(ctx context.Context, c cli.Call) error {
			tree, in, err := look(ctx, c.Env)
			if err != nil {
				return err
			}
			s, err := service(tree, c.Args[0])
			if err != nil {
				return err
			}
			var doc *openrpc.Document
			if len(c.Args) == 1 {
				doc, err = in.Composite(ctx, s)
			} else {
				var p inspect.Place
				if p, err = find(s, c.Args[1]); err == nil {
					doc, err = in.Document(ctx, p)
				}
			}
			if err != nil {
				return err
			}
			return c.JSON(doc)
		},
	}
}

func find(s *discovery.Service, place string) (inspect.Place, error) {
	context, domain, err := inspect.ParsePlace(place)
	if err != nil {
		return inspect.Place{}, err
	}
	return inspect.Find(s, context, domain)
}

func callCommand() cli.Command {
	return cli.Command{
		Name: "call", Args: "SERVICE CONTEXT/DOMAIN METHOD [PARAMS] [--json]", Help: "call a method and print its result; - is the service itself", Min: 3, Max: 4,
		Flags: printsJSON,
		Run: func(ctx context.Context, c cli.Call) error {
			tree, in, err := look(ctx, c.Env)
			if err != nil {
				return err
			}
			s, err := service(tree, c.Args[0])
			if err != nil {
				return err
			}
			place := c.Args[1]
			if place == "-" {
				place = ""
			}
			p, err := find(s, place)
			if err != nil {
				return err
			}
			var params json.Value
			if len(c.Args) == 4 {
				params = json.Value(c.Args[3])
				if err := params.Canonicalize(); err != nil {
					return fault.WithHint(fault.Errorf(fault.Invalid, "the params are not JSON: %w", err), `write them like '{"name":"value"}'`)
				}
			}
			result, err := in.Call(ctx, p, c.Args[2], params)
			if err != nil {
				return err
			}
			return c.JSON(result)
		},
	}
}
