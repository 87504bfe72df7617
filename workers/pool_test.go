package workers_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

func TestMinimumIsStartedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 4), habits{})
		b.wantStates("0 ready", "1 ready")
	})
}

func TestWorkerIsNotReadyBeforeItsHello(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{silent: true})
		b.wantStates("0 starting")
		b.wantTold()
		b.proc(0).hello()
		b.settle()
		b.wantStates("0 ready")
		b.wantTold("worker 0 free")
	})
}

func TestTaskGoesToTheWorkerThatWasIdleLongest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{})
		first := b.start(1, 0)
		second := b.start(2, 0)
		second.done(2, workers.Succeeded)
		b.pass(time.Second)
		first.done(1, workers.Succeeded)
		b.settle()
		if got := b.start(3, 0); got != second {
			t.Errorf("task went to worker %d, want %d", got.id, second.id)
		}
		second.done(3, workers.Succeeded)
	})
}

func TestTaskIsRefusedWhenNoWorkerIsFree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.start(1, 0)
		if id, ok := b.run(&workers.Task{Seq: 2}); ok {
			t.Errorf("TryRun() = %d, true, want false", id)
		}
		p.done(1, workers.Succeeded)
	})
}

func TestDoneWorkerTakesTheNextTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		for seq := uint64(1); seq <= 3; seq++ {
			b.start(seq, 0).done(seq, workers.Succeeded)
			b.settle()
		}
		b.wantTold("worker 0 free", "task 1 succeeded", "task 2 succeeded", "task 3 succeeded")
		b.wantHeard(0, "task 1", "task 2", "task 3")
	})
}

func TestEndIsReportedAsTheWorkerTellsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(7, 0).say(workers.Report{
			Kind: workers.Done, Seq: 7, Outcome: workers.Failed, Error: "ValueError: boom",
			Result: []byte("[1]"), RunTime: 3 * time.Second,
		})
		b.settle()
		want := workers.Event{
			Kind: workers.TaskEnded, Worker: 0, Task: &workers.Task{Seq: 7}, Outcome: workers.Failed,
			Detail: "ValueError: boom", Result: []byte("[1]"), RunTime: 3 * time.Second,
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if diff := cmp.Diff([]workers.Event{want}, b.fresh); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestControlRequestIsReportedWithItsTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		p.say(workers.Report{Kind: workers.Asked, Seq: 9, Command: "running", Data: []byte("{}")})
		b.settle()
		b.wantTold("task 1 asks 9 running {}")
		p.done(1, workers.Succeeded)
	})
}

func TestControlRequestOfAnIdleWorkerIsIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.proc(0).say(workers.Report{Kind: workers.Asked, Seq: 9, Command: "running"})
		b.settle()
		b.wantTold()
		b.wantStates("0 ready")
	})
}

func TestReplyReachesTheWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		if err := b.pool.Reply(0, 9, []byte("{}")); err != nil {
			t.Errorf("Reply() = %v", err)
		}
		b.wantHeard(0, "reply 9 {}")
	})
}

func TestReplyToAWorkerWithoutProcessIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{delay: time.Second})
		for _, id := range []int{0, 1} {
			if err := b.pool.Reply(id, 9, nil); err == nil {
				t.Errorf("Reply(%d) = nil, want an error", id)
			}
		}
	})
}

func TestTaskThatCannotBeSentGoesToTheNextWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{})
		b.told()
		b.proc(0).behave(habits{mute: errors.New("broken pipe"), deaf: true})
		p := b.start(1, 0)
		b.wantStates("0 stopping", "1 busy")
		p.done(1, workers.Succeeded)
		b.settle()
		b.wantTold("task 1 succeeded")
	})
}

func TestTaskThatGoesToTheNextWorkerCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 4), habits{})
		b.demand(3)
		b.proc(0).behave(habits{mute: errors.New("broken pipe")})
		p := b.start(1, 0)
		if got := b.pool.Stats().Waiting; got != 2 {
			t.Errorf("Waiting = %d, want 2", got)
		}
		p.done(1, workers.Succeeded)
	})
}

func TestTaskThatNobodyCanBeSentIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{mute: errors.New("broken pipe")})
		b.told()
		if id, ok := b.run(&workers.Task{Seq: 1}); ok {
			t.Errorf("TryRun() = %d, true, want false", id)
		}
		b.wantTold()
		b.wantStates("0 stopping", "1 stopping")
	})
}

func TestWorkerThatCannotBeSentToAndStaysIsKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{mute: errors.New("broken pipe")})
		b.run(&workers.Task{Seq: 1})
		b.pass(workers.LeaveBound)
		b.wantHeard(0, "kill")
		b.wantStates("1 ready")
	})
}

func TestTaskWhoseWorkerDiesWhileItIsSentEndsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.proc(0)
		p.whileSending(func() {
			p.exit("exit code 1", false)
			synctest.Wait()
		})
		b.start(1, time.Second)
		b.pass(time.Minute)
		b.wantTold("task 1 exited: exit code 1", "worker 1 free")
	})
}

func TestTaskThatIsDoneWhileItIsSentLeavesNoTimeoutBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.proc(0)
		p.whileSending(func() {
			p.done(1, workers.Succeeded)
			synctest.Wait()
		})
		b.start(1, time.Second)
		b.pass(time.Minute)
		b.wantHeard(0, "task 1")
		b.wantStates("0 ready")
	})
}

func TestWorkersTellWhatTheyRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		b := newBench(t, pool(2, 2), habits{})
		b.pass(time.Second)
		p := b.start(1, 0)
		want := []workers.Info{
			{ID: 0, PID: 1000, State: workers.Busy, Task: &workers.Task{Seq: 1}, Started: begin.Add(time.Second), Created: begin},
			{ID: 1, PID: 1001, State: workers.Ready, Created: begin},
		}
		if diff := cmp.Diff(want, b.pool.Workers()); diff != "" {
			t.Errorf("Workers() (-want +got):\n%s", diff)
		}
		p.done(1, workers.Succeeded)
		b.settle()
		want[0] = workers.Info{ID: 0, PID: 1000, State: workers.Ready, Finished: 1, Created: begin}
		if diff := cmp.Diff(want, b.pool.Workers()); diff != "" {
			t.Errorf("Workers() afterwards (-want +got):\n%s", diff)
		}
	})
}

func TestStatsCountEveryOutcome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		b := newBench(t, pool(1, 1), habits{})
		b.start(1, 0).done(1, workers.Succeeded)
		b.settle()
		b.start(2, 0).done(2, workers.Failed)
		b.settle()
		p := b.start(3, 0)
		b.pool.Cancel(3)
		p.done(3, workers.Cancelled)
		b.settle()
		p = b.start(4, time.Second)
		b.pass(time.Second)
		p.done(4, workers.Cancelled)
		b.settle()
		b.start(5, 0).exit("exit code 1", false)
		b.settle()
		b.pool.Waiting(3)
		want := workers.Stats{
			Counts: workers.Counts{Started: 2, Succeeded: 1, Failed: 1, Cancelled: 1, TimedOut: 1, Died: 1},
			Ready:  1, Waiting: 3, NextID: 2, Needed: []time.Time{begin, begin.Add(time.Second)},
		}
		if diff := cmp.Diff(want, b.pool.Stats()); diff != "" {
			t.Errorf("Stats() (-want +got):\n%s", diff)
		}
	})
}
