package faults

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dispatcherd/tests/stand"
)

// looks waits until the original has looked after its workers n more times, which it logs at DEBUG.
func (b *bed) looks(n int) {
	b.t.Helper()
	const line = "Ran scale_workers"
	b.waitLog(len(b.logged(line))+n, line, "")
}

// Eight tasks that come at once get one more worker in the original, and no further one before it looks
// again, every 15 s if not told otherwise.
func TestInteropFault25BurstGetsOneWorker(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 8" + unpolled}, func(b *bed) string {
		var all []any
		for i := range 8 {
			all = append(all, hold(fmt.Sprint(i)))
		}
		b.notify(all...)
		n := 8
		if b.original() {
			n = 2
		}
		b.waitFor("tasks to run", func() bool { return strings.Count(b.running(), "worker:") >= n })
		running := b.running()
		return fmt.Sprintf("%d run, %d wait", strings.Count(running, "worker:"), strings.Count(running, "queued:"))
	}, "2 run, 6 wait", "8 run, 0 wait")
}

// A worker that has said goodbye and whose process stays is waited for by the original's only thread, for
// 3 s: as long it answers nobody. The clients of its own library wait for one. Ours does not wait for the
// threads of such a worker, so there it is held up before.
func TestInteropFault26NobodyIsAnsweredWhileAWorkerIsWaitedFor(t *testing.T) {
	both(t, settings{worker: fragile}, func(b *bed) string {
		w := b.workers("ready")[0]
		if b.original() {
			b.touch("lingers")
			b.ask("set_log_level", body{"level": "DEBUG"})
			b.tell(body{"task": "app.gated.last"})
			b.waitLog(1, "Joining worker 0", "")
		} else {
			b.touch("on_shutdown-0.closed")
			b.tell(body{"task": "app.gated.last"})
			b.waitWorker(0, "leaving", func(w worker) bool { return w.Status == "stopping" })
		}
		b.ask("alive", nil)
		waited := len(b.logged("is still alive trying SIGKILL")) > 0
		there := !b.gone(w.PID)
		if b.original() {
			b.touch("lingers.gate")
		} else {
			b.open("on_shutdown-0.closed")
		}
		return fmt.Sprintf("answered after the wait: %v, while the process is there: %v", waited, there)
	}, "answered after the wait: true, while the process is there: true",
		"answered after the wait: false, while the process is there: true")
}

// Workers of one age leave together in the original.
func TestInteropFault27WorkersRetireTogether(t *testing.T) {
	s := settings{pool: "min_workers: 4, max_workers: 4, worker_max_lifetime_seconds: 1" + unpolled}
	on(t, stand.Original, s, func(b *bed) {
		b.waitFor("four workers of more than a second", func() bool {
			old := 0
			for _, value := range b.ask("workers", nil) {
				w, _ := value.(map[string]any)
				if age, _ := w["age"].(float64); w["status"] == "ready" && age > 1 {
					old++
				}
			}
			return old == 4
		})
		b.tell(body{"task": "app.gated.last"}) // one leaves, and the original looks at the others
		retired := 0.0
		b.waitFor("workers that retire", func() bool {
			pool, _ := b.ask("main", nil)["pool"].(map[string]any)
			retired, _ = pool["retirement_count"].(float64)
			return retired > 0
		})
		b.want(fmt.Sprint(retired, " retire at once"), "3 retire at once")
	})
}

// More workers at least than at most are taken without a word by the original.
func TestInteropFault27MinimumAboveTheMaximumIsTakenSilently(t *testing.T) {
	both(t, settings{pool: "min_workers: 3, max_workers: 1"}, func(b *bed) string {
		b.waitFor("three workers", func() bool { return len(b.workers("ready")) == 3 })
		return fmt.Sprintf("3 workers, told: %v", len(b.logged("max_workers")) > 0)
	}, "3 workers, told: false", "3 workers, told: true")
}

// The original has as many workers as the host has CPUs, also where it may use a single one.
func TestInteropFault27WorkersAreAsManyAsTheCPUsOfTheHost(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("there is but one CPU")
	}
	t.Parallel()
	for side, want := range map[stand.Side]string{stand.Original: "2 workers were started", stand.Ours: "1 workers were started"} {
		t.Run(string(side), func(t *testing.T) {
			t.Parallel()
			stand.Venv(t)
			pin(t)
			b := start(t, side, settings{pool: "min_workers: 1, max_workers: null" + unpolled})
			b.tell(hold("a"), hold("b"))
			if !b.original() {
				b.touch("a.gate") // b needs its worker
			}
			b.waitLines("b", 1)
			pool, _ := b.ask("main", nil)["pool"].(map[string]any)
			b.want(fmt.Sprint(pool["next_worker_id"], " workers were started"), want)
		})
	}
}

// pin has what the test starts from here on run on one CPU.
func pin(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test's goroutine
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
}

// A worker whose process ends with a code other than 0 after it has said goodbye is listed for ever by
// the original. Ours ends with one if on_shutdown raises.
func TestInteropFault28WorkerThatEndsWithAnErrorStaysListed(t *testing.T) {
	s := settings{pool: "min_workers: 1, max_workers: 1, scaledown_interval: 0.1, worker_removal_wait: 0", worker: fragile}
	both(t, s, func(b *bed) string {
		first := func() string {
			for _, w := range b.workers() {
				if w.ID == 0 {
					return w.Status
				}
			}
			return "gone"
		}
		if b.original() {
			b.touch("lingers")
			b.ask("set_log_level", body{"level": "DEBUG"})
			b.tell(body{"task": "app.gated.last"})
			b.waitLog(1, "Worker 0 sent exit signal", "")
			b.touch("lingers.gate")
			b.waitLog(1, "exited code=3", "")
			b.looks(5)
		} else {
			b.touch("on_shutdown.broken")
			b.tell(body{"task": "app.gated.last"})
			b.waitLog(1, "", "on_shutdown is broken")
			b.waitFor("the worker not to be listed", func() bool { return first() == "gone" })
		}
		return "after its end it is " + first()
	}, "after its end it is exited", "after its end it is gone")
}

// The original's workers stay when their service was killed.
func TestInteropFault29WorkersOutliveAKilledService(t *testing.T) {
	both(t, settings{worker: fragile + ", worker_kwargs: {idle_timeout: 0.05}"}, func(b *bed) string {
		b.touch("beats")
		b.waitLines("beats", 1)
		w := b.workers("ready")[0]
		if err := b.Cmd.Process.Kill(); err != nil {
			b.t.Fatal(err)
		}
		<-b.Done
		n := len(b.lines("beats"))
		b.waitWithoutService("the worker to end or to go on", func() bool {
			return b.gone(w.PID) || len(b.lines("beats")) > n+10
		})
		return fmt.Sprintf("its worker goes on: %v", !b.gone(w.PID))
	}, "its worker goes on: true", "its worker goes on: false")
}

// waitWithoutService is waitFor when the service has ended.
func (b *bed) waitWithoutService(what string, holds func() bool) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(stand.Bound); !holds(); <-tick.C {
		if time.Now().After(end) {
			b.t.Fatalf("waited %v for %s", stand.Bound, what)
		}
	}
}

// Workers that cannot start are started again at each look of the original, and nothing says that they
// all fail.
func TestInteropFault30WorkersThatCannotStartAreNoNews(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 1, scaledown_interval: 0.1", worker: fragile}, func(b *bed) string {
		b.touch("on_start.broken")
		b.killWorker(b.workers("ready")[0])
		b.waitLog(5, "has died unexpectedly", "on_start is broken")
		const crashLoop = "workers fail again and again, which is a crash loop"
		if !b.original() {
			b.waitLog(1, "", crashLoop)
		}
		return fmt.Sprintf("told as a crash loop: %d times", len(b.logged(crashLoop)))
	}, "told as a crash loop: 0 times", "told as a crash loop: 1 times")
}

// What is raised in post_task ends the original's worker, and the task is never over.
func TestInteropFault30ErrorInAHookLosesTheEndOfATask(t *testing.T) {
	both(t, settings{pool: "min_workers: 1, max_workers: 1" + unpolled, worker: fragile}, func(b *bed) string {
		b.touch("post_task.broken")
		w := b.workers("ready")[0]
		b.tell(mark("1"))
		b.waitEnd(w.PID)
		left := ""
		if b.original() {
			left = b.running()
		} else {
			left = b.leftAfter("1")
		}
		return fmt.Sprintf("ran %s, listed %q", b.ran(), left)
	}, `ran 1, listed "worker:1"`, `ran 1, listed ""`)
}

// What is raised in on_idle ends the original's worker, which is given the next task: see fault 3.
func TestInteropFault30ErrorInOnIdleLosesTheNextTask(t *testing.T) {
	s := settings{pool: "min_workers: 1, max_workers: 1" + unpolled, worker: fragile + ", worker_kwargs: {idle_timeout: 0.05}"}
	both(t, s, func(b *bed) string {
		w := b.workers("ready")[0]
		b.touch("on_idle.broken")
		b.waitEnd(w.PID)
		if err := os.Remove(b.Path("on_idle.broken")); err != nil {
			b.t.Fatal(err)
		}
		b.tell(mark("1"))
		if b.original() {
			return fmt.Sprintf("ran %q, listed %q", b.ran(), b.running())
		}
		b.waitLines("ran", 1)
		return fmt.Sprintf("ran %q, listed %q", b.ran(), b.leftAfter("1"))
	}, `ran "", listed "worker:1"`, `ran "1", listed ""`)
}

// A worker that was started and never needed may go: this release does not have the fault any more.
func TestInteropFault31WorkerThatWasNeverNeededGoes(t *testing.T) {
	s := settings{pool: "min_workers: 1, max_workers: 2, scaledown_wait: 0.3, scaledown_interval: 0.1", worker: fragile}
	both(t, s, func(b *bed) string {
		b.touch("on_start-1.closed")
		b.tell(hold("a"), mark("b"))
		b.waitLines("hooks", 1) // the second worker starts
		b.touch("a.gate")
		b.leftAfter("b") // it ran in the first one
		b.open("on_start-1.closed")
		b.waitFor("one worker", func() bool { return len(b.workers("starting", "ready", "stopping", "exited")) == 1 })
		return "one worker is left"
	}, "one worker is left", "one worker is left")
}
