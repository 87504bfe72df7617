package workers_test

import (
	"slices"
	"testing"
	"time"

	"dispatcherd/workers"
)

// left is a worker of an earlier daemon, whose process the bench has.
func (b *bench) left(id int, task *workers.Task, h habits) workers.Inherited {
	p := &fakeProcess{id: id, launcher: b.launcher, habits: h, reports: make(chan workers.Report, 16), closed: make(chan struct{})}
	b.launcher.mu.Lock()
	defer b.launcher.mu.Unlock()
	b.launcher.procs[id] = p
	b.launcher.alive++
	if task != nil {
		b.open[task.Seq] = true
	}
	return workers.Inherited{ID: id, Process: p, Task: task, Began: time.Now().Add(-time.Minute)}
}

// inherit has the pool adopt workers.
func (b *bench) inherit(list ...workers.Inherited) {
	b.t.Helper()
	b.pool.Adopt(list)
	b.settle()
}

// busy workers do not follow a stop yet.
var busy = habits{deaf: true}

func TestAdoptedWorkerFinishesItsTaskAndLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 2), habits{})
		b.inherit(b.left(7, &workers.Task{Seq: 1}, busy))
		b.wantStates("7 busy")
		b.wantHeard(7, "stop")
		b.proc(7).done(1, workers.Succeeded)
		b.settle()
		b.wantTold("task 1 succeeded")
		b.wantStates("7 stopping")
		if _, ok := b.run(&workers.Task{Seq: 2}); ok {
			t.Error("the adopted worker was given another task")
		}
		b.proc(7).leave()
		b.proc(7).exit("exit code 0", true)
		b.settle()
	})
}

func TestIdleAdoptedWorkerIsAskedToLeave(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 2), habits{})
		b.inherit(b.left(3, nil, habits{}))
		b.wantHeard(3, "stop")
		b.wantStates()
	})
}

func TestAdoptedWorkersCountForTheMaximumAndKeepTheirNumbers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 3), habits{})
		b.inherit(b.left(4, &workers.Task{Seq: 1}, busy), b.left(5, &workers.Task{Seq: 2}, busy))
		b.demand(5)
		b.wantStates("4 busy", "5 busy", "6 ready")
		for seq, id := range map[uint64]int{1: 4, 2: 5} {
			b.proc(id).done(seq, workers.Succeeded)
			b.proc(id).exit("exit code 0", true)
		}
		b.settle()
	})
}

func TestAdoptedTaskTimesOutWhenItWouldHave(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 1), habits{})
		b.inherit(b.left(0, &workers.Task{Seq: 1, Timeout: 90 * time.Second}, busy)) // it has run for a minute
		b.pass(30*time.Second - 1)
		b.wantHeard(0, "stop")
		b.pass(1)
		b.wantHeard(0, "stop", "cancel 1")
		b.proc(0).done(1, workers.Cancelled)
		b.proc(0).exit("exit code 0", true)
		b.settle()
		b.wantTold("task 1 timed_out: timed out after 1m30s")
	})
}

func TestAdoptedWorkerThatLeavesWithoutAWordHasEndedItsTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 1), habits{})
		b.inherit(b.left(0, &workers.Task{Seq: 1}, habits{})) // it is idle in truth: the stop is followed
		b.wantTold("task 1 lost: how it ended is not known: the daemon before this one was killed as it heard of it")
		b.wantStates()
	})
}

func TestPoolThatAwaitsStartsNoWorkerBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(0, 2), habits{})
		b.pool.Await()
		b.demand(2)
		b.wantStates()
		b.inherit()
		b.launcher.greet()
		b.wantStates("0 ready", "1 ready")
	})
}

func TestPoolThatLetsGoLeavesItsWorkersAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{})
		b.start(1, 0)
		delete(b.open, 1) // it goes on
		b.told()
		b.pool.LetGo()
		b.cancel()
		b.settle()
		b.wantEnded(true)
		b.wantTold()
		b.wantHeard(0, "task 1", "close")
		b.wantHeard(1, "close")
	})
}

func TestPingGoesThroughTheLoopUntilItHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		if err := b.pool.Ping(t.Context()); err != nil {
			t.Errorf("a pool that runs: %v", err)
		}
		b.cancel()
		b.settle()
		if err := b.pool.Ping(t.Context()); err != nil {
			t.Errorf("a pool that has ended: %v", err)
		}
		if !slices.Equal(b.proc(0).heard(), []string{"stop"}) {
			t.Errorf("the worker heard %q", b.proc(0).heard())
		}
	})
}
