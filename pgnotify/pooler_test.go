package pgnotify_test

import (
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

const saidTransactionMode = "leads to a connection pooler in transaction mode, where LISTEN is forgotten after its statement"

func TestPoolerInTransactionModeIsNamedAsTheMistake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, mode, size string }{
		{"transactions", "transaction", "20"},
		{"transactions of a pool of one", "transaction", "1"},
		{"statements", "statement", "20"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, db := config(t, "jobs")
			cfg.Conninfo = postgres.StartPooler(t, postgres.Shared(t), tt.mode, "default_pool_size = "+tt.size).ConnInfo(db)
			l := listen(t, cfg)
			line := l.log.await(t, saidTransactionMode, 2) // and tried again
			if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "use a pool in session mode, or Postgres itself") {
				t.Errorf("logged %s, want what to do", line)
			}
			if s := l.Stats(); s.Connected || !strings.Contains(s.LastError, saidTransactionMode) {
				t.Errorf("Stats() = %+v, want that it is not connected and why", s)
			}
		})
	}
}

func TestPoolerInTransactionModeServesToPublish(t *testing.T) {
	t.Parallel()
	cfg, db := config(t, "jobs")
	l := listen(t, cfg)
	l.awaitReady(t)
	cfg.Conninfo = postgres.StartPooler(t, postgres.Shared(t), "transaction").ConnInfo(db)
	first, second := publisher(t, cfg), publisher(t, cfg)
	for _, payload := range []string{"one", "two", "three"} { // in turns: both are lent one session
		publish(t, first, "jobs", payload)
		publish(t, second, "jobs", payload+"!")
		if a, b := l.next(t).Payload, l.next(t).Payload; a != payload || b != payload+"!" {
			t.Errorf("received %q and %q, want %q twice", a, b, payload)
		}
	}
}

func TestPoolerInSessionModeServesToListen(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"20", "1"} {
		t.Run("pool of "+size, func(t *testing.T) {
			t.Parallel()
			cfg, db := config(t, "jobs", "other")
			cfg.MaxConnectionIdle = 20 * time.Millisecond
			cfg.Conninfo = postgres.StartPooler(t, postgres.Shared(t), "session", "default_pool_size = "+size).ConnInfo(db)
			l := listen(t, cfg)
			l.awaitReady(t)
			l.log.await(t, saidPooler, 1)
			l.log.await(t, saidAlive, 3)
			db.Exec(t, "NOTIFY jobs, 'one'; NOTIFY other, 'two'")
			if a, b := l.next(t).Payload, l.next(t).Payload; a != "one" || b != "two" {
				t.Errorf("received %q and %q", a, b)
			}
			if s := l.Stats(); !s.Connected || s.Reconnects != 0 {
				t.Errorf("Stats() = %+v, want one connection that lasts", s)
			}
		})
	}
}
