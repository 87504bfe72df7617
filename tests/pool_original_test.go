package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The tests of this file are scenarios of the original's own tests of its pool, with
// its library as the publisher.

// waitCounters waits until the pool has counted so many tasks as finished and as
// canceled, in the words of the original's main command, and nothing is active.
func (d *daemon) waitCounters(finished, canceled float64) {
	d.t.Helper()
	var pool map[string]any
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(bound); time.Now().Before(end); <-tick.C {
		pool, _ = d.ask("main")["pool"].(map[string]any)
		if pool["active_task_ct"] == 0.0 && pool["finished_count"] == finished && pool["canceled_count"] == canceled {
			return
		}
	}
	d.t.Fatalf("the pool counts %v, want %v finished and %v canceled", pool, finished, canceled)
}

func TestFifteenQueuedTasksAllRun(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	path := d.file("marks")
	overPostgres(t, db, "jobs").run(t, `
for n in range(15):
    submit_task(tasks.mark, args=[args[0], str(n)])
`, path)
	lines := waitFile(t, path, 15)
	for n, line := range lines { // in the order of their coming
		if line != fmt.Sprint(n) {
			t.Fatalf("the tasks ran in the order %v", lines)
		}
	}
	d.waitCounters(15, 0)
}

func TestSixTasksReachSixWorkers(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "min_workers = 1\nmax_workers = 6", "jobs")
	path := d.file("naps")
	overPostgres(t, db, "jobs").run(t, `
for _ in range(6):
    submit_task(tasks.nap, args=[600, args[0]])
`, path)
	waitFile(t, path, 6)
	pool, _ := d.ask("main")["pool"].(map[string]any)
	if pool["worker_ct"] != 6.0 || pool["running_ct"] != 6.0 {
		t.Errorf("the pool counts %v, want 6 workers that run 6 tasks", pool)
	}
	d.ctl("cancel", "--all")
	d.waitCounters(0, 6)
}

func TestFiveDifferentTimeoutsAllCancel(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "min_workers = 1\nmax_workers = 6", "jobs")
	began := time.Now()
	overPostgres(t, db, "jobs").run(t, `
for n in range(5):
    submit_task(tasks.nap, args=[600], timeout=0.1 * (n + 1), uuid="timed-%d" % n)
`)
	for n := range 5 {
		if line := d.ended(fmt.Sprintf("timed-%d", n)); !strings.Contains(line, `outcome=timed_out`) {
			t.Errorf("a task with a timeout ended so: %s", line)
		}
	}
	d.waitCounters(0, 5)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the timeouts took %v", took)
	}
}

func TestTimedAndUntimedTasksMix(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "min_workers = 6\nmax_workers = 6", "jobs")
	overPostgres(t, db, "jobs").run(t, `
for n in range(3):
    submit_task(tasks.nap, args=[600], timeout=0.2)
    submit_task(tasks.nap, args=[0.5], timeout=0)
`)
	d.waitCounters(3, 3)
}

func TestTimeoutBeginsWithTheHandOver(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1", "jobs")
	h := d.hold("first")
	// It waits longer than its timeout before it has a worker.
	overPostgres(t, db, "jobs").run(t, `submit_task(tasks.nap, args=[0], timeout=0.5, uuid="second")`)
	waitFor(t, "a task to be queued", func() bool { return d.figure("tasks", "queued") == 1 })
	waitFor(t, "its timeout to be over", func() bool {
		status := d.ask("status")["tasks"].(map[string]any)
		waited, _ := status["oldest_queued_seconds"].(float64)
		return waited > 0.6
	})
	h.letGo()
	if line := d.ended("second"); !strings.Contains(line, "outcome=succeeded") {
		t.Errorf("a task that waited longer than its timeout ended so: %s", line)
	}
}

func TestRetiringBusyWorkerFinishesAndTheNextTaskGetsANewOne(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 1\nworker_max_lifetime = \"100ms\""))
	h := d.hold("task")
	old := d.busyWorker()
	age := func() float64 {
		for _, v := range d.ask("workers") {
			if w, ok := v.(map[string]any); ok && w["pid"] == float64(old) && w["current_task"] != nil {
				return w["age"].(float64)
			}
		}
		t.Fatal("the busy worker is not listed")
		return 0
	}
	ready := age() // it is; its lifetime began before this, and after its creation
	waitFor(t, "the worker to be past its age", func() bool { return age() > ready+0.1 })
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	next := d.hold("next")
	if pid := d.busyWorker(); pid == old {
		t.Errorf("the next task runs in the worker %d that was too old", pid)
	}
	waitFor(t, "the old worker to be retired", func() bool { return d.endedWorkers()[old]["status"] == "retired" })
	next.letGo()
	next.wantEnd(0, "outcome: succeeded")
	if n := d.figure("main", "pool", "retirement_count"); n < 1 {
		t.Errorf("%d workers count as retired, want 1 at least", n)
	}
}

func TestCancelledWorkerShowsActiveCancel(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 1\ncancel_grace = \"2s\"", "jobs")
	o := d.brokers(db, "jobs")[1]
	h := d.deafen("deaf")
	o.control(t, "cancel", map[string]any{"uuid": "deaf"})
	w, _ := o.control(t, "workers", nil)["worker-0"].(map[string]any)
	for key, want := range map[string]any{"active_cancel": true, "status": "ready", "current_task": "app.tasks.deaf", "current_task_uuid": "deaf"} {
		if w[key] != want {
			t.Errorf("%s of a worker whose task was cancelled is %v, want %v", key, w[key], want)
		}
	}
	h.wantEnd(1, "outcome: cancelled")
	d.waitCounters(0, 1)
	d.wantOutcome(t, "succeeded", "", "app.tasks.nap", "--arg", "0")
	for _, v := range d.ask("workers") {
		if w, ok := v.(map[string]any); ok && w["status"] == "ready" && w["active_cancel"] != false {
			t.Errorf("active_cancel of a worker that has worked since is %v, want false", w["active_cancel"])
		}
	}
}
