package tests

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests of this file and of acceptance_service_test.go are those of the original's
// own tests that have no twin elsewhere; docs/compatibility.md lists all.

// began runs a task that notes in a file that it began, and waits for that.
func (d *daemon) began(task, uuid string) *held {
	d.t.Helper()
	path := d.file(uuid + ".log")
	h := &held{d.background("run", task, "--uuid", uuid, "--wait", "--output", "yaml", "--arg", quoted(path)), path, ""}
	waitFile(d.t, path, 1)
	return h
}

func TestIdleWorkerThatIsTerminatedLeavesInOrder(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "idle_timeout = \"100ms\"", "max_workers = 1"))
			worker := d.waitIdle(1)[0]
			send(t, "the worker", worker, sig)
			var w map[string]any
			waitFor(t, "the worker to have ended", func() bool {
				w = d.endedWorkers()[worker]
				return w != nil
			})
			want := map[syscall.Signal]string{syscall.SIGTERM: "signal SIGTERM; exit code 0", syscall.SIGINT: "signal SIGINT; exit code 0"}[sig]
			if w["status"] != "retired" || w["exit"] != want {
				t.Errorf("the worker is shown as %v, want retired after %s", w, want)
			}
			d.waitCounters(0, 0)
			d.wantWork()
		})
	}
}

func TestTaskThatIsTerminatedTakesItsWorkerAlong(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	h := d.hold("task")
	worker := d.busyWorker()
	send(t, "the worker", worker, syscall.SIGTERM)
	h.wantEnd(1, "outcome: killed", "killed by SIGTERM")
	if w := d.endedWorkers()[worker]; w["status"] != "error" {
		t.Errorf("the worker is shown as %v, want an error", w)
	}
	d.waitCounters(0, 1)
	began := time.Now()
	d.stop()
	t.Logf("stopped after %v", time.Since(began))
	if took := time.Since(began); took > promptly {
		t.Errorf("the stop took %v", took)
	}
}

func TestCancelDoesNotCallTheTasksOwnHandler(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	h := d.began("app.bad.own_handler", "task")
	d.ctl("cancel", "--uuid", "task")
	h.wantEnd(1, "outcome: cancelled")
	h.wantLines("began")
	d.waitCounters(0, 1)
}

func TestHandlerOfATaskMayEndItsWorkerInOrder(t *testing.T) {
	t.Parallel()
	eachLibrary(t, "", "max_workers = 1", func(t *testing.T, d *daemon, _ original) {
		h := d.began("app.jobs.last_on_interrupt", "task")
		worker := d.busyWorker()
		send(t, "the worker", worker, syscall.SIGINT)
		h.wantEnd(0, "outcome: succeeded", "result: interrupted")
		waitFor(t, "the worker to be retired", func() bool { return d.endedWorkers()[worker]["status"] == "retired" })
		if exit := fmt.Sprint(d.endedWorkers()[worker]["exit"]); !strings.Contains(exit, "DispatcherExit") {
			t.Errorf("the worker left for %q, want because of DispatcherExit", exit)
		}
		d.wantWork()
	})
}
