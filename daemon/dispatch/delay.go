package dispatch

import (
	"cmp"
	"container/heap"
	"time"
)

// delays orders the delayed tasks by their time, equal times by arrival. It
// implements heap.Interface.
type delays []*task

func (h delays) Len() int { return len(h) }

func (h delays) Less(i, j int) bool {
	return cmp.Or(h[i].special.due.Compare(h[j].special.due), cmp.Compare(h[i].seq, h[j].seq)) < 0
}

func (h delays) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].special.delayedAt, h[j].special.delayedAt = i, j
}

func (h *delays) Push(x any) {
	t := x.(*task)
	t.special.delayedAt = len(*h)
	*h = append(*h, t)
}

func (h *delays) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	t.special.delayedAt = -1
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}

// add puts t in, to fire when t.message.Delay() has passed since it was accepted.
func (h *delays) add(t *task) {
	t.special.due = t.since.time().Add(t.message.Delay())
	heap.Push(h, t)
}

// remove takes t out, if it is in.
func (h *delays) remove(t *task) {
	if t.special.delayedAt >= 0 {
		heap.Remove(h, t.special.delayedAt)
	}
}

// pop takes out the first task whose time has come by now; nil when there is none.
func (h *delays) pop(now time.Time) *task {
	if len(*h) == 0 || (*h)[0].special.due.After(now) {
		return nil
	}
	return heap.Pop(h).(*task)
}

// next is the earliest time, zero when nothing is delayed.
func (h delays) next() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[0].special.due
}
