package tests

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReserveOfWorkersIsKeptAndTheRestLeavesAtOnce(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 6\nscaledown_wait = \"500ms\"\nscaledown_reserve = 2"))
	var all []*held
	for i := range 6 {
		all = append(all, d.hold(fmt.Sprintf("task-%d", i)))
	}
	for _, h := range all[1:] {
		h.letGo()
		h.wantEnd(0, "outcome: succeeded")
	}
	waitFor(t, "three workers", func() bool { return len(d.workerProcesses()) == 3 })
	pool, _ := d.ask("main")["pool"].(map[string]any)
	usage, _ := pool["usage"].(map[string]any)
	near, _ := usage["near_worker_ct"].(map[string]any)
	if pool["worker_ct"] != 3.0 || pool["active_task_ct"] != 1.0 || usage["count"] != 6.0 || near["1"] != "blocked" {
		t.Errorf("main tells %v, want 3 workers, 1 task, and that 6 workers were needed once", pool)
	}
	for n, least := range map[string]float64{"2": 0, "3": 0, "4": 0.5, "5": 0.5} { // the latter have left
		if since, ok := near[n].(float64); !ok || since < least {
			t.Errorf("%s workers were last needed %v seconds ago, want %v at least", n, near[n], least)
		}
	}
	all[0].letGo()
	all[0].wantEnd(0, "outcome: succeeded")
	waitFor(t, "two workers", func() bool { return len(d.workerProcesses()) == 2 })
}

func TestStopWithoutShutdownGraceCancelsAtOnce(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 4\nshutdown_grace = \"0s\"\ncancel_grace = \"10m\""))
	var all []*held
	for i := range 3 {
		all = append(all, d.hold(fmt.Sprintf("task-%d", i)))
	}
	queued := d.submitHeld("delayed", "--delay", "600")
	waitFor(t, "the delayed task", func() bool { return d.figure("tasks", "delayed") == 1 })
	began := time.Now()
	d.tell(syscall.SIGTERM)
	for _, h := range all {
		h.wantEnd(1, "outcome: abandoned", "the service is stopping")
		h.wantLines("began")
	}
	queued.wantEnd(1, "outcome: abandoned")
	d.wantStop()
	if took := time.Since(began); took > 5*time.Second { // what the original's own tests allow
		t.Errorf("the stop took %v", took)
	}
}

func TestTasksThatKillTheirWorkersAreNoCrashLoop(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 2"))
	const tasks = 20
	for range tasks {
		if a := d.ctl("run", "app.tasks.leave", "--arg", "1"); a.code != 0 {
			t.Fatal(a.stderr)
		}
	}
	waitFor(t, "the end of all tasks", func() bool { return d.figure("tasks", "ended", "exited") == tasks })
	d.wantWork()
	d.waitCounters(1, tasks)
	pool, _ := d.ask("status")["pool"].(map[string]any)
	if pool["crash_loop"] != false || pool["failed_starts"] != 0.0 {
		t.Errorf("the pool tells %v, want no crash loop and no failed start", pool)
	}
	if strings.Contains(d.log.String(), "next_try_in") {
		t.Errorf("a start was held back:\n%s", d.log)
	}
}
