package tests

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// reportLeftovers lets what a task leaves behind live.
const reportLeftovers = "leftover_processes = \"report\""

// leaveChild runs a task that leaves a child behind which ignores SIGTERM, and
// returns the child's pid; it lives.
func (d *daemon) leaveChild(t *testing.T, ownSession bool) int {
	t.Helper()
	path := d.file("child-" + strconv.FormatBool(ownSession))
	if a := d.task("app.bad.leave_child", "--arg", quoted(path), "--arg", strconv.FormatBool(ownSession)); a.code != 0 {
		t.Fatalf("the task ended with\n%s%s", a.stdout, a.stderr)
	}
	pid, err := strconv.Atoi(waitFile(t, path, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	if !living(pid) {
		t.Fatalf("the child (process %d) did not outlive its task", pid)
	}
	return pid
}

func TestChildThatATaskMayLeaveLivesAsLongAsTheWorker(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, reportLeftovers, "max_workers = 1"))
	var children []int
	for _, ownSession := range []bool{false, true} {
		if ownSession && !d.inCgroups() {
			t.Log("no cgroups: a child that makes a session of its own gets away, which is not tried")
			break
		}
		children = append(children, d.leaveChild(t, ownSession))
	}
	d.wantOutcome(t, "exited", "exit code 7", "app.tasks.leave", "--arg", "7")
	for _, pid := range children {
		waitGone(t, "the child that was left behind", pid)
	}
}

func TestChildThatATaskLeavesEndsWithTheService(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, reportLeftovers, "max_workers = 1"))
	d.waitLog("connected to the supervisor") // before, nobody knows whether there are cgroups
	pid := d.leaveChild(t, d.inCgroups())
	d.stop()
	if living(pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Errorf("the child (process %d) has outlived the service", pid)
	}
}

func TestTaskThatComesBackTwiceEndsOnce(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.wantOutcome(t, "succeeded", "result: parent", "app.bad.fork_and_return")
	d.stop()
	if lines := d.log.all("task=app.bad.fork_and_return outcome="); len(lines) != 1 {
		t.Errorf("the task has ended %d times: %q", len(lines), lines)
	}
	if log := d.log.String(); strings.Contains(log, "broke the protocol") || strings.Contains(log, "Traceback") {
		t.Errorf("the child was heard:\n%s", log)
	}
}
