package workers

import (
	"errors"
	"fmt"
	"slices"
)

// What the tests of the pool have to know of its inside.
const (
	StartBound = startBound
	LeaveBound = leaveBound
	KillBound  = killBound
	FirstRetry = firstRetry
	LastRetry  = lastRetry
	MaxEnded   = maxEnded
	Settled    = settled
)

// Consistent says what does not fit together in the pool.
func (p *Pool) Consistent() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	count := map[State]int{}
	for id, w := range p.workers {
		count[w.state]++
		if (w.state == Busy) != (w.task != nil) {
			wrong("worker %d is %s with task %v", id, w.state, w.task)
		}
		if w.state == Busy && w.killed && w.cause == none {
			wrong("worker %d was killed under its task for no cause", id)
		}
		if w.killed && w.state != Busy && w.state != Stopping {
			wrong("worker %d was killed and is %s", id, w.state)
		}
		if w.proc == nil && w.dueIndex >= 0 {
			wrong("worker %d has a deadline and no process", id)
		}
		ends := w.state == Starting || w.state == Stopping || w.interrupted
		if w.proc != nil && ends && !w.killed && w.dueIndex < 0 {
			wrong("worker %d is %s (interrupted: %v) for ever", id, w.state, w.interrupted)
		}
		if w.state == Ready && w.dueIndex >= 0 {
			wrong("worker %d is ready and has a deadline", id)
		}
	}
	parked := 0
	for id, w := range p.workers {
		parked += len(w.ahead)
		if len(w.ahead) > 0 && (w.state != Busy || len(w.ahead) > p.cfg.HandAhead && !w.adopted) {
			wrong("worker %d is %s and has %d tasks ahead", id, w.state, len(w.ahead))
		}
		if w.hungry != slices.Contains(p.hungry, w) {
			wrong("worker %d is hungry: %v, and is in the list: %v", id, w.hungry, !w.hungry)
		}
	}
	if p.parked != parked {
		wrong("%d tasks are ahead, want %d", p.parked, parked)
	}
	if p.busy != count[Busy] {
		wrong("busy is %d, want %d", p.busy, count[Busy])
	}
	if want := count[Starting] + count[Ready] + count[Busy]; p.usable != want {
		wrong("usable is %d, want %d", p.usable, want)
	}
	if len(p.idle) != count[Ready] {
		wrong("%d workers are idle, want %d", len(p.idle), count[Ready])
	}
	for _, w := range p.idle {
		if w.state != Ready || p.workers[w.id] != w {
			wrong("worker %d is idle and %s", w.id, w.state)
		}
	}
	for i, w := range p.due {
		if w.dueIndex != i || p.workers[w.id] != w {
			wrong("deadline %d is of worker %d, which is %s and has index %d", i, w.id, w.state, w.dueIndex)
		}
	}
	if ended := count[Retired] + count[Errored]; ended > 0 || len(p.workers) > p.cfg.MaxWorkers {
		wrong("%d workers (%d have ended), want at most %d", len(p.workers), ended, p.cfg.MaxWorkers)
	}
	for _, i := range p.ended {
		if i.State != Retired && i.State != Errored || i.Task != nil || p.workers[i.ID] != nil {
			wrong("worker %d has ended and is %s with task %v", i.ID, i.State, i.Task)
		}
	}
	if len(p.ended) > maxEnded {
		wrong("%d workers that have ended are listed, want at most %d", len(p.ended), maxEnded)
	}
	if p.waiting < 0 {
		wrong("waiting is %d", p.waiting)
	}
	return errors.Join(errs...)
}
