package tests

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// promptly is the bound for what waits for nothing: far below every grace, and
// far above what it takes on a machine that is busy with other tests.
const promptly = 8 * time.Second

// tell sends the daemon a signal.
func (d *daemon) tell(sig syscall.Signal) {
	d.t.Helper()
	send(d.t, "the daemon", d.pid(), sig)
}

// hurry tells the daemon to end sooner. Signals that come close together are one,
// so it tells it until it obeys.
func (d *daemon) hurry(sig syscall.Signal) {
	d.t.Helper()
	before := d.log.count("told to hurry")
	waitFor(d.t, "the daemon to hurry", func() bool {
		if d.log.count("told to hurry") > before {
			return true
		}
		_ = d.cmd.Process.Signal(sig) // it may have ended by one that the log has not told of yet
		return false
	})
}

// wantStop waits for the end, which must be an orderly one, and checks that
// nothing is left.
func (d *daemon) wantStop() {
	d.t.Helper()
	if code := d.wait(); code != 0 {
		d.t.Errorf("dispatcherd ended with %v, want exit code 0; its log:\n%s", d.err, d.log)
	}
	d.waitLog("dispatcherd has stopped")
	d.leftNothing()
}

func TestStopOfAnIdleDaemonIsPrompt(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "", "min_workers = 2\nmax_workers = 2"))
			waitFor(t, "two idle workers", func() bool { return d.figure("pool", "ready") == 2 })
			began := time.Now()
			d.tell(sig)
			d.wantStop()
			took := time.Since(began)
			t.Logf("stopped after %v", took)
			if took > promptly {
				t.Errorf("an idle daemon took %v to stop", took)
			}
		})
	}
}

func TestStopDoesNotWaitForWorkersThatAreStarting(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, `env = { APP_SLOW_IMPORT = "600" }`, ""))
	d.forkServerBusy()
	began := time.Now()
	d.tell(syscall.SIGTERM)
	d.wantStop()
	if took := time.Since(began); took > promptly {
		t.Errorf("the stop took %v", took)
	}
}

// forkServerBusy waits until the fork server is there, without asking for workers.
func (d *daemon) forkServerBusy() {
	d.t.Helper()
	waitFor(d.t, "the fork server's import", func() bool {
		_, err := os.Stat(d.file("importing"))
		return err == nil
	})
}

func TestRunningTasksFinishWithinTheShutdownGrace(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2\nshutdown_grace = \"10m\""))
	first, second := d.hold("first"), d.hold("second")
	d.tell(syscall.SIGTERM)
	d.waitLog("dispatcherd stops")
	first.letGo()
	first.wantEnd(0, "outcome: succeeded", "result: let go")
	if n := d.figure("tasks", "ended", "succeeded"); n != 1 {
		t.Errorf("%d tasks count as succeeded, want 1", n)
	}
	second.letGo()
	second.wantEnd(0, "outcome: succeeded")
	d.wantStop()
	first.wantLines("began", "ended")
	second.wantLines("began", "ended")
}

func TestTaskThatOutlivesTheShutdownGraceIsCancelled(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "shutdown_grace = \"200ms\"\ncancel_grace = \"10m\""))
	h := d.hold("long")
	d.tell(syscall.SIGTERM)
	h.wantEnd(1, "outcome: abandoned", "the service is stopping")
	d.wantStop()
	h.wantLines("began")
}

func TestTaskThatIgnoresTheStopIsKilledAfterItsCancelGrace(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "shutdown_grace = \"100ms\"\ncancel_grace = \"500ms\""))
	h := d.deafen("deaf")
	worker := d.workerPIDs()[0]
	d.tell(syscall.SIGTERM)
	h.wantEnd(1, "outcome: abandoned", "the service is stopping", "killed by SIGKILL")
	d.wantStop()
	h.wantLines("began", "swallowed")
	if living(worker) {
		t.Errorf("worker %d lives on", worker)
	}
}

func TestSecondSignalCancelsAtOnceAndTheThirdKills(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2\nshutdown_grace = \"1h\"\ncancel_grace = \"1h\""))
	obeys, ignores := d.hold("obeys"), d.deafen("ignores")
	d.tell(syscall.SIGTERM)
	d.waitLog("dispatcherd stops")
	if !obeys.waits() || !ignores.waits() {
		t.Error("the first signal has ended a task")
	}
	d.hurry(syscall.SIGINT)
	obeys.wantEnd(1, "outcome: abandoned")
	waitFile(t, ignores.path, 2)
	if !ignores.waits() {
		t.Error("the second signal has killed a task")
	}
	d.hurry(syscall.SIGTERM)
	ignores.wantEnd(1, "outcome: abandoned", "killed by SIGKILL")
	d.wantStop()
	ignores.wantLines("began", "swallowed")
}

func TestWhatWaitsAtTheStopIsNamedInOneLine(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	running := d.hold("u-running")
	queued := d.submitHeld("u-queued")
	waitFor(t, "the queued task", func() bool { return d.figure("tasks", "queued") == 1 })
	for _, args := range [][]string{
		{"--uuid", "u-twin", "--on-duplicate", "serial"},
		{"--uuid", "u-blocked", "--on-duplicate", "serial"},
		{"--uuid", "u-delayed", "--delay", "600"},
	} {
		if a := d.ctl(append([]string{"run", "app.tasks.nothing"}, args...)...); a.code != 0 {
			t.Fatalf("run %q: %s", args, a.stderr)
		}
	}
	d.tell(syscall.SIGTERM)
	d.waitLog("dispatcherd stops")
	running.letGo()
	running.wantEnd(0, "outcome: succeeded")
	queued.wantEnd(1, "outcome: abandoned")
	d.wantStop()
	line := d.waitLog("tasks are abandoned")
	for _, want := range []string{
		"level=WARN", " count=4 ", "queued.count=2", "[u-queued u-twin]", "blocked.count=1", "[u-blocked]", "delayed.count=1", "[u-delayed]",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if strings.Contains(line, "u-running") || d.log.count("abandoned") != 1 {
		t.Errorf("the running task is named, or there is more than one line:\n%s", d.log)
	}
}

func TestDrainRefusesTasksAndStillAnswers(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "shutdown_grace = \"10m\""))
	before, err := net.Dial("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	h := d.hold("running")
	d.tell(syscall.SIGTERM)
	waitFor(t, "the drain", func() bool { return strings.Contains(d.ctl("status").stdout, "draining: true") })

	a := d.ctl("run", "app.tasks.nothing", "--uuid", "late")
	if a.code != 1 || !strings.Contains(a.stderr, "the service is stopping") || strings.Count(a.stderr, "\n") != 1 {
		t.Errorf("run during the drain: exit code %d, %q", a.code, a.stderr)
	}
	fmt.Fprintln(before, `{"task": "app.tasks.nothing", "uuid": "later"}`)
	if line := d.waitLog("message is dropped"); !strings.Contains(line, "the service is stopping") {
		t.Errorf("why the task was dropped is not said: %s", line)
	}
	if a := d.ctl("alive"); a.code != 0 {
		t.Errorf("alive during the drain: %s", a.stderr)
	}
	if a := d.ctl("running"); !strings.Contains(a.stdout, "uuid: running") {
		t.Errorf("running during the drain:\n%s%s", a.stdout, a.stderr)
	}
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	d.wantStop()
	if d.log.count("abandoned") > 0 {
		t.Errorf("a refused task counts as accepted:\n%s", d.log)
	}
}

func TestInterruptOfTheTerminalDoesNotReachTheWorkers(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	h := d.hold("task")
	if err := syscall.Kill(-d.pid(), syscall.SIGINT); err != nil { // as Ctrl-C does
		t.Fatal(err)
	}
	d.waitLog("dispatcherd stops")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	d.wantStop()
	h.wantLines("began", "ended")
	for _, bad := range []string{"KeyboardInterrupt", "supervisor was told to end"} {
		if d.log.count(bad) > 0 {
			t.Errorf("somebody else was interrupted:\n%s", d.log)
		}
	}
}

func TestStopInAHurryDoesNotWaitForAStoppedWorker(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	waitFor(t, "an idle worker", func() bool { return d.figure("pool", "ready") == 1 })
	worker := d.workerPIDs()[0]
	send(t, "the worker", worker, syscall.SIGSTOP)
	began := time.Now()
	d.tell(syscall.SIGTERM)
	d.waitLog("dispatcherd stops")
	d.hurry(syscall.SIGTERM)
	d.hurry(syscall.SIGTERM)
	d.wantStop()
	if took := time.Since(began); took > promptly {
		t.Errorf("the stop took %v", took)
	}
}

// A pipeline such as "dispatcherd 2>&1 | tee log": Ctrl-C ends tee first.
func TestStopIsOrderlyWhenNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d.stderr = writer
	d.run()
	writer.Close()
	waitFor(t, "the daemon", func() bool { return d.ctl("alive").code == 0 })
	h := d.hold("task")
	reader.Close()
	d.tell(syscall.SIGINT)
	waitFor(t, "the drain", func() bool { return strings.Contains(d.ctl("status").stdout, "draining: true") })
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	if code := d.wait(); code != 0 {
		t.Errorf("dispatcherd ended with %v, want exit code 0", d.err)
	}
	d.leftNothing()
}
