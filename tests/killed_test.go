package tests

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// grandchild starts a task that leaves a child in a session of its own and
// goes on, and returns the child.
func (d *daemon) grandchild(uuid string, more ...string) (*client, int) {
	d.t.Helper()
	path := d.file(uuid + ".child")
	args := []string{"run", "app.tasks.parent", "--uuid", uuid, "--wait", "--output", "yaml", "--arg", quoted(path)}
	c := d.background(append(args, more...)...)
	pid, err := strconv.Atoi(waitFile(d.t, path, 1)[0])
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // where the daemon cannot find it
	return c, pid
}

// waitIdle waits until a number of workers is ready, and returns their processes.
func (d *daemon) waitIdle(n int) []int {
	d.t.Helper()
	waitFor(d.t, strconv.Itoa(n)+" idle workers", func() bool { return d.figure("pool", "ready") == n })
	return d.workerPIDs()
}

// wantWork runs a task to its end.
func (d *daemon) wantWork() {
	d.t.Helper()
	if a := d.task("app.tasks.add", "--arg", "1", "--arg", "2"); a.code != 0 {
		d.t.Errorf("the next task ended with code %d:\n%s%s%s", a.code, a.stdout, a.stderr, d.log)
	}
}

func TestKilledForkServerIsReplacedAndItsWorkersLiveOn(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2"))
	h := d.hold("task")
	first := d.forkServer()
	kill(t, "the fork server", first)
	next := d.hold("next") // in a new worker
	if second := d.forkServer(); second == first {
		t.Errorf("the fork server is still process %d", first)
	}
	next.letGo()
	next.wantEnd(0, "outcome: succeeded")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

func TestKilledSupervisorIsReplacedAndItsTasksAreReported(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2"))
	c, child := d.grandchild("task")
	worker, supervisor, caged := d.busyWorker(), d.supervisor(), d.inCgroups()
	began := time.Now()
	send(t, "the supervisor", supervisor, syscall.SIGKILL)
	if a := d.ctl("alive"); a.code != 0 {
		t.Errorf("alive without a supervisor: %s", a.stderr)
	}
	c.wantEnd(1, "outcome: lost", "the supervisor ended")
	d.wantWork()
	t.Logf("the next task had ended %v after the kill", time.Since(began))
	waitGone(t, "the worker", worker)
	if caged {
		waitGone(t, "the grandchild", child)
	}
	if next := d.supervisor(); next == supervisor || d.figure("supervisor", "restarts") != 1 {
		t.Errorf("supervisor %d after %d, %d restarts, want another one and 1", next, supervisor, d.figure("supervisor", "restarts"))
	}
}

func TestSupervisorThatIsKilledAgainAndAgainIsReplacedEachTime(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	var seen []int
	for range 3 {
		pid := d.supervisor()
		if slices.Contains(seen, pid) {
			t.Fatalf("supervisor %d is back", pid)
		}
		seen = append(seen, pid)
		kill(t, "the supervisor", pid)
		d.wantWork()
	}
}

func TestStopRightAfterTheSupervisorWasKilledLeavesNothing(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	h := d.hold("task")
	send(t, "the supervisor", d.supervisor(), syscall.SIGKILL)
	d.tell(syscall.SIGTERM)
	h.wantEnd(1, "outcome: lost", "the supervisor ended")
	d.wantStop()
}

func TestSupervisorThatIsKilledDuringTheDrainDoesNotHoldItUp(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "shutdown_grace = \"10m\""))
	h := d.hold("task")
	worker, supervisor := d.busyWorker(), d.supervisor()
	d.tell(syscall.SIGTERM)
	d.waitLog("dispatcherd stops")
	if !h.waits() {
		t.Error("the task has ended already")
	}
	send(t, "the supervisor", supervisor, syscall.SIGKILL)
	h.wantEnd(1, "outcome: lost", "the supervisor ended")
	d.wantStop()
	waitGone(t, "the worker", worker)
}

func TestSupervisorThatIsToldToEndLetsTasksFinish(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "shutdown_grace = \"10m\""))
	h := d.hold("task")
	supervisor := d.supervisor()
	send(t, "the supervisor", supervisor, syscall.SIGTERM)
	d.waitLog("ending the workers")
	if a := d.ctl("alive"); a.code != 0 || !h.waits() {
		t.Errorf("the task has ended, or nobody answers: %s", a.stderr)
	}
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	waitGone(t, "the supervisor", supervisor)
	d.wantWork()
}

func TestKilledIdleWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	worker := d.waitIdle(1)[0]
	kill(t, "the worker", worker)
	d.wantWork()
	if pids := d.workerPIDs(); slices.Contains(pids, worker) {
		t.Errorf("worker %d is still listed: %v", worker, pids)
	}
}

func TestKilledBusyWorkerIsReportedWithTheSignal(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c, child := d.grandchild("task")
	caged := d.inCgroups()
	kill(t, "the worker", d.workerPIDs()[0])
	c.wantEnd(1, "outcome: killed", "killed by SIGKILL")
	if caged {
		waitGone(t, "the grandchild", child)
	}
	d.wantWork()
}

func TestStoppedWorkerIsKilledOnTimeout(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "cancel_grace = \"200ms\""))
	h := d.submitHeld("task", "--timeout", "2")
	waitFile(t, h.path, 1)
	worker := d.workerPIDs()[0]
	send(t, "the worker", worker, syscall.SIGSTOP)
	h.wantEnd(1, "outcome: timed_out", "killed by SIGKILL")
	waitGone(t, "the worker", worker)
	d.wantWork()
}

func TestTaskOfAKilledDaemonFinishesWithinTheGrace(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 2\nmax_workers = 2\nshutdown_grace = \"10m\""))
	h := d.hold("task")
	idle := d.waitIdle(1) // beside the busy one
	supervisor := d.supervisor()
	send(t, "the daemon", d.pid(), syscall.SIGKILL)
	d.waitLog("ending the workers")
	if !living(supervisor) || len(idle) != 2 {
		t.Fatalf("supervisor %d is not there to drain workers %v", supervisor, idle)
	}
	h.letGo()
	waitFile(t, h.path, 2)
	h.wantLines("began", "ended")
	d.wait() // for the supervisor as well: it has the same standard error
	waitGone(t, "the supervisor", supervisor)
	d.leftNothing()
}

func TestTaskOfAKilledDaemonIsEndedAfterTheGrace(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]struct {
		run     func(d *daemon) *held
		notes   []string
		verdict string
	}{
		"by a cancel": {func(d *daemon) *held { return d.hold("task") }, []string{"began"}, "ended after its task was cancelled"},
		"by a kill":   {func(d *daemon) *held { return d.deafen("task") }, []string{"began", "swallowed"}, "was killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "", "max_workers = 1\nshutdown_grace = \"100ms\"\ncancel_grace = \"500ms\""))
			h := begin.run(d)
			send(t, "the daemon", d.pid(), syscall.SIGKILL)
			d.wait()
			h.wantLines(begin.notes...)
			if line := d.waitLog("worker ended without its daemon"); !strings.Contains(line, begin.verdict) {
				t.Errorf("no %q in %s", begin.verdict, line)
			}
			d.leftNothing()
		})
	}
}

func TestWorkersWithoutDaemonAndSupervisorLeaveByThemselves(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2\nmin_workers = 2"))
	h := d.hold("task")
	d.waitIdle(1)
	busy := d.busyWorker()
	pids := d.workerPIDs()
	tree := d.tree()
	supervisor, forkServer := d.supervisor(), d.forkServer()
	d.killBoth(supervisor)
	waitGone(t, "the fork server", forkServer)
	for _, pid := range pids {
		if pid != busy {
			waitGone(t, "the idle worker", pid)
		}
	}
	if !living(busy) {
		t.Error("the busy worker has left its task")
	}
	h.letGo()
	waitGone(t, "the busy worker", busy)
	h.wantLines("began", "ended")

	next := d.again()
	next.wantWork()
	if _, err := os.Lstat(tree); tree != "" && err == nil {
		t.Errorf("cgroup %s of the dead daemon is still there", tree)
	}
	next.stop()
	next.leftNothing()
}

func TestDeadDaemonsBusyCgroupIsLeftAloneAndNamed(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	h := d.hold("task")
	tree, busy, supervisor := d.tree(), d.busyWorker(), d.supervisor()
	if tree == "" {
		t.Skip("no cgroup tree can be written to here")
	}
	d.killBoth(supervisor)
	next := d.again()
	next.wantWork()
	if line := next.waitLog("another daemon that is gone"); !strings.Contains(line, tree) || !living(busy) {
		t.Errorf("worker %d of the dead daemon has ended, or its cgroup %s is not named: %s", busy, tree, line)
	}
	h.letGo()
	waitGone(t, "the busy worker", busy)
	h.wantLines("began", "ended")
	next.stop()
	next.again().stop() // sweeps
	if _, err := os.Lstat(tree); err == nil {
		t.Errorf("cgroup %s of the dead daemon is still there", tree)
	}
}

// killBoth leaves the workers without anybody.
func (d *daemon) killBoth(supervisor int) {
	d.t.Helper()
	send(d.t, "the daemon", d.pid(), syscall.SIGSTOP) // so that it starts no other supervisor
	send(d.t, "the supervisor", supervisor, syscall.SIGKILL)
	send(d.t, "the daemon", d.pid(), syscall.SIGKILL)
	d.wait()
	d.orphan = true
}

// again starts another daemon in the same place as one that has ended.
func (d *daemon) again() *daemon {
	d.t.Helper()
	if _, err := os.Lstat(d.socket); d.cmd.ProcessState.Exited() == (err == nil) {
		d.t.Errorf("%v; is its socket there? %v", d.cmd.ProcessState, err)
	}
	next := &daemon{
		t: d.t, dir: d.dir, socket: d.socket, program: d.program, attr: d.attr, orphan: d.orphan,
		log: newLogBuffer(), done: make(chan struct{}),
	}
	next.run()
	next.waitLog("dispatcherd is running")
	d.t.Cleanup(next.stop)
	return next
}

// tree returns the directory of the daemon's cgroups, "" without any.
func (d *daemon) tree() string {
	d.t.Helper()
	supervisor, _ := d.ask("status")["supervisor"].(map[string]any)
	tree, _ := supervisor["tree"].(string)
	if tree != "" && filepath.Base(tree) != "dispatcherd-"+strconv.Itoa(d.pid()) {
		d.t.Fatalf("the cgroups of daemon %d are in %s", d.pid(), tree)
	}
	return tree
}

// busyWorker returns the process of the only worker that runs a task.
func (d *daemon) busyWorker() int {
	d.t.Helper()
	var busy []int
	for _, v := range d.ask("workers") {
		w, _ := v.(map[string]any)
		if pid, ok := w["pid"].(float64); ok && w["current_task"] != nil {
			busy = append(busy, int(pid))
		}
	}
	if len(busy) != 1 {
		d.t.Fatalf("processes %v are busy, want one", busy)
	}
	return busy[0]
}
