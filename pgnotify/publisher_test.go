package pgnotify_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"dispatcherd/pgnotify"
)

func TestLongestPayloadArrives(t *testing.T) {
	t.Parallel()
	cfg, _ := config(t, "long")
	l := listen(t, cfg)
	l.awaitReady(t)
	want := strings.Repeat("ü", pgnotify.MaxPayload/2) + "x"
	if len(want) != 7999 {
		t.Fatalf("payload of %d bytes, want 7999", len(want))
	}
	p := publisher(t, cfg)
	publish(t, p, "", want)
	if got := l.next(t).Payload; got != want {
		t.Errorf("received %d bytes, want the %d that were sent", len(got), len(want))
	}
	publish(t, p, "", "")
	if got := l.next(t).Payload; got != "" {
		t.Errorf("received %q, want the empty payload", got)
	}
}

func TestWhatPostgresWouldRefuseIsNotSent(t *testing.T) {
	t.Parallel()
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = "host=" + t.TempDir() // nobody there: whoever tries to send learns that
	p := publisher(t, cfg)
	for _, tt := range []struct{ name, channel, payload, want string }{
		{"payload too long", "jobs", strings.Repeat("s", 8000), `publish on "jobs": the payload must be at most 7999 bytes, got 8000`},
		{"payload with a zero byte", "jobs", "s\x00s", `publish on "jobs": the payload must be UTF-8 without a zero byte`},
		{"payload not UTF-8", "jobs", "s\xff", `publish on "jobs": the payload must be UTF-8 without a zero byte`},
		{"no channel", "", "s", "publish: no channel to publish on: name one, or set brokers.pg_notify.default_publish_channel"},
		{"channel too long", strings.Repeat("é", 32), "s", "publish: channel: must be a channel name of 1 to 63 bytes, got 64 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := p.Publish(t.Context(), tt.channel, tt.payload)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Publish = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPublisherSurvivesTheEndOfItsBackend(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	l := listen(t, cfg)
	l.awaitReady(t)
	cfg.Conninfo += " application_name=sender"
	p := publisher(t, cfg)
	for _, payload := range []string{"1", "2", "3"} {
		publish(t, p, "jobs", payload)
		if got := l.next(t).Payload; got != payload {
			t.Errorf("received %q, want %q", got, payload)
		}
		if n := db.Terminate(t, "sender"); n != 1 {
			t.Errorf("%d backends of the publisher terminated, want 1", n)
		}
		awaitNoBackend(t, db, "sender")
	}
}

func TestManyPublishAtOnce(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	l := listen(t, cfg)
	l.awaitReady(t)
	cfg.Conninfo += " application_name=sender"
	p := publisher(t, cfg)
	const publishers, each = 8, 25
	var done sync.WaitGroup
	for range publishers {
		done.Go(func() {
			for range each {
				if err := p.Publish(t.Context(), "jobs", "x"); err != nil {
					t.Errorf("Publish = %v, want nil", err)
				}
			}
		})
	}
	done.Wait()
	for range publishers * each {
		l.next(t)
	}
	if got := db.Exec(t, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sender' AND datname = current_database()"); got != "1" {
		t.Errorf("%s connections of the publisher, want 1", got)
	}
}

func TestLostAnswerLeavesOpenWhetherItWasSent(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	p := publisher(t, cfg)
	publish(t, p, "jobs", "before")
	freeze(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := p.Publish(ctx, "jobs", "secret words")
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "may or may not have been sent") {
		t.Errorf("Publish = %v, want a deadline that leaves it open", err)
	}
	publish(t, p, "jobs", "after")
}

func TestClosedPublisherSaysSo(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	cfg.Conninfo += " application_name=sender"
	p := publisher(t, cfg)
	publish(t, p, "jobs", "x")
	p.Close()
	if err := p.Publish(t.Context(), "jobs", "x"); err == nil || !strings.Contains(err.Error(), "the publisher is closed") {
		t.Errorf("Publish after Close = %v, want that the publisher is closed", err)
	}
	awaitNoBackend(t, db, "sender")
}

func TestPublishToAnAbsentServerIsAnError(t *testing.T) {
	t.Parallel()
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = "user=app dbname=shop host=" + t.TempDir() + "," + t.TempDir() // pgx says one line for each
	err := publisher(t, cfg).Publish(t.Context(), "jobs", "secret words")
	if err == nil || !strings.HasPrefix(err.Error(), `publish on "jobs": connect to database "shop" as "app": `) || strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), "secret") {
		t.Errorf("Publish = %v, want one line that names channel, database and user", err)
	}
}
