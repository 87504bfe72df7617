package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/systemd"
	"dispatcherd/workers"
)

func TestWhenTheServiceCountsAsStarted(t *testing.T) {
	t.Parallel()
	up := workers.Stats{Ready: 1, Busy: 1}
	failing := workers.Stats{Starting: 2, Failures: 3}
	for _, tt := range []struct {
		name  string
		ready string
		c     condition
		after time.Duration
		want  bool
	}{
		{"all is there", systemd.ReadyWorking, condition{pool: up, postgres: "connected"}, 0, true},
		{"no postgres configured", systemd.ReadyWorking, condition{pool: up}, 0, true},
		{"postgres is waited for", systemd.ReadyWorking, condition{pool: up, postgres: "away"}, postgresPatience - 1, false},
		{"but not for ever", systemd.ReadyWorking, condition{pool: up, postgres: "away"}, postgresPatience, true},
		{"a worker is missing", systemd.ReadyWorking, condition{pool: workers.Stats{Ready: 1, Starting: 1}}, time.Hour, false},
		{"workers fail", systemd.ReadyWorking, condition{pool: failing}, postgresPatience - 1, false},
		{"and go on to", systemd.ReadyWorking, condition{pool: failing}, postgresPatience, true},
		{"no supervisor", systemd.ReadyWorking, condition{alone: true}, postgresPatience, true},
		{"workers of an earlier daemon leave", systemd.ReadyWorking, condition{pool: workers.Stats{Ready: 1, Stopping: 1}}, 0, true},
		{"sockets are enough", systemd.ReadySocket, condition{postgres: "away", alone: true}, 0, true},
	} {
		r := &reporter{ready: tt.ready, minimum: 2}
		if got := r.started(tt.c, tt.after); got != tt.want {
			t.Errorf("%s: started after %v is %v, want %v", tt.name, tt.after, got, tt.want)
		}
	}
}

func TestStatusIsALineForAPerson(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    condition
		want string
	}{
		{condition{pool: workers.Stats{Ready: 2, Busy: 2}, tasks: dispatch.Stats{Running: 2}, postgres: "connected"},
			"4 workers, 2 running, 0 queued; postgres: connected"},
		{condition{pool: workers.Stats{Starting: 1}, tasks: dispatch.Stats{Queued: 7}}, "1 worker, 0 running, 7 queued"},
		{condition{pool: workers.Stats{Ready: 2}, tasks: dispatch.Stats{Queued: 9, Queue: dispatch.Queue{Full: true, Paused: true}}, postgres: "connected"},
			"2 workers, 0 running, 9 queued; QUEUE FULL: reading is paused, and control requests behind tasks wait; postgres: connected"},
		{condition{pool: workers.Stats{Ready: 2}, tasks: dispatch.Stats{Queued: 9, Queue: dispatch.Queue{Full: true, Pressed: true}}},
			"2 workers, 0 running, 9 queued; QUEUE FULL: tasks are rejected, for Postgres holds too many"},
		{condition{pool: workers.Stats{Ready: 2}, tasks: dispatch.Stats{Queued: 9, Queue: dispatch.Queue{Full: true}}},
			"2 workers, 0 running, 9 queued; QUEUE FULL: tasks are rejected"},
		{condition{alone: true, postgres: "away"}, "0 workers, 0 running, 0 queued; postgres: away; no supervisor"},
		{condition{pool: workers.Stats{Starting: 2, Failures: 1, LastError: "no python"}},
			"2 workers, 0 running, 0 queued; no worker could be started: no python"},
		{condition{pool: workers.Stats{Ready: 2, CrashLoop: true, LastError: "exit code 1"}},
			"2 workers, 0 running, 0 queued; workers fail: exit code 1"},
		{condition{pool: workers.Stats{Ready: 2}, refused: "d.toml:2: x: unknown key"},
			"2 workers, 0 running, 0 queued; not reloaded: d.toml:2: x: unknown key"},
	} {
		if got := tt.c.String(); got != tt.want {
			t.Errorf("the status is %q, want %q", got, tt.want)
		}
	}
}

// stuckLoop answers until it is stuck.
type stuckLoop struct{ stuck, ended bool }

func (l *stuckLoop) Ping(ctx context.Context) error {
	switch {
	case l.ended:
		return dispatch.ErrEnded
	case l.stuck:
		<-ctx.Done()
		return errors.New("no answer")
	}
	return nil
}

func TestStuckLoopIsNoRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, other := &stuckLoop{}, &stuckLoop{}
		w := &watchdog{period: time.Second, loops: []loop{one, other}, log: quiet()}
		if err := w.round(t.Context()); err != nil {
			t.Errorf("two loops that answer: %v", err)
		}
		one.ended = true
		if err := w.round(t.Context()); err != nil {
			t.Errorf("one that has ended: %v", err)
		}
		other.stuck = true
		began := time.Now()
		if err := w.round(t.Context()); err == nil || time.Since(began) != w.period {
			t.Errorf("a stuck loop: %v after %v, want an error after %v", err, time.Since(began), w.period)
		}
	})
}
