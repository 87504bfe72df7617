package main

import (
	"context"
	_ "embed"
	"errors"
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

//go:embed project/bench_tasks.py
var project string

// service is a running dispatcherd, the original's or ours: both answer on a
// control socket in the same words.
type service struct {
	who    contestant
	cmd    *exec.Cmd
	dir    string
	socket string
	gates  int
}

// launch starts the command in dir.
func launch(dir string, who contestant, env []string, name, config string, command ...string) (*service, error) {
	for file, text := range map[string]string{name: config, "bench_tasks.py": project} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(command[0], append(command[1:], "--config", name)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(append(os.Environ(), "PYTHONPATH="+dir), env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &service{who: who, cmd: cmd, dir: dir, socket: filepath.Join(dir, "s.sock")}, nil
}

// ready waits until n workers are. What the service has said is in the error.
func (s *service) ready(ctx context.Context, n int) error {
	err := until(ctx, fmt.Sprintf("%d workers are ready", n), 5*time.Millisecond, func() bool {
		pids, err := s.workers(ctx)
		return err == nil && len(pids) >= n
	})
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(s.dir, "log")) // err is what counts
		err = fmt.Errorf("%w; it has said: %s", err, said)
	}
	return err
}

// workers returns the processes of the workers that are ready.
func (s *service) workers(ctx context.Context) ([]int, error) {
	reply, err := s.ask(ctx, "workers")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, v := range reply {
		if w, ok := v.(map[string]any); ok && w["status"] == "ready" {
			pids = append(pids, number(w["pid"]))
		}
	}
	return pids, nil
}

// supervisor returns the process that holds our workers; the original has none.
func (s *service) supervisor(ctx context.Context) (int, error) {
	reply, err := s.ask(ctx, "status")
	if err != nil {
		return 0, err
	}
	info, ok := reply["supervisor"].(map[string]any)
	if !ok {
		return 0, errors.New("status names no supervisor")
	}
	return number(info["pid"]), nil
}

// received waits until the service has taken in n messages and requests since before.
func (s *service) received(ctx context.Context, before, n int) error {
	return until(ctx, fmt.Sprintf("%d messages are taken in", n), 20*time.Millisecond, func() bool {
		got, err := s.taken(ctx)
		return err == nil && got-before >= n
	})
}

// taken is how many tasks the service has taken in.
func (s *service) taken(ctx context.Context) (int, error) {
	reply, err := s.ask(ctx, "main")
	if err != nil {
		return 0, err
	}
	return number(reply["received_count"]) - number(reply["control_count"]), nil
}

func number(v any) int {
	n, _ := strconv.Atoi(fmt.Sprint(v)) // what is no number is waited for
	return n
}

// done waits until tasks have left n bytes in their files of that name.
func (s *service) done(ctx context.Context, name string, n int) error {
	return until(ctx, fmt.Sprintf("%d %s are left", n, name), time.Millisecond, func() bool { return s.size(name) >= n })
}

// size adds up the files of that name.
func (s *service) size(name string) int {
	files, _ := filepath.Glob(filepath.Join(s.dir, name+"-*")) // errs only on a bad pattern
	total := 0
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			total += int(info.Size())
		}
	}
	return total
}

// stamps returns what the tasks have noted.
func (s *service) stamps() ([]time.Duration, error) {
	files, _ := filepath.Glob(filepath.Join(s.dir, "stamps-*")) // errs only on a bad pattern
	var all []time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for field := range strings.FieldsSeq(string(text)) {
			ns, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, time.Duration(ns))
		}
	}
	return all, nil
}

// gate is a named pipe that tasks wait at.
type gate string

// hold gives n workers a task each that does not end before its gate is opened.
func (s *service) hold(ctx context.Context, b *bed, n int) (gate, error) {
	s.gates++
	path := filepath.Join(s.dir, fmt.Sprintf("gate%d", s.gates))
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		return "", err
	}
	before := s.size("holds")
	extra := fmt.Sprintf(`jsonb_build_object('args', jsonb_build_array('%s'))`, path)
	if err := b.publish(ctx, n, "hold", extra); err != nil {
		return "", err
	}
	return gate(path), s.done(ctx, "holds", before+n)
}

// open lets the tasks go that wait at it.
func (g gate) open() error {
	f, err := os.OpenFile(string(g), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// until looks again and again whether a condition holds.
func until(ctx context.Context, what string, pause time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !holds() {
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
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
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
