package workers_test

import (
	"testing"
	"time"

	"dispatcherd/workers"
)

// wantWatched compares how often a process was told that its task runs for a while.
func (b *bench) wantWatched(id, want int) {
	b.t.Helper()
	if got := b.launcher.proc(id).watches(); got != want {
		b.t.Errorf("process of worker %d was told %d times, want %d", id, got, want)
	}
}

func TestTaskThatRunsForAWhileIsWatchedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		p := b.start(1, 0)
		b.pass(49 * time.Millisecond)
		b.wantWatched(0, 0)
		b.pass(51 * time.Millisecond)
		b.wantWatched(0, 1)
		b.pass(time.Hour)
		b.wantWatched(0, 1)
		p.done(1, workers.Succeeded)
		b.settle()
		b.start(2, 0)
		b.pass(100 * time.Millisecond)
		b.wantWatched(0, 2)
		p.done(2, workers.Succeeded)
	})
}

func TestShortTasksAreNotWatched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(2, 2), habits{})
		long := b.start(1, 0)
		for seq := uint64(2); seq < 40; seq++ {
			short := b.start(seq, 0)
			b.pass(45 * time.Millisecond)
			short.done(seq, workers.Succeeded)
			b.settle()
		}
		b.wantWatched(0, 1)
		b.wantWatched(1, 0)
		long.done(1, workers.Succeeded)
	})
}

func TestEachOfManyTasksIsWatched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(3, 3), habits{})
		for id := range 3 {
			b.start(uint64(id+1), 0)
			b.pass(20 * time.Millisecond)
		}
		b.pass(80 * time.Millisecond)
		for id := range 3 {
			b.wantWatched(id, 1)
			b.launcher.proc(id).done(uint64(id+1), workers.Succeeded)
		}
	})
}
