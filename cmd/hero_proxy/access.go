package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/health"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// names is a flag that may be given again, or hold a list with commas.
type names []string

// String returns the names as one argument.
func (n *names) String() string { return strings.Join(*n, ",") }

// Set adds names.
func (n *names) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			return errors.New("a name is empty")
		}
		*n = append(*n, part)
	}
	return nil
}

// tokenFlags are what token create takes.
type tokenFlags struct {
	allow, methods names
	expires, rate  string
	maxBody        int64
	url            string
	mcp, json      bool
}

func tokenCommand() cli.Command {
	var f tokenFlags
	return cli.Command{
		Name: "token", Args: "create NAME [--allow SERVICE/CONTEXT/DOMAIN] [--methods GLOB] [--expires 30d] | list | remove NAME",
		Help: "give callers tokens, and take them back", Min: 1, Max: 2,
		Flags: func(fs *flag.FlagSet) {
			fs.Var(&f.allow, "allow", "a `target` that may be reached: service/context/domain, service, or ** for everything; globs; unless given, what rules of the policy allow the name")
			fs.Var(&f.methods, "methods", "a `glob` of methods that may be called; all unless given")
			fs.StringVar(&f.expires, "expires", "", "after how `long` the token ends, such as 12h or 30d; never unless given")
			fs.StringVar(&f.rate, "rate", "", "how `often` it may call, such as 10/s, 100/m or 1000/h; any unless given")
			fs.Int64Var(&f.maxBody, "max-body", 0, "how many `bytes` a request may hold; what services take unless given")
			fs.StringVar(&f.url, "url", "http://127.0.0.1:9998", "the `address` that MCP clients reach the proxy by")
			fs.BoolVar(&f.mcp, "print-mcp-config", false, "print the configuration that MCP clients take")
			fs.BoolVar(&f.json, "json", false, "print JSON")
		},
		Run: func(_ context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			switch {
			case c.Args[0] == "create" && len(c.Args) == 2:
				return createToken(c, places, f)
			case c.Args[0] == "list" && len(c.Args) == 1:
				return listTokens(c, places, f.json)
			case c.Args[0] == "remove" && len(c.Args) == 2:
				return removeToken(c, places)
			}
			return fault.WithHint(fault.Errorf(fault.Invalid, "token: write create NAME, list, or remove NAME"), "hero_proxy token --help")
		},
	}
}

// editPolicy changes the policy's document while nobody else does.
func editPolicy(places layout.Places, edit func([]byte) ([]byte, error)) error {
	path := places.Policy()
	if err := unixsock.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	lock, err := unixsock.Lock(path + ".lock")
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		if doc, err = edit(doc); err == nil {
			err = atomicfile.Write(path, doc, 0o600)
		}
	}
	return errors.Join(err, lock.Unlock())
}

func createToken(c cli.Call, places layout.Places, f tokenFlags) error {
	g := access.Grant{Name: c.Args[1], Allow: f.allow, Methods: f.methods, Rate: f.rate, MaxBody: f.maxBody}
	secret, err := mint(places, g, f.expires)
	if err != nil {
		return err
	}
	switch {
	case f.mcp:
		return printMCP(c, g, f.url, secret)
	case f.json:
		return c.JSON(map[string]string{"name": g.Name, "token": secret})
	}
	fmt.Fprintln(c.Stdout, secret)
	fmt.Fprintln(c.Stderr, "hero_proxy: this token is shown once: keep it")
	return nil
}

// mint makes a token for what g grants, which ends after a time such as 30d
// unless that is "", and adds it to the policy. The secret is kept nowhere.
func mint(places layout.Places, g access.Grant, expires string) (secret string, err error) {
	if expires != "" {
		d, err := duration(expires)
		if err != nil {
			return "", err
		}
		g.Expires = time.Now().Add(d).Truncate(time.Second)
	}
	secret = "hp_" + strings.ToLower(rand.Text())
	g.Hash = access.Hash(secret)
	err = editPolicy(places, func(doc []byte) ([]byte, error) { return access.Add(doc, g) })
	return secret, err
}

// printMCP prints what MCP clients read: a server for each domain that the
// token was given by its name.
func printMCP(c cli.Call, g access.Grant, url, secret string) error {
	type server struct {
		Type    string            `json:"type"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	}
	servers := make(map[string]server)
	for _, target := range g.Allow {
		if strings.ContainsAny(target, "*?") {
			continue
		}
		servers[strings.ReplaceAll(target, "/", "-")] = server{Type: "http", URL: strings.TrimSuffix(url, "/") + "/" + target + "/mcp",
			Headers: map[string]string{"Authorization": "Bearer " + secret}}
	}
	return c.JSON(map[string]any{"mcpServers": servers})
}

func listTokens(c cli.Call, places layout.Places, asJSON bool) error {
	doc, err := os.ReadFile(places.Policy())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the policy: %w", err)
	}
	list, err := access.Tokens(doc)
	if err != nil {
		return err
	}
	type row struct {
		Name    string    `json:"name"`
		Expires time.Time `json:"expires,omitzero"`
	}
	rows, table := []row{}, [][]string{{"NAME", "EXPIRES"}}
	for _, g := range list {
		when := "never"
		if !g.Expires.IsZero() {
			when = g.Expires.UTC().Format(time.RFC3339)
		}
		rows, table = append(rows, row{g.Name, g.Expires}), append(table, []string{g.Name, when})
	}
	if asJSON {
		return c.JSON(rows)
	}
	return c.Table(table)
}

func removeToken(c cli.Call, places layout.Places) error {
	return editPolicy(places, func(doc []byte) ([]byte, error) { return access.Remove(doc, c.Args[1]) })
}

// duration reads what time.ParseDuration does, and days.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, fault.WithHint(fault.Errorf(fault.Invalid, "%q is not a length of time", s), "write 12h or 30d")
}

func checkCommand() cli.Command {
	var as string
	var asJSON bool
	return cli.Command{
		Name: "check", Args: "--as NAME VERB PATH [METHOD]", Help: "say whether a caller may do something, and by which rule", Min: 2, Max: 3,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&as, "as", access.Local, "the `name` of the caller")
			f.BoolVar(&asJSON, "json", false, "print JSON")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			tree, err := discovery.Discover(ctx, discovery.Options{Places: places})
			if err != nil {
				return err
			}
			file, err := proxy.OpenPolicy(places.Policy(), nil)
			if err != nil {
				return err
			}
			call := proxy.Ask{Caller: as, Path: c.Args[1]}
			if len(c.Args) == 3 {
				call.Method = c.Args[2]
			}
			v := proxy.Check(file.Policy(), tree, call)
			if asJSON {
				err = c.JSON(v)
			} else {
				_, err = fmt.Fprintln(c.Stdout, v)
			}
			if err == nil && !v.Allowed {
				return cli.Status(1)
			}
			return err
		},
	}
}

func routesCommand() cli.Command {
	var asJSON, ask bool
	return cli.Command{
		Name: "routes", Help: "list the addresses of all that runs",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print JSON")
			f.BoolVar(&ask, "health", false, "ask each how it is; a service that sleeps until it is asked wakes up")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			tree, err := discovery.Discover(ctx, discovery.Options{Places: places})
			if err != nil {
				return err
			}
			routes := proxy.Routes(tree)
			if ask {
				words := healthOf(ctx, places, tree)
				for i := range routes {
					if word, asked := words[routes[i].Socket]; asked {
						routes[i].State = string(word)
					}
				}
			}
			if asJSON {
				return c.JSON(routes)
			}
			table := [][]string{{"URL", "LAYER", "LAYOUT", "STATE", "SOCKET"}}
			for _, r := range routes {
				table = append(table, []string{r.URL, r.Layer, r.Layout, r.State, r.Socket})
			}
			return c.Table(table)
		},
	}
}

// healthOf asks every service how each of its sockets is.
func healthOf(ctx context.Context, places layout.Places, tree *discovery.Tree) map[string]health.Word {
	reports := make([]health.Report, len(tree.Services))
	var wg sync.WaitGroup
	for i, s := range tree.Services {
		wg.Go(func() { reports[i] = health.Probe(ctx, health.Options{Places: places}, s) })
	}
	wg.Wait()
	words := make(map[string]health.Word)
	take := func(l health.Layer) {
		if l.Socket != "" {
			words[l.Socket] = l.Word
		}
	}
	for _, r := range reports {
		take(r.Main)
		take(r.UI)
		for _, c := range r.Contexts {
			for _, d := range c.Domains {
				take(d.Layer)
			}
		}
	}
	return words
}
