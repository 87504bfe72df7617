package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// endedWorkers returns the listed workers that have ended, by pid.
func (d *daemon) endedWorkers() map[int]map[string]any {
	d.t.Helper()
	found := map[int]map[string]any{}
	for _, v := range d.ask("workers") {
		w, _ := v.(map[string]any)
		if pid, ok := w["pid"].(float64); ok && w["exit"] != nil {
			found[int(pid)] = w
		}
	}
	return found
}

func TestKilledWorkerIsListedAsAnErrorForAWhile(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\nworker_removal_wait = \"2s\""))
	h := d.hold("task")
	worker := d.busyWorker()
	killed := time.Now()
	kill(t, "the worker", worker)
	h.wantEnd(1, "outcome: killed", "killed by SIGKILL")
	w := d.endedWorkers()[worker]
	for key, want := range map[string]any{
		"status": "error", "exit": "killed by SIGKILL", "current_task": nil, "current_task_uuid": nil,
		"active_cancel": false, "finished_count": 0.0, "worker_id": 0.0,
	} {
		if w[key] != want {
			t.Errorf("%s of a killed worker is %v, want %v", key, w[key], want)
		}
	}
	waitFor(t, "the killed worker to be forgotten", func() bool { return len(d.endedWorkers()) == 0 })
	if after := time.Since(killed); after < 2*time.Second {
		t.Errorf("the killed worker was forgotten after %v, want 2s", after)
	}
}

func TestEndedWorkerCountsForNothing(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1")) // so that it would fill the pool
	for n := 1; n <= 3; n++ {
		// The same task as the one that died under the last worker: no duplicate of it.
		h := d.submitHeld("task", "--on-duplicate", "discard")
		waitFile(t, h.path, n)
		if listed := d.endedWorkers(); len(listed) != n-1 {
			t.Errorf("%d ended workers are listed, want %d", len(listed), n-1)
		}
		if running := keys(t, d.ask("running")); len(running) != 2 {
			t.Errorf("running shows %v, want one task and node_id", running)
		}
		kill(t, "the worker", d.busyWorker())
		h.wantEnd(1, "outcome: killed")
		if running := keys(t, d.ask("running")); len(running) != 1 {
			t.Errorf("running shows %v, want nothing but node_id", running)
		}
	}
	pool, _ := d.ask("main")["pool"].(map[string]any)
	for key, want := range map[string]any{"canceled_count": 3.0, "finished_count": 0.0, "next_worker_id": 4.0, "running_ct": 0.0, "worker_ct": 1.0} {
		if pool[key] != want {
			t.Errorf("%s is %v, want %v", key, pool[key], want)
		}
	}
}

func TestRetiredWorkersAreListedAsRetired(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 1\nmax_workers = 3\nscaledown_wait = \"200ms\""))
	var all []*held
	for i := range 3 {
		all = append(all, d.hold(fmt.Sprintf("task-%d", i)))
	}
	for _, h := range all {
		h.letGo()
		h.wantEnd(0, "outcome: succeeded")
	}
	waitFor(t, "two retired workers", func() bool {
		retired := 0
		for _, w := range d.endedWorkers() {
			if w["status"] == "retired" && w["exit"] == "stop requested; exit code 0" && w["finished_count"] == 1.0 {
				retired++
			}
		}
		return retired == 2
	})
	table := d.ctl("workers", "--output", "table").stdout
	if strings.Count(table, "retired") != 2 || !strings.Contains(table, "EXIT\n") || strings.Count(table, "stop requested; exit code 0") != 2 {
		t.Errorf("the table is\n%s", table)
	}
	if sum := d.ctl("status", "--output", "table").stdout; !strings.Contains(sum, "1: 1 ready; ended lately: 2 retired") {
		t.Errorf("status is\n%s", sum)
	}
}
