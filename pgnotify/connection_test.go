package pgnotify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

// twoChannels returns the settings of a listener to two channels in a fresh database, which is
// soon idle.
func twoChannels(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Conninfo = postgres.Shared(t).NewDatabase(t).ConnInfo()
	cfg.Channels = []string{"one", "two"}
	cfg.MaxConnectionIdle = 10 * time.Millisecond
	return cfg
}

// What a pooler in transaction mode does, or a session that something has told to stop listening.
func TestConnectionThatNoLongerListensIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, sql, want string }{
		{"to anything", "UNLISTEN *", "the session listens to 0 of its 2 channels"},
		{"to one channel", "UNLISTEN two", "the session listens to 1 of its 2 channels"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := NewListener(twoChannels(t), slog.New(slog.DiscardHandler))
			conn, pooled, err := l.connect(t.Context())
			if err != nil || pooled {
				t.Fatalf("connect = pooled %v, %v, want false, nil", pooled, err)
			}
			defer hangUp(conn)
			if _, err := conn.Exec(t.Context(), tt.sql); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			deaf, err := l.serve(t.Context(), conn, func(context.Context, Notification) {})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("serve = %v, want %q", err, tt.want)
			}
			if deaf.Sub(start) > l.cfg.MaxConnectionIdle {
				t.Errorf("the gap begins %v after the start, want it to begin with the last sign of life", deaf.Sub(start))
			}
		})
	}
}

func TestListenIsConfirmedByTheServer(t *testing.T) {
	t.Parallel()
	cfg := twoChannels(t)
	conn, err := connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn)
	if err := checkListening(t.Context(), conn, cfg.Channels); err == nil {
		t.Error("a connection without LISTEN passes the check")
	}
	if err := listen(t.Context(), conn, cfg); err != nil {
		t.Errorf("listen = %v, want nil", err)
	}
	if err := checkListening(t.Context(), conn, cfg.Channels); err != nil {
		t.Errorf("check after LISTEN = %v, want nil", err)
	}
}

func TestNotificationCountsAsASignOfLife(t *testing.T) {
	t.Parallel()
	l := NewListener(twoChannels(t), slog.New(slog.DiscardHandler))
	conn, _, err := l.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn)
	if _, err := conn.Exec(t.Context(), "NOTIFY one, 'x'"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var came time.Time
	active, err := l.receive(t.Context(), ctx, conn, time.Time{}, func(context.Context, Notification) {
		came = time.Now()
		cancel()
	})
	if came.IsZero() || active.Before(came) || err == nil {
		t.Errorf("receive = %v, %v, want the time after the notification at %v, and the end of its context", active, err, came)
	}
}

// pgx may be reading in the background: it begins to when a write takes long.
func TestLookAtAConnectionDoesNotWaitForItsReader(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	read := make(chan error, 1)
	go func() { read <- readOne(conn) }()
	for stacks := make([]byte, 1<<20); !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("pgnotify.readOne(")); {
		runtime.Gosched()
	}
	looked := make(chan bool, 1)
	go func() { looked <- stirred(conn) }()
	select {
	case got := <-looked:
		if got {
			t.Error("a silent connection is taken for one that has stirred")
		}
	case <-time.After(10 * time.Second):
		t.Error("the look at a connection waits for its reader")
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Errorf("read = %v, want the end", err)
	}
	if !stirred(conn) {
		t.Error("a connection that has ended is taken for a silent one")
	}
}

func readOne(conn net.Conn) error {
	_, err := conn.Read(make([]byte, 1))
	return err
}
