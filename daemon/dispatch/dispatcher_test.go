package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

func TestTasksRunInTheOrderOfTheirArrival(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for _, uuid := range []string{"a", "b", "c", "d"} {
			r.submit(body(uuid, uuid, message.Parallel))
		}
		r.wantList("worker-0 a, queued-0 b, queued-1 c, queued-2 d")
		for _, uuid := range []string{"a", "b", "c", "d"} {
			r.finish(uuid)
		}
		r.wantStarted("a", "b", "c", "d")
		r.wantList("")
	})
}

func TestEqualUUIDsAreNoDuplicates(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.submit(body("same", "a", message.Discard))
		r.submit(body("same", "b", message.Discard))
		r.wantList("worker-0 same, worker-1 same")
	})
}

func TestWatchGetsTheEndAsTheRunnerReportedIt(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.submit(body("first", "x", message.Parallel))
		watch := r.submit(body("u", "job", message.Parallel))
		r.Finished(Ended{Seq: r.runner.leave("u"), Outcome: Failed, Detail: "ValueError: boom", Result: []byte("null"), RunTime: 1500 * time.Millisecond})
		synctest.Wait()
		e := r.wantEnd(watch, Failed)
		if e.Seq != 2 || e.UUID != "u" || e.Task != "job" || e.Detail != "ValueError: boom" || string(e.Result) != "null" || e.RunTime != 1500*time.Millisecond || e.Worker != 1 {
			r.Errorf("the watch got %+v", e)
		}
		lines := r.logs("task ended")
		if len(lines) != 1 {
			r.Fatalf("%d lines about the end, want 1", len(lines))
		}
		for key, want := range map[string]any{"level": "WARN", "worker": 1.0, "uuid": "u", "task": "job", "outcome": "failed", "run_seconds": 1.5, "err": "ValueError: boom"} {
			if lines[0][key] != want {
				r.Errorf("log field %s is %v, want %v", key, lines[0][key], want)
			}
		}
	})
}

func TestEveryOutcomeIsCountedAndOnlyBadOnesAreWarnedOf(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		outcomes := []Outcome{Succeeded, Failed, Cancelled, TimedOut, OOMKilled, Killed, Quit, Crashed, Lost, Abandoned}
		for i, o := range outcomes {
			uuid := fmt.Sprint(i)
			watch := r.submit(body(uuid, "job", message.Parallel))
			r.Finished(Ended{Seq: r.runner.leave(uuid), Outcome: o})
			synctest.Wait()
			r.wantEnd(watch, o)
		}
		s, err := r.Stats(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		for i, line := range r.logs("task ended") {
			if want := map[bool]string{true: "DEBUG", false: "WARN"}[outcomes[i] == Succeeded]; line["level"] != want {
				r.Errorf("%s is logged at %v, want %s", outcomes[i], line["level"], want)
			}
			if s.Ended[outcomes[i]] != 1 {
				r.Errorf("%d tasks are counted as %s, want 1", s.Ended[outcomes[i]], outcomes[i])
			}
		}
		if s.Accepted != uint64(len(outcomes)) || s.Running+s.Queued+s.Blocked+s.Delayed != 0 {
			r.Errorf("Stats() = %+v, want %d accepted and nothing left", s, len(outcomes))
		}
	})
}

func TestEndOfAnUnknownTaskIsLoggedAndNothingElse(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		r.Finished(Ended{Seq: 99, Outcome: Lost})
		r.Returned(98)
		synctest.Wait()
		r.wantList("worker-0 a")
		ended, returned := r.logs("a task ended that is not running; this is a bug"), r.logs("a task was returned that is not running; this is a bug")
		if len(ended) != 1 || len(returned) != 1 || ended[0]["level"] != "ERROR" || ended[0]["seq"] != 99.0 || returned[0]["seq"] != 98.0 {
			r.Errorf("logged %v and %v, want one error each", ended, returned)
		}
		r.finish("a")
		r.Finished(Ended{Seq: 1, Outcome: Lost})
		synctest.Wait()
		if n := len(r.logs("a task ended that is not running; this is a bug")); n != 2 {
			r.Errorf("a second end of the same task left %d error lines, want 2 in all", n)
		}
	})
}

func TestFreedWorkerGetsTheHeadOfTheQueue(t *testing.T) {
	inBubble(t, 0, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		r.submit(body("b", "job", message.Parallel))
		r.wantList("queued-0 a, queued-1 b")
		r.runner.hire(7)
		r.Freed()
		synctest.Wait()
		r.wantList("worker-7 a, queued-0 b")
	})
}

func TestReturnedTaskGoesToTheHeadOfTheQueueAndStaysActive(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		watch := r.submit(body("a", "job", message.Serial))
		r.submit(body("x", "else", message.Parallel))
		r.submit(body("b", "job", message.Serial))
		r.Returned(r.runner.lose("a"))
		synctest.Wait()
		r.wantList("blocked-0 b, queued-0 a, queued-1 x")
		r.wantNoEnd(watch)
		r.runner.hire(1)
		r.Freed()
		synctest.Wait()
		r.wantList("worker-1 a, blocked-0 b, queued-0 x")
		r.Returned(r.runner.lose("a"))
		if entries, err := r.Cancel(r.Context(), Filter{UUID: []byte(`"a"`)}); err != nil || len(entries) != 1 || entries[0].Worker != -1 {
			r.Errorf("Cancel() = %+v, %v, want one entry without a worker", entries, err)
		}
		if e := r.wantEnd(watch, Cancelled); e.Worker != -1 {
			r.Errorf("the end names worker %d, want none", e.Worker)
		}
	})
}

func TestRunnerIsToldHowManyTasksWait(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for _, uuid := range []string{"a", "b", "c"} {
			r.submit(body(uuid, "job", message.Parallel))
		}
		r.submit(body("d", "job", message.Serial))
		r.finish("a")
		r.finish("b")
		if want := []int{1, 2, 1, 0}; !slices.Equal(r.runner.waiting, want) {
			r.Errorf("the runner was told %v, want %v", r.runner.waiting, want)
		}
	})
}

// One leaves the queue and one joins it in the same turn: the length is what the runner was told, and
// not what it has guessed since.
func TestRunnerKnowsHowManyWaitThoughTheirNumberStays(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		r.submit(body("twin", "job", message.Serial))
		r.submit(body("b", "other", message.Parallel))
		r.submit(body("c", "other", message.Parallel))
		r.finish("a")
		r.wantList("worker-0 b, queued-0 c, queued-1 twin")
		if r.runner.known != 2 {
			r.Errorf("the runner knows of %d tasks that wait, want 2", r.runner.known)
		}
	})
}

func TestBurstIsToldToTheRunnerAtOnce(t *testing.T) {
	t.Parallel()
	runner := newFakeRunner(2)
	d := New(runner, discardLog)
	d.alarm = newAlarm()
	for i := range 1000 {
		if err := d.Submit(parse(t, body(fmt.Sprint(i), "job", message.Parallel)), nil); err != nil {
			t.Fatal(err)
		}
	}
	d.turn(nil)
	if want := []int{998}; !slices.Equal(runner.waiting, want) || runner.tries != 3 {
		t.Errorf("the runner was told %v and asked %d times, want %v and 3", runner.waiting, runner.tries, want)
	}
}

func TestStoppedQueueKeepsWhatArrivesWhileRunningTasksGoOn(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		a := r.submit(body("a", "job", message.Serial))
		b := r.submit(body("b", "job", message.Serial))
		if err := r.StopTaking(r.Context()); err != nil {
			r.Fatal(err)
		}
		c := r.submit(body("c", "else", message.Parallel))
		r.wantList("worker-0 a, blocked-0 b, queued-0 c")
		r.finish("a")
		r.Freed()
		synctest.Wait()
		r.wantList("queued-0 c, queued-1 b")
		r.wantEnd(a, Succeeded)
		r.wantStarted("a")
		if got := r.runner.waiting[len(r.runner.waiting)-1]; got != 0 {
			r.Errorf("the runner is to start workers for %d tasks, want 0", got)
		}
		time.Sleep(time.Hour) // no warning about a late queue, and no busy loop
		r.stop()
		r.wantEnd(b, Abandoned)
		r.wantEnd(c, Abandoned)
		if n := len(r.logs("tasks wait for a free worker")); n != 0 {
			r.Errorf("%d warnings about the queue of a stopped dispatcher, want none", n)
		}
	})
}

func TestPingNeedsARunningLoop(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		if err := r.Ping(r.Context()); err != nil {
			r.Errorf("Ping() = %v, want nil", err)
		}
		idle := New(r.runner, discardLog)
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := idle.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			r.Errorf("Ping() without Run = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// stuckRunner keeps the loop waiting, as a runner must not.
type stuckRunner struct {
	*fakeRunner
	release chan struct{}
}

func (r stuckRunner) TryRun(uint64, *message.Message) (int, bool) { <-r.release; return 0, false }

func TestPingFailsWhileTheLoopIsStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := stuckRunner{newFakeRunner(0), make(chan struct{})}
		d := New(runner, discardLog)
		start(t, d)
		if err := d.Submit(parse(t, body("a", "job", message.Parallel)), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ping() of a stuck loop = %v, want %v", err, context.DeadlineExceeded)
		}
		close(runner.release)
		if err := d.Ping(t.Context()); err != nil {
			t.Errorf("Ping() afterwards = %v, want nil", err)
		}
	})
}

func TestTaskSubmittedBeforeRunIsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newFakeRunner(1)
		d := New(runner, discardLog)
		if err := d.Submit(parse(t, body("early", "job", message.Parallel)), nil); err != nil {
			t.Fatal(err)
		}
		start(t, d)
		synctest.Wait()
		if !slices.Equal(runner.started, []string{"early"}) {
			t.Errorf("started %q, want the early task", runner.started)
		}
	})
}

func TestEverythingIsRefusedAfterTheEnd(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		r.stop()
		ctx := r.Context()
		if err := r.Submit(parse(r, body("b", "job", message.Parallel)), nil); !errors.Is(err, ErrEnded) {
			r.Errorf("Submit() = %v, want %v", err, ErrEnded)
		}
		if _, err := r.Tasks(ctx, Filter{}); !errors.Is(err, ErrEnded) {
			r.Errorf("Tasks() = %v, want %v", err, ErrEnded)
		}
		if _, err := r.Cancel(ctx, Filter{}); !errors.Is(err, ErrEnded) {
			r.Errorf("Cancel() = %v, want %v", err, ErrEnded)
		}
		if _, err := r.Stats(ctx); !errors.Is(err, ErrEnded) {
			r.Errorf("Stats() = %v, want %v", err, ErrEnded)
		}
		if err := r.Ping(ctx); !errors.Is(err, ErrEnded) {
			r.Errorf("Ping() = %v, want %v", err, ErrEnded)
		}
		if err := r.StopTaking(ctx); err != nil {
			r.Errorf("StopTaking() = %v, want nil: nothing is taken any more", err)
		}
		r.Finished(Ended{Seq: r.runner.leave("a"), Outcome: Succeeded})
		r.Freed()
		if n := len(r.logs("task ended")); n != 0 {
			r.Errorf("an end after the end left %d log lines, want none", n)
		}
	})
}

// TestNothingAcceptedIsLostAtTheEnd submits from several goroutines while the
// dispatcher ends: each task that was accepted has exactly one end.
func TestNothingAcceptedIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	for range 20 {
		const senders, each = 4, 500
		r := &quickRunner{free: make(chan int, 1)}
		tasks := make(chan uint64, 1)
		r.tasks = append(r.tasks, tasks)
		d := New(r, discardLog)
		var workers, clients sync.WaitGroup
		workers.Go(func() {
			for seq := range tasks {
				r.free <- 0
				d.Finished(Ended{Seq: seq, Outcome: Succeeded})
			}
		})
		r.free <- 0
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { defer close(over); d.Run(ctx) }()

		m := parse(t, body("u", "job", message.Parallel))
		serial := parse(t, body("v", "job", message.Serial))
		delayed := parse(t, `{"uuid": "w", "task": "job", "delay": 3600}`)
		watches := make([][]chan Ended, senders)
		half := make(chan struct{})
		for s := range senders {
			clients.Go(func() {
				for i := range each {
					if s == 0 && i == each/2 {
						close(half)
					}
					watch := make(chan Ended, 1)
					err := d.Submit([]*message.Message{m, serial, delayed}[i%3], watch)
					if errors.Is(err, ErrEnded) {
						return
					}
					watches[s] = append(watches[s], watch)
				}
			})
		}
		<-half
		cancel()
		<-over
		clients.Wait()
		close(tasks)
		workers.Wait()
		for s := range watches {
			for i, watch := range watches[s] {
				select {
				case <-watch:
				default:
					t.Fatalf("task %d of sender %d was accepted and has no end", i, s)
				}
			}
		}
	}
}
