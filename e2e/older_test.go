package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need skips the test where a program is not installed.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// testdata returns the absolute path of a test file.
func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Promise: older services are supervised, discovered and routed as they are.
// The pair layout: nginx serves the UI, Python the calls, and neither knows of
// hero.
func TestOlderPair(t *testing.T) {
	nginx, python := need(t, "nginx"), need(t, "python3")
	m := newMachine(t)
	m.start()
	site := filepath.Join(m.home, "site")
	if err := os.Mkdir(site, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(site, "index.html"), []byte("<h1>The old site</h1>"), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(m.home, "nginx.conf")
	text := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/tmp; proxy_temp_path %[1]s/tmp; fastcgi_temp_path %[1]s/tmp; uwsgi_temp_path %[1]s/tmp; scgi_temp_path %[1]s/tmp;
	server { listen unix:%[1]s/var/sockets/oldsite_ui.sock; root %[2]s; }
}`, m.home, site)
	if os.Getuid() == 0 {
		text = "user root;\n" + text
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.do("hero_proc", "add", "oldsite_ui", "--", nginx, "-e", "stderr", "-c", conf)
	m.do("hero_proc", "add", "oldsite_server", "--", python, testdata(t, "older/site.py"))

	m.await("the site is discovered", func() error {
		out, err := m.try("hero_inspector", "tree", "oldsite")
		if err != nil || !strings.Contains(out, "oldsite (pair)") {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	m.await("its layers are healthy", func() error {
		out, err := m.try("hero_proc", "status", "oldsite")
		if err != nil || !strings.Contains(out, "service:  healthy") || !strings.Contains(out, "ui:       healthy") {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	if out := m.do("hero_proc", "status", "oldsite"); !strings.Contains(out, "pids: ") {
		t.Errorf("status of a service of two processes: %s", out)
	}
	if out := m.do("hero_inspector", "call", "oldsite", "-", "page_count"); strings.TrimSpace(out) != "3" {
		t.Errorf("call: %s", out)
	}
	for path, has := range map[string]string{
		"/oldsite/":                    "The old site",
		"/oldsite_ui/":                 "The old site",
		"/oldsite_server/openrpc.json": "Old site",
		"/oldsite/openrpc.json":        "Old site",
		"/oldsite/health":              `"ok"`,
	} {
		if status, _, body := m.http("GET", path, ""); status != 200 || !strings.Contains(body, has) {
			t.Errorf("GET %s: %d %.200s; want %s", path, status, body, has)
		}
	}
	agentOfOlder(t, m)
	var count int
	for _, path := range []string{"/oldsite/rpc", "/oldsite_server/rpc"} {
		if err := m.rpc(path, "page_count", nil, &count); err != nil || count != 3 {
			t.Errorf("%s: %d, %v", path, count, err)
		}
	}
}

// agentOfOlder holds that an agent with a token sees and calls of an older
// service what the token allows, and nothing else.
func agentOfOlder(t *testing.T, m *machine) {
	t.Helper()
	token := strings.TrimSpace(m.do("hero_proxy", "token", "create", "counter", "--allow", "oldsite", "--methods", "page_count"))
	ask := func(method, params string) (int, string) {
		status, _, answer := m.http("POST", "/oldsite/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`,
			"Content-Type", "application/json", "Accept", "application/json, text/event-stream", "Authorization", "Bearer "+token)
		return status, answer
	}
	if status, got := ask("tools/list", "{}"); status != 200 || strings.Count(got, `"inputSchema"`) != 1 || !strings.Contains(got, `"page_count"`) {
		t.Errorf("tools/list of an older service: %d %s", status, got)
	}
	if _, got := ask("tools/call", `{"name":"page_count","arguments":{}}`); !strings.Contains(got, `"result":3`) {
		t.Errorf("a tool of an older service: %s", got)
	}
	if _, got := ask("tools/call", `{"name":"whoami","arguments":{}}`); !strings.Contains(got, `"error"`) || strings.Contains(got, `"result"`) {
		t.Errorf("a tool that may not be called: %s", got)
	}
}

// Promise: an OpenRPC server from npm is served unchanged, in the folder
// layout.
func TestOlderFolder(t *testing.T) {
	node, npm := need(t, "node"), need(t, "npm")
	m := newMachine(t)
	dir := filepath.Join(m.home, "node")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	install := exec.Command(npm, "install", "--prefix", dir, "--no-audit", "--no-fund", "@open-rpc/server-js@1.10.1")
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("@open-rpc/server-js could not be installed: %v\n%s", err, out)
	}
	m.start()
	m.do("hero_proc", "add", "oldfolder", "--env", "NODE_PATH="+filepath.Join(dir, "node_modules"), "--", node, testdata(t, "older/folder.js"))
	m.await("it is discovered", func() error {
		out, err := m.try("hero_inspector", "tree", "oldfolder")
		if err != nil || !strings.Contains(out, "oldfolder (folder)") {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	if out := m.do("hero_inspector", "call", "oldfolder", "-", "add", `{"a":2,"b":3}`); strings.TrimSpace(out) != "5" {
		t.Errorf("call: %s", out)
	}
	var sum int
	m.await("it is routed", func() error { return m.rpc("/oldfolder/rpc", "add", []int{2, 3}, &sum) })
	if sum != 5 {
		t.Errorf("2 + 3 is %d", sum)
	}
	if out := m.do("hero_proc", "status", "oldfolder"); !strings.Contains(out, "service:  healthy") {
		t.Errorf("status: %s", out)
	}
}

// Promise: what does not speak HTTP is shown as that, and left alone.
func TestOlderNonHTTP(t *testing.T) {
	redis := need(t, "redis-server")
	m := newMachine(t)
	m.start()
	folder := filepath.Join(m.home, "var", "sockets", "hero_db")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	m.do("hero_proc", "add", "hero_db", "--", redis, "--port", "0", "--save", "", "--dir", m.home,
		"--unixsocket", filepath.Join(folder, "resp.sock"), "--unixsocketperm", "600")
	m.await("it is discovered", func() error {
		out, err := m.try("hero_inspector", "tree", "hero_db")
		if err != nil || !strings.Contains(out, "non_rpc") {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	if status, _, body := m.http("GET", "/hero_db/", ""); status != 404 && status != 502 {
		t.Errorf("GET /hero_db/: %d %s", status, body)
	}
}
