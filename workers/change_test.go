package workers_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/workers"
)

func TestReplaceLetsNoTaskBeginInAWorkerOfBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 3), habits{})
		b.pass(time.Minute)
		busy := b.start(1, 0)
		b.pool.Replace()
		b.settle()
		b.wantHeard(1, "stop")
		b.wantStates("0 busy", "2 ready")
		b.start(2, 0)
		busy.done(1, workers.Succeeded)
		b.settle()
		if heard := busy.heard(); heard[len(heard)-1] != "stop" {
			t.Errorf("the worker was told %v after its last task, want stop", heard)
		}
		if id, ok := b.run(&workers.Task{Seq: 3}); ok && id < 2 {
			t.Errorf("task 3 runs in worker %d, which is of before", id)
		}
		if s := b.pool.Stats(); s.Retired != 2 || s.Killed != 0 {
			t.Errorf("%d workers have retired and %d were killed, want 2 and 0", s.Retired, s.Killed)
		}
	})
}

func TestReplaceGivesStartsThatFailedAnotherChanceAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{refuse: errors.New("no module named app")})
		b.pass(10 * time.Minute)
		b.launcher.behave(habits{})
		b.pool.Replace()
		b.settle()
		if s := b.pool.Stats(); s.Ready != 1 || s.CrashLoop {
			t.Errorf("Stats = %+v, want a worker that is ready and no crash loop", s)
		}
	})
}

func TestBoundsOfThePoolChangeWithoutTouchingATask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 2), habits{})
		b.pass(time.Minute)
		b.cfg.MaxWorkers = 4 // for the bench's own checks
		b.pool.Use(pool(4, 4))
		b.settle()
		b.wantStates("0 ready", "1 ready", "2 ready", "3 ready")
		first, second := b.start(1, 0), b.start(2, 0)
		b.pool.Use(pool(0, 1))
		synctest.Wait()
		last := fmt.Sprint(second.id) // which of the new ones was ready first is open
		b.wantStates("0 busy", last+" busy")
		first.done(1, workers.Succeeded)
		synctest.Wait()
		b.wantStates(last + " busy")
		second.done(2, workers.Succeeded)
		b.settle()
		b.wantStates(last + " ready")
		b.wantHeard(second.id, "task 2")
	})
}

func TestLifetimeOfWorkersThatAreThereChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.pass(time.Hour)
		cfg := pool(1, 1)
		cfg.WorkerMaxLifetime = 10 * time.Minute
		b.pool.Use(cfg)
		b.settle()
		b.wantStates("1 ready")
	})
}
