package faults

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"dispatcherd/tests/stand"
)

const fragile = "worker_cls: app.fragile.Fragile"

// counted is how many tasks have ended, in the words of `main`.
func (b *bed) counted() string {
	b.t.Helper()
	pool, _ := b.ask("main", nil)["pool"].(map[string]any)
	return fmt.Sprintf("%v finished, %v canceled", pool["finished_count"], pool["canceled_count"])
}

// A task that swallows the exception of its timeout, and then that of a cancel, goes on in the original for
// as long as it likes, and counts as one that has finished.
func TestInteropFault20TaskThatSwallowsItsCancelGoesOn(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 1, worker_stop_wait: 0.3"}, func(b *bed) string {
		b.tell(body{"task": "app.fragile.swallow", "args": []any{"deaf", "deaf.gate"}, "uuid": "deaf", "timeout": 0.1})
		b.waitLines("deaf", 2)
		if b.original() {
			b.ask("cancel", body{"uuid": "deaf"})
			b.waitLines("deaf", 3)
			b.touch("deaf.gate")
		}
		b.leftAfter("deaf")
		lines := b.lines("deaf")
		return fmt.Sprintf("it ended by itself: %v; %s", lines[len(lines)-1] == "ended", b.counted())
	}, "it ended by itself: true; 1 finished, 0 canceled", "it ended by itself: false; 0 finished, 1 canceled")
}

// A cancel that comes when the task has ended and its worker is in post_task ends the original's worker.
func TestInteropFault20CancelInAHookEndsTheWorker(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 1" + unpolled, worker: fragile}, func(b *bed) string {
		b.touch("post_task-0.closed")
		w := b.workers("ready")[0]
		b.tell(mark("1"))
		b.waitLines("hooks", 1)
		b.ask("cancel", body{"uuid": "1"})
		if b.original() {
			b.waitEnd(w.PID)
			return "the worker has ended, listed: " + b.running()
		}
		b.open("post_task-0.closed")
		left := b.leftAfter("1")
		return fmt.Sprintf("the worker has ended: %v, listed: %s", b.gone(w.PID), left)
	}, "the worker has ended, listed: worker:1", "the worker has ended: false, listed: ")
}

// A cancel that comes while the task's module is imported interrupts that on both sides. In the original it
// is an ordinary failure then.
func TestInteropFault20CancelOfAnImportIsAFailure(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		w := b.workers("ready")[0]
		b.tell(body{"task": "app.slow.run", "uuid": "1"})
		b.waitLines("slow", 1)
		b.ask("cancel", body{"uuid": "1"})
		b.leftAfter("1")
		return fmt.Sprintf("%s, the worker has ended: %v; %s", strings.Join(b.lines("slow"), " "), b.gone(w.PID), b.counted())
	}, "importing, the worker has ended: false; 1 finished, 0 canceled",
		"importing, the worker has ended: false; 0 finished, 1 canceled")
}

// The original's signal does not say which task it is for. Here it comes late, because the worker has
// blocked it: the cancel of a task that has ended meanwhile hits the next one.
func TestInteropFault21LateCancelHitsTheNextTask(t *testing.T) {
	both(t, settings{worker: fragile}, func(b *bed) string {
		b.touch("masked")
		b.tell(body{"task": "app.gated.last"}) // the next worker finds that file
		b.waitWorker(1, "ready", func(w worker) bool { return w.Status == "ready" })
		b.tell(hold("a"))
		b.waitLines("a", 1)
		b.ask("cancel", body{"uuid": "a"})
		b.touch("a.gate")
		b.leftAfter("a")
		b.tell(body{"task": "app.fragile.unmask", "args": []any{"b"}, "uuid": "b"})
		b.leftAfter("b")
		return strings.Join(b.lines("a"), " ") + ", " + strings.Join(b.lines("b"), " ")
	}, "began ended, began", "began ended, began ended")
}

// A worker that is to retire finds the order to stop where its task waits for the answer to a request.
func TestInteropFault22OrderToStopIsTakenForAnAnswer(t *testing.T) {
	s := settings{pool: "min_workers: 1, max_workers: 1, scaledown_interval: 0.1, worker_max_lifetime_seconds: 1"}
	both(t, s, func(b *bed) string {
		b.tell(body{"task": "app.tasks.ask_at", "args": []any{"asker", "gate"}, "uuid": "asker"})
		b.waitLines("asker", 1)
		b.waitFor("the worker to be too old", func() bool {
			for _, value := range b.ask("workers", nil) {
				w, _ := value.(map[string]any)
				age, _ := w["age"].(float64)
				old := w["status"] == "stopping" || !b.original() && age > 1
				if w["current_task_uuid"] == "asker" && old {
					return true
				}
			}
			return false
		})
		b.touch("gate")
		b.waitLines("asker", 3)
		return "the answer is " + b.lines("asker")[2]
	}, "the answer is 'stop'", "the answer is {}")
}

// In the original a cancel without a filter is one of everything, and what it takes out of the queue is
// not counted. With our own file it is refused.
func TestInteropFault23CancelWithoutFilterCancelsEverything(t *testing.T) {
	t.Parallel()
	act := func(b *bed) string {
		b.tell(hold("a"), mark("b"))
		b.waitLines("a", 1)
		reply := b.ask("cancel", nil)
		if b.original() {
			b.leftAfter("a")
		}
		return fmt.Sprintf("error: %v; listed: %q; %s", reply["error"], b.running(), b.counted())
	}
	on(t, stand.Original, settings{}, func(b *bed) {
		b.want(act(b), `error: <nil>; listed: ""; 0 finished, 1 canceled`)
	})
	on(t, stand.Ours, settings{toml: ownFile}, func(b *bed) {
		b.want(act(b), "error: cancel needs a filter, which is task, uuid, args or kwargs, or \"all\": true for every task "+
			"(control.cancel_without_filter permits it without); listed: \"queued:b worker:a\"; 0 finished, 0 canceled")
		b.touch("a.gate")
	})
}

// ownFile is our own configuration, as close to the other one as need be; what is not said is safe.
const ownFile = `version = 2
node_id = "n"
[pool]
max_workers = 1
[worker]
preload = ["app.tasks"]
[brokers.pg_notify]
conninfo = %q
channels = ["low", "High-1"]
default_publish_channel = "low"
[brokers.socket]
path = "d.sock"
`

// The original cancels at once what runs when it is to stop; ours lets it end in its grace.
func TestInteropFault24StopCancelsWhatRuns(t *testing.T) {
	stopped(t, func(b *bed) error { return b.Cmd.Process.Signal(syscall.SIGTERM) })
}

// What runs in the original gets the SIGINT of a terminal itself, and dies of it.
func TestInteropFault24InterruptOfATerminalEndsWhatRuns(t *testing.T) {
	stopped(t, func(b *bed) error { return syscall.Kill(-b.Cmd.Process.Pid, syscall.SIGINT) })
}

// stopped stops both services in some way while a task runs, which ours lets end.
func stopped(t *testing.T, stop func(b *bed) error) {
	t.Parallel()
	act := func(b *bed) string {
		b.tell(hold("a"))
		b.waitLines("a", 1)
		if err := stop(b); err != nil {
			b.t.Fatal(err)
		}
		if !b.original() {
			b.waitLog(1, "", "dispatcherd stops: no more input")
			b.touch("a.gate")
		}
		code := b.exitCode()
		return fmt.Sprintf("%s, then code %d", strings.Join(b.lines("a"), " "), code)
	}
	on(t, stand.Original, settings{}, func(b *bed) { b.want(act(b), "began, then code 0") })
	on(t, stand.Ours, settings{toml: ownFile}, func(b *bed) { b.want(act(b), "began ended, then code 0") })
}

// gone says whether a process has ended.
func (b *bed) gone(pid int) bool { return syscall.Kill(pid, 0) != nil || b.zombie(pid) }

// waitEnd waits until a process has ended.
func (b *bed) waitEnd(pid int) {
	b.t.Helper()
	b.waitFor(fmt.Sprintf("the end of process %d", pid), func() bool { return b.gone(pid) })
}
