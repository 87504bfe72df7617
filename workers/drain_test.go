package workers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/workers"
)

// ended says whether Run has returned.
func (b *bench) ended() bool {
	select {
	case <-b.over:
		return true
	default:
		return false
	}
}

func (b *bench) wantEnded(want bool) {
	b.t.Helper()
	if got := b.ended(); got != want {
		b.t.Errorf("the pool has ended: %v, want %v; %v", got, want, b.states())
	}
}

func TestDrainOfAnIdlePoolEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{})
		b.cancel()
		b.settle()
		b.wantEnded(true)
		b.wantHeard(0, "stop")
		b.wantHeard(1, "stop")
	})
}

func TestDrainOfAnEmptyPoolEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 2), habits{})
		b.cancel()
		b.settle()
		b.wantEnded(true)
	})
}

func TestDrainLetsTasksFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.cancel()
		b.pass(30*time.Second - 1)
		b.wantHeard(0, "task 1")
		p.done(1, workers.Succeeded)
		b.settle()
		b.wantTold("task 1 succeeded")
		b.wantHeard(0, "task 1", "stop")
		b.wantEnded(true)
	})
}

func TestDrainCancelsAfterItsGraceAndThenKills(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(1, 0)
		b.cancel()
		b.pass(30 * time.Second)
		b.wantHeard(0, "task 1", "cancel 1")
		b.pass(10 * time.Second)
		b.wantTold("task 1 abandoned: the service is stopping; killed by SIGKILL")
		b.wantEnded(true)
	})
}

func TestDrainWithoutGraceCancelsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := pool(2, 2)
		cfg.ShutdownGrace = 0
		b := newBench(t, cfg, habits{})
		b.told()
		p := b.start(1, 0)
		b.cancel()
		b.settle()
		b.wantHeard(0, "task 1", "cancel 1")
		b.wantHeard(1, "stop")
		p.done(1, workers.Cancelled)
		b.settle()
		b.wantTold("task 1 abandoned: the service is stopping")
		b.wantEnded(true)
	})
}

func TestDrainKeepsTheCauseOfATaskThatTimedOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 25*time.Second)
		b.cancel()
		b.pass(30 * time.Second)
		p.done(1, workers.Cancelled)
		b.settle()
		b.wantHeard(0, "task 1", "cancel 1", "stop")
		b.wantTold("task 1 timed_out: timed out after 25s")
	})
}

func TestDrainTakesNoTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{})
		p := b.start(1, 0)
		b.cancel()
		b.settle()
		if _, ok := b.run(&workers.Task{Seq: 2}); ok {
			t.Error("TryRun() = true, want false")
		}
		p.done(1, workers.Succeeded)
	})
}

func TestDrainReplacesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 4), habits{})
		p := b.start(1, 0)
		b.cancel()
		b.pool.Waiting(10)
		b.pass(20 * time.Second)
		b.wantStates("0 busy")
		p.done(1, workers.Succeeded)
	})
}

func TestDrainStopsWorkersThatAreNotReadyYet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{silent: true, deaf: true})
		b.cancel()
		b.settle()
		b.wantHeard(0, "stop")
		b.proc(0).hello()
		b.settle()
		b.wantTold()
		b.wantStates("0 stopping")
		b.pass(workers.LeaveBound)
		b.wantEnded(true)
	})
}

func TestDrainGivesUpLaunches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(3, 3), habits{delay: time.Minute})
		b.cancel()
		b.settle()
		b.wantEnded(true)
		if got := b.pool.Stats(); got.FailedStarts != 0 || got.LastError != "" {
			t.Errorf("failed starts %d (%s), want none", got.FailedStarts, got.LastError)
		}
	})
}

func TestDrainStopsTheProcessOfALateLaunch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{delay: time.Minute, stubborn: true, silent: true})
		b.cancel()
		b.pass(time.Minute)
		b.wantHeard(0, "stop")
		b.wantEnded(true)
	})
}

func TestDrainEndsWhileStartsAreHeldBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{silent: true})
		b.proc(0).exit("exit code 1", false)
		b.settle()
		b.cancel()
		b.settle()
		b.wantEnded(true)
	})
}

func TestHurryCancelsWhatRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.start(1, 0)
		b.cancel()
		b.settle()
		b.pool.Hurry()
		b.settle()
		b.wantHeard(0, "task 1", "cancel 1")
		p.done(1, workers.Cancelled)
		b.settle()
		b.wantEnded(true)
	})
}

func TestHurryBeforeTheDrainCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.start(1, 0)
		b.pool.Hurry()
		b.settle()
		b.wantHeard(0, "task 1")
		b.cancel()
		b.settle()
		b.wantHeard(0, "task 1", "cancel 1")
		p.done(1, workers.Cancelled)
	})
}

func TestSecondHurryKills(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{deaf: true})
		b.told()
		b.start(1, 0)
		b.cancel()
		b.settle()
		b.pool.Hurry()
		b.pool.Hurry()
		b.settle()
		b.wantTold("task 1 abandoned: the service is stopping; killed by SIGKILL")
		b.wantHeard(1, "stop", "kill")
		b.wantEnded(true)
	})
}

func TestSecondHurryKillsTheProcessOfALateLaunch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 2), habits{immortal: true, deaf: true})
		b.launcher.behave(habits{delay: time.Second, stubborn: true, deaf: true})
		b.demand(2)
		b.cancel()
		b.pool.Hurry()
		b.pool.Hurry()
		b.pass(time.Second) // the end of the first worker is due later
		b.wantStates("0 stopping")
		b.wantHeard(1, "stop", "kill")
	})
}

func TestCancelByTheDrainDoesNotOvertakeItsTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := pool(1, 1)
		cfg.ShutdownGrace = 0
		b := newBench(t, cfg, habits{})
		p := b.proc(0)
		p.whileSending(func() {
			b.cancel()
			synctest.Wait()
			b.wantHeard(0, "task 1")
		})
		b.start(1, 0)
		b.wantHeard(0, "task 1", "cancel 1")
		p.done(1, workers.Cancelled)
	})
}

func TestTaskReturnedInADrainIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.cancel()
		p.leave()
		p.exit("exit code 0", true)
		b.settle()
		b.wantTold("returned: [1]")
		b.wantEnded(true)
	})
}
