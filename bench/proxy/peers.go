package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peer is a proxy under measure.
type peer struct {
	name  string
	path  string // of the URL of a call
	start func(b *bench, port int) (*exec.Cmd, error)

	port int
	cmd  *exec.Cmd
}

// heroes are the homes of the hero_proxies.
var heroes = []string{"rule", "open", "rule--general-only"}

const route = "/hero_food/root/delivery/rpc"

// peers are the proxies that can be run here.
func (b *bench) peers() []*peer {
	all := []*peer{
		{name: "hero_proxy, a method rule", start: hero("rule")},
		{name: "hero_proxy, no policy", start: hero("open")},
		{name: "hero_proxy --general-only, a method rule", start: hero("rule", "--general-only")},
		{name: "nginx, sockets written down, kept connections", start: nginx(`location = ` + route + ` { proxy_pass http://up/rpc; }`)},
		{name: "nginx, sockets from the URL", start: nginx(`location ~ ^/(?<s>[a-z0-9_]+)/(?<c>[a-z0-9_-]+)/(?<d>[a-z0-9_]+)/rpc$ { proxy_pass http://unix:$sockets/${s}_server/$c/$d.sock:/rpc; }`)},
	}
	if _, err := exec.LookPath("haproxy"); err == nil {
		all = append(all, &peer{name: "HAProxy", start: haproxy("")}, &peer{name: "HAProxy, a method rule", start: haproxy("  http-request wait-for-body time 5s\n  http-request deny unless { req.body,json_query('$.method') -m str delivery.track }\n")})
	}
	if _, err := exec.LookPath("caddy"); err == nil {
		all = append(all, &peer{name: "Caddy", start: caddy})
	}
	for _, p := range all {
		p.path = route
	}
	return all
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// run starts a peer and waits until it accepts.
func (p *peer) run(b *bench) error {
	var err error
	if p.port, err = freePort(); err != nil {
		return err
	}
	if p.cmd, err = p.start(b, p.port); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(b.dir, "log."+strings.ReplaceAll(p.name, " ", "")))
	if err != nil {
		return err
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		if err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s does not accept: see %s", p.name, log.Name())
}

// end stops it.
func (p *peer) end() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	p.cmd.Process.Signal(os.Interrupt)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		p.cmd.Process.Kill()
		<-done
	}
}

func hero(policy string, more ...string) func(*bench, int) (*exec.Cmd, error) {
	return func(b *bench, port int) (*exec.Cmd, error) {
		home := filepath.Join(b.dir, policy+strings.Join(more, ""))
		if err := os.MkdirAll(filepath.Join(home, "etc"), 0o700); err != nil {
			return nil, err
		}
		if policy == "rule" {
			doc := "local = false\n[[token]]\nname = \"agent\"\nsha256 = \"" + b.hash + "\"\n[[rule]]\nwho = [\"agent\"]\nallow = [\"hero_food/root/delivery\"]\nmethods = [\"delivery.track\", \"delivery.list\"]\n"
			if err := os.WriteFile(filepath.Join(home, "etc", "proxy.toml"), []byte(doc), 0o600); err != nil {
				return nil, err
			}
		}
		cmd := exec.Command(b.binary, append([]string{"serve", "--listen", fmt.Sprintf("127.0.0.1:%d", port)}, more...)...)
		cmd.Env = append(os.Environ(), "HERO_HOME="+home, "HERO_SOCKET_DIR="+filepath.Join(home, "s"))
		return cmd, nil
	}
}

func (b *bench) nginxConfig(name, http string) (*exec.Cmd, error) {
	path := filepath.Join(b.dir, name+".conf")
	conf := "user root;\nworker_processes auto;\npid " + path + ".pid;\nerror_log stderr crit;\ndaemon off;\nevents { worker_connections 20000; }\n" +
		"http { access_log off; keepalive_requests 10000000; tcp_nodelay on; client_body_buffer_size 64k; client_max_body_size 8m; proxy_buffers 16 32k; client_body_temp_path " + b.dir + "/t1; proxy_temp_path " + b.dir + "/t2; fastcgi_temp_path " + b.dir + "/t3; uwsgi_temp_path " + b.dir + "/t4; scgi_temp_path " + b.dir + "/t5;\n" + http + "\n}\n"
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return exec.Command("nginx", "-p", b.dir, "-c", path), nil
}

func nginx(location string) func(*bench, int) (*exec.Cmd, error) {
	return func(b *bench, port int) (*exec.Cmd, error) {
		return b.nginxConfig(fmt.Sprint("nginx", port), fmt.Sprintf("upstream up { server unix:%s; keepalive 512; keepalive_requests 10000000; }\nserver { listen 127.0.0.1:%d reuseport; set $sockets %s;\n"+
			"proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Request-Id $request_id; proxy_set_header Authorization '';\n%s\n}",
			b.upstream, port, b.sockets, location))
	}
}

func haproxy(rules string) func(*bench, int) (*exec.Cmd, error) {
	return func(b *bench, port int) (*exec.Cmd, error) {
		path := filepath.Join(b.dir, fmt.Sprint("haproxy", port))
		conf := fmt.Sprintf("global\n  maxconn 2000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  http-reuse always\n  option forwardfor\nfrontend f\n  bind 127.0.0.1:%d\n%s  http-request set-path /rpc\n  default_backend b\nbackend b\n  server s unix@%s pool-max-conn -1\n", port, rules, b.upstream)
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		return exec.Command("haproxy", "-f", path), nil
	}
}

func caddy(b *bench, port int) (*exec.Cmd, error) {
	path := filepath.Join(b.dir, "Caddyfile")
	conf := fmt.Sprintf("{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:%d {\n rewrite * /rpc\n reverse_proxy unix/%s\n}\n", port, b.upstream)
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("caddy", "run", "--config", path, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+b.dir, "XDG_DATA_HOME="+b.dir)
	return cmd, nil
}
