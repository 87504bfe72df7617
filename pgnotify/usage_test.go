package pgnotify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"dispatcherd/pgnotify"
)

// TestServerKeepsWhatAPausedListenerDoesNotRead pauses in handle, for longer than the self-check would
// let an idle connection be, until the server's own queue is in use.
func TestServerKeepsWhatAPausedListenerDoesNotRead(t *testing.T) {
	t.Parallel()
	const count, size = 2000, 7000 // 14 MB: more than the buffers of a socket hold
	cfg, db := config(t, "flood")
	log := newLogbook()
	l := pgnotify.NewListener(cfg, log.logger())
	gate, began, got := make(chan struct{}), make(chan struct{}), make(chan string, count)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- l.Run(ctx, func(_ context.Context, n pgnotify.Notification) {
			if n.Payload == "first" {
				close(began)
				<-gate
				return
			}
			got <- n.Payload[:strings.IndexByte(n.Payload, ' ')]
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	<-l.Ready()
	p := publisher(t, cfg)
	publish(t, p, "flood", "first")
	<-began
	db.Exec(t, fmt.Sprintf("SELECT count(pg_notify('flood', n || ' ' || repeat('x', %d))) FROM generate_series(1, %d) n", size, count))
	usage, err := p.QueueUsage(t.Context())
	if err != nil || usage <= 0 || usage > 1 {
		t.Errorf("QueueUsage during the pause = %v, %v, want more than 0", usage, err)
	}
	if len(got) > 0 {
		t.Errorf("%d notifications were handed on during the pause", len(got))
	}
	close(gate)
	for n := 1; n <= count; n++ {
		if text := <-got; text != fmt.Sprint(n) {
			t.Fatalf("notification %d is %q: one was lost, or out of order", n, text)
		}
	}
	if s := l.Stats(); !s.Connected || s.Reconnects != 0 {
		t.Errorf("after the pause Stats = %+v, want the first connection\n%s", s, log)
	}
}
