package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// contestant is who is measured.
type contestant string

const (
	original contestant = "original"
	ours     contestant = "ours"
	// bare stands for the parts alone: a listener, a Python loop, a fork.
	bare contestant = "bare"
)

var (
	both = []contestant{original, ours}
	all  = []contestant{bare, original, ours}
)

// shape is how many workers a service has, and what is added to its environment.
type shape struct {
	least, most int
	env         []string
}

func fixed(workers int) shape { return shape{least: workers, most: workers} }

const originalConfig = `version: 2
service:
  pool_kwargs: {min_workers: %d, max_workers: %d}
brokers:
  pg_notify:
    config: {conninfo: "application_name=bench"}
    channels: [bench]
  socket: {socket_path: s.sock}
`

const ourConfig = `version = 2
[pool]
min_workers = %d
max_workers = %d
[worker]
python = %q
pythonpath = ["."]
preload = ["bench_tasks"]
[brokers.pg_notify]
channels = ["bench"]
[brokers.socket]
path = "s.sock"
`

// launch starts the contestant in a directory of its own.
func (c contestant) launch(b *bed, s shape) (*service, error) {
	dir, err := b.room(string(c))
	if err != nil {
		return nil, err
	}
	if c == original {
		// The quietest way in which it can run: its default would log every task.
		return launch(dir, c, s.env, "dispatcher.yml", fmt.Sprintf(originalConfig, s.least, s.most),
			filepath.Join(b.venv, "bin", "dispatcherd"), "--log-level", "ERROR")
	}
	program, err := filepath.Abs("bin/dispatcherd")
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(ourConfig, s.least, s.most, filepath.Join(b.venv, "bin", "python"))
	return launch(dir, c, s.env, "dispatcherd.toml", config, program, "--log-level", "error")
}

// occupy serves, with as many workers, each of which has a task that waits at the gate.
func (c contestant) occupy(ctx context.Context, b *bed, s shape) (*service, gate, error) {
	running, err := c.serve(ctx, b, s)
	if err != nil {
		return nil, "", err
	}
	g, err := running.hold(ctx, b, s.most)
	if err != nil {
		running.stop()
		return nil, "", err
	}
	return running, g, nil
}

// serve starts the contestant and waits until its workers are ready.
func (c contestant) serve(ctx context.Context, b *bed, s shape) (*service, error) {
	running, err := c.launch(b, s)
	if err != nil {
		return nil, err
	}
	if err := running.ready(ctx, s.least); err != nil {
		running.stop()
		return nil, err
	}
	return running, nil
}
