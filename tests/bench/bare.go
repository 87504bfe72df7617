package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed project/bare.py
var bareProject string

// bareParts measures a listener that decodes what it reads, one Python loop, and a fork.
func bareParts(ctx context.Context, b *bed, _ contestant) ([]figure, error) {
	n := b.few(50_000, 20_000)
	listener, err := bareListener(ctx, b, n)
	if err != nil {
		return nil, err
	}
	alone, err := bareLoop(b, n, 1)
	if err != nil {
		return nil, err
	}
	ahead, err := bareLoop(b, n, 16)
	if err != nil {
		return nil, err
	}
	fork, err := bareFork(ctx, b)
	if err != nil {
		return nil, err
	}
	// Reading and running share the CPUs: what each task needs of them adds up.
	together := float64(runtime.NumCPU()) / (1/listener + 1/ahead)
	return []figure{
		{"a listener that decodes JSON", listener, "/s"},
		{"one Python loop, one task at a time", alone, "/s"},
		{"one Python loop, 16 handed ahead", ahead, "/s"},
		{"listener and loops together, on all CPUs", together, "/s"},
		{"fork of a preloaded Python", fork, "ms"},
	}, nil
}

// listener is a connection that listens.
type listener struct {
	conn *pgx.Conn
	ctx  context.Context
	stop context.CancelFunc
}

func listen(ctx context.Context, _ *bed) (*listener, error) {
	conn, err := pgx.Connect(ctx, "")
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN bench"); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	return &listener{conn, ctx, stop}, nil
}

// forward passes each payload on as a line, until the listener is closed.
func (l *listener) forward(p *python) {
	for {
		n, err := l.conn.WaitForNotification(l.ctx)
		if err != nil {
			return
		}
		if _, err := p.conn.Write([]byte(n.Payload + "\n")); err != nil {
			return
		}
	}
}

func (l *listener) close() {
	l.stop()
	_ = l.conn.Close(context.Background()) // the server is thrown away
}

func bareListener(ctx context.Context, b *bed, n int) (float64, error) {
	l, err := listen(ctx, b)
	if err != nil {
		return 0, err
	}
	defer l.close()
	if err := b.publish(ctx, n, "mark", numbered); err != nil {
		return 0, err
	}
	began := time.Now()
	for range n {
		got, err := l.conn.WaitForNotification(l.ctx)
		if err != nil {
			return 0, err
		}
		var message struct {
			Task, UUID string
			Args       json.RawMessage
		}
		if err := json.Unmarshal([]byte(got.Payload), &message); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// python is a process that runs bare.py.
type python struct {
	*service // its directory and traces
	conn     net.Conn
	replies  *bufio.Reader
}

func newPython(b *bed, function string) (*python, error) {
	dir, err := b.room("bare")
	if err != nil {
		return nil, err
	}
	script := filepath.Join(dir, "bare.py")
	if err := os.WriteFile(script, []byte(bareProject), 0o644); err != nil {
		return nil, err
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	defer far.Close()
	defer near.Close()
	conn, err := net.FileConn(near)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(b.venv, "bin", "python"), script, function)
	cmd.Dir, cmd.Stderr, cmd.ExtraFiles = dir, os.Stderr, []*os.File{far}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &python{service: &service{who: bare, cmd: cmd, dir: dir}, conn: conn, replies: bufio.NewReader(conn)}, nil
}

func (p *python) stop() {
	p.conn.Close()
	p.service.stop()
}

// bareLoop hands n tasks to one Python, at most ahead of them unanswered.
func bareLoop(b *bed, n, ahead int) (float64, error) {
	p, err := newPython(b, "nothing")
	if err != nil {
		return 0, err
	}
	defer p.stop()
	line := []byte(`{"task": "bench_tasks.mark", "uuid": "6b6f2f0e-8f9a-4b7e-9c39-0d3c1f6f0a55", "args": [1]}` + "\n")
	exchange := func(n int) error {
		open := 0
		for sent := 0; sent < n || open > 0; {
			for sent < n && open < ahead {
				if _, err := p.conn.Write(line); err != nil {
					return err
				}
				sent, open = sent+1, open+1
			}
			if _, err := p.replies.ReadSlice('\n'); err != nil {
				return err
			}
			open--
		}
		return nil
	}
	if err := exchange(500); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := exchange(n); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// bareFork is the median time of a fork, in milliseconds.
func bareFork(ctx context.Context, b *bed) (float64, error) {
	dir, err := b.room("fork")
	if err != nil {
		return 0, err
	}
	script := filepath.Join(dir, "bare.py")
	if err := os.WriteFile(script, []byte(bareProject), 0o644); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.venv, "bin", "python"), script, "forks", "100")
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("fork a Python: %w", err)
	}
	var seconds []float64
	for field := range strings.FieldsSeq(string(out)) {
		s, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, err
		}
		seconds = append(seconds, s)
	}
	return median(seconds) * 1e3, nil
}

// relayLines passes on what one client sends.
func relayLines(l net.Listener, p *python) {
	conn, err := l.Accept()
	if err != nil {
		return // it was closed
	}
	defer conn.Close()
	_, _ = io.Copy(p.conn, conn) // ends with either of them
}
