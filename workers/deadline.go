package workers

import (
	"container/heap"
	"time"
)

// deadlines orders workers by the moment at which something must happen to
// them: the start took too long, the task timed out, a grace is over. A worker
// has at most one.
type deadlines []*worker

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].due.Before(d[j].due) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].dueIndex, d[j].dueIndex = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	w := x.(*worker)
	w.dueIndex = len(*d)
	*d = append(*d, w)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	w := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	w.dueIndex = -1
	return w
}

// set gives w its deadline, in place of the one it had.
func (d *deadlines) set(w *worker, due time.Time) {
	w.due = due
	if w.dueIndex >= 0 {
		heap.Fix(d, w.dueIndex)
		return
	}
	heap.Push(d, w)
}

// clear takes w's deadline away.
func (d *deadlines) clear(w *worker) {
	if w.dueIndex >= 0 {
		heap.Remove(d, w.dueIndex)
	}
}

// next returns the earliest deadline; ok is false when there is none.
func (d deadlines) next() (due time.Time, ok bool) {
	if len(d) == 0 {
		return time.Time{}, false
	}
	return d[0].due, true
}

// expired takes out a worker whose deadline has come, nil when there is none.
func (d *deadlines) expired(now time.Time) *worker {
	if len(*d) == 0 || (*d)[0].due.After(now) {
		return nil
	}
	return heap.Pop(d).(*worker)
}
