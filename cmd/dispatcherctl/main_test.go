package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
)

// checked looks for goroutines left over once all tests have passed.
type checked struct{ *testing.M }

func (m checked) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// update rewrites the expected output in the scripts: go test ./cmd/dispatcherctl -update
var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestMain makes the test binary the program itself when a script runs dispatcherctl.
func TestMain(m *testing.M) {
	testscript.Main(checked{m}, map[string]func(){"dispatcherctl": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			d, err := startFake(env.WorkDir)
			if err != nil {
				return err
			}
			env.Defer(d.stop)
			env.Setenv("SOCKET", d.path)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a program with the race detector would take a second to end
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program that must end with a certain code: "exits 2 dispatcherctl bogus".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENTS")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit interface{ ExitCode() int }
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// fakeDaemon answers a command NAME with the lines of the file replies/NAME, and keeps each request in the file requests.
// A command without such a file gets no answer.
type fakeDaemon struct {
	dir, path string
	stop      func()
}

func startFake(dir string) (*fakeDaemon, error) {
	socketDir, err := os.MkdirTemp("", "ctl") // the directory of a script is too long for a socket
	if err != nil {
		return nil, err
	}
	d := &fakeDaemon{dir: dir, path: filepath.Join(socketDir, "s")}
	server := control.NewServer(control.Config{Path: d.path}, d.handle, slog.New(slog.DiscardHandler))
	if err := server.Listen(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { server.Run(ctx); close(done) }()
	d.stop = func() { cancel(); <-done; os.RemoveAll(socketDir) }
	return d, nil
}

func (d *fakeDaemon) handle(ctx context.Context, payload []byte, _ string, _ control.Peer, reply control.Reply) {
	requests, err := os.OpenFile(filepath.Join(d.dir, "requests"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintf(requests, "%s\n", payload)
		requests.Close()
	}
	value, err := message.Decode(payload)
	request, ok := value.(map[string]any)
	if err != nil || !ok {
		reply(ctx, []byte(`{"error": "not a request"}`))
		return
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "replies", fmt.Sprint(request["control"])))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for line := range strings.Lines(string(text)) {
		reply(ctx, []byte(strings.TrimSuffix(line, "\n")))
	}
}
