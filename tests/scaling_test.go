package tests

import (
	"fmt"
	"strings"
	"testing"
)

func TestPoolShrinksToItsMinimum(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 4\nscaledown_wait = \"300ms\""))
	var all []*held
	for i := range 4 {
		all = append(all, d.hold(fmt.Sprintf("task-%d", i)))
	}
	if n := len(d.workerProcesses()); n != 4 {
		t.Errorf("%d worker processes for 4 tasks", n)
	}
	for _, h := range all {
		h.letGo()
		h.wantEnd(0, "outcome: succeeded")
	}
	waitFor(t, "one worker process", func() bool { return len(d.workerProcesses()) == 1 })
	left := d.waitIdle(1)
	d.wantWork()
	if now := d.workerProcesses(); len(now) != 1 || now[0] != left[0] {
		t.Errorf("processes %v are left, want %v", now, left)
	}
}

func TestPoolWithoutMinimumShrinksToNothingAndGrowsAgain(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 0\nmax_workers = 1\nscaledown_wait = \"100ms\""))
	for range 2 {
		d.wantWork()
		waitFor(t, "the end of the last worker", func() bool { return len(d.workerProcesses()) == 0 })
	}
}

func TestWorkerIsReplacedAtItsMaxLifetimeOnceItIsIdle(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 2\nmax_workers = 2\nworker_max_lifetime = \"400ms\""))
	h := d.hold("task")
	busy := d.busyWorker()
	seen := map[int]bool{}
	waitFor(t, "idle workers that are replaced twice", func() bool {
		for _, pid := range d.workerProcesses() {
			seen[pid] = true
		}
		return len(seen) >= 4 // the busy one, and three beside it
	})
	if d.busyWorker() != busy {
		t.Error("the busy worker was replaced")
	}
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	waitGone(t, "the worker that has become idle", busy)
	if n := d.figure("main", "pool", "retirement_count"); n < 3 {
		t.Errorf("%d workers count as retired, want 3 at least", n)
	}
	d.stop()
	for _, line := range d.log.all("part=pool") {
		if !strings.Contains(line, "level=DEBUG") {
			t.Errorf("a replacement is worth a line in the log: %s", line)
		}
	}
}

func TestMaxWorkersIsNeverExceeded(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 3\nscaledown_wait = \"50ms\"\nworker_max_lifetime = \"200ms\""))
	var first []*held
	for i := range 3 {
		first = append(first, d.hold(fmt.Sprintf("task-%d", i)))
	}
	if n := len(d.workerProcesses()); n != 3 {
		t.Errorf("%d worker processes for 3 tasks", n)
	}
	const tasks = 30
	for i := range tasks {
		task := []string{"run", "app.tasks.nap", "--arg", "0.05"}
		if i%3 == 0 {
			task = []string{"run", "app.tasks.leave", "--arg", "1"} // its process
		}
		if a := d.ctl(task...); a.code != 0 {
			t.Fatalf("%q: %s", task, a.stderr)
		}
	}
	for _, h := range first {
		h.letGo()
	}
	waitFor(t, "the end of all tasks", func() bool {
		if now := d.workerProcesses(); len(now) > 3 {
			t.Fatalf("there are %d workers at once: %v", len(now), now)
		}
		ended := d.ask("status")["tasks"].(map[string]any)["ended"].(map[string]any)
		return ended["exited"] == float64(tasks/3) && ended["succeeded"] == float64(tasks-tasks/3+len(first))
	})
}

// workerProcesses lists the children of the supervisor that are workers: all but
// the fork server, which is the oldest.
func (d *daemon) workerProcesses() (pids []int) {
	d.t.Helper()
	for _, p := range children(d.supervisor()) {
		if strings.Contains(p.command, "boot.py") {
			pids = append(pids, p.pid)
		}
	}
	if len(pids) == 0 {
		d.t.Fatal("there is no fork server")
	}
	return pids[1:]
}
