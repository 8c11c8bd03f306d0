package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// peer is one supervisor.
type peer struct {
	name    string
	get     func() (version string, err error)          // installs it
	prepare func(w *work) error                         // writes what it reads
	command func(w *work) (args []string, env []string) // that runs it in the foreground
	logs    func(w *work) string                        // folder or file of the writer's log
	mainPID func(w *work) int                           // nil: that of the command
}

func peers() []peer {
	return []peer{heroProc(), supervisord(), runit(), s6(), dinit(), processCompose(), pm2()}
}

// debian installs a package where its program is missing and that is possible.
func debian(program, name string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	if _, err := output("apt-get", "install", "-y", "-q", name); err != nil {
		return fmt.Errorf("it is not here, and cannot be installed: %w", err)
	}
	_, err := exec.LookPath(program)
	return err
}

func debianVersion(program, name string) func() (string, error) {
	return func() (string, error) {
		if err := debian(program, name); err != nil {
			return "", err
		}
		return output("dpkg-query", "-W", "-f", "${Version}", name)
	}
}

func writeFile(path, text string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), mode)
}

// quoted returns arguments as a shell reads them.
func quoted(args []string) string {
	var out []string
	for _, a := range args {
		out = append(out, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	return strings.Join(out, " ")
}

// heroProc has its services registered, as they are on any other day.
func heroProc() peer {
	bin := func() string {
		dir, err := cache()
		if err != nil {
			return "hero_proc"
		}
		return filepath.Join(dir, "bin", "hero_proc")
	}
	env := func(w *work) []string {
		return []string{"HERO_HOME=" + w.path("home"), "HERO_SOCKET_DIR=", "PATH_SOCKET="}
	}
	return peer{
		name: "hero_proc",
		get: func() (string, error) {
			root, err := output("go", "list", "-m", "-f", "{{.Dir}}", "forge.ourworld.tf/lhumina_code/hero")
			if err != nil {
				return "", err
			}
			cmd := exec.Command("go", "build", "-o", bin(), "./cmd/hero_proc")
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				return "", fmt.Errorf("build: %w: %s", err, out)
			}
			return "this tree", nil
		},
		prepare: func(w *work) error {
			for _, s := range w.services {
				text := fmt.Sprintf("command = [%s]\nmax_restarts = -1\n[backoff]\ninitial = \"1ns\"\nmax = \"1ns\"\n[logs]\nmax_size = \"4GiB\"\n", tomlStrings(s.args))
				if err := writeFile(w.path("home", "etc", "services", s.name+".toml"), text, 0o600); err != nil {
					return err
				}
			}
			for _, dir := range []string{"home", "home/etc", "home/etc/services"} {
				if err := os.Chmod(w.path(dir), 0o700); err != nil {
					return err
				}
			}
			cmd := exec.Command(bin(), "up", "--alone")
			cmd.Env = append(os.Environ(), env(w)...)
			if err := cmd.Start(); err != nil {
				return err
			}
			err := applyFiles(w.path("home", "var", "sockets", "hero_proc_server", "root", "supervisor.sock"))
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
			_ = os.Remove(w.path("begun"))
			_ = os.RemoveAll(w.path("home", "var", "logs"))
			return err
		},
		command: func(w *work) ([]string, []string) { return []string{bin(), "up", "--alone"}, env(w) },
		logs:    func(w *work) string { return w.path("home", "var", "logs", "writer") },
	}
}

func tomlStrings(args []string) string {
	var out []string
	for _, a := range args {
		out = append(out, strconv.Quote(a))
	}
	return strings.Join(out, ", ")
}

// applyFiles has the definitions' files taken in.
func applyFiles(socket string) error {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := client.Post("http://hero/rpc", "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"supervisor.apply","params":{}}`))
		if err == nil {
			var body bytes.Buffer
			_, err = body.ReadFrom(res.Body)
			res.Body.Close()
			if err == nil && strings.Contains(body.String(), `"result"`) {
				return nil
			}
			err = fmt.Errorf("apply: %.300s", body.String())
		}
		if time.Now().After(end) {
			return err
		}
	}
}

func supervisord() peer {
	return peer{
		name: "supervisord",
		get:  debianVersion("supervisord", "supervisor"),
		prepare: func(w *work) error {
			var b strings.Builder
			fmt.Fprintf(&b, "[supervisord]\nnodaemon=true\nuser=root\nminfds=16384\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%s\n", w.path("pid"))
			for _, s := range w.services {
				log := "NONE"
				if s.logs {
					log = w.path("log")
				}
				fmt.Fprintf(&b, "[program:%s]\ncommand=%s\nautorestart=true\nstartsecs=0\nstartretries=1000000\nredirect_stderr=true\nstdout_logfile=%s\nstdout_logfile_maxbytes=0\n", s.name, quoted(s.args), log)
			}
			return writeFile(w.path("conf"), b.String(), 0o644)
		},
		command: func(w *work) ([]string, []string) { return []string{"supervisord", "-c", w.path("conf")}, nil },
		logs:    func(w *work) string { return w.path("log") },
	}
}

// runScripts writes a folder for each service, as runit and s6 read them.
func runScripts(w *work, logger string) error {
	for _, s := range w.services {
		dir := w.path("services", s.name)
		if err := writeFile(filepath.Join(dir, "run"), "#!/bin/sh\nexec 2>&1\nexec "+quoted(s.args)+"\n", 0o755); err != nil {
			return err
		}
		if !s.logs {
			continue
		}
		if err := writeFile(filepath.Join(dir, "log", "run"), "#!/bin/sh\nexec "+logger+" "+w.path("log")+"\n", 0o755); err != nil {
			return err
		}
		if err := writeFile(w.path("log", "config"), "s4000000000\nn100\n", 0o644); err != nil {
			return err
		}
	}
	return nil
}

func runit() peer {
	return peer{
		name:    "runit",
		get:     debianVersion("runsvdir", "runit"),
		prepare: func(w *work) error { return runScripts(w, "svlogd -tt") },
		command: func(w *work) ([]string, []string) { return []string{"runsvdir", w.path("services")}, nil },
		logs:    func(w *work) string { return w.path("log") },
	}
}

func s6() peer {
	return peer{
		name:    "s6",
		get:     debianVersion("s6-svscan", "s6"),
		prepare: func(w *work) error { return runScripts(w, "s6-log t n1000 s200000000") },
		command: func(w *work) ([]string, []string) {
			return []string{"s6-svscan", "-c", "4000", w.path("services")}, nil
		},
		logs: func(w *work) string { return w.path("log") },
	}
}

func dinit() peer {
	return peer{
		name: "dinit",
		get:  debianVersion("dinit", "dinit"),
		prepare: func(w *work) error {
			all := "type = internal\n"
			for _, s := range w.services {
				all += "waits-for: " + s.name + "\n"
				text := "type = process\ncommand = " + quoted(s.args) + "\nrestart = true\nrestart-delay = 0\nrestart-limit-count = 0\n"
				if s.logs {
					text += "logfile = " + w.path("log") + "\n"
				}
				if err := writeFile(w.path("d", s.name), text, 0o644); err != nil {
					return err
				}
			}
			return writeFile(w.path("d", "boot"), all, 0o644)
		},
		command: func(w *work) ([]string, []string) {
			return []string{"dinit", "-d", w.path("d"), "-p", w.path("ctl"), "-q", "boot"}, nil
		},
		logs: func(w *work) string { return w.path("log") },
	}
}

func processCompose() peer {
	const module, version = "github.com/f1bonacc1/process-compose", "v1.85.0"
	bin := func() string {
		dir, err := cache()
		if err != nil {
			return "process-compose"
		}
		return filepath.Join(dir, "bin", "process-compose")
	}
	return peer{
		name: "process-compose",
		get: func() (string, error) {
			if _, err := os.Stat(bin()); err == nil {
				return version, nil
			}
			cmd := exec.Command("go", "install", module+"@"+version)
			cmd.Env = append(os.Environ(), "GOBIN="+filepath.Dir(bin()), "GOFLAGS=-mod=mod")
			if out, err := cmd.CombinedOutput(); err != nil {
				return "", fmt.Errorf("build: %w: %.300s", err, out)
			}
			return version, nil
		},
		prepare: func(w *work) error {
			var b strings.Builder
			b.WriteString("version: \"0.5\"\nlog_level: error\nprocesses:\n")
			for _, s := range w.services {
				fmt.Fprintf(&b, "  %s:\n    command: %q\n    availability:\n      restart: always\n", s.name, "exec "+strings.ReplaceAll(quoted(s.args), "$", "$$")) // it puts in variables itself
				if s.logs {
					fmt.Fprintf(&b, "    log_location: %s\n", w.path("log"))
				}
			}
			return writeFile(w.path("pc.yaml"), b.String(), 0o644)
		},
		command: func(w *work) ([]string, []string) {
			return []string{bin(), "--no-server", "-t=false", "-L", w.path("pc.log"), "-f", w.path("pc.yaml"), "up"}, []string{"HOME=" + w.dir}
		},
		logs: func(w *work) string { return w.path("log") },
	}
}

func pm2() peer {
	bin := func() string {
		dir, err := cache()
		if err != nil {
			return "pm2"
		}
		return filepath.Join(dir, "pm2", "node_modules", ".bin", "pm2")
	}
	return peer{
		name: "pm2",
		get: func() (string, error) {
			dir, err := cache()
			if err != nil {
				return "", err
			}
			if _, err := os.Stat(bin()); err != nil {
				if _, err := output("npm", "install", "--silent", "--prefix", filepath.Join(dir, "pm2"), "pm2@latest"); err != nil {
					return "", err
				}
			}
			b, err := os.ReadFile(filepath.Join(dir, "pm2", "node_modules", "pm2", "package.json"))
			if err != nil {
				return "", err
			}
			_, rest, ok := strings.Cut(string(b), `"version": "`)
			version, _, _ := strings.Cut(rest, `"`)
			if !ok {
				return "", errors.New("no version in its package.json")
			}
			return version, nil
		},
		prepare: func(w *work) error {
			var apps []string
			for _, s := range w.services {
				log := "/dev/null"
				if s.logs {
					log = w.path("log")
				}
				apps = append(apps, fmt.Sprintf(`{"name":%q,"script":%q,"args":[%s],"interpreter":"none","exec_mode":"fork","autorestart":true,"max_restarts":1000000,"out_file":%q,"error_file":"/dev/null"}`,
					s.name, s.args[0], tomlStrings(s.args[1:]), log))
			}
			return writeFile(w.path("apps.json"), `{"apps":[`+strings.Join(apps, ",")+`]}`, 0o644)
		},
		command: func(w *work) ([]string, []string) {
			return []string{bin(), "start", w.path("apps.json")}, []string{"PM2_HOME=" + w.path("pm2")}
		},
		logs: func(w *work) string { return w.path("log") },
		mainPID: func(w *work) int {
			b, _ := os.ReadFile(w.path("pm2", "pm2.pid"))
			pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
			return pid
		},
	}
}
