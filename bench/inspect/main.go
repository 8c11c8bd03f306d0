// Command inspect measures the inspector's pages on a folder of many services
// that are served by this process: how long they take, what they weigh, how
// soon a change is on them, what following costs, and a document of megabytes.
//
//	go run ./inspect [-document FILE]
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/inspect"
	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/internal/web"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

func main() {
	services := flag.Int("services", 1000, "services, of 5 contexts with 4 domains each, or as many as this process may open")
	document := flag.String("document", "", "an OpenRPC document to show; one of 2.7 MB is made up otherwise")
	idle := flag.Duration("idle", 10*time.Second, "how long it is watched doing nothing")
	flag.Parse()
	if err := run(*services, *document, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "inspect: error:", err)
		os.Exit(1)
	}
}

// machine is a sockets folder, and the inspector of it.
type machine struct {
	places   layout.Places
	watcher  *discovery.Watcher
	pages    *httptest.Server
	document []byte // what every socket says it serves
	big      []byte
	serving  sync.WaitGroup
	servers  []*http.Server
}

func run(services int, document string, idle time.Duration) error {
	home, err := os.MkdirTemp("", "hi")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	m := &machine{places: layout.Places{Home: home, Sockets: home}, document: made("small", 12, 0)}
	if m.big, err = bigDocument(document); err != nil {
		return err
	}
	defer m.close()
	if err := m.fill(services); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	begin := time.Now()
	m.watcher = discovery.NewWatcher(discovery.Options{Places: m.places})
	m.serving.Go(func() { _ = m.watcher.Run(ctx) })
	if _, err := m.watcher.Wait(ctx, nil); err != nil {
		return err
	}
	fmt.Printf("%-62s %12s\n", fmt.Sprintf("cold scan of %d services, %d live sockets", services, len(m.servers)), time.Since(begin).Round(time.Millisecond))
	m.pages = httptest.NewServer(web.Inspector(web.InspectorOptions{
		Inspect: inspect.New(inspect.Options{Places: m.places}), Trees: m.watcher, Places: m.places}))
	defer m.pages.Close()
	defer stop()
	if err := m.weigh(); err != nil {
		return err
	}
	if err := m.change(21); err != nil {
		return err
	}
	return m.idle(idle)
}

func (m *machine) close() {
	for _, s := range m.servers {
		s.Close()
	}
	m.serving.Wait()
}

// fill makes the services: each socket is a real one that answers. Where this
// process may not open so many files, a service has fewer contexts.
func (m *machine) fill(n int) error {
	contexts := 5
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	for contexts > 1 && uint64(n*(1+4*contexts)+2000) > limit.Cur {
		contexts--
	}
	for i := range n {
		name := fmt.Sprintf("service_%04d", i)
		rels := []string{name + ".sock"}
		for c := range contexts {
			for d := range 4 {
				rels = append(rels, fmt.Sprintf("%s_server/context_%d/domain_%d.sock", name, c, d))
			}
		}
		for _, rel := range rels {
			if err := m.serve(rel, m.document); err != nil {
				return err
			}
		}
	}
	return m.serve("large.sock", m.big)
}

func (m *machine) serve(rel string, text []byte) error {
	path, err := m.places.Socket(rel)
	if err != nil {
		return err
	}
	if err := unixsock.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	l, err := unixsock.Listen(path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openrpc.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"ok"}`) })
	s := &http.Server{Handler: mux}
	m.servers = append(m.servers, s)
	m.serving.Go(func() { _ = s.Serve(l) })
	return nil
}

// weigh measures pages: the median of the time, and the bytes on the wire were
// they compressed, with all that they load.
func (m *machine) weigh() error {
	for _, p := range []struct{ what, path string }{
		{"list of all services", "/"},
		{"overview of one, with its health matrix", "/s/service_0007"},
		{"methods of one domain", "/s/service_0007/context_1/domain_2"},
		{"search in the methods of all, cold", "/methods?q=method_3"},
		{"the same again", "/methods?q=method_3"},
		{fmt.Sprintf("index of a document of %.1f MB", float64(len(m.big))/1e6), "/s/large/-/-"},
	} {
		rounds := 15
		if strings.Contains(p.what, "cold") {
			rounds = 1
		}
		var times []time.Duration
		var body []byte
		for range rounds {
			begin := time.Now()
			text, err := m.get(p.path)
			if err != nil {
				return err
			}
			body = text
			times = append(times, time.Since(begin))
		}
		slices.Sort(times)
		small, err := compressed(body)
		if err != nil {
			return err
		}
		all, err := m.withAssets(body)
		if err != nil {
			return err
		}
		fmt.Printf("%-62s %12s %9.1f KB %9.1f KB\n", p.what, times[len(times)/2].Round(10*time.Microsecond), float64(small)/1024, float64(all+small)/1024)
	}
	return nil
}

func (m *machine) get(path string) ([]byte, error) {
	res, err := m.pages.Client().Get(m.pages.URL + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d", path, res.StatusCode)
	}
	return text, err
}

// withAssets returns the compressed size of what a page loads besides itself.
func (m *machine) withAssets(page []byte) (int, error) {
	total := 0
	for _, match := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllSubmatch(page, -1) {
		text, err := m.get(string(match[1]))
		if err != nil {
			return 0, err
		}
		n, err := compressed(text)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func compressed(text []byte) (int, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return 0, err
	}
	err := z.Close()
	return b.Len(), err
}

// change measures from a socket's appearance to the page that shows it, as a
// browser gets it: the event, and then the page.
func (m *machine) change(rounds int) error {
	res, err := m.pages.Client().Get(m.pages.URL + "/events")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	events := make(chan struct{}, 1000)
	m.serving.Go(func() {
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "data:") {
				events <- struct{}{}
			}
		}
	})
	var times []time.Duration
	for i := range rounds {
		name := fmt.Sprintf("comes_%02d", i)
		begin := time.Now()
		if err := m.serve(name+".sock", m.document); err != nil {
			return err
		}
		for shown := false; !shown; {
			select {
			case <-events:
			case <-time.After(10 * time.Second):
				return fmt.Errorf("%s is not on the page after 10 s", name)
			}
			text, err := m.get("/")
			if err != nil {
				return err
			}
			shown = bytes.Contains(text, []byte(name))
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	fmt.Printf("%-62s %12s, worst %s\n", "from a new socket to the page that shows it", times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
	return nil
}

// idle measures the CPU of the whole process while nothing happens and one
// reader follows.
func (m *machine) idle(d time.Duration) error {
	res, err := m.pages.Client().Get(m.pages.URL + "/events")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	before, err := cpu()
	if err != nil {
		return err
	}
	time.Sleep(d)
	after, err := cpu()
	if err != nil {
		return err
	}
	fmt.Printf("%-62s %11.2f %%\n", "CPU of a core while nothing happens, one page open", 100*(after-before).Seconds()/d.Seconds())
	return nil
}

func cpu() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// bigDocument returns the document in a file, or makes one of the size of
// Ethereum's execution API.
func bigDocument(path string) ([]byte, error) {
	if path != "" {
		return os.ReadFile(path)
	}
	return made("large", 86, 31000), nil
}

// made returns a document with methods, each with an inline schema of about so
// many bytes.
func made(title string, methods, schema int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"openrpc":"1.3.2","info":{"title":%q,"version":"1.0.0"},"methods":[`, title)
	for i := range methods {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"group.method_%d","summary":"Does thing number %d.","params":[{"name":"which","required":true,"schema":{"type":"string"}}],"result":{"name":"result","schema":{"type":"object","properties":{`, i, i)
		for j, n := 0, 0; n < schema; j++ {
			member := fmt.Sprintf(`"member_%d":{"title":"hex encoded number %d","type":"string","pattern":"^0x[0-9a-f]{%d}$"},`, j, j, j%64)
			b.WriteString(member)
			n += len(member)
		}
		b.WriteString(`"last":{"type":"string"}}}}}`)
	}
	b.WriteString("]}")
	return []byte(b.String())
}
