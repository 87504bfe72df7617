package tests

import (
	"strings"
	"testing"
	"time"
)

// killedAfter is how a task's end is told whose worker had to be killed.
const killedAfter = "; killed by SIGKILL"

func TestTaskThatSwallowsItsTimeoutIsKilledAfterTheGrace(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\ncancel_grace = \"500ms\"", withMetrics))
	path := d.file("deaf")
	began := time.Now()
	d.wantOutcome(t, "timed_out", "timed out after 300ms"+killedAfter, "app.tasks.deaf", "--arg", quoted(path), "--timeout", "0.3")
	if took := time.Since(began); took < 800*time.Millisecond {
		t.Errorf("it was killed after %v, before its grace was over", took)
	}
	if lines := waitFile(t, path, 2); lines[1] != "swallowed" {
		t.Errorf("the task has noted %q, want that it swallowed a cancel", lines)
	}
	if line := d.waitLog("worker is killed"); !strings.Contains(line, "task=app.tasks.deaf") || !strings.Contains(line, "did not end in its grace") {
		t.Errorf("logged %q, want whose worker is killed, and why", line)
	}
	if got := d.metrics(); got[metricEnded("timed_out")] != 1 || got["dispatcherd_worker_kills_total"] != 1 {
		t.Errorf("%s is %v, kills are %v, want 1 and 1", metricEnded("timed_out"), got[metricEnded("timed_out")], got["dispatcherd_worker_kills_total"])
	}
}

func TestTaskThatSwallowsACancelIsKilledAfterTheGrace(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\ncancel_grace = \"200ms\""))
	h := d.deafen("deaf")
	d.ctl("cancel", "--uuid", "deaf")
	h.wantEnd(1, "outcome: cancelled", "cancelled"+killedAfter)
	h.wantLines("began", "swallowed")
	d.wantOutcome(t, "succeeded", "result: rested", "app.tasks.nap", "--arg", "0")
}

func TestTaskThatHearsNoDoorbellIsKilledAfterTheGrace(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\ncancel_grace = \"200ms\""))
	for _, task := range []string{"app.bad.block_doorbell", "app.bad.ignore_doorbell"} {
		t.Run(task, func(t *testing.T) {
			d.wantOutcome(t, "timed_out", "timed out after 100ms"+killedAfter, task,
				"--arg", quoted(d.file(task)), "--arg", "60", "--timeout", "0.1")
		})
	}
}

func TestTaskAfterOneThatBlockedTheDoorbellCanBeCancelled(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\ncancel_grace = \"30s\""))
	for _, task := range []string{"app.bad.block_doorbell", "app.bad.ignore_doorbell"} {
		t.Run(task, func(t *testing.T) {
			before := d.task("app.tasks.whoami").stdout
			d.wantOutcome(t, "succeeded", "", task, "--arg", quoted(d.file(task)), "--arg", "0")
			began := time.Now()
			d.wantOutcome(t, "timed_out", "timed out after 100ms", "app.tasks.nap", "--arg", "60", "--timeout", "0.1")
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the cancel took %v: it was not heard", took)
			}
			if after := d.task("app.tasks.whoami").stdout; pidIn(t, before) != pidIn(t, after) {
				t.Error("the worker did not survive")
			}
		})
	}
}

// pidIn is the pid in the answer of app.tasks.whoami.
func pidIn(t *testing.T, answer string) string {
	t.Helper()
	_, rest, ok := strings.Cut(answer, "pid: ")
	if !ok {
		t.Fatalf("no pid in\n%s", answer)
	}
	pid, _, _ := strings.Cut(rest, "\n")
	return pid
}

func TestStopEndsTasksThatHearNothing(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 3\nmax_workers = 3\nshutdown_grace = \"300ms\"\ncancel_grace = \"300ms\""))
	deaf := d.deafen("deaf")
	var waiting []*client
	for _, task := range []string{"app.bad.block_doorbell", "app.bad.ignore_doorbell"} {
		path := d.file(task)
		waiting = append(waiting, d.background("run", task, "--arg", quoted(path), "--arg", "60", "--wait", "--output", "yaml"))
		waitFile(t, path, 1)
	}
	d.stop()
	for _, c := range append(waiting, deaf.client) {
		c.wantEnd(1, "outcome: abandoned", "the service is stopping"+killedAfter)
	}
	deaf.wantLines("began", "swallowed")
	if got := d.log.count("worker is killed"); got != 3 {
		t.Errorf("%d workers were killed, want 3", got)
	}
}
