package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/atomicfile"
	"forge.ourworld.tf/lhumina_code/hero/internal/cli"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect/client"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/web"
	"forge.ourworld.tf/lhumina_code/hero/openrpc"
)

// isFile reports whether an argument names a file and not a service: no
// service's name has a dot or a slash in it.
func isFile(arg string) bool { return strings.ContainsAny(arg, "./") }

// document returns the document in a file, or of a service that runs: all its
// domains as one.
func document(ctx context.Context, c cli.Call, arg string) (*openrpc.Document, error) {
	if isFile(arg) {
		text, err := os.ReadFile(arg)
		if err != nil {
			return nil, fault.Errorf(fault.NotFound, "read the document: %w", err)
		}
		doc, err := openrpc.Parse(text)
		if err != nil {
			return nil, fault.Errorf(fault.Of(err), "%s: %w", arg, err)
		}
		return doc, nil
	}
	tree, in, err := look(ctx, c.Env)
	if err != nil {
		return nil, err
	}
	s, err := service(tree, arg)
	if err != nil {
		return nil, err
	}
	return in.Composite(ctx, s)
}

func docsCommand() cli.Command {
	var format, out string
	var asJSON bool
	return cli.Command{
		Name: "docs", Args: "[SERVICE|FILE…] [--format markdown|html|llms] [--out DIR] [--json]",
		Help: "write what services serve for people to read; all of them, in every format, with --out", Max: -1,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&format, "format", "markdown", "`how` it is printed: markdown, html (one file that needs no other), or llms (an index for agents)")
			f.StringVar(&out, "out", "", "a `folder` to write a site to, in place of printing: pages, Markdown and llms.txt")
			f.BoolVar(&asJSON, "json", false, "print the manuals as JSON, or the names of the files that were written")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			manuals, err := manuals(ctx, c)
			switch {
			case err != nil:
				return err
			case out != "":
				return writeSite(c, out, manuals, asJSON)
			case asJSON:
				return c.JSON(manuals)
			}
			return printManuals(c, format, manuals)
		},
	}
}

// manuals returns those of the services and files that are named, or of all
// services that say what they serve.
func manuals(ctx context.Context, c cli.Call) ([]web.NamedManual, error) {
	var out []web.NamedManual
	if len(c.Args) > 0 {
		for _, arg := range c.Args {
			doc, err := document(ctx, c, arg)
			if err != nil {
				return nil, err
			}
			out = append(out, web.NamedManual{Name: nameOf(arg), Manual: inspect.ManualOf(doc)})
		}
		return out, nil
	}
	tree, in, err := look(ctx, c.Env)
	if err != nil {
		return nil, err
	}
	for _, s := range tree.Services {
		doc, err := in.Composite(ctx, s)
		if err != nil {
			fmt.Fprintf(c.Stderr, "hero_inspector: warning: %s is left out: %v\n", s.Name, err)
			continue
		}
		out = append(out, web.NamedManual{Name: s.Name.String(), Manual: inspect.ManualOf(doc)})
	}
	return out, nil
}

// nameOf returns the name that an argument's files get: the service's, or that
// of the file without what is behind its first dot.
func nameOf(arg string) string {
	name, _, _ := strings.Cut(filepath.Base(arg), ".")
	if name == "" {
		return "service"
	}
	return name
}

func printManuals(c cli.Call, format string, manuals []web.NamedManual) error {
	switch format {
	case "markdown":
		for _, m := range manuals {
			if _, err := c.Stdout.Write(m.Manual.Markdown()); err != nil {
				return err
			}
		}
		return nil
	case "llms":
		_, err := c.Stdout.Write(llms(manuals))
		return err
	case "html":
		if len(manuals) != 1 {
			return fault.WithHint(fault.Errorf(fault.Invalid, "docs: %d services are no one page", len(manuals)), "name one service, or a folder with --out")
		}
		page, err := web.ManualHTML(manuals[0].Manual)
		if err == nil {
			_, err = c.Stdout.Write(page)
		}
		return err
	}
	return fault.WithHint(fault.Errorf(fault.Invalid, "docs: there is no format %q", format), "markdown, html or llms")
}

func llms(manuals []web.NamedManual) []byte {
	var plain []inspect.Manual
	for _, m := range manuals {
		plain = append(plain, m.Manual)
	}
	return inspect.Index("Services of this machine", "What runs here and can be called.", plain,
		func(i int) string { return manuals[i].Name + ".md" })
}

// writeSite writes a folder that any web server, or none, can show.
func writeSite(c cli.Call, dir string, manuals []web.NamedManual, asJSON bool) error {
	index, err := web.SiteHTML(manuals)
	if err != nil {
		return err
	}
	files := map[string][]byte{"index.html": index, "llms.txt": llms(manuals)}
	for _, m := range manuals {
		page, err := web.ManualHTML(m.Manual)
		if err != nil {
			return err
		}
		files[m.Name+".html"], files[m.Name+".md"] = page, m.Manual.Markdown()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("docs: %w", err)
	}
	written := []string{}
	for _, name := range inspect.Sorted(files) {
		path := filepath.Join(dir, name)
		if err := atomicfile.Write(path, files[name], 0o644); err != nil {
			return fmt.Errorf("docs: %w", err)
		}
		written = append(written, path)
	}
	if asJSON {
		return c.JSON(written)
	}
	_, err = fmt.Fprintf(c.Stdout, "%d files in %s\n", len(written), dir)
	return err
}

func clientCommand() cli.Command {
	var language, out string
	var asJSON bool
	return cli.Command{
		Name: "client", Args: "SERVICE|FILE --lang " + strings.Join(client.Languages(), "|") + " [--out FILE] [--json]",
		Help: "write a typed client of a service: one file that needs nothing but its language", Min: 1, Max: 1,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&language, "lang", "", "the `language`: "+strings.Join(client.Languages(), ", "))
			f.StringVar(&out, "out", "", "a `file` to write to, in place of printing; its folder if it ends in /")
			f.BoolVar(&asJSON, "json", false, "print the client's name and text as JSON")
		},
		Run: func(ctx context.Context, c cli.Call) error {
			source, err := sourceOf(ctx, c)
			if err != nil {
				return err
			}
			text, err := client.Write(language, source)
			if err != nil {
				return err
			}
			name := client.FileName(language, source.Service)
			if asJSON {
				return c.JSON(map[string]string{"name": name, "text": string(text)})
			}
			if out == "" {
				_, err = c.Stdout.Write(text)
				return err
			}
			if strings.HasSuffix(out, "/") {
				out += name
			}
			if err := atomicfile.Write(out, text, 0o644); err != nil {
				return fmt.Errorf("client: %w", err)
			}
			_, err = fmt.Fprintln(c.Stdout, out)
			return err
		},
	}
}

// sourceOf returns what a client is written from.
func sourceOf(ctx context.Context, c cli.Call) (client.Source, error) {
	arg := c.Args[0]
	if isFile(arg) {
		doc, err := document(ctx, c, arg)
		if err != nil {
			return client.Source{}, err
		}
		return client.Source{Service: nameOf(arg), Parts: []openrpc.Part{{Document: doc}}}, nil
	}
	tree, in, err := look(ctx, c.Env)
	if err != nil {
		return client.Source{}, err
	}
	s, err := service(tree, arg)
	if err != nil {
		return client.Source{}, err
	}
	parts, err := in.Parts(ctx, s)
	return client.Source{Service: arg, Parts: parts}, err
}

func diffCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "diff", Args: "OLD NEW [--json]", Help: "compare two OpenRPC documents, files or services; exits 3 where something breaks", Min: 2, Max: 2,
		Flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON, for programs") },
		Run: func(ctx context.Context, c cli.Call) error {
			older, err := document(ctx, c, c.Args[0])
			if err != nil {
				return err
			}
			newer, err := document(ctx, c, c.Args[1])
			if err != nil {
				return err
			}
			changes := openrpc.Compare(older, newer)
			if err := lines(c, asJSON, changes); err != nil {
				return err
			}
			if slices.ContainsFunc(changes, func(x openrpc.Change) bool { return x.Breaking }) {
				return cli.Unwell
			}
			return nil
		},
	}
}

func lintCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "lint", Args: "FILE|SERVICE [--json]", Help: "report what readers of an OpenRPC document will stumble over; exits 3 where something is found", Min: 1, Max: 1,
		Flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON, for programs") },
		Run: func(ctx context.Context, c cli.Call) error {
			doc, err := document(ctx, c, c.Args[0])
			if err != nil {
				return err
			}
			findings := openrpc.Lint(doc)
			text, err := doc.JSON()
			if isFile(c.Args[0]) { // what was written, and not what was understood of it
				text, err = os.ReadFile(c.Args[0])
			}
			if err == nil {
				err = openrpc.Validate(text)
			}
			if err != nil {
				findings = append([]openrpc.Finding{{Rule: "schema", Message: err.Error()}}, findings...)
			}
			if err := lines(c, asJSON, findings); err != nil {
				return err
			}
			if len(findings) > 0 {
				return cli.Unwell
			}
			return nil
		},
	}
}

// lines prints a list, one thing a line.
func lines[T fmt.Stringer](c cli.Call, asJSON bool, list []T) error {
	if asJSON {
		return c.JSON(append([]T{}, list...)) // [] where there is none
	}
	for _, x := range list {
		if _, err := fmt.Fprintln(c.Stdout, x); err != nil {
			return err
		}
	}
	return nil
}

func watchCommand() cli.Command {
	var asJSON bool
	return cli.Command{
		Name: "watch", Args: "[SERVICE] [--json]", Help: "print what runs, and every change, until Ctrl-C", Max: 1,
		Flags: func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "print JSON, one change a line") },
		Run: func(ctx context.Context, c cli.Call) error {
			places, err := c.Places()
			if err != nil {
				return err
			}
			watcher := discovery.NewWatcher(discovery.Options{Places: places})
			ctx, stop := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- watcher.Run(ctx) }()
			err = follow(ctx, c, watcher, asJSON)
			interrupted := ctx.Err() != nil
			stop()
			if failed := <-ended; failed != nil && !interrupted {
				err = failed // why following ended
			}
			if interrupted {
				return nil // Ctrl-C is how it ends
			}
			return err
		},
	}
}

// follow prints changes until ctx ends.
func follow(ctx context.Context, c cli.Call, trees web.Trees, asJSON bool) error {
	var before *discovery.Tree
	for {
		now, err := trees.Wait(ctx, before)
		if err != nil {
			return err
		}
		for _, change := range inspect.Changes(before, now) {
			if len(c.Args) == 1 && change.Service != c.Args[0] {
				continue
			}
			if asJSON {
				err = json.MarshalWrite(c.Stdout, change)
				if err == nil {
					_, err = fmt.Fprintln(c.Stdout)
				}
			} else {
				_, err = fmt.Fprintln(c.Stdout, change)
			}
			if err != nil {
				return err
			}
		}
		before = now
	}
}
