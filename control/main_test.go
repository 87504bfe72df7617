package control

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what happens at once; a test that waits so long has failed.
const patience = 30 * time.Second

// socketPath is short, as the paths of sockets have to be.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// testLog keeps what was logged.
type testLog struct {
	mu      sync.Mutex // guards text, changed
	text    bytes.Buffer
	changed chan struct{} // closed at the next line
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.text.Write(p)
}

// waitFor returns once part was logged n times.
func (l *testLog) waitFor(t *testing.T, part string, n int) {
	t.Helper()
	for {
		l.mu.Lock()
		if strings.Count(l.text.String(), part) >= n {
			l.mu.Unlock()
			return
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		within(t, changed, part+" in the log")
	}
}

func (l *testLog) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func (l *testLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// running is a server whose Run is under way.
type running struct {
	*Server
	path string
	log  *testLog
	stop func() // ends Run and waits for it
}

func start(t *testing.T, h Handler, change ...func(*limits)) *running {
	t.Helper()
	log := &testLog{}
	s := NewServer(Config{Path: socketPath(t)}, h, log.logger())
	for _, c := range change {
		c(&s.limits)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return &running{Server: s, path: s.path, log: log, stop: stop}
}

// echo answers a line with itself.
func echo(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) { reply(ctx, payload) }

// rawClient speaks to a server without the rules of Client.
type rawClient struct {
	t *testing.T
	*net.UnixConn
	lines *bufio.Reader
}

func connect(t *testing.T, path string) *rawClient {
	t.Helper()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &rawClient{t: t, UnixConn: nc.(*net.UnixConn), lines: bufio.NewReader(nc)}
}

func (c *rawClient) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// expect reads lines and compares them.
func (c *rawClient) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		got, err := c.lines.ReadString('\n')
		if err != nil || got != w+"\n" {
			c.t.Fatalf("line = %q, %v, want %q", got, err, w)
		}
	}
}

func (c *rawClient) expectEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.lines); len(rest) > 0 || err != nil {
		c.t.Fatalf("read = %q, %v, want the end", rest, err)
	}
}

// within fails the test when nothing is received in time.
func within[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}
