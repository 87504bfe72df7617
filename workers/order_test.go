package workers_test

import (
	"slices"
	"testing"

	"dispatcherd/workers"
)

func TestNeverUsedWorkersTakeTasksInTheOrderTheyCame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(4, 4), habits{})
		var order []int
		for seq := uint64(1); seq <= 4; seq++ {
			order = append(order, b.start(seq, 0).id)
		}
		if want := []int{0, 1, 2, 3}; !slices.Equal(order, want) {
			t.Errorf("tasks went to the workers %v, want %v", order, want)
		}
		for id := range 4 {
			b.proc(id).done(uint64(id+1), workers.Succeeded)
		}
	})
}

func TestWorkerThatHasFinishedGoesToTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(3, 3), habits{})
		var order []int
		for seq := uint64(1); seq <= 7; seq++ { // one at a time
			p := b.start(seq, 0)
			order = append(order, p.id)
			p.done(seq, workers.Succeeded)
			b.settle()
		}
		if want := []int{0, 1, 2, 0, 1, 2, 0}; !slices.Equal(order, want) {
			t.Errorf("tasks went to the workers %v, want %v", order, want)
		}
	})
}

func TestNumbersOfWorkersAreNotUsedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		seen := map[int]bool{}
		for seq := uint64(1); seq <= 10; seq++ {
			p := b.start(seq, 0)
			if p.id != int(seq-1) || seen[p.id] {
				t.Errorf("worker %d came as number %d", p.id, seq-1)
			}
			seen[p.id] = true
			p.exit("exit code 1", false)
			b.settle()
		}
		if got := b.pool.Stats().NextID; got != 11 {
			t.Errorf("the next worker is number %d, want 11", got)
		}
	})
}
