package tests

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

// boundedConfig has one worker and a queue of so many tasks.
func boundedConfig(t *testing.T, db *postgres.Database, tasks int, onFull string) string {
	t.Helper()
	queue := fmt.Sprintf("[queue]\nmax_tasks = %d\non_full = %q\n", tasks, onFull)
	return config(t, "", "max_workers = 1\nshutdown_grace = \"0s\"", listening(db, "jobs"), queue, withMetrics)
}

// startBounded starts a daemon with one worker, which a task holds, and such a queue.
func startBounded(t *testing.T, tasks int, onFull string) (*daemon, *postgres.Database, *held) {
	t.Helper()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, boundedConfig(t, db, tasks, onFull))
	d.waitLog(lineListening)
	return d, db, d.hold("held")
}

// overflow sends so many tasks in one transaction; each notes its number.
func overflow(t *testing.T, d *daemon, db *postgres.Database, count int) {
	t.Helper()
	db.Exec(t, fmt.Sprintf(`SELECT count(pg_notify('jobs', json_build_object('task', 'app.tasks.mark', 'uuid', 'f' || n,
		'args', json_build_array('%s', n::text))::text)) FROM generate_series(1, %d) n`, d.file("marked"), count))
}

func TestFullQueueRejectsAFloodAndAnswersControl(t *testing.T) {
	t.Parallel()
	const count, room = 5000, 20
	d, db, held := startBounded(t, room, "reject")
	overflow(t, d, db, count)
	waitFor(t, "the flood to be taken in", func() bool { return d.figure("tasks", "accepted") == 1+count })
	if n := d.figure("queue", "rejected"); n != count-room {
		t.Errorf("%d tasks are rejected, want %d", n, count-room)
	}
	c := d.connect()
	c.send(`{"control": "run", "reply_to": "x", "control_data": {"task": "app.tasks.nothing", "uuid": "asked"}}`)
	c.expect("the queue is full")
	if a := d.ctl("history", "--outcome", "rejected", "--limit", "1"); a.code != 0 || !strings.Contains(a.stdout, "asked") {
		t.Errorf("history ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	if a := d.ctl("status", "-o", "table"); !strings.Contains(a.stdout, "20 of 20 tasks") || !strings.Contains(a.stdout, "FULL: TASKS ARE REJECTED") {
		t.Errorf("status does not say that the queue is full:\n%s", a.stdout)
	}
	page := d.metrics()
	for name, want := range map[string]float64{
		"dispatcherd_queue_full": 1, "dispatcherd_queue_tasks": room, "dispatcherd_queue_paused": 0,
		metricEnded("rejected"): count - room + 1,
	} {
		if got, ok := page[name]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
		}
	}
	held.letGo()
	waitFile(t, d.file("marked"), room)
	d.waitLog("the queue has room again")
	d.task("app.tasks.nothing")
	if n := d.log.count("the queue is full; tasks are rejected"); n != 1 {
		t.Errorf("%d lines say that the queue is full, want 1", n)
	}
}

func TestPausedFloodIsKeptInPostgresWhileControlIsAnswered(t *testing.T) {
	t.Parallel()
	const count, room = 3000, 10
	d, db, held := startBounded(t, room, "pause")
	overflow(t, d, db, count)
	d.waitLog("the queue is full; tasks wait with their senders")
	d.connect().alive()
	if running := d.ask("running"); !strings.Contains(fmt.Sprint(running), "held") {
		t.Errorf("running during the flood = %v, want the task that runs", running)
	}
	if n := d.figure("tasks", "accepted"); n != 1+room { // control was answered before the flood was taken in
		t.Errorf("%d tasks are accepted, want %d", n, 1+room)
	}
	if a := d.ctl("status", "-o", "table"); !strings.Contains(a.stdout, "FULL: READING IS PAUSED") {
		t.Errorf("status does not say that the reading is paused:\n%s", a.stdout)
	}
	if n := d.metrics()["dispatcherd_queue_paused"]; n != 1 {
		t.Errorf("dispatcherd_queue_paused is %v, want 1", n)
	}
	line := d.connect()
	line.send(`{"task": "app.tasks.mark", "uuid": "line", "args": [` + quoted(d.file("marked")) + `, "line"]}`)
	held.letGo()
	lines := waitFile(t, d.file("marked"), count+1)
	slices.Sort(lines)
	if n := len(slices.Compact(lines)); n != count+1 {
		t.Errorf("%d different tasks have run, want %d", n, count+1)
	}
	if n := d.figure("queue", "rejected"); n != 0 {
		t.Errorf("%d tasks were rejected, want none", n)
	}
	line.alive()
}

func TestPausedSendersHoldUpNoStop(t *testing.T) {
	t.Parallel()
	d, db, _ := startBounded(t, 1, "pause")
	d.connect().send(`{"task": "app.tasks.nothing", "uuid": "a"}`, `{"task": "app.tasks.nothing", "uuid": "b"}`)
	overflow(t, d, db, 10)
	d.waitLog("the queue is full; tasks wait with their senders")
	send(t, "the daemon", d.pid(), syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	for _, text := range []string{"did not end in time", "goroutine "} {
		if n := d.log.count(text); n > 0 {
			t.Errorf("%d lines of the stop with %q:\n%s", n, text, d.log)
		}
	}
}

func TestReloadChangesTheBoundsOfAQueueThatIsPaused(t *testing.T) {
	t.Parallel()
	d, db, held := startBounded(t, 5, "pause")
	overflow(t, d, db, 50)
	d.waitLog("the queue is full; tasks wait with their senders")
	d.rewrite(boundedConfig(t, db, 0, "pause"))
	d.wantReload("queue.max_tasks")
	waitFor(t, "all tasks to be taken in", func() bool { return d.figure("tasks", "accepted") == 51 })
	held.letGo()
	waitFile(t, d.file("marked"), 50)
}
