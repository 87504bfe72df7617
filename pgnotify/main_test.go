package pgnotify_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"

	"go.uber.org/goleak"
)

// patience bounds every wait for something that should come at once.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	for _, err := range []error{postgres.CloseShared(), goleak.Find()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// listening is a listener at work.
type listening struct {
	*pgnotify.Listener
	notes chan pgnotify.Notification
	log   *logbook
}

// listen runs a listener until the test ends.
func listen(t *testing.T, cfg pgnotify.Config) *listening {
	t.Helper()
	log := newLogbook()
	l := &listening{Listener: pgnotify.NewListener(cfg, log.logger()), notes: make(chan pgnotify.Notification, 10_000), log: log}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, func(_ context.Context, n pgnotify.Notification) { l.notes <- n }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run after its context ended = %v, want nil", err)
		}
	})
	return l
}

// awaitReady waits until the listener says that it listens.
func (l *listening) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-l.Ready():
	case <-time.After(patience):
		t.Fatalf("the listener did not get ready; log:\n%s", l.log)
	}
}

// next returns the next notification.
func (l *listening) next(t *testing.T) pgnotify.Notification {
	t.Helper()
	select {
	case n := <-l.notes:
		return n
	case <-time.After(patience):
		t.Fatalf("no notification came; log:\n%s", l.log)
		panic("unreachable")
	}
}

// publisher returns a publisher that is closed when the test ends.
func publisher(t *testing.T, cfg pgnotify.Config) *pgnotify.Publisher {
	t.Helper()
	p := pgnotify.NewPublisher(cfg, newLogbook().logger())
	t.Cleanup(p.Close)
	return p
}

// publish sends one notification.
func publish(t *testing.T, p *pgnotify.Publisher, channel, payload string) {
	t.Helper()
	if err := p.Publish(t.Context(), channel, payload); err != nil {
		t.Fatalf("Publish(%q) = %v, want nil", channel, err)
	}
}

// config returns the settings for a fresh database of the shared cluster, whose connections go by
// the name of the test, and that database.
func config(t *testing.T, channels ...string) (pgnotify.Config, *postgres.Database) {
	t.Helper()
	db := postgres.Shared(t).NewDatabase(t)
	return configFor(db, channels...), db
}

// configFor returns the settings for a database.
func configFor(db *postgres.Database, channels ...string) pgnotify.Config {
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = db.ConnInfo()
	cfg.Channels = channels
	return cfg
}

// logbook keeps what is logged, and tells who waits for a line.
type logbook struct {
	mu      sync.Mutex // guards all below
	text    strings.Builder
	changed chan struct{} // closed at the next line
}

func newLogbook() *logbook { return &logbook{changed: make(chan struct{})} }

func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write takes one line.
func (b *logbook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
	return b.text.Write(line)
}

// String returns all lines.
func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until text was logged n times and returns the last line with it.
func (b *logbook) await(t *testing.T, text string, n int) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		b.mu.Lock()
		all, changed := b.text.String(), b.changed
		b.mu.Unlock()
		if strings.Count(all, text) >= n {
			i := strings.LastIndex(all, text)
			start := strings.LastIndex(all[:i], "\n") + 1
			line, _, _ := strings.Cut(all[start:], "\n")
			return line
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("%q was not logged %d times; log:\n%s", text, n, all)
		}
	}
}
