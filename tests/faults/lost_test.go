package faults

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"dispatcherd/tests/stand"
)

// unpolled keeps the original from looking after its workers by itself: what it does, it does because
// of an event.
const unpolled = ", scaledown_interval: 3600, worker_removal_wait: 3600"

// ran are the uuids of the tasks that have noted that they ran.
func (b *bed) ran() string { return strings.Join(b.lines("ran"), " ") }

// What Postgres hands over together with a request is lost when the original answers that.
func TestInteropFault01ReplyDropsTheRestOfTheBatch(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.notify(body{"control": "alive", "reply_to": stand.ReplyChannel}, mark("1"), mark("2"), mark("3"), mark("4"), mark("5"))
		b.reply()
		b.notify(mark("later"))
		b.waitFor("the task that was sent later", func() bool { return strings.Contains(b.ran(), "later") })
		return b.ran()
	}, "later", "1 2 3 4 5 later")
}

// What is published while the connection to Postgres is away is gone, and the original does not say that
// there was such a time.
func TestInteropFault02NobodyIsToldOfTheGapOfAConnection(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.cut()
		b.waitLog(1, "recycle event received", `msg="connection to Postgres lost`)
		b.notify(mark("meanwhile"))
		b.mend()
		b.waitListening(2)
		b.notify(mark("later"))
		b.waitLines("ran", 1)
		told := "and nobody is told"
		for _, line := range b.logged("sent in the gap were lost") {
			if strings.Contains(line, " gap=") && strings.Contains(line, " channels=") {
				told = "and the log tells how long and where"
			}
		}
		return b.ran() + ", " + told
	}, "later, and nobody is told", "later, and the log tells how long and where")
}

// The original waits for a second before it connects again, whatever has happened.
func TestInteropFault02ConnectionStaysAwayForASecond(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		began := time.Now()
		b.cut()
		b.mend()
		b.waitListening(2)
		if b.original() {
			return fmt.Sprintf("it takes a second: %v", time.Since(began) >= time.Second)
		}
		return fmt.Sprintf("%d try at once", len(b.logged("connection to Postgres lost; trying again\" part=postgres attempt=1 backoff=0s")))
	}, "it takes a second: true", "1 try at once")
}

// A worker that has died idle looks ready to the original until it looks by itself, every 15 s if not
// told otherwise. It is given a task, which is lost.
func TestInteropFault03DeadIdleWorkerIsGivenATask(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 1" + unpolled}, func(b *bed) string {
		b.killWorker(b.workers("ready")[0])
		b.tell(mark("1"))
		if b.original() {
			b.tell(mark("2")) // it must wait, so that the pool is looked at, and found to lack a worker
			b.waitLog(1, "died unexpectedly", "")
			b.tell(mark("3")) // so must this one, so that there is a new worker
			b.waitLines("ran", 2)
		} else {
			b.waitLines("ran", 1)
		}
		return b.ran()
	}, "2 3", "1")
}

// killWorker kills a worker and waits until its process has ended.
func (b *bed) killWorker(w worker) {
	b.t.Helper()
	if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
	b.waitFor(fmt.Sprintf("the end of process %d", w.PID), func() bool {
		return syscall.Kill(w.PID, 0) != nil || b.zombie(w.PID)
	})
}

// zombie says whether a process has ended and was not waited for.
func (b *bed) zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil && strings.Contains(string(stat), ") Z ")
}

// The task of a worker that has died is shown as running for worker_removal_wait, 30 s if not told
// otherwise, and so long keeps its equals from running.
func TestInteropFault04TaskOfADeadWorkerIsAGhost(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 1" + unpolled}, func(b *bed) string {
		b.tell(hold("dead"))
		b.waitLines("dead", 1)
		b.killWorker(b.workers()[0])
		if b.original() {
			b.tell(mark("1"))
			b.waitLog(1, "died unexpectedly", "")
			b.tell(mark("2")) // the pool is looked at again
			b.waitLines("ran", 2)
			b.leftAfter("2")
		} else {
			b.leftAfter("dead")
		}
		b.touch("dead.gate")
		b.tell(hold("dead", body{"uuid": "equal", "on_duplicate": "discard"}))
		left := b.leftAfter("equal")
		return fmt.Sprintf("%q is running, and %q has been written", left, strings.Join(b.lines("dead"), " "))
	}, `"worker:dead" is running, and "began" has been written`, `"" is running, and "began began ended" has been written`)
}

// A list with something in it that cannot be pickled is never sent by the original's worker, which thus
// stays busy for ever.
func TestInteropFault05ResultThatCannotBePickledOccupiesTheWorker(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(body{"task": "lambda: [lambda: 5]", "uuid": "odd"})
		b.waitLog(1, "pickle", "uuid=odd") // ours says how it has ended
		b.tell(mark("next"))
		if !b.original() {
			b.waitLines("ran", 1)
			return b.leftAfter("next")
		}
		b.ask("cancel", body{"uuid": "odd"}) // to no avail
		return b.running()
	}, "queued:next worker:odd", "")
}

// A worker that is to stop before it is ready is ready in the original once it says so, and is given a
// task that it does not take any more.
func TestInteropFault06StoppedWorkerBecomesReadyAgain(t *testing.T) {
	s := settings{pool: "min_workers: 1, max_workers: 3, scaledown_wait: 0" + unpolled, worker: "worker_cls: app.gated.Gated"}
	both(t, s, func(b *bed) string {
		b.touch("on_start-2.closed")
		b.touch("on_shutdown-2.closed")
		b.tell(hold("a"), hold("b"))
		b.waitLines("b", 1) // there are two workers
		b.tell(mark("c"))
		b.waitLines("hooks", 1) // and a third one, which starts
		b.touch("a.gate")
		b.waitLines("ran", 1)
		b.touch("b.gate")
		b.waitLines("b", 2)
		b.waitFor("rest", func() bool { return b.running() == "" })
		if !b.original() {
			b.open("on_start-2.closed")
			b.tell(mark("d")) // the one that is ready now may be one too many
			b.waitLines("ran", 2)
			b.open("on_shutdown-2.closed")
			return b.ran() + ", " + b.leftAfter("d")
		}
		b.tell(body{"task": "app.gated.last"}) // a worker leaves: the pool is looked at, and has one too many
		b.waitWorker(2, "stopping", func(w worker) bool { return w.Status == "stopping" })
		b.open("on_start-2.closed")
		b.waitWorker(2, "ready", func(w worker) bool { return w.Status == "ready" })
		b.tell(mark("d"))
		b.waitLines("hooks", 2) // it has taken the order to stop
		b.open("on_shutdown-2.closed")
		b.waitWorker(2, "gone", func(w worker) bool { return w.Status != "ready" })
		return b.ran() + ", " + b.running()
	}, "c, worker:d", "c d, ")
}

// open removes what a gate is closed with.
func (b *bed) open(name string) {
	b.t.Helper()
	if err := os.Remove(b.Path(name)); err != nil {
		b.t.Fatal(err)
	}
}

// An idle worker that is asked to leave by a signal may be given a task before it does. Here it is in
// on_idle, and leaves when that has ended.
func TestInteropFault07TaskForAWorkerThatLeavesIsLost(t *testing.T) {
	s := settings{pool: "min_workers: 1, max_workers: 1" + unpolled, worker: "worker_cls: app.gated.Gated, worker_kwargs: {idle_timeout: 0.05}"}
	both(t, s, func(b *bed) string {
		b.touch("on_idle-0.closed")
		b.waitLines("hooks", 1)
		if err := syscall.Kill(b.workers("ready")[0].PID, syscall.SIGTERM); err != nil {
			b.t.Fatal(err)
		}
		b.tell(mark("1"))
		b.open("on_idle-0.closed")
		if b.original() {
			b.waitWorker(0, "gone", func(w worker) bool { return w.Status == "exited" })
			b.tell(mark("2"))
		}
		b.waitLines("ran", 1)
		return b.ran() + ", " + b.leftAfter(b.ran())
	}, "2, worker:1", "1, ")
}

// A message that comes while the original stops is taken, and is in no list of what was lost. Here the
// task that the stop cancels sends it, an equal of its own.
func TestInteropFault08MessageDuringTheStopIsLostUnnamed(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		asker := body{"task": "app.gated.ask_when_cancelled", "args": []any{"asker", "message"}, "uuid": "asker", "on_duplicate": "serial"}
		b.write("message", encode(b.t, with(asker, []body{{"uuid": "late"}})))
		b.tell(with(asker, []body{{"uuid": "asker"}}))
		b.waitLines("asker", 1)
		if _, err := b.Terminate(); err != nil {
			b.t.Fatal(err)
		}
		return fmt.Sprintf("the answer is %s, the log %q", strings.Join(b.lines("asker")[1:], " "), b.logged("late"))
	}, `the answer is "stop", the log ["INFO:dispatcherd.processors.blocker:Queuing task (uuid=late) because it is already running, queued_ct=0"]`,
		`the answer is {"error": "task is not accepted: the service is stopping"}, the log []`)
}

// A cancel that several waiting tasks match passes over every second one in the original, whose list
// grows shorter under it.
func TestInteropFault09CancelMissesEverySecondMatch(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(hold("first"), mark("a"), mark("b"), mark("c"), mark("d"))
		b.ask("cancel", body{"task": "app.tasks.mark"})
		return b.running()
	}, "queued:b queued:d worker:first", "worker:first")
}

// The original takes whatever comes, however long its queue is. Ours has a bound, which the section that
// the original ignores makes a small one here.
func TestInteropFault10QueueHasNoBound(t *testing.T) {
	s := settings{more: "dispatcherd: {queue: {max_tasks: 100, on_full: reject}}"}
	both(t, s, func(b *bed) string {
		b.tell(hold("first"))
		b.waitLines("first", 1)
		var all []any
		for i := range 5000 {
			all = append(all, mark(fmt.Sprint(i)))
		}
		b.notify(all...)
		b.replies()
		return fmt.Sprint(strings.Count(b.running(), "queued:"), " tasks wait")
	}, "5000 tasks wait", "100 tasks wait")
}

// The original keeps as many parts of messages as come, gives them up only when something else comes, and
// keeps a part that comes once more after its message was whole.
func TestInteropFault11PartsOfMessagesAreKeptWithoutBound(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		text := encode(b.t, mark("whole"))
		b.tell(part("whole", 0, 2, text[:9]), part("whole", 1, 2, text[9:]), part("whole", 1, 2, text[9:]))
		var all []any
		for i := range 1500 {
			all = append(all, part(fmt.Sprint(i), 0, 2, "{"))
		}
		b.notify(all...)
		b.replies()
		return fmt.Sprint(len(b.partials()), " messages are incomplete")
	}, "1501 messages are incomplete", "1000 messages are incomplete")
}

// part is a part of a message.
func part(id string, index, total int, text string) body {
	return body{"__dispatcherd_chunk__": "v1", "message_id": id, "index": index, "total": total, "payload": text}
}

// partials are the messages of which parts are missing.
func (b *bed) partials() map[string]any {
	b.t.Helper()
	m, _ := b.ask("chunks", nil)["partials"].(map[string]any)
	return m
}

// Nothing comes for longer than a part is to be kept, and it is still there.
func TestInteropFault11PartsExpireOnlyWhenSomethingElseComes(t *testing.T) {
	s := settings{service: "  main_kwargs: {node_id: n, chunk_message_timeout_seconds: 1}\n"}
	both(t, s, func(b *bed) string {
		b.tell(part("m", 0, 2, "{"), body{"task": "app.tasks.nap", "args": []any{1.1, "nap"}})
		b.waitLines("nap", 2)
		if !b.original() {
			b.waitLog(1, "", "chunked message is dropped")
		}
		return fmt.Sprint(len(b.partials()), " parts are there")
	}, "1 parts are there", "0 parts are there")
}

// A reply of exactly 8000 bytes is one byte too long for Postgres, and the original does not split it.
func TestInteropFault12ReplyOfExactly8000BytesIsLost(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		rest := len(`{"error": "No control method ", "node_id": "n"}`)
		b.notify(body{"control": strings.Repeat("x", 8000-rest), "reply_to": stand.ReplyChannel})
		if b.original() {
			b.waitListening(2)
		}
		replies := b.replies()
		return fmt.Sprintf("%d replies, and the connection was begun anew %d times", len(replies), b.recycled())
	}, "0 replies, and the connection was begun anew 1 times", "1 replies, and the connection was begun anew 0 times")
}
