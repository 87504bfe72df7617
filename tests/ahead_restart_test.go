package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A task that ends the daemon is the last of which the daemon knows that it has begun: what a worker
// runs after it had been handed ahead.

var queuedAgain = regexp.MustCompile(`had not begun is queued again.* uuid=(\S+)`)

// requeued are the tasks that the daemon has queued again, which its predecessor had handed ahead.
func (h *host) requeued() (uuids []string) {
	h.t.Helper()
	for _, line := range h.log.all("had not begun is queued again") {
		uuids = append(uuids, queuedAgain.FindStringSubmatch(line)[1])
	}
	return uuids
}

// wantWhole checks that the daemon has lost nothing that it could have, and no worker.
func (h *host) wantWhole() {
	h.t.Helper()
	for _, bad := range []string{"is lost", "is not followed", "runs is not known", "cannot be taken over", "this is a bug", "what is no frame", "broke the protocol"} {
		for _, line := range h.log.all(bad) {
			h.t.Errorf("the log has %q: %s", bad, line)
		}
	}
}

// killedFromInside sends a flood in whose middle a task ends the daemon, and returns when it has ended.
// The task goes on at once, or when the file gate is there. It is the last'th of its flood.
func (h *host) killedFromInside(gate string) (f *flood, last int) {
	h.t.Helper()
	f = h.floods()
	f.path = h.file(fmt.Sprintf("effects-%d", h.pid()))
	messages := f.quick(100)
	messages = append(messages, f.one("end_daemon", f.path, h.pid(), gate))
	held := h.file(fmt.Sprintf("held-%d", h.pid()))
	c := h.connect()
	c.send(fmt.Sprintf(`{"task": "app.tasks.hold", "args": [%q, %q]}`, held+".log", held))
	c.send(append(messages, f.quick(100)...)...)
	c.alive()
	write(h.t, held, "", 0o600) // now that all of them wait
	h.daemon.wait()
	return f, 100
}

func TestQuickTasksThatWereHandedAheadGoOnWithoutTheDaemon(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "min_workers = 1\nmax_workers = 1")
	beyond := 0
	for round := 0; round < 2 || beyond == 0 && round < 8; round++ { // the last tasks before it may have been slow
		h.waitIdle(1)
		f, last := h.killedFromInside("")
		h.begin()
		h.wantWork() // behind what the worker was handed by the daemon before
		again := h.requeued()
		ran := f.lines()
		if len(ran) <= last {
			t.Fatalf("%d tasks ran, want more than %d", len(ran), last)
		}
		f.wantPrefix(len(ran) - 1)
		for _, uuid := range again {
			if !slices.Contains(ran, uuid) {
				t.Errorf("%s was queued again, and has not run", uuid)
			}
		}
		beyond += len(ran) - last - 1 - len(again)
		h.wantWhole()
	}
	if beyond == 0 {
		t.Error("no worker ever ran anything without its daemon: nothing was handed ahead")
	}
}

func TestQuickTasksThatWereHandedAheadAndHadNotBegunAreQueuedAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "min_workers = 1\nmax_workers = 1")
	total := 0
	for round := 0; round < 2 || total == 0 && round < 8; round++ { // the last tasks before it may have been slow
		h.waitIdle(1)
		gate := h.file(fmt.Sprintf("gate-%d", round))
		f, last := h.killedFromInside(gate)
		h.begin()
		h.waitLog("a task of an earlier daemon is running")
		again := h.requeued()
		f.wantPrefix(last)
		write(t, gate, "", 0o600)
		h.wantWork() // behind them
		if want := f.uuid[last+1 : last+1+len(again)]; !slices.Equal(again, want) {
			t.Errorf("queued again were %v, want those behind the one that ran: %v", again, want)
		}
		f.wantPrefix(last + len(again))
		total += len(again)
		h.wantWhole()
	}
	if total == 0 {
		t.Error("no task was ever queued again: nothing was handed ahead")
	}
}

func TestNothingIsHandedAheadWhereThatIsTurnedOff(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "min_workers = 1\nmax_workers = 1\nhand_ahead = 0")
	h.waitIdle(1)
	f, last := h.killedFromInside("")
	h.begin()
	h.wantWork()
	f.wantPrefix(last)
	if again := h.requeued(); len(again) > 0 {
		t.Errorf("queued again were %v, want none", again)
	}
	h.wantWhole()
}

func TestQuickTasksRunOnceAtMostHoweverOftenTheDaemonIsKilled(t *testing.T) {
	t.Parallel()
	h := newHost(t, "", "min_workers = 3\nmax_workers = 3")
	f := h.floods()
	var again []string
	for range 3 {
		h.waitIdle(3)
		c := h.connect()
		c.send(f.quick(400)...)
		waitFile(t, f.path, len(f.lines())+50)
		h.crash()
		h.wantWork()
		again = append(again, h.requeued()...)
		h.wantWhole()
	}
	waitFor(t, "everything to end", func() bool { return h.figure("tasks", "running")+h.figure("tasks", "queued") == 0 })
	ran := f.ran()
	for uuid, times := range ran {
		if times != 1 {
			t.Errorf("%s ran %d times, want once", uuid, times)
		}
	}
	for _, uuid := range again {
		if ran[uuid] != 1 {
			t.Errorf("%s was queued again and ran %d times, want once", uuid, ran[uuid])
		}
	}
	t.Logf("%d of %d tasks ran, %d were queued again: %s", len(ran), len(f.uuid), len(again), strings.Join(again, " "))
}
