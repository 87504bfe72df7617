package pgnotify_test

import (
	"strings"
	"testing"

	"dispatcherd/pgnotify"
)

func TestChannelsChangeOnTheConnectionThatListens(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "kept", "gone")
	l := listen(t, cfg)
	l.awaitReady(t)
	cfg.Channels = []string{"new", "kept"}
	l.Use(cfg)
	l.log.await(t, "listening to other channels", 1)
	db.Exec(t, "NOTIFY kept, '1'")
	db.Exec(t, "NOTIFY gone, '2'")
	db.Exec(t, "NOTIFY new, '3'")
	for _, want := range []pgnotify.Notification{{Channel: "kept", Payload: "1"}, {Channel: "new", Payload: "3"}} {
		if got := l.next(t); got != want {
			t.Errorf("received %v, want %v", got, want)
		}
	}
	if s := l.Stats(); s.Reconnects != 0 || !s.Connected || strings.Join(s.Channels, " ") != "new kept" {
		t.Errorf("Stats() = %+v, want the same connection and the new channels", s)
	}
}

func TestOtherConnectionIsMadeAtOnce(t *testing.T) {
	t.Parallel()
	cfg, _ := config(t, "jobs")
	l := listen(t, cfg)
	l.awaitReady(t)
	other, db := config(t, "jobs")
	l.Use(other)
	l.log.await(t, "listening to Postgres again", 1)
	db.Exec(t, "NOTIFY jobs, 'there'")
	if got := l.next(t).Payload; got != "there" {
		t.Errorf("received %q, want %q", got, "there")
	}
	if s := l.Stats(); s.Reconnects != 1 || s.LastError != "" {
		t.Errorf("Stats() = %+v, want one reconnect and no error", s)
	}
}

func TestSettingsThatFailAreMendedWithoutWaiting(t *testing.T) {
	t.Parallel()
	cfg, _ := config(t, "jobs")
	bad := cfg
	bad.Conninfo = "host=/nowhere dbname=x"
	l := listen(t, bad)
	l.log.await(t, "no connection to Postgres", 2)
	l.Use(cfg)
	l.awaitReady(t)
}

func TestPublisherTakesTheOtherConnection(t *testing.T) {
	t.Parallel()
	cfg, _ := config(t, "jobs")
	p := publisher(t, cfg)
	publish(t, p, "jobs", "to the first")
	other, _ := config(t, "jobs")
	l := listen(t, other)
	l.awaitReady(t)
	p.Use(other)
	publish(t, p, "jobs", "to the other")
	if got := l.next(t).Payload; got != "to the other" {
		t.Errorf("received %q, want %q", got, "to the other")
	}
}
