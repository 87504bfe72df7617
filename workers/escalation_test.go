package workers_test

import (
	"strings"
	"testing"
	"time"

	"dispatcherd/workers"
)

func TestTimeoutInterruptsAndThenKills(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(1, 3*time.Second)
		b.pass(3*time.Second - 1)
		b.wantHeard(0, "task 1")
		b.pass(1)
		b.wantHeard(0, "task 1", "cancel 1")
		b.pass(10*time.Second - 1)
		b.wantTold()
		b.pass(1)
		b.wantHeard(0, "task 1", "cancel 1", "kill")
		b.wantTold("task 1 timed_out: timed out after 3s; killed by SIGKILL", "worker 1 free")
	})
}

func TestCancelInterruptsAndThenKills(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(1, 0)
		b.pool.Cancel(1)
		b.pass(10 * time.Second)
		b.wantHeard(0, "task 1", "cancel 1", "kill")
		b.wantTold("task 1 cancelled: cancelled; killed by SIGKILL", "worker 1 free")
	})
}

func TestTaskThatEndsInItsGraceKeepsItsWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 3*time.Second)
		b.pass(3 * time.Second)
		p.say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Failed, Error: "OSError: interrupted"})
		b.pass(time.Hour)
		b.wantTold("task 1 timed_out: timed out after 3s; OSError: interrupted")
		b.wantHeard(0, "task 1", "cancel 1")
		b.wantStates("0 ready")
	})
}

func TestInterruptedTaskThatSucceedsHasSucceeded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.pool.Cancel(1)
		p.done(1, workers.Succeeded)
		b.settle()
		b.wantTold("task 1 succeeded")
	})
}

func TestTaskThatReturnsTheWordForACancelIsCancelledIfItWasInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.pool.Cancel(1)
		p.say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Succeeded, Result: []byte(`"<cancel>"`)})
		b.settle()
		p = b.start(2, 0)
		p.say(workers.Report{Kind: workers.Done, Seq: 2, Outcome: workers.Succeeded, Result: []byte(`"<cancel>"`)})
		b.settle()
		b.wantTold("task 1 cancelled: cancelled", "task 2 succeeded")
	})
}

func TestTimeoutOfATaskThatEndedDoesNotHitTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.start(1, 10*time.Second).done(1, workers.Succeeded)
		b.settle()
		p := b.start(2, 0)
		b.pass(time.Hour)
		b.wantHeard(0, "task 1", "task 2")
		p.done(2, workers.Succeeded)
	})
}

func TestEachTaskHasItsOwnTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(3, 3), habits{})
		b.start(1, 30*time.Second)
		b.start(2, 10*time.Second)
		b.start(3, 20*time.Second)
		b.told()
		for _, want := range []string{"task 2 timed_out", "task 3 timed_out", "task 1 timed_out"} {
			b.pass(10 * time.Second)
			for _, w := range b.pool.Workers() {
				if w.Interrupted {
					b.proc(w.ID).done(w.Task.Seq, workers.Cancelled)
				}
			}
			b.settle()
			got := b.told()
			if len(got) != 1 || got[0][:len(want)] != want {
				t.Errorf("events %v, want %s", got, want)
			}
		}
	})
}

func TestCancelAfterTheTimeoutChangesNeitherCauseNorGrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(1, 3*time.Second)
		b.pass(8 * time.Second)
		b.pool.Cancel(1)
		b.pass(5 * time.Second)
		b.wantHeard(0, "task 1", "cancel 1", "cancel 1", "kill")
		b.wantTold("task 1 timed_out: timed out after 3s; killed by SIGKILL", "worker 1 free")
	})
}

func TestTaskThatOutlivesACancelHearsTheNextOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(1, 0)
		b.pool.Cancel(1)
		b.pass(3 * time.Second)
		b.pool.Cancel(1)
		b.pass(7 * time.Second)
		b.pool.Cancel(1) // it is killed already
		b.settle()
		b.wantHeard(0, "task 1", "cancel 1", "cancel 1", "kill")
		b.wantTold("task 1 cancelled: cancelled; killed by SIGKILL", "worker 1 free")
	})
}

func TestCancelOfATaskThatDoesNotRunDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.start(1, 0)
		b.pool.Cancel(2)
		b.settle()
		b.wantHeard(0, "task 1")
		p.done(1, workers.Succeeded)
	})
}

func TestCancelDoesNotOvertakeItsTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.proc(0)
		p.whileSending(func() {
			b.pool.Cancel(1)
			if heard := p.heard(); len(heard) != 1 {
				t.Errorf("while the task is sent the worker was told %v", heard)
			}
		})
		b.start(1, 0)
		b.wantHeard(0, "task 1", "cancel 1")
		p.done(1, workers.Cancelled)
	})
}

func TestGraceOfZeroKillsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := pool(1, 1)
		cfg.CancelGrace = 0
		b := newBench(t, cfg, habits{})
		b.start(1, 0)
		b.pool.Cancel(1)
		b.settle()
		b.wantHeard(0, "task 1", "cancel 1", "kill")
	})
}

func TestDoneBehindTheKillDoesNotFreeTheWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{immortal: true})
		b.told()
		p := b.start(1, 0)
		b.pool.Cancel(1)
		b.pass(10*time.Second + workers.KillBound/2)
		p.done(1, workers.Succeeded)
		b.settle()
		b.wantStates("0 stopping")
		b.wantTold("task 1 succeeded")
		b.pass(workers.KillBound / 2)
		b.wantHeard(0, "task 1", "cancel 1", "kill", "close")
	})
}

func TestKilledProcessThatStaysIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{immortal: true})
		b.told()
		b.start(1, 0)
		b.pool.Cancel(1)
		b.pass(10*time.Second + workers.KillBound - 1)
		b.wantTold()
		b.pass(1)
		b.wantTold("task 1 cancelled: cancelled; unknown", "worker 1 free")
	})
}

func TestTaskThatItsWorkerDidNotBeginGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, time.Second)
		p.leave()
		b.settle()
		b.wantTold("returned: [1]")
		b.wantStates("0 stopping")
		p.exit("exit code 0", true)
		b.pass(time.Minute)
		b.wantTold("worker 1 free")
		b.wantHeard(0, "task 1")
	})
}

func TestCancelledTaskThatItsWorkerDidNotBeginIsNotRunAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.pool.Cancel(1)
		p.leave()
		b.settle()
		b.wantTold("task 1 cancelled: cancelled; it had not begun")
	})
}

func TestWorkerThatSaysItLeavesAndStaysIsKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.proc(0).leave()
		b.pass(workers.LeaveBound - 1)
		b.wantHeard(0)
		b.pass(1)
		b.wantHeard(0, "kill")
		b.wantStates("1 ready")
	})
}

func TestWorkerThatLeavesHasTheGraceOfATask(t *testing.T) {
	cfg := pool(1, 1)
	cfg.CancelGrace = 2 * workers.LeaveBound
	bubble(t, func(t *testing.T) {
		b := newBench(t, cfg, habits{})
		b.proc(0).leave()
		b.pass(cfg.CancelGrace - 1)
		b.wantHeard(0)
		b.pass(1)
		b.wantHeard(0, "kill")
	})
}

func TestWorkerThatLeavesInADrainHasNoMoreThanTheBound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := pool(1, 1)
		cfg.CancelGrace = 2 * workers.LeaveBound
		b := newBench(t, cfg, habits{deaf: true})
		b.cancel()
		b.pass(workers.LeaveBound - 1)
		b.wantHeard(0, "stop")
		b.pass(1)
		b.wantHeard(0, "stop", "kill")
	})
}

func TestWorkerThatLeavesAgainAndAgainIsKilledInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.proc(0)
		for range 4 {
			p.leave()
			b.pass(workers.LeaveBound / 4)
		}
		b.wantHeard(0, "kill")
	})
}

func TestWorkerThatDoesNotFollowItsStopIsKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(0, 1), habits{deaf: true})
		b.demand(1)
		b.pool.Waiting(0)
		b.pass(15 * time.Second)
		b.wantHeard(0, "stop")
		b.pass(workers.LeaveBound)
		b.wantHeard(0, "stop", "kill")
		b.wantStates()
	})
}

func TestWorkerThatBreaksTheProtocolIsKilledWithItsTask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		say  workers.Report
	}{
		{"hello under a task", workers.Report{Kind: workers.Hello}},
		{"done of another task", workers.Report{Kind: workers.Done, Seq: 2, Outcome: workers.Succeeded}},
		{"unknown report", workers.Report{Kind: 99}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(1, 1), habits{})
				b.told()
				b.start(1, time.Hour).say(tt.say)
				b.settle()
				b.wantHeard(0, "task 1", "kill")
				b.wantTold("task 1 killed: its worker broke the protocol; killed by SIGKILL", "worker 1 free")
			})
		})
	}
}

func TestIdleWorkerThatBreaksTheProtocolTakesNoTask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		say  workers.Report
	}{
		{"second hello", workers.Report{Kind: workers.Hello}},
		{"done of no task", workers.Report{Kind: workers.Done, Seq: 2, Outcome: workers.Succeeded}},
		{"unknown report", workers.Report{Kind: 99}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(1, 1), habits{immortal: true})
				b.told()
				b.proc(0).say(tt.say)
				b.proc(0).say(tt.say) // a second time is no second kill, and gives no second bound
				b.settle()
				b.wantHeard(0, "kill")
				b.wantStates("0 stopping")
				if _, ok := b.run(&workers.Task{Seq: 1}); ok {
					t.Error("TryRun() = true, want false")
				}
				b.wantTold()
				if n := strings.Count(b.log.String(), "worker broke the protocol"); n != 1 {
					t.Errorf("it was logged %d times, want once:\n%s", n, b.log)
				}
			})
		})
	}
}

func TestTaskDoesNotMoveTheEndOfAKilledWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{immortal: true})
		p := b.proc(0)
		p.whileSending(func() {
			p.hello() // breaks the protocol before the timeout is armed
			b.settle()
		})
		b.start(1, time.Hour)
		b.pass(workers.KillBound)
		b.wantHeard(0, "task 1", "kill", "close")
	})
}

func TestSignalOfACancelIsRepeatedUntilTheTaskEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.pool.Cancel(1)
		for _, step := range []struct {
			after time.Duration
			rings int
		}{{0, 0}, {100*time.Millisecond - 1, 0}, {1, 1}, {time.Second - 1, 1}, {1, 2}, {3 * time.Second, 5}} {
			b.pass(step.after)
			if got := p.rung(); got != step.rings {
				t.Errorf("the signal was repeated %d times, want %d", got, step.rings)
			}
		}
		p.done(1, workers.Cancelled)
		b.pass(time.Minute)
		if got := p.rung(); got != 5 {
			t.Errorf("the signal was repeated %d times, want 5: the task has ended", got)
		}
		b.wantHeard(0, "task 1", "cancel 1")
	})
}
