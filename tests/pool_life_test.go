package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// worker is what the workers command tells of one.
func (d *daemon) worker(id int) map[string]any {
	d.t.Helper()
	w, _ := d.ask("workers")[fmt.Sprintf("worker-%d", id)].(map[string]any)
	return w
}

// waitStatus waits until the worker has a status and returns all that is told of it.
func (d *daemon) waitStatus(id int, status string) (w map[string]any) {
	d.t.Helper()
	waitFor(d.t, fmt.Sprintf("worker %d to be %s", id, status), func() bool {
		w = d.worker(id)
		return w["status"] == status
	})
	return w
}

func TestStatusFollowsTheLifeOfAWorker(t *testing.T) {
	t.Parallel()
	dir, write := workshop(t)
	write(fmt.Sprintf(`
import os
import time
from dispatcherd.worker.task import TaskWorker

def wait_for(name):
    while not os.path.exists(os.path.join(%q, name)):
        time.sleep(0.02)

class Worker(TaskWorker):
    def on_start(self):
        wait_for("start")

    def on_shutdown(self):
        wait_for("shutdown")
`, dir))
	allow := func(what string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, what), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	worker := fmt.Sprintf("class = \"workshop.Worker\"\nenv = { PYTHONPATH = %q }", dir)
	d := start(t, config(t, worker, "min_workers = 1\nmax_workers = 2\nscaledown_wait = \"200ms\""))
	if pid, _ := d.waitStatus(0, "starting")["pid"].(float64); !living(int(pid)) {
		t.Errorf("a worker that is starting has the process %v", pid)
	}
	allow("start")
	if w := d.waitStatus(0, "ready"); w["current_task"] != nil {
		t.Errorf("an idle worker is shown as %v", w)
	}
	first, second := d.hold("first"), d.hold("second")
	for id, w := range []map[string]any{d.worker(0), d.worker(1)} {
		if w["status"] != "ready" || w["current_task"] != "app.tasks.hold" {
			t.Errorf("busy worker %d is shown as %v", id, w)
		}
	}
	first.letGo()
	first.wantEnd(0, "outcome: succeeded")
	if w := d.waitStatus(0, "stopping"); w["finished_count"] != 1.0 || w["exit"] != nil {
		t.Errorf("a worker that leaves is shown as %v", w)
	}
	allow("shutdown")
	d.waitStatus(0, "retired")
	second.letGo()
	second.wantEnd(0, "outcome: succeeded")
}

func TestDaemonAnswersWhileWorkersAreBeingStarted(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, `env = { APP_SLOW_IMPORT = "600" }`, ""))
	d.forkServerBusy()
	d.connect().alive()
	if w := d.waitStatus(0, "spawned"); w["pid"] != nil {
		t.Errorf("a worker without a process is shown as %v", w)
	}
}
