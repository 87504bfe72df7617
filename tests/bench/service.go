package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"dispatcherd/control"
)

// bound is how long anything may take.
const bound = 3 * time.Minute

// service is a running dispatcherd, the original's or ours: both answer on a
// control socket in the same words.
type service struct {
	cmd    *exec.Cmd
	socket string
}

const tasks = `from dispatcherd.publish import task


@task()
def nothing(*args):
    pass
`

const originalConfig = `version: 2
service:
  pool_kwargs: {min_workers: 4, max_workers: 4}
brokers:
  pg_notify:
    config: {conninfo: "application_name=bench"}
    channels: [bench]
  socket: {socket_path: s.sock}
`

const ourConfig = `version = 2
[pool]
min_workers = 4
max_workers = 4
[worker]
python = "%s/bin/python"
pythonpath = ["."]
preload = ["bench_tasks"]
[brokers.pg_notify]
channels = ["bench"]
[brokers.socket]
path = "s.sock"
`

func startOriginal(ctx context.Context, dir, venv string) (*service, error) {
	// The quietest way in which it can run: its default would log every task.
	return start(ctx, dir, "dispatcher.yml", originalConfig,
		filepath.Join(venv, "bin", "dispatcherd"), "--log-level", "ERROR")
}

func startOurs(ctx context.Context, dir, venv string) (*service, error) {
	program, err := filepath.Abs("bin/dispatcherd")
	if err != nil {
		return nil, err
	}
	return start(ctx, dir, "dispatcherd.toml", fmt.Sprintf(ourConfig, venv),
		program, "--log-level", "error")
}

// start runs a service in a directory of its own until it answers with its four
// workers ready.
func start(ctx context.Context, dir, name, config string, command ...string) (*service, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	for file, text := range map[string]string{name: config, "bench_tasks.py": tasks} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(command[0], append(command[1:], "--config", name)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &service{cmd: cmd, socket: filepath.Join(dir, "s.sock")}
	if err := s.until(ctx, "it has four ready workers", s.isReady); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *service) isReady(ctx context.Context) bool {
	reply, err := s.ask(ctx, "workers")
	if err != nil {
		return false
	}
	ready := 0
	for _, v := range reply {
		if w, ok := v.(map[string]any); ok && w["status"] == "ready" {
			ready++
		}
	}
	return ready == 4
}

// finished waits until n tasks have ended.
func (s *service) finished(ctx context.Context, n int) error {
	return s.until(ctx, fmt.Sprintf("%d tasks have ended", n), func(ctx context.Context) bool {
		reply, err := s.ask(ctx, "main")
		if err != nil {
			return false
		}
		pool, _ := reply["pool"].(map[string]any)
		done, _ := strconv.Atoi(fmt.Sprint(pool["finished_count"]))
		return done >= n
	})
}

// until looks every 20 ms whether a condition holds.
func (s *service) until(ctx context.Context, what string, holds func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// ask sends a control request and returns the reply.
func (s *service) ask(ctx context.Context, command string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := control.Dial(ctx, s.socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Request(ctx, control.Request{Command: command})
}

// stop ends the service and waits for its end.
func (s *service) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it can only have ended already
	kill := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait() // its exit code is not what is measured
}

// residentMemory is VmRSS of proc_pid_status(5), in bytes.
func residentMemory(pid string) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("process %s has no VmRSS", pid)
}
