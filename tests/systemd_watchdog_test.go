package tests

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// stickableDaemon builds the program whose loop a signal sticks.
func stickableDaemon(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/dispatcherd"
	out, err := exec.Command("go", "build", "-tags", "dispatcherd_stick", "-o", path, "../cmd/dispatcherd").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// watched is what a service manager with a watchdog of 3 s says.
const watched = "WATCHDOG_USEC=3000000"

func TestWatchdogIsFedByARoundTripOnly(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "max_workers = 1"))
	d.program = stickableDaemon(t)
	m, notify := d.manage()
	d.run(notify, watched)
	m.wait("READY=1")
	h := d.hold("task")
	m.wait("WATCHDOG=1")
	supervisor := d.supervisor()
	d.tell(syscall.SIGUSR2)
	d.waitLog("the dispatcher's loop is stuck")
	d.waitLogs("a loop does not answer; the watchdog is not fed", 1)
	fed := m.heard.count("WATCHDOG=1")
	d.waitLogs("a loop does not answer; the watchdog is not fed", 3) // as long as its patience
	if n := m.heard.count("WATCHDOG=1"); n != fed {
		t.Errorf("a stuck loop has fed the watchdog %d times", n-fed)
	}

	d.tell(syscall.SIGABRT) // which is what systemd does then
	h.letGo()
	waitGone(t, "the daemon", d.pid())
	waitGone(t, "the supervisor", supervisor)
	d.wait()
	log := d.log.String()
	for _, want := range []string{"SIGABRT: abort", "(*Daemon).stickable", "workers.(*Pool).Run", "dispatch.(*Dispatcher).Run"} {
		if !strings.Contains(log, want) {
			t.Errorf("the stacks do not show %q:\n%s", want, log)
		}
	}
	h.wantLines("began", "ended")
	next := &daemon{
		t: t, dir: d.dir, socket: d.socket, program: d.program, config: d.config, attr: d.attr,
		log: newLogBuffer(), done: make(chan struct{}), orphan: true,
	}
	next.run()
	next.waitLog("dispatcherd is running")
	next.wantWork()
	next.stop()
	next.leftNothing()
}

func TestWatchdogIsFedWhileNothingCanRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ worker, section string }{
		"no supervisor": {"", ownSupervisor},
		"no python":     {`python = "/nonexistent/python"`, ""},
		"a long start":  {`env = { APP_SLOW_IMPORT = "600" }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, config(t, tt.worker, "", tt.section))
			m, notify := d.manage()
			d.run(notify, "WATCHDOG_USEC=300000")
			t.Cleanup(d.stop)
			waitFor(t, "the watchdog to be fed for longer than its patience", func() bool { return m.heard.count("WATCHDOG=1") > 10 })
			if d.log.count("does not answer") > 0 {
				t.Errorf("a loop has not answered:\n%s", d.log)
			}
		})
	}
}

func TestWatchdogIsFedThroughADrain(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "shutdown_grace = \"10m\""))
	m, notify := d.manage()
	d.run(notify, "WATCHDOG_USEC=600000")
	t.Cleanup(d.stop)
	m.wait("READY=1")
	h := d.hold("task")
	d.tell(syscall.SIGTERM)
	m.wait("STOPPING=1")
	fed := m.heard.count("WATCHDOG=1")
	waitFor(t, "the watchdog to be fed", func() bool { return m.heard.count("WATCHDOG=1") > fed+10 })
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

func TestWatchdogThatMakesNoSenseIsNamed(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	_, notify := d.manage()
	d.run(notify, "WATCHDOG_USEC=soon")
	t.Cleanup(d.stop)
	d.waitLog("the watchdog is not fed")
	d.wantWork()
}
