package tests

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// host is a daemon with a supervisor of its own, under a service manager.
type host struct {
	*daemon
	keeper *keeper
	bus    *bus
	unit   *os.File // the control socket
	notes  *manager // of the daemon
}

// newHost starts it.
func newHost(t *testing.T, worker, pool string, more ...string) *host {
	t.Helper()
	d := prepare(t, config(t, worker, pool, append([]string{ownSupervisor}, more...)...))
	h := &host{daemon: d, bus: newBus(d), unit: opened(t, "unix", d.socket)}
	h.keeper = d.keep()
	h.begin()
	t.Cleanup(func() { h.daemon.stop() })
	return h
}

// begin starts a daemon, for the first time or after another.
func (h *host) begin() {
	d := h.daemon
	d.t.Helper()
	h.daemon = &daemon{
		t: d.t, dir: d.dir, socket: d.socket, program: programs + "/dispatcherd", config: d.config, attr: d.attr,
		log: newLogBuffer(), done: make(chan struct{}),
	}
	var notify string
	h.notes, notify = h.manage()
	h.run(append(h.pass([]string{"control"}, h.unit), notify, h.bus.env)...)
	h.waitLog("dispatcherd is running")
	h.waitLog("connected to the supervisor")
}

// restart ends the daemon as "systemctl restart" does, and starts the next one.
func (h *host) restart() {
	h.t.Helper()
	h.bus.order("restart")
	began := time.Now()
	h.tell(syscall.SIGTERM)
	if code := h.daemon.wait(); code != 0 {
		h.t.Errorf("exit code %d, want 0; the log:\n%s", code, h.log)
	}
	if took := time.Since(began); took > 2*time.Second {
		h.t.Errorf("the daemon took %v to leave, want 2s at most", took)
	}
	h.waitLog("dispatcherd is restarted")
	h.bus.order("")
	h.begin()
}

// crash ends the daemon with -9 and starts the next one.
func (h *host) crash() {
	h.t.Helper()
	send(h.t, "the daemon", h.pid(), syscall.SIGKILL)
	h.daemon.wait()
	h.begin()
}

// runningUUIDs lists what the daemon says is running.
func (h *host) runningUUIDs() (uuids []string) {
	h.t.Helper()
	for _, v := range h.ask("running") {
		if m, ok := v.(map[string]any); ok {
			uuid, _ := m["uuid"].(string)
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// departures are the ways in which a daemon is followed by another one.
var departures = map[string]func(*host){"restart": (*host).restart, "kill -9": (*host).crash}

func TestRunningTaskGoesOnUnderTheNextDaemon(t *testing.T) {
	t.Parallel()
	for name, depart := range departures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, "", "max_workers = 2")
			c := h.hold("long", "--kwarg", "mebibytes=1")
			worker := h.busyWorker()
			depart(h)
			waitFor(t, "the task to be listed", func() bool { return slices.Equal(h.runningUUIDs(), []string{"long"}) })
			if text := fmt.Sprint(h.ask("running")); !strings.Contains(text, "app.tasks.hold") || !strings.Contains(text, "mebibytes:1") {
				t.Errorf("running does not show the whole message: %s", text)
			}
			if got := h.busyWorker(); got != worker || !living(worker) {
				t.Errorf("worker %d runs the task, want %d", got, worker)
			}
			if c.waits() {
				c.answer() // its connection went with the daemon
			}
			c.letGo()
			line := h.waitLog(`msg="task ended" part=dispatcher`)
			for _, want := range []string{"uuid=long", "outcome=succeeded", "task=app.tasks.hold", "level=INFO"} {
				if !strings.Contains(line, want) {
					t.Errorf("no %q in %s", want, line)
				}
			}
			waitGone(t, "the worker", worker) // it is given nothing new
			h.wantWork()
			c.wantLines("began", "ended")
		})
	}
}

func TestWorkersOfTheEarlierDaemonCount(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "min_workers = 2\nmax_workers = 2")
	first, second := h.hold("first"), h.hold("second")
	h.restart()
	next := h.submitHeld("next")
	waitFor(t, "the next task to be queued", func() bool { return h.figure("tasks", "queued") == 1 })
	waitFor(t, "two busy workers", func() bool { return h.figure("pool", "busy") == 2 })
	if n := len(h.workerPIDs()); n != 2 {
		t.Errorf("%d workers, want no more than 2", n)
	}
	h.notes.waitStatus("2 workers, 2 running, 1 queued")
	first.letGo()
	waitFile(t, next.path, 1)
	next.letGo()
	next.wantEnd(0, "outcome: succeeded")
	second.letGo()
	waitFor(t, "both to be logged", func() bool {
		return h.log.count("uuid=first task=app.tasks.hold outcome=succeeded") == 1 && h.log.count("uuid=second task=app.tasks.hold outcome=succeeded") == 1
	})
}

func TestIdleWorkersOfTheEarlierDaemonAreReplaced(t *testing.T) {
	t.Parallel()
	for name, depart := range departures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, "", "min_workers = 2\nmax_workers = 2")
			before := h.waitIdle(2)
			depart(h)
			for _, pid := range before {
				waitGone(t, "the idle worker", pid)
			}
			h.waitIdle(2)
			h.wantWork()
		})
	}
}

func TestOutputIsLoggedThroughARestart(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 1")
	path, gate := h.file("chat.log"), h.file("chat.gate")
	h.background("run", "app.tasks.chatter", "--uuid", "chat", "--arg", quoted(path), "--arg", quoted(gate))
	waitFile(t, path, 1)
	h.waitLog("chatter 20")
	logs := []*logBuffer{h.log, h.keeper.log}
	h.restart()
	logs = append(logs, h.log)
	h.waitLog("chatter")
	before := h.log
	h.crash()
	logs = append(logs, h.log)
	h.waitLog("chatter")
	write(t, gate, "", 0o600)
	h.waitLog(`msg="task ended" part=dispatcher`)
	numbered := regexp.MustCompile(`msg="chatter (\d+)"`)
	seen, most := map[int]bool{}, 0
	for _, log := range logs {
		for _, line := range log.all(`msg="chatter `) {
			if !strings.Contains(line, "uuid=chat") || !strings.Contains(line, "task=app.tasks.chatter") {
				t.Errorf("a line without its task: %s", line)
			}
			n, _ := strconv.Atoi(numbered.FindStringSubmatch(line)[1])
			seen[n] = true
			most = max(most, n)
		}
	}
	lost := 0
	for n := range most {
		if !seen[n] {
			lost++
		}
	}
	// A daemon that is killed has read some that it never logged; one that is restarted has not.
	if lost > 20 || before.count("chatter") == 0 {
		t.Errorf("%d of %d lines are lost", lost, most)
	}
	t.Logf("%d lines, of which %d were lost with the daemon that was killed", most, lost)
}

func TestTaskOfTheEarlierDaemonCanBeCancelledAndTimesOut(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 2")
	h.hold("cancelled")
	h.hold("late", "--timeout", "15")
	h.restart()
	waitFor(t, "both tasks to be listed", func() bool { return len(h.runningUUIDs()) == 2 })
	if a := h.ctl("cancel", "--uuid", "cancelled"); a.code != 0 {
		t.Errorf("cancel: %s", a.stderr)
	}
	h.waitLog("uuid=cancelled task=app.tasks.hold outcome=cancelled")
	h.waitLog(`uuid=late task=app.tasks.hold outcome=timed_out`)
}

func TestStopDrainsTheTasksOfAnEarlierDaemonToo(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 1\nshutdown_grace = \"10m\"")
	c := h.hold("task")
	h.restart()
	waitFor(t, "the task to be listed", func() bool { return len(h.runningUUIDs()) == 1 })
	h.bus.order("stop")
	h.tell(syscall.SIGTERM)
	h.waitLog("dispatcherd stops")
	c.letGo()
	h.waitLog("uuid=task task=app.tasks.hold outcome=succeeded")
	if code := h.daemon.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	h.keeper.manager.waitStatus("0 workers; no daemon; no control groups")
}

func TestWorkerThatDiesWithoutADaemonIsLoggedByItsTask(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 1")
	h.hold("task")
	worker := h.busyWorker()
	h.bus.order("restart")
	h.tell(syscall.SIGTERM)
	h.daemon.wait()
	kill(t, "the worker", worker)
	line := h.keeper.waitLog("worker ended without its daemon")
	if !strings.Contains(line, "uuid=task") || !strings.Contains(line, "killed by SIGKILL") {
		t.Errorf("the supervisor says %s", line)
	}
	h.begin()
	h.wantWork()
}

func TestTaskThatEndsWithoutADaemonIsLoggedByTheNextOne(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 1")
	c := h.hold("task")
	h.bus.order("restart")
	h.tell(syscall.SIGTERM)
	h.daemon.wait()
	c.letGo()
	waitFile(t, c.path, 2)
	h.begin()
	h.waitLog("uuid=task task=app.tasks.hold outcome=succeeded")
	h.wantWork()
}

func TestRequestThatTheKilledDaemonHadNotReadIsAnsweredByTheNextOne(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 1")
	path, gate := h.file("asked"), h.file("gate")
	h.ctl("run", "app.tasks.ask_at", "--uuid", "asks", "--arg", quoted(path), "--arg", quoted(gate))
	waitFile(t, path, 1)
	h.tell(syscall.SIGSTOP) // it reads no more
	write(t, gate, "", 0o600)
	waitFile(t, path, 2)
	h.crash()
	if said := waitFile(t, path, 3); said[2] != "{}" {
		t.Errorf("the task was answered %s", said[2])
	}
	h.waitLog("uuid=asks task=app.tasks.ask_at outcome=succeeded")
}

func TestClientsWaitThroughARestart(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "max_workers = 1")
	h.hold("task") // holds the restart up by nothing
	h.bus.order("restart")
	h.tell(syscall.SIGTERM)
	h.daemon.wait()
	var clients []*client
	for range 5 {
		clients = append(clients, h.background("alive"))
	}
	h.begin()
	for _, c := range clients {
		c.wantEnd(0)
	}
}

func TestRestartTakesTheProjectAsItIsNow(t *testing.T) {
	t.Parallel()
	for name, depart := range departures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, "version = 2\n[worker]\npythonpath = [\".\"]\npreload = [\"shop\"]\n[brokers.socket]\npath = \"d.sock\"\n"+ownSupervisor)
			shop := "from dispatcherd.publish import task\n@task()\ndef release():\n    return %q\n"
			write(t, d.file("shop.py"), fmt.Sprintf(shop, "first"), 0o600)
			h := &host{daemon: d, bus: newBus(d), unit: opened(t, "unix", d.socket)}
			h.keeper = d.keep()
			h.begin()
			t.Cleanup(func() { h.daemon.stop() })
			if a := h.task("shop.release"); !strings.Contains(a.stdout, "result: first") {
				t.Fatalf("the task ended so:\n%s%s", a.stdout, a.stderr)
			}
			write(t, d.file("shop.py"), fmt.Sprintf(shop, "the second one"), 0o600)
			depart(h)
			if a := h.task("shop.release"); !strings.Contains(a.stdout, "result: the second one") {
				t.Errorf("after the change the task ended so:\n%s%s", a.stdout, a.stderr)
			}
		})
	}
}

func TestWithoutAnAnswerFromTheBusItIsAStop(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(t *testing.T, d *daemon) string{
		"no bus": func(_ *testing.T, d *daemon) string { return d.file("no-bus") },
		"a bus that says nothing": func(t *testing.T, d *daemon) string {
			opened(t, "unix", d.file("mute"))
			return d.file("mute")
		},
		"a bus that hangs up": func(t *testing.T, d *daemon) string {
			l, err := net.Listen("unix", d.file("rude"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close() // at once
				}
			}()
			return d.file("rude")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, config(t, "", "shutdown_grace = \"10m\"", ownSupervisor))
			d.keep()
			_, notify := d.manage()
			d.run(notify, "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+address(t, d))
			t.Cleanup(d.stop)
			d.waitLog("dispatcherd is running")
			h := d.hold("task")
			d.tell(syscall.SIGTERM)
			d.waitLog("it is taken for a stop")
			d.waitLog("dispatcherd stops")
			h.letGo()
			h.wantEnd(0, "outcome: succeeded")
		})
	}
}
