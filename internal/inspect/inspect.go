// Package inspect reads what the services of a machine say of themselves and
// calls their methods, whatever their layout.
//
// Discovery tells which sockets there are; this package asks them for their
// OpenRPC documents, keeps those as long as the socket is the same, puts the
// domains of a service together into one document, searches all methods and
// passes calls on. The inspector's pages, its commands and the bridge for
// agents are made of it.
package inspect

import (
	"time"

	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// Options says where an Inspector looks and how long it waits. The zero value
// of each field but Places is a default.
type Options struct {
	Places  layout.Places
	Timeout time.Duration // for one document; 0 is 3 s
	Fresh   time.Duration // how long a document is believed before it is asked for again; 0 is 10 s
	Keep    int           // bytes of documents kept; 0 is 64 MiB
	Asking  int           // sockets asked at the same time; 0 is 128
}

// Inspector reads and calls services. It is safe for concurrent use.
type Inspector struct {
	opts  Options
	cache cache
}

// New returns an Inspector. It opens nothing until it is asked.
func New(opts Options) *Inspector {
	if opts.Timeout <= 0 {
		opts.Timeout = 3 * time.Second
	}
	if opts.Fresh <= 0 {
		opts.Fresh = 10 * time.Second
	}
	if opts.Keep <= 0 {
		opts.Keep = 64 << 20
	}
	if opts.Asking <= 0 {
		opts.Asking = 128 // one that hangs costs a slot and little else
	}
	return &Inspector{opts: opts, cache: cache{most: opts.Keep, entries: map[key]*entry{}}}
}
