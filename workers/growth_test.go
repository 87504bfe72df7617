package workers_test

import (
	"testing"
	"time"

	"dispatcherd/workers"
)

// scaling is a configuration that scales down after 15 s.
func scaling(least, most int) workers.Config {
	cfg := pool(least, most)
	cfg.ScaledownWait = 15 * time.Second
	return cfg
}

// aging is a configuration whose workers live for an hour.
func aging(least, most int) workers.Config {
	cfg := scaling(least, most)
	cfg.WorkerMaxLifetime = time.Hour
	return cfg
}

func TestDemandForManyStartsThemAllAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 8), habits{})
		p := b.start(1, 0)
		b.demand(5)
		b.wantStates("0 busy", "1 ready", "2 ready", "3 ready", "4 ready", "5 ready")
		p.done(1, workers.Succeeded)
	})
}

func TestStartingWorkersCountAsDemandMet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 8), habits{silent: true})
		b.demand(2)
		b.demand(2)
		b.wantStates("0 starting", "1 starting")
	})
}

func TestThePoolNeverGrowsBeyondTheMaximum(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 3), habits{})
		b.demand(100)
		b.wantStates("0 ready", "1 ready", "2 ready")
	})
}

func TestLeavingWorkersCountForTheMaximum(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 2), habits{})
		b.demand(2)
		b.pass(time.Minute) // the end of one that is young is a failed start
		for id := range 2 {
			b.proc(id).leave()
		}
		b.settle()
		b.wantStates("0 stopping", "1 stopping")
		b.proc(1).exit("exit code 0", true)
		b.settle()
		b.wantStates("0 stopping", "2 ready")
	})
}

func TestWorkerThatLeavesIsReplacedBeforeItHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 2), habits{})
		b.pass(time.Minute)
		b.proc(0).leave()
		b.settle()
		b.wantStates("0 stopping", "1 ready")
	})
}

func TestWorkerThatLeavesIsReplacedAtOnceWhateverIsDueBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 3), habits{})
		b.pass(time.Minute)
		p := b.start(1, time.Second)
		b.proc(1).leave()
		b.settle()
		b.wantStates("0 busy", "1 stopping", "2 ready")
		p.done(1, workers.Succeeded)
	})
}

func TestWorkerThatLeavesWithItsTaskIsReplacedBeforeItHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 2), habits{})
		b.start(1, 0).say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Succeeded, Stopping: true})
		b.settle()
		b.wantStates("0 stopping", "1 ready")
	})
}

func TestTaskIsNotTakenForTwoWhileItIsHandedOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 4), habits{})
		b.demand(1)
		p := b.start(1, time.Minute) // its timeout wakes the pool before Waiting(0)
		b.settle()
		b.wantStates("0 busy")
		p.done(1, workers.Succeeded)
	})
}

func TestRefusedTaskMakesThePoolGrow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 4), habits{})
		b.demand(1)
		p := b.start(1, 0)
		// Another one came meanwhile: one still waits, which is no news.
		b.run(&workers.Task{Seq: 2})
		b.settle()
		b.wantStates("0 busy", "1 ready")
		p.done(1, workers.Succeeded)
	})
}

func TestWorkersThatAreNotNeededLeaveAfterTheWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(1, 4), habits{})
		b.demand(4)
		b.pool.Waiting(0)
		b.pass(15*time.Second - 1)
		b.wantStates("0 ready", "1 ready", "2 ready", "3 ready")
		b.pass(1)
		b.wantStates("3 ready")
	})
}

func TestWorkersLeaveAfterTasksThatRanLongerThanTheWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(1, 2), habits{})
		b.demand(2)
		p, q := b.start(1, 0), b.start(2, 0)
		b.pass(time.Minute)
		p.done(1, workers.Succeeded)
		b.settle()
		q.done(2, workers.Succeeded)
		b.pass(15 * time.Second)
		b.wantStates("1 ready")
	})
}

func TestSizeThatWasNeededLongerIsLeftLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(1, 4), habits{})
		b.demand(4)
		b.pass(10 * time.Second)
		p, q := b.start(1, 0), b.start(2, 0)
		p.done(1, workers.Succeeded)
		b.settle()
		q.done(2, workers.Succeeded)
		b.settle()
		b.pool.Waiting(0)
		b.pass(5 * time.Second)
		b.wantStates("0 ready", "1 ready")
		b.pass(10 * time.Second)
		b.wantStates("1 ready")
	})
}

func TestSizeThatIsNeededNowAndThenIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(1, 3), habits{})
		b.demand(3)
		for seq := uint64(1); seq < 20; seq += 2 {
			p, q := b.start(seq, 0), b.start(seq+1, 0)
			p.done(seq, workers.Succeeded)
			q.done(seq+1, workers.Succeeded)
			b.pass(10 * time.Second)
		}
		if states := b.states(); len(states) != 2 {
			t.Errorf("workers are %v, want 2", states)
		}
	})
}

func TestReserveIsKeptBeyondWhatRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := scaling(1, 6)
		cfg.ScaledownReserve = 2
		b := newBench(t, cfg, habits{})
		b.demand(6)
		p := b.start(1, 0)
		b.pool.Waiting(0)
		b.pass(15*time.Second - 1)
		b.wantStates("0 busy", "1 ready", "2 ready", "3 ready", "4 ready", "5 ready")
		b.pass(1) // all that are more than the reserve leave at once
		b.wantStates("0 busy", "4 ready", "5 ready")
		b.pass(time.Hour)
		b.wantStates("0 busy", "4 ready", "5 ready")
		p.done(1, workers.Succeeded)
		b.pass(15 * time.Second)
		b.wantStates("0 ready", "5 ready")
	})
}

func TestReserveStartsNoWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := scaling(1, 6)
		cfg.ScaledownReserve = 2
		b := newBench(t, cfg, habits{})
		p := b.start(1, 0)
		b.pass(time.Hour)
		b.wantStates("0 busy")
		p.done(1, workers.Succeeded)
	})
}

func TestBusyWorkersAreNotScaledDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(0, 2), habits{})
		b.demand(2)
		p, q := b.start(1, 0), b.start(2, 0)
		b.pass(time.Hour)
		b.wantStates("0 busy", "1 busy")
		p.done(1, workers.Succeeded)
		q.done(2, workers.Succeeded)
	})
}

// A worker that starts is surplus, but cannot be stopped: an idle one is not stopped in its place as long
// as a task waits that can have it.
func TestIdleWorkerIsKeptForATaskThatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := scaling(1, 3)
		cfg.ScaledownWait = 0
		b := newBench(t, cfg, habits{})
		p := b.start(1, 0)
		b.demand(1)
		q := b.start(2, 0)
		b.launcher.behave(habits{silent: true})
		b.demand(1)
		p.done(1, workers.Succeeded)
		b.settle()
		b.wantStates("0 ready", "1 busy", "2 starting")
		b.pool.Waiting(0) // it was cancelled
		b.pass(time.Second)
		b.wantStates("1 busy", "2 starting")
		q.done(2, workers.Succeeded)
	})
}

func TestPoolWithoutMinimumEndsAndBeginsEmpty(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, scaling(0, 2), habits{})
		b.wantStates()
		b.demand(1)
		b.start(1, 0).done(1, workers.Succeeded)
		b.pass(15 * time.Second)
		b.wantStates()
	})
}

func TestIdlePoolSleeps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := scaling(2, 4)
		cfg.ScaledownWait = 0
		b := newBench(t, cfg, habits{})
		b.demand(4)
		b.pool.Waiting(0)
		b.pass(1000 * time.Hour) // a loop that is busy at an hour that does not pass would hang here
		if states := b.states(); len(states) < 2 {
			t.Errorf("workers are %v, want the minimum", states)
		}
	})
}

func TestAgedIdleWorkerIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, aging(1, 2), habits{})
		b.pass(54*time.Minute - 1)
		b.wantStates("0 ready")
		b.pass(6*time.Minute + 1)
		b.wantStates("1 ready")
		if got := b.pool.Stats().Retired; got != 1 {
			t.Errorf("Retired = %d, want 1", got)
		}
	})
}

func TestAgedBusyWorkerFinishesFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, aging(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.pass(2 * time.Hour)
		b.wantStates("0 busy")
		p.done(1, workers.Succeeded)
		b.settle()
		b.wantStates("1 ready")
		b.wantTold("task 1 succeeded", "worker 1 free")
	})
}

func TestWorkersThatStartedTogetherDoNotRetireTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, aging(20, 20), habits{})
		b.pass(57 * time.Minute)
		// That all twenty fall into the same half of the time happens once in 500 000 runs.
		if got := b.pool.Stats().Retired; got == 0 || got == 20 {
			t.Errorf("%d of 20 workers retired in the first half of the time", got)
		}
	})
}

func TestLifetimeBeginsWithTheHello(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := aging(1, 1)
		cfg.WorkerMaxLifetime = time.Second
		b := newBench(t, cfg, habits{silent: true})
		b.pass(time.Minute)
		b.proc(0).hello()
		b.settle()
		b.wantStates("0 ready")
	})
}

func TestWorkersWithoutLifetimeStay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.pass(10000 * time.Hour)
		b.wantStates("0 ready")
	})
}
