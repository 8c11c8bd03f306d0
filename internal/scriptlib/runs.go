package scriptlib

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/jsonrpc"
	"forge.ourworld.tf/lhumina_code/hero/layout"
	"forge.ourworld.tf/lhumina_code/hero/rhai"
	"forge.ourworld.tf/lhumina_code/hero/sdk"
)

// Domain is the name of the domain that runs scripts.
const Domain = "script"

// What the scripts that run over RPC may use together.
const (
	maxRuns   = 16               // at the same time
	keptRuns  = 64               // that have ended, to read their output
	maxOutput = 4096             // lines of one run that are kept at least, and at most twice as many
	maxTime   = time.Hour        // of one run
	maxWait   = 60 * time.Second // of one call of script.read
	maxLine   = 64 << 10         // bytes of a line
	codeName  = "script"         // what errors call a script without a name
	maxMemory = 1 << 24          // bytes of a string, and elements of an array or map
)

// RunParams are a script to run.
type RunParams struct {
	Code string   `json:"code" doc:"The script's text."`
	Name string   `json:"name,omitzero" doc:"What errors call it."`
	Args []string `json:"args,omitzero" doc:"What args() returns to it."`
	Deny []string `json:"deny,omitzero" doc:"Functions that it may not use: env, exec, file_exists, read_file, write_file, http_get, sleep, or all."`
}

// RunID names a run.
type RunID struct {
	ID string `json:"id" doc:"As script.run returned it."`
}

// ReadParams say what to read of a run's output.
type ReadParams struct {
	ID   string  `json:"id" doc:"As script.run returned it."`
	From int     `json:"from,omitzero" doc:"The first line to return: 0, or next of the last answer."`
	Wait float64 `json:"wait,omitzero" doc:"Seconds to wait for a line or the end where there is none yet, at most 60."`
}

// Line is one line that a script wrote.
type Line struct {
	Stream string `json:"stream" doc:"stdout for print, stderr for debug."`
	Text   string `json:"text"`
}

// Output is what a run has written, and what came of it.
type Output struct {
	Lines  []Line `json:"lines"`
	Next   int    `json:"next" doc:"Where to read on."`
	Lost   int    `json:"lost,omitzero" doc:"How many lines were too many to keep, before these."`
	Done   bool   `json:"done" doc:"Whether the script has ended."`
	Status int    `json:"status" doc:"0; 1 where the script failed; 2 where it does not parse."`
	Error  string `json:"error,omitzero" doc:"Why it failed, with the place."`
	Result string `json:"result,omitzero" doc:"The value of its last statement, as debug shows it."`
}

// Runs runs scripts for those who call the domain [Domain].
type Runs struct {
	options Options
	wg      sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	last   int
	runs   []*scriptRun
}

// scriptRun is one script that runs or has run.
type scriptRun struct {
	id     string
	cancel context.CancelFunc

	mu      sync.Mutex // guards what follows
	out     Output     // Lines are the last of them
	first   int        // number of Lines[0]
	changed chan struct{}
}

// Part returns the domain, as a part of hero_proc's service.
func Part(places layout.Places, getenv func(string) string) sdk.Part {
	return sdk.Domain[*Runs]{
		Name: Domain, Title: "Scripts", Description: "Runs Rhai scripts. Only the owner of the sockets may.",
		Open: func(context.Context, *sdk.Tenant) (*Runs, error) {
			return &Runs{options: Options{Places: places, Getenv: getenv, Dir: places.Home}}, nil
		},
		Methods: []sdk.Method[*Runs]{
			sdk.Call("script.run", (*Runs).run, sdk.Doc{Summary: "Starts a script and returns its id, for script.read to follow.", Destructive: true}),
			sdk.Call("script.read", (*Runs).read, sdk.Doc{Summary: "Returns what a script has written since, and how it ended; waits for it where told to.", ReadOnly: true}),
			sdk.Call("script.stop", (*Runs).cancel, sdk.Doc{Summary: "Ends a script. Returns whether it was running.", Idempotent: true}),
		},
	}
}

// Close ends all scripts and waits for them.
func (r *Runs) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, s := range r.runs {
		s.cancel()
	}
	r.mu.Unlock()
	r.wg.Wait()
	return nil
}

// owner refuses callers that came through the proxy or on behalf of others,
// whoever they are: a script does whatever the owner of this machine's services
// could. What comes from the proxy always has a request id.
func owner(ctx context.Context) error {
	if m := jsonrpc.MetaFrom(ctx); m.User != "" || m.Claims != "" || m.RequestID != "" {
		return fault.Errorf(fault.Denied, "scripts are for the owner alone, who calls on the socket itself")
	}
	return nil
}

func (r *Runs) run(ctx context.Context, p RunParams) (RunID, error) {
	if err := owner(ctx); err != nil {
		return RunID{}, err
	}
	if p.Name == "" {
		p.Name = codeName
	}
	s := &scriptRun{changed: make(chan struct{})}
	o := r.options
	o.Args, o.Deny = p.Args, p.Deny
	o.Print = func(text string) { s.write("stdout", text) }
	o.Debug = func(text, source string, line, column int) {
		s.write("stderr", fmt.Sprintf("%s:%d:%d: %s", source, line, column, text))
	}
	o.Limits = rhai.Limits{Time: maxTime, String: maxMemory, Array: maxMemory, Map: maxMemory}
	engine, err := New(o)
	if err != nil {
		return RunID{}, err
	}
	// It runs on when the call is over, and in no context of the caller's.
	running, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	if err := r.add(s); err != nil {
		cancel()
		return RunID{}, err
	}
	go func() {
		defer r.wg.Done()
		defer cancel()
		prog, err := engine.Compile(p.Name, p.Code)
		if err != nil {
			s.end(2, err, "")
			return
		}
		v, err := prog.Run(running, nil)
		if err != nil {
			s.end(1, err, "")
			return
		}
		s.end(0, nil, v.Debug())
	}()
	return RunID{s.id}, nil
}

// add counts a run that begins, and forgets the oldest that have ended.
func (r *Runs) add(s *scriptRun) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fault.Errorf(fault.Unavailable, "hero_proc is stopping")
	}
	active := 0
	for _, x := range r.runs {
		if !x.done() {
			active++
		}
	}
	if active >= maxRuns {
		return fault.Errorf(fault.Unavailable, "%d scripts run already", active)
	}
	for len(r.runs)-active >= keptRuns {
		i := slices.IndexFunc(r.runs, (*scriptRun).done)
		r.runs = slices.Delete(r.runs, i, i+1)
	}
	r.last++
	s.id = strconv.Itoa(r.last)
	r.runs = append(r.runs, s)
	r.wg.Add(1)
	return nil
}

func (r *Runs) find(id string) (*scriptRun, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.runs {
		if s.id == id {
			return s, nil
		}
	}
	return nil, fault.Errorf(fault.NotFound, "there is no run %q", id)
}

func (r *Runs) read(ctx context.Context, p ReadParams) (Output, error) {
	if err := owner(ctx); err != nil {
		return Output{}, err
	}
	s, err := r.find(p.ID)
	if err != nil {
		return Output{}, err
	}
	wait, cancel := context.WithTimeout(ctx, min(time.Duration(max(p.Wait, 0)*float64(time.Second)), maxWait))
	defer cancel()
	for {
		out, changed := s.since(p.From)
		if len(out.Lines) > 0 || out.Done {
			return out, nil
		}
		select {
		case <-changed:
		case <-wait.Done():
			return out, nil
		}
	}
}

func (r *Runs) cancel(ctx context.Context, p RunID) (bool, error) {
	if err := owner(ctx); err != nil {
		return false, err
	}
	s, err := r.find(p.ID)
	if err != nil {
		return false, err
	}
	was := !s.done()
	s.cancel()
	return was, nil
}

// write keeps a line.
func (s *scriptRun) write(stream, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Lines = append(s.out.Lines, Line{stream, strings.ToValidUTF8(text[:min(len(text), maxLine)], "\uFFFD")})
	if n := len(s.out.Lines); n == 2*maxOutput { // half of them go at once, rather than one with each line
		s.out.Lines = append([]Line(nil), s.out.Lines[maxOutput:]...)
		s.first += maxOutput
	}
	s.tell()
}

// tell wakes those who wait for a change. s.mu is held.
func (s *scriptRun) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *scriptRun) end(status int, err error, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Done, s.out.Status, s.out.Result = true, status, result
	if err != nil {
		s.out.Error = Show(err)
	}
	s.tell()
}

func (s *scriptRun) done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Done
}

// since returns what was written from a line on, and a channel that is closed
// with the next change.
func (s *scriptRun) since(from int) (Output, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.out
	if from < s.first {
		out.Lost, from = s.first-max(from, 0), s.first
	}
	from = min(from-s.first, len(s.out.Lines))
	out.Lines = append([]Line{}, s.out.Lines[from:]...)
	out.Next = s.first + len(s.out.Lines)
	return out, s.changed
}

// Show is a script's error as people read it: with the line and a caret, and
// the hint of an error that came from outside.
func Show(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*rhai.Error](err); ok {
		text = e.Show()
	}
	if hint := fault.Hint(err); hint != "" {
		text += "\nhint: " + hint
	}
	return text
}
