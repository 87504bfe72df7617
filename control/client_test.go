package control

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"dispatcherd/daemon/message"
)

func dialed(t *testing.T, path string) (*Client, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, ctx
}

func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		reply(ctx, message.Encode(map[string]any{"got": string(payload)}))
	})
	tests := []struct {
		request Request
		want    string
	}{
		{Request{Command: "alive"}, `{"control": "alive", "reply_to": "this connection"}`},
		{Request{Command: "running", Data: map[string]any{"task": "ä"}}, `{"control": "running", "control_data": {"task": "\u00e4"}, "reply_to": "this connection"}`},
		{Request{Command: "run", Data: map[string]any{"args": []any{message.Number("1e400")}}, Wait: true},
			`{"control": "run", "control_data": {"args": [1e400]}, "reply_to": "this connection", "wait": true}`},
	}
	c, ctx := dialed(t, s.path)
	for _, tt := range tests {
		reply, err := c.Request(ctx, tt.request)
		if diff := cmp.Diff(map[string]any{"got": tt.want}, reply); err != nil || diff != "" {
			t.Errorf("Request(%+v) = %v, -want +got:\n%s", tt.request, err, diff)
		}
	}
}

func TestLongRequestAndReplyComeWhole(t *testing.T) {
	t.Parallel()
	// A server hands on lines as they are: joining them is the work of whoever handles them.
	chunks := message.NewAssembler(0, time.Now)
	longest := 0
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		longest = max(longest, len(payload))
		whole, done, err := chunks.Add(payload)
		if err != nil {
			t.Errorf("Add = %v", err)
		}
		if done {
			reply(ctx, whole)
		}
	})
	c, ctx := dialed(t, s.path)
	text := strings.Repeat(`"ö\`+"\n", 200_000)
	reply, err := c.Request(ctx, Request{Command: "run", Data: map[string]any{"text": text}})
	if err != nil {
		t.Fatal(err)
	}
	if data := reply["control_data"].(map[string]any); data["text"] != text {
		t.Errorf("text of %d bytes came back as %d others", len(text), len(data["text"].(string)))
	}
	s.stop()
	if longest >= 1<<16 {
		t.Errorf("longest line = %d bytes, want less than the 65536 that the Python dispatcherd takes", longest)
	}
}

func TestSecondReplyComesWhenItIsReady(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) {
		reply(ctx, []byte(`{"ack": {}}`))
		<-free
		reply(ctx, []byte(`{"ended": {"outcome": "succeeded"}}`))
	})
	c, ctx := dialed(t, s.path)
	if ack, err := c.Request(ctx, Request{Command: "run", Wait: true}); err != nil || ack["ack"] == nil {
		t.Fatalf("Request = %v, %v, want the ack", ack, err)
	}
	close(free)
	want := map[string]any{"ended": map[string]any{"outcome": "succeeded"}}
	got, err := c.NextReply(ctx)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("NextReply = %v, -want +got:\n%s", err, diff)
	}
}

func TestErrorsOfDialAreReadable(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(socketPath(t))
	dead := filepath.Join(dir, "dead")
	deadSocket(t, dead)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := "/" + strings.Repeat("x", 120)
	tests := []struct{ path, want string }{
		{dir + "/none", "cannot connect to " + dir + "/none: no such file or directory (is dispatcherd running?)"},
		{dead, "cannot connect to " + dead + ": connection refused (is dispatcherd running?)"},
		{file, "cannot connect to " + file + ": connection refused (is dispatcherd running?)"},
		{file + "/x", "cannot connect to " + file + "/x: not a directory"},
		{long, "cannot connect to " + long + ": a socket path has at most 107 bytes, this one 121"},
	}
	for _, tt := range tests {
		if _, err := Dial(t.Context(), tt.path); err == nil || err.Error() != tt.want {
			t.Errorf("Dial(%q) = %v\nwant %s", tt.path, err, tt.want)
		}
	}
}

func TestPermissionDeniedComesWithAHint(t *testing.T) {
	t.Parallel()
	err := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", os.ErrPermission)}
	if got := connectHint(err); !strings.Contains(got, "group") {
		t.Errorf("connectHint(permission denied) = %q, want a word about groups", got)
	}
}

func TestSilentDaemonIsATimeout(t *testing.T) {
	t.Parallel()
	s := start(t, func(context.Context, []byte, string, Peer, Reply) {})
	c, _ := dialed(t, s.path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Request(ctx, Request{Command: "alive"})
	if want := "wait for a reply of " + s.path + ": timed out"; err == nil || err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Request = %v, want %s", err, want)
	}
}

func TestHalfAReplyIsATimeoutAsWell(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, _ := dialed(t, l.Addr().String())
	daemon, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	if _, err := daemon.Write([]byte(`{"node_id": "te`)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.NextReply(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("NextReply = %v, want that the time is up", err)
	}
}

// crowded listens and accepts nobody; its queue holds one connection.
func crowded(t *testing.T) *net.UnixListener {
	t.Helper()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	return l.(*net.UnixListener)
}

func TestFullQueueIsWaitedFor(t *testing.T) {
	t.Parallel()
	l := crowded(t)
	path := l.Addr().String()
	var first []net.Conn
	for {
		nc, err := net.Dial("unix", path)
		if err != nil {
			break // the queue is full
		}
		defer nc.Close()
		first = append(first, nc)
	}
	if len(first) > 10 {
		t.Fatalf("%d connections fit into the queue, want few", len(first))
	}
	soon, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Dial(soon, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial while the queue is full = %v, want a timeout", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range len(first) + 1 {
			if nc, err := l.Accept(); err == nil {
				defer nc.Close()
			}
		}
	})
	dialed(t, path)
	wg.Wait()
}

func TestInterruptedRequestSaysSo(t *testing.T) {
	t.Parallel()
	got := make(chan struct{})
	s := start(t, func(context.Context, []byte, string, Peer, Reply) { close(got) })
	c, _ := dialed(t, s.path)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-got; cancel() }()
	if _, err := c.Request(ctx, Request{Command: "alive"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Request = %v, want context.Canceled", err)
	}
}

func TestDaemonThatLeavesIsNamed(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, _ Reply) { close(begun) })
	c, ctx := dialed(t, s.path)
	go func() { <-begun; s.stop() }()
	if _, err := c.Request(ctx, Request{Command: "alive"}); !errors.Is(err, errClosed) {
		t.Errorf("Request = %v, want errClosed", err)
	}
}

func TestRepliesThatAreNoObjectAreErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ reply, want string }{
		{"[1]", "is not a JSON object"},
		{"nonsense", "is not JSON"},
		{`{"__dispatcherd_chunk__":"v9","message_id":"a","index":0,"total":1,"payload":""}`, "__dispatcherd_chunk__"},
	}
	for _, tt := range tests {
		s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) { reply(ctx, []byte(tt.reply)) })
		c, ctx := dialed(t, s.path)
		if reply, err := c.Request(ctx, Request{Command: "alive"}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Request answered with %s = %v, %v, want an error with %q", tt.reply, reply, err, tt.want)
		}
	}
}

func TestClientReadsWhyItWasRefused(t *testing.T) {
	t.Parallel()
	s := start(t, echo, func(l *limits) { l.lineBytes = 1000 })
	c, ctx := dialed(t, s.path)
	reply, err := c.Request(ctx, Request{Command: "run", Data: map[string]any{"text": string(bytes.Repeat([]byte("x"), 500_000))}})
	if err != nil || reply["error"] != "line is longer than 1000 bytes" {
		t.Errorf("Request = %v, %v, want the reason of the refusal", reply, err)
	}
}

func TestClientReadsWhyItWasNotLetIn(t *testing.T) {
	t.Parallel()
	s := start(t, echo, func(l *limits) { l.connections = 0 })
	c, ctx := dialed(t, s.path)
	// Connections are refused one after the other: once the second has its answer, the first is closed.
	connect(t, s.path).expect(`{"error": "too many connections"}`)
	reply, err := c.Request(ctx, Request{Command: "alive"})
	if err != nil || reply["error"] != "too many connections" {
		t.Errorf("Request = %v, %v, want the reason of the refusal", reply, err)
	}
}

func TestSpecsAreComplete(t *testing.T) {
	t.Parallel()
	// The original's come first, in its order.
	want := []string{
		"running", "cancel", "alive", "aio_tasks", "workers", "producers", "metrics", "main", "status", "chunks", "set_log_level",
		"memory", "memory_offenders", "run", "tasks", "task", "history", "drain", "reload",
	}
	var got []string
	for _, spec := range Specs {
		got = append(got, spec.Name)
		if spec.Help == "" || strings.HasSuffix(spec.Help, ".") {
			t.Errorf("%s: help %q, want a sentence without its full stop", spec.Name, spec.Help)
		}
		if acts := slices.Contains([]string{"cancel", "set_log_level", "run", "drain", "reload"}, spec.Name); spec.Acts != acts {
			t.Errorf("%s: Acts = %v, want %v", spec.Name, spec.Acts, acts)
		}
		for _, arg := range spec.Args {
			if arg.Help == "" || arg.Type == "" {
				t.Errorf("%s: argument %+v lacks help or type", spec.Name, arg)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("commands -want +got:\n%s", diff)
	}
}
