package pgnotify_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

const (
	saidLost   = "connection to Postgres lost; trying again"
	saidAbsent = "no connection to Postgres; trying again"
	saidAgain  = "listening to Postgres again; notifications sent in the gap were lost"
	saidAlive  = "connection to Postgres is alive"
	saidPooler = "a connection pooler stands before Postgres"
)

func TestChannelsOfAnyScriptAreHeard(t *testing.T) {
	t.Parallel()
	channels := []string{
		"plain", "MixedCase", "-dash-first", "with space", `with "quotes"`, "it's; DROP TABLE x --", "$1", "日本語", "🐘", "عربى",
		strings.Repeat("n", 63), strings.Repeat("é", 31),
	}
	cfg, _ := config(t, channels...)
	l := listen(t, cfg)
	l.awaitReady(t)
	p := publisher(t, cfg)
	for i, channel := range channels {
		publish(t, p, channel, strconv.Itoa(i))
		want := pgnotify.Notification{Channel: channel, Payload: strconv.Itoa(i)}
		if got := l.next(t); got != want {
			t.Errorf("received %+v, want %+v", got, want)
		}
	}
	stats := l.Stats()
	if !stats.Connected || stats.Since.IsZero() || stats.Received != uint64(len(channels)) || stats.Reconnects != 0 || stats.LastError != "" {
		t.Errorf("Stats() = %+v, want connected, %d received, nothing gone wrong", stats, len(channels))
	}
}

func TestOneTransactionArrivesWholeAndInOrder(t *testing.T) {
	t.Parallel()
	const count = 2000
	cfg, db := config(t, "burst")
	l := listen(t, cfg)
	l.awaitReady(t)
	db.Exec(t, fmt.Sprintf("SELECT count(pg_notify('burst', 'number ' || i)) FROM generate_series(1, %d) AS i", count))
	for i := 1; i <= count; i++ {
		if got, want := l.next(t).Payload, "number "+strconv.Itoa(i); got != want {
			t.Fatalf("notification %d has payload %q, want %q", i, got, want)
		}
	}
}

func TestNextNotificationWaitsForTheHandler(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "slow")
	cfg.MaxConnectionIdle = 20 * time.Millisecond // runs out while the handler is at work
	log := newLogbook()
	l := pgnotify.NewListener(cfg, log.logger())
	entered, leave := make(chan string), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- l.Run(ctx, func(_ context.Context, n pgnotify.Notification) {
			entered <- n.Payload
			<-leave
		})
	}()
	<-l.Ready()
	db.Exec(t, "NOTIFY slow, '1'; NOTIFY slow, '2'; NOTIFY slow, '3'")
	for _, want := range []string{"1", "2", "3"} {
		if got := <-entered; got != want {
			t.Errorf("handler got %q, want %q", got, want)
		}
		// The server answers while the handler is busy, and nothing else is handed on.
		db.Exec(t, "SELECT 1")
		select {
		case got := <-entered:
			t.Errorf("handler got %q while it was still busy", got)
		default:
		}
		leave <- struct{}{}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if text := log.String(); strings.Contains(text, "trying again") {
		t.Errorf("a busy handler cost the connection:\n%s", text)
	}
}

func TestListensAgainAfterItsBackendIsTerminated(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	l := listen(t, cfg)
	l.awaitReady(t)
	if n := db.Terminate(t, "dispatcherd"); n != 1 {
		t.Fatalf("%d backends terminated, want 1", n)
	}
	again := l.log.await(t, saidAgain, 1)
	db.Exec(t, "NOTIFY jobs, 'after'")
	if got := l.next(t).Payload; got != "after" {
		t.Errorf("received %q, want %q", got, "after")
	}
	lost := l.log.await(t, saidLost, 1)
	for _, want := range []string{"level=WARN", "attempt=1", "backoff=0s", "57P01"} {
		if !strings.Contains(lost, want) {
			t.Errorf("line of the loss lacks %s: %s", want, lost)
		}
	}
	for _, want := range []string{"level=WARN", "gap=", "attempts=1", "jobs"} {
		if !strings.Contains(again, want) {
			t.Errorf("line of the return lacks %s: %s", want, again)
		}
	}
	stats := l.Stats()
	if !stats.Connected || stats.Reconnects != 1 || stats.LastGap <= 0 || stats.LastGap > 5*time.Second || !strings.Contains(stats.LastError, "57P01") {
		t.Errorf("Stats() = %+v, want connected, 1 reconnect, a short gap and SQLSTATE 57P01", stats)
	}
	if stats.Outages != stats.LastGap {
		t.Errorf("outages of %v in all, want the one gap of %v", stats.Outages, stats.LastGap)
	}
}

func TestServerMayBeAbsentAtTheStartAndRestartLater(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t)
	cluster.Stop(t)
	l := listen(t, configFor(&cluster.Database, "jobs"))
	first := l.log.await(t, saidAbsent, 1)
	if !strings.Contains(first, "attempt=2") || !strings.Contains(first, "backoff=") {
		t.Errorf("line of the first failure lacks attempt=2 or backoff: %s", first)
	}
	if stats := l.Stats(); stats.Connected || stats.LastError == "" {
		t.Errorf("Stats() = %+v, want not connected, with an error", stats)
	} else if stats.Outages != 0 {
		t.Errorf("outages of %v before the first connection, want none", stats.Outages)
	}

	cluster.Start(t)
	l.awaitReady(t)
	cluster.Exec(t, "NOTIFY jobs, 'first'")
	if got := l.next(t).Payload; got != "first" {
		t.Errorf("received %q, want %q", got, "first")
	}
	if strings.Contains(l.log.String(), saidAgain) {
		t.Errorf("a late start was called a gap:\n%s", l.log)
	}

	cluster.Stop(t)
	l.log.await(t, saidLost, 1)
	if stats := l.Stats(); stats.Outages <= 0 || stats.LastGap != 0 {
		t.Errorf("outages of %v in all during the first, the last of %v, want that the present one counts", stats.Outages, stats.LastGap)
	}
	cluster.Start(t)
	l.log.await(t, saidAgain, 1)
	cluster.Exec(t, "NOTIFY jobs, 'second'")
	if got := l.next(t).Payload; got != "second" {
		t.Errorf("received %q, want %q", got, "second")
	}
}

func TestIdleConnectionIsChecked(t *testing.T) {
	t.Parallel()
	cfg, _ := config(t, "quiet")
	cfg.MaxConnectionIdle = 10 * time.Millisecond
	l := listen(t, cfg)
	l.log.await(t, saidAlive, 3)
	check := l.Stats().SelfCheck
	if check.Count < 3 || check.Max <= 0 || check.Average() <= 0 || check.Average() > check.Max {
		t.Errorf("SelfCheck = %+v, want at least 3 checks that took some time", check)
	}
	if stats := l.Stats(); stats.Reconnects != 0 {
		t.Errorf("Stats() = %+v, want no reconnect", stats)
	}
}

func TestChecksKeepTheirDistance(t *testing.T) {
	t.Parallel()
	cfg, _ := config(t, "quiet")
	cfg.MaxConnectionIdle = 30 * time.Millisecond
	start := time.Now()
	l := listen(t, cfg)
	l.log.await(t, saidAlive, 5)
	if took := time.Since(start); took < 5*cfg.MaxConnectionIdle {
		t.Errorf("5 checks within %v, want them at least %v apart", took, cfg.MaxConnectionIdle)
	}
}

func TestServerThatNoLongerAnswersIsLeft(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	cfg.MaxConnectionIdle = 50 * time.Millisecond
	l := listen(t, cfg)
	l.log.await(t, saidAlive, 1)
	freeze(t, db)
	l.log.await(t, saidAgain, 1)
	if gap := l.Stats().LastGap; gap < 2*time.Second || gap > 10*time.Second {
		t.Errorf("gap of %v, want the 2s of the check and what came before", gap)
	}
	db.Exec(t, "NOTIFY jobs, 'after'")
	if got := l.next(t).Payload; got != "after" {
		t.Errorf("received %q, want %q", got, "after")
	}
}

func TestPoolerInFrontIsNamed(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	cfg.Conninfo = poolerBefore(t, db)
	l := listen(t, cfg)
	l.log.await(t, saidPooler, 1)

	direct := listen(t, configFor(db, "jobs"))
	direct.awaitReady(t)
	direct.log.await(t, "listening to Postgres", 1)
	if strings.Contains(direct.log.String(), saidPooler) {
		t.Errorf("a direct connection was taken for a pooler's:\n%s", direct.log)
	}
}

func TestSettingsThatCannotBeReadEndRun(t *testing.T) {
	t.Parallel()
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = "host=localhost port=none"
	err := pgnotify.NewListener(cfg, newLogbook().logger()).Run(t.Context(), func(context.Context, pgnotify.Notification) {})
	if err == nil || !strings.Contains(err.Error(), "brokers.pg_notify.conninfo") {
		t.Errorf("Run = %v, want an error about brokers.pg_notify.conninfo", err)
	}
}
