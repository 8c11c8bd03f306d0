package proxy_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"forge.ourworld.tf/lhumina_code/hero/discovery"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/json"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// The corpus of attacks, as raw bytes, with the services' side recorded.
func TestAttacks(t *testing.T) {
	corpus := os.Getenv("HERO_ATTACK_CASES")
	if corpus == "" {
		corpus = filepath.Join("..", "..", "..", "shared", "attacks", "cases.jsonl")
	}
	replay := filepath.Join(filepath.Dir(corpus), "replay.py")
	if _, err := os.Stat(replay); err != nil {
		t.Skipf("left out: there is no corpus of attacks at %s; name one with HERO_ATTACK_CASES", corpus)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("left out: python3 is not installed, which sends the attacks")
	}
	if testing.Short() {
		t.Skip("left out: the attacks take half a minute")
	}
	both(t, func(t *testing.T, general bool) { replayAttacks(t, general, python, replay, corpus) })
}

// shards are the cases by the last digit of their number: most of the time is
// spent waiting whether more follows an answer.
var shards = []string{"[0-2]", "[3-5]", "[67]", "[89]"}

func replayAttacks(t *testing.T, general bool, python, replay, corpus string) {
	var sending sync.WaitGroup
	defer sending.Wait()
	var sent atomic.Int64
	for _, digit := range shards {
		home := must(os.MkdirTemp("", "h"))
		t.Cleanup(func() { os.RemoveAll(home) })
		places := layout.Places{Home: home, Sockets: filepath.Join(home, "s")}
		if err := os.Mkdir(places.Sockets, 0o700); err != nil {
			t.Fatal(err)
		}
		tokens := map[string]string{"admin": "hp_" + rand.Text(), "agent": "hp_" + rand.Text(), "ext": "hp_" + rand.Text()}
		addr := door(t, general, places, tokens)
		out := filepath.Join(home, "out.json")
		cmd := exec.CommandContext(t.Context(), python, replay, "--cases", corpus, "--target", addr, "--sockets", places.Sockets, "--fs", "--only", `^\S*`+digit+` `,
			"--admin", tokens["admin"], "--agent", tokens["agent"], "--ext", tokens["ext"], "--json", out)
		sending.Go(func() {
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, said)
				return
			}
			sent.Add(int64(checkAttacks(t, out)))
		})
	}
	sending.Wait()
	if sent.Load() < 100 {
		t.Errorf("only %d cases were sent", sent.Load())
	}
}

// asksDiscovery is what is recorded when the case's own request reached nobody,
// and discovery asked the fixture's new sockets at the same time.
var asksDiscovery = regexp.MustCompile(`^reached .* line \[('GET /[^']*(openrpc.json|heroservice.json|health) HTTP/1.1',? ?)+\]$`)

// checkAttacks reports what was missed, and returns how many cases there were.
func checkAttacks(t *testing.T, path string) int {
	var results []struct {
		ID   string   `json:"id"`
		Name string   `json:"name"`
		Hard bool     `json:"hard"`
		Pass bool     `json:"pass"`
		Why  []string `json:"why_failed"`
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &results)
	}
	if err != nil {
		t.Error(err)
	}
	for i, r := range results {
		why := strings.Join(r.Why, "; ")
		switch {
		case r.Pass:
		case i == 0 && r.Hard && asksDiscovery.MatchString(why):
			t.Logf("%s %s: %s: the fixture's sockets have just appeared", r.ID, r.Name, why)
		case i > 0 && !r.Hard && strings.HasPrefix(results[i-1].ID, "fs-"):
			t.Logf("%s %s: %s: the socket of the case before has just come back", r.ID, r.Name, why)
		default:
			t.Errorf("%s %s (hard: %v): %s", r.ID, r.Name, r.Hard, why)
		}
	}
	return len(results)
}

// door is a proxy on a port, with the tokens that the corpus speaks of.
func door(t *testing.T, general bool, places layout.Places, tokens map[string]string) string {
	t.Helper()
	doc := []byte("local = false\n[[rule]]\nwho = ['ext']\ndeny = ['*/*/identity']\n")
	for _, g := range []access.Grant{
		{Name: "admin", Allow: []string{"**"}},
		{Name: "agent", Allow: []string{"hero_food/root/delivery"}, Methods: []string{"delivery.track", "delivery.list"}},
		{Name: "ext", Allow: []string{"hero_food/*/*"}},
	} {
		g.Hash = access.Hash(tokens[g.Name])
		doc = must(access.Add(doc, g))
	}
	policy := must(access.Parse(doc))
	ctx, stop := context.WithCancel(context.Background())
	watcher := discovery.NewWatcher(discovery.Options{Places: places, Log: slog.New(slog.DiscardHandler)})
	p := proxy.New(proxy.Options{Places: places, Tree: watcher.Tree, Policy: func() *access.Policy { return policy }})
	front := serve(t, p, general)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := watcher.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("watch: %v", err)
		}
	})
	t.Cleanup(func() {
		front.Close()
		stop()
		serving.Wait()
		p.Close()
	})
	if _, err := watcher.Wait(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return front.Listener.Addr().String()
}
