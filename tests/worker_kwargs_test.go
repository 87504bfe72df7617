package tests

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorkerClassGetsTheConfiguredArguments(t *testing.T) {
	t.Parallel()
	dir, write := workshop(t)
	seen := filepath.Join(dir, "seen")
	write(fmt.Sprintf(`
from dispatcherd.worker.task import TaskWorker

class Worker(TaskWorker):
    def __init__(self, *, retries, idle_timeout, worker_id, message_queue, finished_queue):
        super().__init__(worker_id, message_queue, finished_queue, idle_timeout=idle_timeout)
        with open(%q, "a") as f:
            f.write("%%r %%r\n" %% (retries, idle_timeout))
`, seen))
	d := start(t, config(t, fmt.Sprintf(`class = "workshop.Worker"
kwargs = { retries = 3, idle_timeout = 0.5, task_signal_handling = "all", password = "hunter2" }
env = { PYTHONPATH = %q }`, dir), "max_workers = 1"))
	if lines := waitFile(t, seen, 1); lines[0] != "3 0.5" {
		t.Errorf("the class was constructed with %q, want %q", lines[0], "3 0.5")
	}
	told := d.waitLog("the worker class takes no argument")
	if !strings.Contains(told, "password: left out") {
		t.Errorf("logged %q, want the key that is left out", told)
	}
	d.task("app.tasks.nothing")
	if log := d.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, "task_signal_handling") {
		t.Errorf("the log tells a value, or of an argument that is always accepted:\n%s", log)
	}
}
